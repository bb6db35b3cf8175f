"""What a person is shown of the coverage ledger: frozen facts of one moment."""

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
    """One search of a query in a window of time.

    ``since`` and ``until`` are the ends of what was ever seen. ``live`` is False when settings ask
    for it no more. ``filled`` counts gaps that were closed within the window.
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
    """A query in a window of time; ``share`` of it has been seen by all its parts (0 to 1), None
    where its source does not say."""

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
        """How much of the window all its parts have seen."""
        live = [one.covered for one in self.parts if one.live]
        if not live:
            return None
        seen = live[0]
        for other in live[1:]:
            seen = intervals.intersect(seen, other)
        return share_of(seen, self.window)


def share_of(covered: Intervals, window: Window) -> float:
    """How much of the window is covered, 0 to 1."""
    return intervals.length(covered) / window.length if window.length > timedelta() else 0.0


def read_coverage(
    db: Database, query_ids: Iterable[str], window: Window
) -> tuple[QueryCoverage, ...]:
    """The coverage of those queries, in their order; one that was never polled has no parts."""
    with db.read() as connection:
        rows = {row.id: row for row in connection.execute(select(_QUERY))}
        return tuple(
            _query(connection, rows[query_id], window) for query_id in query_ids if query_id in rows
        )


def _query(connection: Connection, row: Any, window: Window) -> QueryCoverage:
    live = set(coverage_ledger.live_parts(connection, row.id))
    covered = connection.execute(
        select(_COVERAGE).where(_COVERAGE.c.query_id == row.id).order_by(_COVERAGE.c.since)
    ).all()
    gaps = connection.execute(
        select(_GAP).where(_GAP.c.query_id == row.id, _told_of(window)).order_by(_GAP.c.since)
    ).all()
    names = live | {one.part for one in (*covered, *gaps)}
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
            _part(
                name,
                name in live,
                [one for one in covered if one.part == name],
                [one for one in gaps if one.part == name],
                window,
            )
            for name in sorted(names)
        ),
    )


def _told_of(window: Window) -> Any:
    """Open gaps of any age; others when they lie in the window or were closed within it."""
    lies_in = and_(_GAP.c.since < window.until, _GAP.c.until > window.since)
    return or_(_GAP.c.state == OPEN, lies_in, _GAP.c.closed_at >= window.since)


def _part(
    name: str, live: bool, covered: Sequence[Any], gaps: Sequence[Any], window: Window
) -> PartCoverage:
    def those(state: str) -> tuple[LedgerGap, ...]:
        return tuple(coverage_ledger.gap_from_row(row) for row in gaps if row.state == state)

    return PartCoverage(
        part=name,
        live=live,
        since=covered[0].since if covered else None,
        until=covered[-1].until if covered else None,
        covered=intervals.intersect(
            [(row.since, row.until) for row in covered], [(window.since, window.until)]
        ),
        open=those(OPEN),
        lost=those(LOST),
        filled=sum(
            row.state == FILLED and row.closed_at is not None and row.closed_at >= window.since
            for row in gaps
        ),
    )
