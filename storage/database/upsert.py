"""Insert-or-ignore and insert-or-update, said once for both databases, and lists cut to size."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any, TypeVar

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

T = TypeVar("T")
Change = Callable[[Any, Any], Mapping[str, Any]]
_MAX_PARAMETERS = 1000  # well under SQLite's 32,766 and kind to its query planner


def table_of(model: Any) -> Table:
    """The Core table behind a SQLModel class."""
    table: Table = model.__table__
    return table


def chunks(items: Sequence[T], size: int = _MAX_PARAMETERS) -> Iterator[Sequence[T]]:
    """``items`` in runs of at most ``size``."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


# Statements are made once: to make one takes longer than to run it.
@cache
def _insert(dialect: str, table: Table) -> Any:
    return (sqlite if dialect == "sqlite" else postgresql).insert(table)


@cache
def _insert_new(dialect: str, table: Table) -> Any:
    return _insert(dialect, table).on_conflict_do_nothing()


@lru_cache(maxsize=64)  # a ``change`` may be another one at every call
def _upsert(dialect: str, table: Table, keys: tuple[str, ...], change: Change) -> Any:
    statement = _insert(dialect, table)
    set_ = change(statement.excluded, table)
    return statement.on_conflict_do_update(index_elements=keys, set_=set_)


def insert_new(connection: Connection, model: Any, rows: Sequence[Mapping[str, Any]]) -> int:
    """Insert rows, leaving out those that are there already; gives how many rows were new.

    The count is exact for a single row; for many rows a driver may not tell it (-1).
    """
    if not rows:
        return 0
    statement = _insert_new(connection.dialect.name, table_of(model))
    if len(rows) == 1:
        # on PostgreSQL the count is lost to a RETURNING of the new id unless it is asked for
        keeping = {"preserve_rowcount": True}
        return connection.execute(statement, dict(rows[0]), execution_options=keeping).rowcount
    return connection.execute(statement, [dict(row) for row in rows]).rowcount


def insert_or_update(
    connection: Connection,
    model: Any,
    rows: Sequence[Mapping[str, Any]],
    *,
    keys: Sequence[str],
    change: Change,
) -> None:
    """Insert rows; where ``keys`` exist, set what ``change(excluded, table)`` says.

    What is called often gives a ``change`` that lasts, not a lambda of its own each time.
    """
    if not rows:
        return
    statement = _upsert(connection.dialect.name, table_of(model), tuple(keys), change)
    connection.execute(statement, [dict(row) for row in rows])
