"""The position of a query: it moves only from the position where the poll began."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from sqlalchemy import Connection, update

from earful.types import Query
from storage.database.upsert import insert_new, table_of
from storage.tables import QueryRow

_QUERY = table_of(QueryRow)


class AnyPosition(Enum):
    """Mark that a batch does not depend on the query's stored position."""

    ANY_POSITION = ""


ANY_POSITION = AnyPosition.ANY_POSITION


class PositionConflict(Exception):
    """Another process moved the query's position meanwhile; nothing of the batch was stored."""


def move_position(
    connection: Connection,
    query: Query,
    after: str | AnyPosition | None,
    values: Mapping[str, Any],
) -> None:
    """Update the query's row, if it is still at ``after``; raises PositionConflict."""
    move = update(_QUERY).where(_QUERY.c.id == query.id).values(**values)
    # docs/decisions/collecting.md, "A position moves only from where its poll began"
    if after is not ANY_POSITION:
        move = move.where(_QUERY.c.position.is_not_distinct_from(after))
    if connection.execute(move).rowcount:
        return
    # an import's query is in no settings, so nothing has registered it yet
    insert_new(connection, QueryRow, [new_query_row(query)])
    if not connection.execute(move).rowcount:
        raise PositionConflict(query.id)


def new_query_row(query: Query) -> dict[str, Any]:
    """Build the row of a query that was never polled."""
    return {
        "id": query.id,
        "brand_id": query.brand_id,
        "source": query.source,
        "failures": 0,
        "paused": False,
        "fingerprint": "",
        "seen": 0,
        "stored": 0,
        "rejected": 0,
    }
