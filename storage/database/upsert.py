"""Insert or ignore, insert or update (for both databases), and cut lists to a statement's size."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any, TypeVar

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

T = TypeVar("T")
Change = Callable[[Any, Any], Mapping[str, Any]]
# well under SQLite's limit of 32,766 (https://sqlite.org/limits.html), and quick to plan
_MAX_PARAMETERS = 1000


def table_of(model: Any) -> Table:
    """Return the Core table behind a SQLModel class."""
    table: Table = model.__table__
    return table


def chunks(items: Sequence[T], size: int = _MAX_PARAMETERS) -> Iterator[Sequence[T]]:
    """Yield ``items`` in slices of at most ``size``."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


# Statements are built once: building one takes longer than running it.
@cache
def _insert(dialect: str, table: Table) -> Any:
    return (sqlite if dialect == "sqlite" else postgresql).insert(table)


@cache
def _insert_new(dialect: str, table: Table) -> Any:
    return _insert(dialect, table).on_conflict_do_nothing()


@lru_cache(maxsize=64)  # bounded: a caller may pass a new lambda at every call
def _upsert(dialect: str, table: Table, keys: tuple[str, ...], change: Change) -> Any:
    statement = _insert(dialect, table)
    set_ = change(statement.excluded, table)
    return statement.on_conflict_do_update(index_elements=keys, set_=set_)


def insert_new(connection: Connection, model: Any, rows: Sequence[Mapping[str, Any]]) -> int:
    """Insert rows, leaving out those with an existing key; return how many were new.

    The count is exact for a single row; for many rows a driver may not know it (-1).
    """
    if not rows:
        return 0
    statement = _insert_new(connection.dialect.name, table_of(model))
    if len(rows) == 1:
        # on PostgreSQL the count is lost to a RETURNING of the new id unless it is asked for
        options = {"preserve_rowcount": True}
        return connection.execute(statement, dict(rows[0]), execution_options=options).rowcount
    return connection.execute(statement, [dict(row) for row in rows]).rowcount


def insert_or_update(
    connection: Connection,
    model: Any,
    rows: Sequence[Mapping[str, Any]],
    *,
    keys: Sequence[str],
    change: Change,
) -> None:
    """Insert rows; where the ``keys`` exist, set the values of ``change(excluded, table)``.

    A frequent caller passes a module's function as ``change``, because statements are cached by it.
    """
    if not rows:
        return
    statement = _upsert(connection.dialect.name, table_of(model), tuple(keys), change)
    connection.execute(statement, [dict(row) for row in rows])
