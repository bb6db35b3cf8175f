"""When each query is due, and what became of its polls."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update

from earful.types import Query
from storage.collecting.ingest import new_query_row
from storage.collecting.spending import account_of
from storage.database.clean import storable
from storage.database.engine import Database
from storage.database.upsert import insert_new, insert_or_update, table_of
from storage.tables import QueryRow, StageRow

_LONGEST_WAIT = timedelta(days=2)  # beside `every`; whatever failed waits for less

_QUERY, _STAGE = table_of(QueryRow), table_of(StageRow)


def register(
    db: Database, queries: Iterable[Query], accounts: Mapping[str, str] | None = None
) -> None:
    """Make a row for every query; one that settings changed since is un-paused and due at once.

    ``accounts`` is what settings say of each account: to change it changes its queries. What went
    wrong with a query that is in settings no more is nobody's trouble any longer.
    """
    wanted = list(queries)
    with db.write() as connection:
        connection.execute(
            update(_QUERY)
            .where(_QUERY.c.id.not_in([query.id for query in wanted]), _QUERY.c.error.is_not(None))
            .values(paused=False, failures=0, error=None)
        )
        for query in wanted:
            mark = fingerprint(query, (accounts or {}).get(account_of(query), ""))
            insert_new(connection, QueryRow, [new_query_row(query) | {"fingerprint": mark}])
            connection.execute(
                update(_QUERY)
                .where(_QUERY.c.id == query.id, _QUERY.c.fingerprint != mark)
                .values(fingerprint=mark, paused=False, failures=0, error=None, due_at=None)
            )


def fingerprint(query: Query, account: str = "") -> str:
    """Changes when anything about the query does, or what settings say of its account."""
    said: list[Any] = [query.source, query.brand_id, query.any_of, query.none_of, query.languages]
    said += [query.every, dict(query.options), query.enabled]
    said += [one for one in (query.account, account) if one]
    return hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()[:16]


def due_queries(db: Database, queries: Iterable[Query], now: datetime) -> tuple[Query, ...]:
    """The enabled queries that are due and not paused, longest due first."""
    with db.read() as connection:
        rows = {row.id: row for row in connection.execute(select(_QUERY))}
    ready = [
        (rows[query.id].due_at, query)
        for query in queries
        if query.enabled and query.id in rows and _is_due(rows[query.id], query, now)
    ]
    never_first = sorted(ready, key=lambda pair: (pair[0] is not None, pair[0] or now))
    return tuple(query for _, query in never_first)


def _is_due(row: Any, query: Query, now: datetime) -> bool:
    if row.paused:
        return False
    if row.due_at is None or row.due_at <= now:
        return True
    # nobody waits that long: the clock was ahead when this was written
    return bool(row.due_at - now > timedelta(seconds=query.every) + _LONGEST_WAIT)


def read_position(db: Database, query_id: str) -> str | None:
    """Where the query's listener is to go on from."""
    with db.read() as connection:
        return connection.execute(
            select(_QUERY.c.position).where(_QUERY.c.id == query_id)
        ).scalar_one_or_none()


def count_failures(db: Database, query_id: str) -> int:
    """How many polls of the query failed in a row."""
    with db.read() as connection:
        return (
            connection.execute(
                select(_QUERY.c.failures).where(_QUERY.c.id == query_id)
            ).scalar_one_or_none()
            or 0
        )


def record_success(db: Database, query_id: str, *, at: datetime, due_at: datetime) -> None:
    """The poll came to its end; the next is due at ``due_at``."""
    _set(db, query_id, polled_at=at, due_at=due_at, failures=0, error=None)


def record_failure(db: Database, query_id: str, *, due_at: datetime, error: str) -> None:
    """The poll failed and is tried again at ``due_at``."""
    _set(db, query_id, due_at=due_at, failures=_QUERY.c.failures + 1, error=storable(error, 1000))


def postpone(db: Database, query_id: str, *, due_at: datetime, error: str) -> None:
    """The poll waits until ``due_at``, as somebody said: that is no further failure."""
    _set(db, query_id, due_at=due_at, error=storable(error, 1000))


def complete_until(db: Database, query_id: str) -> datetime | None:
    """Up to when all that the query's source showed has been seen; None when that is unknown."""
    with db.read() as connection:
        return connection.execute(
            select(_QUERY.c.complete_until).where(_QUERY.c.id == query_id)
        ).scalar_one_or_none()


def pause(db: Database, query_id: str, *, error: str) -> None:
    """The poll cannot work until a person changes something."""
    _set(db, query_id, paused=True, failures=_QUERY.c.failures + 1, error=storable(error, 1000))


def make_due(db: Database, query_ids: Iterable[str]) -> None:
    """Make these queries due at once; paused ones stay paused."""
    with db.write() as connection:
        for query_id in query_ids:
            connection.execute(update(_QUERY).where(_QUERY.c.id == query_id).values(due_at=None))


def resume_paused(db: Database, query_ids: Iterable[str]) -> None:
    """Take those of these queries up again that are paused: somebody may have mended the cause."""
    with db.write() as connection:
        connection.execute(
            update(_QUERY)
            .where(_QUERY.c.id.in_(sorted(query_ids)), _QUERY.c.paused)
            .values(paused=False, failures=0, error=None, due_at=None)
        )


def resume(db: Database, query_id: str) -> None:
    """Take a paused query up again, at once."""
    _set(db, query_id, paused=False, failures=0, error=None, due_at=None)


def _set(db: Database, query_id: str, **values: Any) -> None:
    with db.write() as connection:
        connection.execute(update(_QUERY).where(_QUERY.c.id == query_id).values(**values))


def record_stage_run(
    db: Database,
    name: str,
    *,
    started_at: datetime,
    finished_at: datetime,
    summary: str = "",
    error: str | None = None,
) -> None:
    """Write down when a stage last ran, and what it did or why it failed."""
    row = {
        "name": name,
        "started_at": started_at,
        "finished_at": finished_at,
        "summary": storable(summary, 1000),
        "error": None if error is None else storable(error, 1000),
    }
    with db.write() as connection:
        insert_or_update(
            connection,
            StageRow,
            [row],
            keys=["name"],
            change=lambda new, _old: {key: getattr(new, key) for key in row if key != "name"},
        )


def stored_query_ids(db: Database) -> set[str]:
    """The ids of all queries that were ever registered or imported."""
    with db.read() as connection:
        return set(connection.execute(select(_QUERY.c.id)).scalars())
