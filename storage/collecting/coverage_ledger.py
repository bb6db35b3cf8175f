"""The coverage ledger: for every query and part what was seen, what was not, and why.

It is kept in the transaction that keeps the mentions. Only rows that touch what is told are read
and replaced, so a batch costs the same after years. storage/collecting/coverage_rules.py decides
what they become.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, select

from earful import intervals
from earful.intervals import Interval
from earful.types import Batch, Gap, Query, Seen
from storage.collecting.coverage_rules import OPEN, LedgerGap, PartLedger, apply_claims
from storage.database.clean import identity, storable
from storage.database.upsert import insert_new, insert_or_update, table_of
from storage.tables import UNFILLED_GAP, CoverageRow, GapRow, PartRow, QueryRow

_COVERAGE, _GAP = table_of(CoverageRow), table_of(GapRow)
_PART, _QUERY = table_of(PartRow), table_of(QueryRow)
_STEPS_BACK = 50  # how many stretches back a common one is looked for; what is older says little


def _rows_touching(table: Any, *which: Any) -> Any:
    """Selects the rows of one part that overlap or adjoin [since, until).

    They never overlap each other: of those that begin earlier only the last can reach so far.
    """
    since, until = (bindparam(name, type_=table.c.since.type) for name in ("since", "until"))
    here = (table.c.query_id == bindparam("query_id"), table.c.part == bindparam("part"), *which)
    earlier = select(func.max(table.c.since)).where(*here, table.c.since < since)
    reach = func.coalesce(earlier.scalar_subquery(), since)
    return select(table).where(
        *here, table.c.since >= reach, table.c.since <= until, table.c.until >= since
    )


_COVERED, _MISSED = _rows_touching(_COVERAGE), _rows_touching(_GAP, UNFILLED_GAP)


def record_batch(
    connection: Connection, query: Query, batch: Batch, at: datetime
) -> Interval | None:
    """Write down what the batch has seen and what not.

    Gives the newest stretch that all parts of the query have seen; None when the batch says
    nothing of it, or when there is none.
    """
    asked = {one.part for one in batch.seen} | {one.part for one in batch.gaps if not one.lost}
    parts = asked | {one.part for one in batch.gaps}
    if not parts:
        return None
    mark, marks = _marks(connection, query.id)
    for part in sorted(parts):
        _keep_part(connection, query.id, part, batch, at)
    names = [identity(part) for part in sorted(asked)]
    insert_or_update(
        connection,
        PartRow,
        [
            {"query_id": query.id, "part": part, "fingerprint": mark}
            for part in names
            if marks.get(part) != mark
        ],
        keys=["query_id", "part"],
        change=lambda new, _old: {"fingerprint": new.fingerprint},
    )
    return _complete(connection, query.id, _live(mark, marks | dict.fromkeys(names, mark)))


def complete_interval(connection: Connection, query_id: str) -> Interval | None:
    """The newest stretch that all parts of the query have seen; None when there is none."""
    return _complete(connection, query_id, live_parts(connection, query_id))


def _complete(connection: Connection, query_id: str, parts: Sequence[str]) -> Interval | None:
    if not parts:
        return None
    until: datetime | None = None
    for _ in range(_STEPS_BACK):
        found = [_last_before(connection, query_id, part, until) for part in parts]
        stretches = [one for one in found if one is not None]
        if len(stretches) < len(parts):
            return None
        since, end = max(one[0] for one in stretches), min(one[1] for one in stretches)
        if since < end:
            return since, end
        until = end  # the newest stretches have nothing in common: one of them is too new
    return None


def live_parts(connection: Connection, query_id: str) -> tuple[str, ...]:
    """The parts that the query has now: those told of since its settings changed last.

    Until one was told of, those that it had before.
    """
    return _live(*_marks(connection, query_id))


def _live(mark: str, marks: Mapping[str, str]) -> tuple[str, ...]:
    live = [part for part, one in marks.items() if one == mark]
    return tuple(sorted(live or marks))


def _marks(connection: Connection, query_id: str) -> tuple[str, dict[str, str]]:
    """The query's fingerprint, and those that its parts were last told of with."""
    mark = connection.execute(
        select(_QUERY.c.fingerprint).where(_QUERY.c.id == query_id)
    ).scalar_one_or_none()
    rows = connection.execute(
        select(_PART.c.part, _PART.c.fingerprint).where(_PART.c.query_id == query_id)
    )
    return mark or "", {row.part: row.fingerprint for row in rows}


def count_unfilled_gaps(connection: Connection) -> dict[tuple[str, str], int]:
    """How many gaps are open and lost, by (query id, state).

    Open ones of parts that a query has no more are not counted: nobody looks for them again.
    """
    found = connection.execute(
        select(_GAP.c.query_id, _GAP.c.part, _GAP.c.state, func.count())
        .where(UNFILLED_GAP)
        .group_by(_GAP.c.query_id, _GAP.c.part, _GAP.c.state)
    ).all()
    live = {query_id: live_parts(connection, query_id) for query_id in {row[0] for row in found}}
    counts: Counter[tuple[str, str]] = Counter()
    for query_id, part, state, many in found:
        if state != OPEN or not live[query_id] or part in live[query_id]:
            counts[(query_id, state)] += many
    return dict(counts)


def _keep_part(
    connection: Connection, query_id: str, name: str, batch: Batch, at: datetime
) -> None:
    seen = [one for one in batch.seen if one.part == name]
    gaps = [
        replace(one, reason=storable(one.reason, 500)) for one in batch.gaps if one.part == name
    ]
    touched = intervals.add(_spans_of(seen), _spans_of(gaps))
    part = identity(name)
    place = (query_id, part)
    ids = {gap_from_row(row): row.id for row in _touching(connection, _MISSED, place, touched)}
    covered = _touching(connection, _COVERED, place, touched)
    before = PartLedger(
        covered=intervals.add((row.since, row.until) for row in covered), gaps=tuple(ids)
    )
    _replace(connection, place, before, apply_claims(before, seen, gaps, at), ids)


def _spans_of(claims: Iterable[Seen | Gap]) -> list[Interval]:
    return [(one.since, one.until) for one in claims]


def _replace(
    connection: Connection,
    place: tuple[str, str],
    before: PartLedger,
    after: PartLedger,
    ids: Mapping[LedgerGap, int],
) -> None:
    """Make the rows of one part say ``after`` where they say ``before``."""
    here = {"query_id": place[0], "part": place[1]}
    over = [since for since, _ in set(before.covered) - set(after.covered)]
    if over:
        connection.execute(
            delete(_COVERAGE).where(
                _COVERAGE.c.query_id == place[0],
                _COVERAGE.c.part == place[1],
                _COVERAGE.c.since.in_(over),
            )
        )
    new = sorted(set(after.covered) - set(before.covered))
    insert_new(
        connection, CoverageRow, [here | {"since": since, "until": until} for since, until in new]
    )
    gone = [ids[one] for one in ids if one not in after.gaps]
    if gone:
        connection.execute(delete(_GAP).where(_GAP.c.id.in_(gone)))
    fresh = [one for one in after.gaps if one not in ids]
    insert_new(connection, GapRow, [here | asdict(one) for one in fresh])


def gap_from_row(row: Any) -> LedgerGap:
    """A row of the table as the fact that it is."""
    return LedgerGap(
        since=row.since,
        until=row.until,
        kind=row.kind,
        reason=row.reason,
        state=row.state,
        noted_at=row.noted_at,
        closed_at=row.closed_at,
    )


def _touching(
    connection: Connection, statement: Any, place: tuple[str, str], touched: Iterable[Interval]
) -> list[Any]:
    """The rows of a part, as a statement of _rows_touching selects them, for several stretches."""
    here = {"query_id": place[0], "part": place[1]}
    return [
        row
        for since, until in touched
        for row in connection.execute(statement, here | {"since": since, "until": until})
    ]


def _last_before(
    connection: Connection, query_id: str, part: str, until: datetime | None
) -> Interval | None:
    """The newest covered stretch of the part that begins before ``until``."""
    here = (_COVERAGE.c.query_id == query_id, _COVERAGE.c.part == part)
    which = here if until is None else (*here, _COVERAGE.c.since < until)
    row = connection.execute(
        select(_COVERAGE).where(*which).order_by(_COVERAGE.c.since.desc()).limit(1)
    ).one_or_none()
    return None if row is None else (row.since, row.until)
