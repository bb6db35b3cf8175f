"""Decide when each query is due, and record how its polls and the stages ended."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update

from earful.clock import is_from_future
from earful.types import Query
from storage.collecting.query_position import new_query_row
from storage.collecting.spending import account_of
from storage.database.clean import storable
from storage.database.engine import Database
from storage.database.upsert import insert_new, insert_or_update, table_of
from storage.tables import QueryRow, StageRow

# Beside `every`: for rows of earlier versions, which do not say when their wait was planned.
_LONGEST_WAIT = timedelta(days=2)

_QUERY, _STAGE = table_of(QueryRow), table_of(StageRow)


def register(
    db: Database, queries: Iterable[Query], accounts: Mapping[str, str] | None = None
) -> None:
    """Make a row for every query; a query with new settings is resumed and due at once.

    ``accounts`` maps each account to a text of its settings: a change there changes its queries.
    Errors of queries that left the settings are cleared, so that no page reports them.
    """
    queries = list(queries)
    with db.write() as connection:
        connection.execute(
            update(_QUERY)
            .where(_QUERY.c.id.not_in([query.id for query in queries]), _QUERY.c.error.is_not(None))
            .values(paused=False, failures=0, error=None)
        )
        for query in queries:
            current = fingerprint(query, (accounts or {}).get(account_of(query), ""))
            # two statements: an existing row keeps its position and its counts
            insert_new(connection, QueryRow, [new_query_row(query) | {"fingerprint": current}])
            connection.execute(
                update(_QUERY)
                .where(_QUERY.c.id == query.id, _QUERY.c.fingerprint != current)
                .values(fingerprint=current, paused=False, failures=0, error=None, due_at=None)
            )


def fingerprint(query: Query, account: str = "") -> str:
    """Hash a query's settings and those of its account; any change gives another hash."""
    values: list[Any] = [query.source, query.brand_id, query.any_of, query.none_of]
    values += [query.languages, query.every, dict(query.options), query.enabled]
    # left out where unset, so that a new account changes the hashes of its own queries alone
    values += [value for value in (query.account, account) if value]
    return hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()[:16]


def due_queries(db: Database, queries: Iterable[Query], now: datetime) -> tuple[Query, ...]:
    """Return the enabled queries that are due and not paused; those never polled come first."""
    with db.read() as connection:
        rows = {row.id: row for row in connection.execute(select(_QUERY))}
    ready = [
        (rows[query.id].due_at, query)
        for query in queries
        if query.enabled and query.id in rows and _is_due(rows[query.id], query, now)
    ]
    # a query that was never polled has no due_at and goes first
    never_first = sorted(ready, key=lambda pair: (pair[0] is not None, pair[0] or now))
    return tuple(query for _, query in never_first)


def _is_due(row: Any, query: Query, now: datetime) -> bool:
    if row.paused:
        return False
    if row.due_at is None or row.due_at <= now:
        return True
    if row.planned_at is not None:
        return is_from_future(row.planned_at, now)
    return bool(row.due_at - now > timedelta(seconds=query.every) + _LONGEST_WAIT)


def read_position(db: Database, query_id: str) -> str | None:
    """Return the position that the query's next poll starts from."""
    with db.read() as connection:
        return connection.execute(
            select(_QUERY.c.position).where(_QUERY.c.id == query_id)
        ).scalar_one_or_none()


def count_failures(db: Database, query_id: str) -> int:
    """Count the polls of the query that failed in a row."""
    with db.read() as connection:
        return (
            connection.execute(
                select(_QUERY.c.failures).where(_QUERY.c.id == query_id)
            ).scalar_one_or_none()
            or 0
        )


def record_success(db: Database, query_id: str, *, at: datetime, due_at: datetime) -> None:
    """Record that a poll finished; the next one is due at ``due_at``."""
    _set(db, query_id, polled_at=at, planned_at=at, due_at=due_at, failures=0, error=None)


def record_failure(
    db: Database,
    query_id: str,
    *,
    at: datetime,
    due_at: datetime,
    error: str,
    is_first: bool = False,
) -> None:
    """Record that a poll failed; it is tried again at ``due_at``.

    ``is_first``: earlier failures do not count any more, because this poll made progress.
    """
    failures = 1 if is_first else _QUERY.c.failures + 1
    error = storable(error, 1000)
    _set(db, query_id, planned_at=at, due_at=due_at, failures=failures, error=error)


def postpone(db: Database, query_id: str, *, at: datetime, due_at: datetime, error: str) -> None:
    """Postpone the query to ``due_at``, as a platform or a budget asked; this is no failure."""
    _set(db, query_id, planned_at=at, due_at=due_at, error=storable(error, 1000))


def complete_until(db: Database, query_id: str) -> datetime | None:
    """Return until when the query has seen everything; None when that is unknown."""
    with db.read() as connection:
        return connection.execute(
            select(_QUERY.c.complete_until).where(_QUERY.c.id == query_id)
        ).scalar_one_or_none()


def pause(db: Database, query_id: str, *, error: str) -> None:
    """Pause the query: it cannot work until a person changes something."""
    _set(db, query_id, paused=True, failures=_QUERY.c.failures + 1, error=storable(error, 1000))


def make_due(db: Database, query_ids: Iterable[str]) -> None:
    """Make these queries due at once; paused ones stay paused."""
    with db.write() as connection:
        for query_id in query_ids:
            connection.execute(update(_QUERY).where(_QUERY.c.id == query_id).values(due_at=None))


def resume_paused(db: Database, query_ids: Iterable[str]) -> None:
    """Resume those of these queries that are paused, for a person who fixed the cause."""
    with db.write() as connection:
        connection.execute(
            update(_QUERY)
            .where(_QUERY.c.id.in_(sorted(query_ids)), _QUERY.c.paused)
            .values(paused=False, failures=0, error=None, due_at=None)
        )


def resume(db: Database, query_id: str) -> None:
    """Resume a paused query; it is due at once."""
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
    """Record when a stage last ran, with a summary of its work or the error."""
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
    """Return the ids of all queries that were ever registered or imported."""
    with db.read() as connection:
        return set(connection.execute(select(_QUERY.c.id)).scalars())
