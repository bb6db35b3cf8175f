"""Read the coverage ledger for pages and commands: frozen facts of one moment."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, or_, select

from earful import intervals
from earful.clock import Window
from earful.intervals import Intervals
from storage.collecting import coverage_ledger
from storage.collecting.coverage_rules import FILLED, LOST, OPEN, LedgerGap
from storage.database.engine import Database
from storage.database.upsert import table_of
from storage.tables import CoverageRow, GapRow, QueryRow

_COVERAGE, _GAP, _QUERY = table_of(CoverageRow), table_of(GapRow), table_of(QueryRow)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartCoverage:
    """The coverage of one part (a search) of a query in a window of time.

    ``since`` and ``until`` are the ends of everything ever covered. ``live`` is False when the
    settings no longer ask for the part. ``filled`` counts gaps filled within the window.
    """

    part: str
    live: bool
    since: datetime | None
    until: datetime | None
    covered: Intervals
    open: tuple[LedgerGap, ...]
    lost: tuple[LedgerGap, ...]
    filled: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryCoverage:
    """The coverage of a query in a window of time."""

    query_id: str
    window: Window
    complete_since: datetime | None
    complete_until: datetime | None
    polled_at: datetime | None
    due_at: datetime | None
    error: str | None
    paused: bool
    parts: tuple[PartCoverage, ...]

    @property
    def share(self) -> float | None:
        """Return the share of the window that all live parts have covered, 0 to 1.

        None when the source claims no coverage.
        """
        live = [part.covered for part in self.parts if part.live]
        if not live:
            return None
        common = live[0]
        for covered in live[1:]:
            common = intervals.intersect(common, covered)
        return share_of(common, self.window)


def share_of(covered: Intervals, window: Window) -> float:
    """Return the covered share of the window, 0 to 1."""
    return intervals.length(covered) / window.length if window.length > timedelta() else 0.0


def read_coverage(
    db: Database, query_ids: Iterable[str], window: Window
) -> tuple[QueryCoverage, ...]:
    """Read the coverage of these queries, in their order; a query never polled has no parts."""
    with db.read() as connection:
        rows = {row.id: row for row in connection.execute(select(_QUERY))}
        return tuple(
            _query_coverage(connection, rows[query_id], window)
            for query_id in query_ids
            if query_id in rows
        )


def _query_coverage(connection: Connection, row: Any, window: Window) -> QueryCoverage:
    live = set(coverage_ledger.live_parts(connection, row.id))
    covered = connection.execute(
        select(_COVERAGE).where(_COVERAGE.c.query_id == row.id).order_by(_COVERAGE.c.since)
    ).all()
    gaps = connection.execute(
        select(_GAP).where(_GAP.c.query_id == row.id, _is_relevant(window)).order_by(_GAP.c.since)
    ).all()
    # also parts that are not live: their gaps are history that pages still show
    names = live | {row.part for row in (*covered, *gaps)}
    return QueryCoverage(
        query_id=row.id,
        window=window,
        complete_since=row.complete_since,
        complete_until=row.complete_until,
        polled_at=row.polled_at,
        due_at=row.due_at,
        error=row.error,
        paused=row.paused,
        parts=tuple(
            _part_coverage(
                name,
                name in live,
                [interval for interval in covered if interval.part == name],
                [gap for gap in gaps if gap.part == name],
                window,
            )
            for name in sorted(names)
        ),
    )


def _is_relevant(window: Window) -> Any:
    """Select open gaps of any age, and others that overlap the window or were closed within it."""
    overlaps = and_(_GAP.c.since < window.until, _GAP.c.until > window.since)
    return or_(_GAP.c.state == OPEN, overlaps, _GAP.c.closed_at >= window.since)


def _part_coverage(
    name: str, live: bool, covered: Sequence[Any], gaps: Sequence[Any], window: Window
) -> PartCoverage:
    def in_state(state: str) -> tuple[LedgerGap, ...]:
        return tuple(coverage_ledger.gap_from_row(row) for row in gaps if row.state == state)

    return PartCoverage(
        part=name,
        live=live,
        since=covered[0].since if covered else None,
        until=covered[-1].until if covered else None,
        covered=intervals.intersect(
            [(row.since, row.until) for row in covered], [(window.since, window.until)]
        ),
        open=in_state(OPEN),
        lost=in_state(LOST),
        filled=sum(
            row.state == FILLED and row.closed_at is not None and row.closed_at >= window.since
            for row in gaps
        ),
    )
