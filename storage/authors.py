"""Who wrote what is stored; what is known of them is updated and never forgotten."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, func

from earful.types import Author, Mention
from storage.clean import countable, identity, storable, web_address
from storage.known import Known, ids_of, rows_of
from storage.tables import AuthorRow
from storage.upsert import insert_or_update, table_of

_AUTHOR = table_of(AuthorRow)
_PROFILE = ("handle", "verified", "name", "followers", "url")


def key_of(mention: Mention) -> Known:
    """By what its author is known."""
    return mention.author.source, identity(mention.author.external_id)


def store(connection: Connection, mentions: Iterable[Mention]) -> dict[Known, int]:
    """Keep who wrote these, of the same person what the last one says; gives their row ids."""
    authors = {key_of(one): one.author for one in mentions}
    there = rows_of(connection, _AUTHOR, authors)
    rows = {key: _row(key, one) for key, one in authors.items()}
    changed = [row for key, row in rows.items() if key not in there or _differs(row, there[key])]
    insert_or_update(
        connection,
        AuthorRow,
        changed,
        keys=["source", "external_id"],
        change=_newer,
    )
    ids = {key: row.id for key, row in there.items()}
    return ids | ids_of(connection, _AUTHOR, authors.keys() - ids.keys())


def _differs(new: Mapping[str, Any], old: Any) -> bool:
    if new["handle"] == new["external_id"] and new["name"] is None and new["followers"] is None:
        return False  # whoever told of them knew no more than the id
    return any(new[name] not in (None, getattr(old, name)) for name in _PROFILE)


def _newer(new: Any, old: Any) -> dict[str, Any]:
    kept = {name: func.coalesce(new[name], old.c[name]) for name in ("name", "followers", "url")}
    return {"handle": new.handle, "verified": new.verified, **kept}


def _row(key: Known, author: Author) -> dict[str, Any]:
    return {
        "source": key[0],
        "external_id": key[1],
        "handle": storable(author.handle, 200),
        "name": None if author.name is None else storable(author.name, 200),
        "followers": None if author.followers is None else countable(author.followers),
        "verified": author.verified,
        "url": web_address(author.url),
    }
