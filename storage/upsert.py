"""Insert-or-ignore and insert-or-update, said once for both databases, and lists cut to size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

T = TypeVar("T")
_MOST_PARAMETERS = 1000  # well under SQLite's 32,766 and kind to its query planner


def table_of(model: Any) -> Table:
    """The Core table behind a SQLModel class."""
    table: Table = model.__table__
    return table


def chunks(items: Sequence[T], size: int = _MOST_PARAMETERS) -> Iterator[Sequence[T]]:
    """``items`` in runs of at most ``size``."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _insert(connection: Connection, model: Any) -> Any:
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    return dialect.insert(table_of(model))


def insert_new(connection: Connection, model: Any, rows: Sequence[Mapping[str, Any]]) -> int:
    """Insert rows, leaving out those that are there already; gives how many rows were new.

    The count is exact for a single row; for many rows a driver may not tell it (-1).
    """
    if not rows:
        return 0
    statement = _insert(connection, model).on_conflict_do_nothing()
    if len(rows) == 1:
        # on PostgreSQL the count is lost to a RETURNING of the new id unless it is asked for
        statement = statement.values(dict(rows[0])).execution_options(preserve_rowcount=True)
        return connection.execute(statement).rowcount
    return connection.execute(statement, [dict(row) for row in rows]).rowcount


def insert_or_update(
    connection: Connection,
    model: Any,
    rows: Sequence[Mapping[str, Any]],
    *,
    keys: Sequence[str],
    change: Any,
) -> None:
    """Insert rows; where ``keys`` exist, set what ``change(excluded, table)`` says."""
    if not rows:
        return
    statement = _insert(connection, model)
    statement = statement.on_conflict_do_update(
        index_elements=list(keys), set_=change(statement.excluded, table_of(model))
    )
    connection.execute(statement, [dict(row) for row in rows])
