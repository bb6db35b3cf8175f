"""Look up stored authors and mentions by their key on the platform."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, bindparam, select

from storage.database.upsert import chunks

ExternalKey = tuple[str, str]  # (source, external_id) of a mention or an author


def group_by_source(keys: Iterable[ExternalKey]) -> Iterator[tuple[str, Sequence[str]]]:
    """Yield each source with external ids of it, at most one statement's worth at a time."""
    grouped: dict[str, list[str]] = defaultdict(list)
    for source, external_id in keys:
        grouped[source].append(external_id)
    for source, external_ids in grouped.items():
        for chunk in chunks(external_ids):
            yield source, chunk


def find_row_ids(
    connection: Connection, table: Any, keys: Iterable[ExternalKey]
) -> dict[ExternalKey, int]:
    """Return the row ids of those keys that are stored."""
    rows = find_rows(connection, table, keys, table.c.external_id, table.c.id)
    return {key: row.id for key, row in rows.items()}


# cached: building a statement takes longer than running it
@cache
def _select_by_key(table: Any, *columns: Any) -> Any:
    return select(*(columns or [table])).where(
        table.c.source == bindparam("source"),
        table.c.external_id.in_(bindparam("external_ids", expanding=True)),
    )


def find_rows(
    connection: Connection, table: Any, keys: Iterable[ExternalKey], *columns: Any
) -> dict[ExternalKey, Any]:
    """Return the stored rows of those keys, or only these columns of them."""
    query = _select_by_key(table, *columns)
    rows_by_key: dict[ExternalKey, Any] = {}
    for source, external_ids in group_by_source(keys):
        rows = connection.execute(query, {"source": source, "external_ids": external_ids})
        rows_by_key.update({(source, row.external_id): row for row in rows})
    return rows_by_key
