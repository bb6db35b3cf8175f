"""Who wrote what is stored; what is known of them is updated and never forgotten."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, func

from earful.types import Author, Mention
from earful.untrusted import web_link
from storage.database.clean import countable, identity, storable
from storage.database.upsert import insert_or_update, table_of
from storage.entities.lookup import ExternalKey, find_row_ids, find_rows
from storage.tables import AuthorRow

_AUTHOR = table_of(AuthorRow)
_MAY_LACK = ("name", "followers", "url")
_PROFILE = ("handle", "verified", *_MAY_LACK)


def author_key(mention: Mention) -> ExternalKey:
    """By what its author is known."""
    return mention.author.source, identity(mention.author.external_id)


def store(connection: Connection, mentions: Iterable[Mention]) -> dict[ExternalKey, int]:
    """Keep who wrote these, of the same person what the last one says; gives their row ids."""
    rows: dict[ExternalKey, dict[str, Any]] = {}
    for one in mentions:
        key = author_key(one)
        row = _row(key, one.author)
        rows[key] = _together(rows[key], row) if key in rows else row
    there = find_rows(connection, _AUTHOR, rows)
    changed = [row for key, row in rows.items() if key not in there or _differs(row, there[key])]
    insert_or_update(
        connection,
        AuthorRow,
        changed,
        keys=["source", "external_id"],
        change=_newer,
    )
    ids = {key: row.id for key, row in there.items()}
    return ids | find_row_ids(connection, _AUTHOR, rows.keys() - ids.keys())


def _is_bare(row: Mapping[str, Any]) -> bool:
    """True when whoever told of them knew no more than the id."""
    unknown = row["name"] is None and row["followers"] is None
    return unknown and row["handle"] == row["external_id"]


def _together(before: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """What two mentions of one batch say of the same person, as if the later came in another."""
    if _is_bare(new):
        return before
    return new | {name: before[name] for name in _MAY_LACK if new[name] is None}


def _differs(new: Mapping[str, Any], old: Any) -> bool:
    if _is_bare(new):
        return False
    return any(new[name] not in (None, getattr(old, name)) for name in _PROFILE)


def _newer(new: Any, old: Any) -> dict[str, Any]:
    kept = {name: func.coalesce(new[name], old.c[name]) for name in _MAY_LACK}
    return {"handle": new.handle, "verified": new.verified, **kept}


def _row(key: ExternalKey, author: Author) -> dict[str, Any]:
    return {
        "source": key[0],
        "external_id": key[1],
        "handle": storable(author.handle, 200),
        "name": None if author.name is None else storable(author.name, 200),
        "followers": None if author.followers is None else countable(author.followers),
        "verified": author.verified,
        "url": web_link(author.url),
    }
