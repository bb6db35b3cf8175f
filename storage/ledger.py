"""The coverage ledger: for every query and part what was seen, what was not, and why.

It is kept in the transaction that keeps the mentions. Only rows that touch what is told are read
and replaced, so a batch costs the same after years. storage/claims.py decides what they become.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, select

from earful import spans
from earful.spans import Span, Spans
from earful.types import Batch, Gap, Query, Seen
from storage.claims import Claims, Noted, told
from storage.clean import identity, storable
from storage.tables import UNFILLED, CoverageRow, GapRow, PartRow, QueryRow
from storage.upsert import insert_new, insert_or_update, table_of

_COVERAGE, _GAP = table_of(CoverageRow), table_of(GapRow)
_PART, _QUERY = table_of(PartRow), table_of(QueryRow)


def keep(connection: Connection, query: Query, batch: Batch, at: datetime) -> Span | None:
    """Write down what the batch has seen and what not.

    Gives the newest stretch that all parts of the query have seen; None when the batch says
    nothing of it, or when there is none.
    """
    asked = {one.part for one in batch.seen} | {one.part for one in batch.gaps if not one.lost}
    parts = asked | {one.part for one in batch.gaps}
    if not parts:
        return None
    mark = _fingerprint(connection, query.id)
    for part in sorted(parts):
        _keep_part(connection, query.id, part, batch, at)
    insert_or_update(
        connection,
        PartRow,
        [
            {"query_id": query.id, "part": identity(part), "fingerprint": mark}
            for part in sorted(asked)
        ],
        keys=["query_id", "part"],
        change=lambda new, _old: {"fingerprint": new.fingerprint},
    )
    return complete(connection, query.id)


def complete(connection: Connection, query_id: str) -> Span | None:
    """The newest stretch that all parts of the query have seen; None when there is none."""
    parts = live_parts(connection, query_id)
    if not parts:
        return None
    until: datetime | None = None
    while True:
        found = [_last_before(connection, query_id, part, until) for part in parts]
        stretches = [one for one in found if one is not None]
        if len(stretches) < len(parts):
            return None
        since, end = max(one[0] for one in stretches), min(one[1] for one in stretches)
        if since < end:
            return since, end
        until = end  # the newest stretches have nothing in common: one of them is too new


def live_parts(connection: Connection, query_id: str) -> tuple[str, ...]:
    """The parts that the query has now: those told of since its settings changed last.

    Until one was told of, those that it had before.
    """
    mark = _fingerprint(connection, query_id)
    rows = connection.execute(
        select(_PART.c.part, _PART.c.fingerprint).where(_PART.c.query_id == query_id)
    ).all()
    live = [row.part for row in rows if row.fingerprint == mark]
    return tuple(sorted(live or [row.part for row in rows]))


def unfilled(connection: Connection) -> dict[tuple[str, str], int]:
    """How many gaps are open and lost, by (query id, state)."""
    found = connection.execute(
        select(_GAP.c.query_id, _GAP.c.state, func.count())
        .where(UNFILLED)
        .group_by(_GAP.c.query_id, _GAP.c.state)
    )
    return {(query_id, state): many for query_id, state, many in found}


def _fingerprint(connection: Connection, query_id: str) -> str:
    found = connection.execute(
        select(_QUERY.c.fingerprint).where(_QUERY.c.id == query_id)
    ).scalar_one_or_none()
    return found or ""


def _keep_part(
    connection: Connection, query_id: str, name: str, batch: Batch, at: datetime
) -> None:
    seen = [one for one in batch.seen if one.part == name]
    gaps = [
        replace(one, reason=storable(one.reason, 500)) for one in batch.gaps if one.part == name
    ]
    touched = spans.add(_spans_of(seen), _spans_of(gaps))
    part = identity(name)
    ids = _gaps_touching(connection, query_id, part, touched)
    before = Claims(covered=_covered_touching(connection, query_id, part, touched), gaps=tuple(ids))
    _replace(connection, (query_id, part), before, told(before, seen, gaps, at), ids)


def _spans_of(claims: Iterable[Seen | Gap]) -> list[Span]:
    return [(one.since, one.until) for one in claims]


def _replace(
    connection: Connection,
    place: tuple[str, str],
    before: Claims,
    after: Claims,
    ids: Mapping[Noted, int],
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


def _covered_touching(
    connection: Connection, query_id: str, part: str, touched: Iterable[Span]
) -> Spans:
    here = (_COVERAGE.c.query_id == query_id, _COVERAGE.c.part == part)
    rows = [
        row
        for since, until in touched
        for row in _touching(connection, _COVERAGE, here, since, until)
    ]
    return spans.add((row.since, row.until) for row in rows)


def _gaps_touching(
    connection: Connection, query_id: str, part: str, touched: Iterable[Span]
) -> dict[Noted, int]:
    here = (_GAP.c.query_id == query_id, _GAP.c.part == part, UNFILLED)
    rows = [
        row for since, until in touched for row in _touching(connection, _GAP, here, since, until)
    ]
    return {noted(row): row.id for row in rows}


def noted(row: Any) -> Noted:
    """A row of the table as the fact that it is."""
    return Noted(
        since=row.since,
        until=row.until,
        kind=row.kind,
        reason=row.reason,
        state=row.state,
        noted_at=row.noted_at,
        closed_at=row.closed_at,
    )


def _touching(
    connection: Connection, table: Any, here: Sequence[Any], since: datetime, until: datetime
) -> list[Any]:
    """The rows of one part that overlap or adjoin [since, until).

    They never overlap each other: of those that begin earlier only the last can reach so far.
    """
    inside = connection.execute(
        select(table).where(*here, table.c.since >= since, table.c.since <= until)
    ).all()
    last = _last(connection, table, here, since)
    return [*inside, *([last] if last is not None and last.until >= since else [])]


def _last_before(
    connection: Connection, query_id: str, part: str, until: datetime | None
) -> Span | None:
    """The newest covered stretch of the part that begins before ``until``."""
    here = (_COVERAGE.c.query_id == query_id, _COVERAGE.c.part == part)
    row = _last(connection, _COVERAGE, here, until)
    return None if row is None else (row.since, row.until)


def _last(connection: Connection, table: Any, here: Sequence[Any], before: datetime | None) -> Any:
    which = here if before is None else (*here, table.c.since < before)
    return connection.execute(
        select(table).where(*which).order_by(table.c.since.desc()).limit(1)
    ).one_or_none()
