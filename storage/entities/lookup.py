"""Which authors and mentions are stored, asked by what makes them themselves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, bindparam, select

from storage.database.upsert import chunks

ExternalKey = tuple[str, str]  # (source, external_id)


def group_by_source(pairs: Iterable[ExternalKey]) -> Iterator[tuple[str, Sequence[str]]]:
    """Each source with ids of it, no more at a time than a statement takes."""
    grouped: dict[str, list[str]] = defaultdict(list)
    for source, external_id in pairs:
        grouped[source].append(external_id)
    for source, names in grouped.items():
        for some in chunks(names):
            yield source, some


def find_row_ids(
    connection: Connection, table: Any, keys: Iterable[ExternalKey]
) -> dict[ExternalKey, int]:
    """The row ids of those (source, external_id) pairs that are stored."""
    found = find_rows(connection, table, keys, table.c.external_id, table.c.id)
    return {key: row.id for key, row in found.items()}


@cache
def _by_name(table: Any, *columns: Any) -> Any:
    return select(*(columns or [table])).where(
        table.c.source == bindparam("source"),
        table.c.external_id.in_(bindparam("names", expanding=True)),
    )


def find_rows(
    connection: Connection, table: Any, keys: Iterable[ExternalKey], *columns: Any
) -> dict[ExternalKey, Any]:
    """The rows of those pairs, or these columns of them."""
    wanted = _by_name(table, *columns)
    found: dict[ExternalKey, Any] = {}
    for source, some in group_by_source(keys):
        rows = connection.execute(wanted, {"source": source, "names": some})
        found.update({(source, row.external_id): row for row in rows})
    return found
