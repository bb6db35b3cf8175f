"""Row numbers that are given once.

SQLite gives a new row the highest number there is plus one: after the newest mention was deleted
the next one would have its number, and with it whatever still speaks of the old one (an alert that
is not sent twice, an answer of the model on its way). PostgreSQL's sequences never go back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table, case, func, select

from storage.database.upsert import insert_or_update, table_of
from storage.tables import RetiredIdRow

_RETIRED_ID = table_of(RetiredIdRow)


def retire(connection: Connection, table: Table, ids: Iterable[int]) -> None:
    """Never give these numbers again; call it in the transaction that deletes their rows."""
    last = max(ids, default=None)
    if last is None:
        return
    insert_or_update(
        connection,
        RetiredIdRow,
        [{"table_name": table.name, "highest_id": last}],
        keys=["table_name"],
        change=lambda new, old: {
            "highest_id": case(
                (new.highest_id > old.c.highest_id, new.highest_id), else_=old.c.highest_id
            )
        },
    )


def with_unused_ids(
    connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """``rows`` of ``table``, with numbers of their own where the database would give old ones."""
    found = [dict(row) for row in rows]
    if connection.dialect.name != "sqlite" or not found:
        return found
    retired = connection.execute(
        select(_RETIRED_ID.c.highest_id).where(_RETIRED_ID.c.table_name == table.name)
    ).scalar_one_or_none()
    highest = connection.execute(select(func.max(table.c.id))).scalar_one() or 0
    if retired is None or highest >= retired:
        return found
    return [{"id": number} | row for number, row in enumerate(found, retired + 1)]
