"""Store the items of a batch that could not be read, with the reason of each."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, select

from earful.types import Query, Rejected
from storage.database.engine import Database
from storage.database.upsert import chunks, insert_new, table_of
from storage.tables import RejectedRow

_REJECTED = table_of(RejectedRow)


def store_rejects(
    connection: Connection, query: Query, rejected: Iterable[Rejected], at: datetime
) -> int:
    """Store items that could not be read; return how many of them are new."""
    raw_texts = {(item.where, item.reason): item.raw for item in rejected}
    stored: set[tuple[str, str]] = set()
    for locations in chunks(sorted({location for location, _ in raw_texts})):
        rows = connection.execute(
            select(_REJECTED.c.location, _REJECTED.c.reason).where(
                _REJECTED.c.query_id == query.id, _REJECTED.c.location.in_(locations)
            )
        )
        stored.update((row.location, row.reason) for row in rows)
    new_rows = [
        {"query_id": query.id, "location": location, "reason": reason, "raw": raw, "noted_at": at}
        for (location, reason), raw in raw_texts.items()
        if (location, reason) not in stored
    ]
    insert_new(connection, RejectedRow, new_rows)
    return len(new_rows)


def newest_reason(db: Database, query_id: str) -> str:
    """Return why the newest unread item of a query could not be read; "" when none is kept."""
    with db.read() as connection:
        reason: str | None = connection.execute(
            select(_REJECTED.c.reason)
            .where(_REJECTED.c.query_id == query_id)
            .order_by(_REJECTED.c.id.desc())
            .limit(1)
        ).scalar_one_or_none()
    return reason or ""
