"""Keep the coverage ledger: seen intervals, and gaps with reasons, for every part of a query.

The ledger changes in the transaction that stores the mentions. For each part of a batch:

1. Read only the rows that touch the batch's intervals, so a batch costs the same after years.
2. Let storage/collecting/coverage_rules.py decide the new rows.
3. Replace the rows that changed.

A part is live while the query's settings are those that it was last reported with.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, select

from earful import intervals
from earful.intervals import Interval
from earful.types import Gap, Query, Seen
from storage.collecting.clean_batch import CleanBatch
from storage.collecting.coverage_rules import OPEN, LedgerGap, PartLedger, apply_claims
from storage.database.upsert import insert_new, insert_or_update, table_of
from storage.tables import UNFILLED_GAP, CoverageRow, GapRow, PartRow, QueryRow

_COVERAGE, _GAP = table_of(CoverageRow), table_of(GapRow)
_PART, _QUERY = table_of(PartRow), table_of(QueryRow)
# how many intervals back a common one is looked for; older ones say little about today
_MAX_STEPS_BACK = 50

PartKey = tuple[str, str]  # (query id, part)


def _select_touching(table: Any, *conditions: Any) -> Any:
    """Select the rows of one part that overlap or adjoin [since, until).

    They never overlap each other: of those that begin earlier only the last can reach so far.
    """
    since, until = (bindparam(name, type_=table.c.since.type) for name in ("since", "until"))
    is_of_part = (
        table.c.query_id == bindparam("query_id"),
        table.c.part == bindparam("part"),
        *conditions,
    )
    earlier = select(func.max(table.c.since)).where(*is_of_part, table.c.since < since)
    first = func.coalesce(earlier.scalar_subquery(), since)
    return select(table).where(
        *is_of_part, table.c.since >= first, table.c.since <= until, table.c.until >= since
    )


_TOUCHING_COVERAGE = _select_touching(_COVERAGE)
_TOUCHING_GAPS = _select_touching(_GAP, UNFILLED_GAP)


def record_batch(
    connection: Connection, query: Query, batch: CleanBatch, at: datetime
) -> Interval | None:
    """Record the intervals that a batch has seen, and its gaps.

    Returns the newest interval that all live parts of the query have seen. Returns None when the
    batch claims nothing, or when there is no such interval.
    """
    claims: tuple[Seen | Gap, ...] = (*batch.seen, *batch.gaps)
    if not claims:
        return None
    for part in sorted({claim.part for claim in claims}):
        _record_part(connection, (query.id, part), batch, at)
    # a gap that is lost does not say that the part is still asked for
    reported = {claim.part for claim in batch.seen}
    reported |= {gap.part for gap in batch.gaps if not gap.lost}
    fingerprint, part_fingerprints = _read_fingerprints(connection, query.id)
    insert_or_update(
        connection,
        PartRow,
        [
            {"query_id": query.id, "part": part, "fingerprint": fingerprint}
            for part in sorted(reported)
            if part_fingerprints.get(part) != fingerprint
        ],
        keys=["query_id", "part"],
        change=lambda new, _old: {"fingerprint": new.fingerprint},
    )
    part_fingerprints |= dict.fromkeys(reported, fingerprint)
    return _find_common(connection, query.id, _pick_live(fingerprint, part_fingerprints))


def _find_common(connection: Connection, query_id: str, parts: Sequence[str]) -> Interval | None:
    """Find the newest interval that all these parts have seen.

    1. Take the newest covered interval of each part that begins before ``until``.
    2. Their intersection is the answer, unless it is empty.
    3. Else one of them is too new: go back to before the earliest end and try again.
    """
    if not parts:
        return None
    until: datetime | None = None
    for _ in range(_MAX_STEPS_BACK):
        newest = [_last_covered(connection, (query_id, part), until) for part in parts]
        covered = [interval for interval in newest if interval is not None]
        if len(covered) < len(parts):
            return None
        since, end = max(start for start, _ in covered), min(end for _, end in covered)
        if since < end:
            return since, end
        # the part that goes on the longest may have an older interval that the others share
        until = end
    return None


def live_parts(connection: Connection, query_id: str) -> tuple[str, ...]:
    """Return the parts reported since the query's settings last changed.

    Until one of them is reported, returns the parts that the query had before.
    """
    return _pick_live(*_read_fingerprints(connection, query_id))


def _pick_live(fingerprint: str, part_fingerprints: Mapping[str, str]) -> tuple[str, ...]:
    live = [part for part, reported in part_fingerprints.items() if reported == fingerprint]
    return tuple(sorted(live or part_fingerprints))


def _read_fingerprints(connection: Connection, query_id: str) -> tuple[str, dict[str, str]]:
    """Read the query's fingerprint, and the one that each part was last reported with."""
    fingerprint = connection.execute(
        select(_QUERY.c.fingerprint).where(_QUERY.c.id == query_id)
    ).scalar_one_or_none()
    rows = connection.execute(
        select(_PART.c.part, _PART.c.fingerprint).where(_PART.c.query_id == query_id)
    )
    return fingerprint or "", {row.part: row.fingerprint for row in rows}


def count_unfilled_gaps(connection: Connection) -> dict[tuple[str, str], int]:
    """Count open and lost gaps by (query id, state).

    Leaves out open gaps of parts that are not live: no poll looks for them again.
    """
    rows = connection.execute(
        select(_GAP.c.query_id, _GAP.c.part, _GAP.c.state, func.count())
        .where(UNFILLED_GAP)
        .group_by(_GAP.c.query_id, _GAP.c.part, _GAP.c.state)
    ).all()
    live = {query_id: live_parts(connection, query_id) for query_id in {row[0] for row in rows}}
    counts: Counter[tuple[str, str]] = Counter()
    for query_id, part, state, number in rows:
        if state != OPEN or not live[query_id] or part in live[query_id]:
            counts[(query_id, state)] += number
    return dict(counts)


def _record_part(connection: Connection, key: PartKey, batch: CleanBatch, at: datetime) -> None:
    """Read the rows of one part that the batch touches, decide, and replace them."""
    seen = [claim for claim in batch.seen if claim.part == key[1]]
    gaps = [claim for claim in batch.gaps if claim.part == key[1]]
    touched = intervals.add(_intervals_of(seen), _intervals_of(gaps))
    gap_ids = {
        gap_from_row(row): row.id
        for row in _read_touching(connection, _TOUCHING_GAPS, key, touched)
    }
    covered = _read_touching(connection, _TOUCHING_COVERAGE, key, touched)
    before = PartLedger(
        covered=intervals.add((row.since, row.until) for row in covered), gaps=tuple(gap_ids)
    )
    _replace_rows(connection, key, before, apply_claims(before, seen, gaps, at), gap_ids)


def _intervals_of(claims: Iterable[Seen | Gap]) -> list[Interval]:
    return [(claim.since, claim.until) for claim in claims]


def _replace_rows(
    connection: Connection,
    key: PartKey,
    before: PartLedger,
    after: PartLedger,
    gap_ids: Mapping[LedgerGap, int],
) -> None:
    """Delete the rows of one part that are not in ``after``, and insert those that are new."""
    columns = {"query_id": key[0], "part": key[1]}
    outdated = [since for since, _ in set(before.covered) - set(after.covered)]
    if outdated:
        connection.execute(
            delete(_COVERAGE).where(
                _COVERAGE.c.query_id == key[0],
                _COVERAGE.c.part == key[1],
                _COVERAGE.c.since.in_(outdated),
            )
        )
    new_intervals = sorted(set(after.covered) - set(before.covered))
    insert_new(
        connection,
        CoverageRow,
        [columns | {"since": since, "until": until} for since, until in new_intervals],
    )
    # unchanged gaps keep their rows: only the difference is written
    outdated_ids = [gap_id for gap, gap_id in gap_ids.items() if gap not in after.gaps]
    if outdated_ids:
        connection.execute(delete(_GAP).where(_GAP.c.id.in_(outdated_ids)))
    new_gaps = [gap for gap in after.gaps if gap not in gap_ids]
    insert_new(connection, GapRow, [columns | asdict(gap) for gap in new_gaps])


def gap_from_row(row: Any) -> LedgerGap:
    """Build the fact that a row of the table ``gap`` stores."""
    return LedgerGap(
        since=row.since,
        until=row.until,
        kind=row.kind,
        reason=row.reason,
        state=row.state,
        noted_at=row.noted_at,
        closed_at=row.closed_at,
    )


def _read_touching(
    connection: Connection, statement: Any, key: PartKey, touched: Iterable[Interval]
) -> list[Any]:
    """Read the rows of a part that touch one of several intervals (see `_select_touching`)."""
    part = {"query_id": key[0], "part": key[1]}
    return [
        row
        for since, until in touched
        for row in connection.execute(statement, part | {"since": since, "until": until})
    ]


def _last_covered(connection: Connection, key: PartKey, until: datetime | None) -> Interval | None:
    """Find the newest covered interval of the part that begins before ``until``."""
    conditions = [_COVERAGE.c.query_id == key[0], _COVERAGE.c.part == key[1]]
    if until is not None:
        conditions.append(_COVERAGE.c.since < until)
    row = connection.execute(
        select(_COVERAGE).where(*conditions).order_by(_COVERAGE.c.since.desc()).limit(1)
    ).one_or_none()
    return None if row is None else (row.since, row.until)
