"""Never give a deleted row's id to another row.

SQLite gives a new row the highest id plus one (https://sqlite.org/autoinc.html). After the newest
mention was deleted, the next one would get its id, and with it everything that still refers to the
deleted one: an alert's key, a prediction under way. PostgreSQL's sequences never go back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table, case, func, select

from storage.database.upsert import insert_or_update, table_of
from storage.tables import RetiredIdRow

_RETIRED_ID = table_of(RetiredIdRow)


def retire(connection: Connection, table: Table, ids: Iterable[int]) -> None:
    """Never reuse these ids; call it in the transaction that deletes their rows."""
    highest = max(ids, default=None)
    if highest is None:
        return
    insert_or_update(
        connection,
        RetiredIdRow,
        [{"table_name": table.name, "highest_id": highest}],
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
    """Give the rows explicit ids where SQLite would reuse retired ones."""
    new_rows = [dict(row) for row in rows]
    if connection.dialect.name != "sqlite" or not new_rows:
        return new_rows
    retired = connection.execute(
        select(_RETIRED_ID.c.highest_id).where(_RETIRED_ID.c.table_name == table.name)
    ).scalar_one_or_none()
    highest = connection.execute(select(func.max(table.c.id))).scalar_one() or 0
    if retired is None or highest >= retired:
        return new_rows
    return [{"id": row_id} | row for row_id, row in enumerate(new_rows, retired + 1)]
