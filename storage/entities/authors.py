"""Store authors: newer values replace older ones, and a value once known is never lost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, func

from earful.types import Author, Mention
from storage.database.upsert import insert_or_update, table_of
from storage.entities.lookup import ExternalKey, find_row_ids, find_rows
from storage.tables import AuthorRow

_AUTHOR = table_of(AuthorRow)
_OPTIONAL = ("name", "followers", "url")
_PROFILE = ("handle", "verified", *_OPTIONAL)


def author_key(mention: Mention) -> ExternalKey:
    """Return the stored key of a clean mention's author."""
    return mention.author.source, mention.author.external_id


def store(connection: Connection, authors: Iterable[Author]) -> dict[ExternalKey, int]:
    """Store clean authors and return their row ids; the last value of an author wins."""
    rows: dict[ExternalKey, dict[str, Any]] = {}
    for author in authors:
        key = (author.source, author.external_id)
        row = _row(author)
        rows[key] = _merge(rows[key], row) if key in rows else row
    stored = find_rows(connection, _AUTHOR, rows)
    changed = [
        row for key, row in rows.items() if key not in stored or _is_changed(row, stored[key])
    ]
    insert_or_update(
        connection,
        AuthorRow,
        changed,
        keys=["source", "external_id"],
        change=_newer_values,
    )
    # only new authors are read again; a batch mostly brings known ones
    ids = {key: row.id for key, row in stored.items()}
    return ids | find_row_ids(connection, _AUTHOR, rows.keys() - ids.keys())


def _is_bare(row: Mapping[str, Any]) -> bool:
    """True when the source gave nothing but the id, as an event stream does."""
    is_unknown = row["name"] is None and row["followers"] is None
    return is_unknown and row["handle"] == row["external_id"]


def _merge(before: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Merge two rows of one author from one batch, as if the later came in another batch."""
    if _is_bare(new):
        return before
    return new | {name: before[name] for name in _OPTIONAL if new[name] is None}


def _is_changed(new: Mapping[str, Any], stored: Any) -> bool:
    if _is_bare(new):
        return False
    return any(new[name] not in (None, getattr(stored, name)) for name in _PROFILE)


def _newer_values(new: Any, old: Any) -> dict[str, Any]:
    # a source that lacks a value must not erase the one that another source gave
    optional = {name: func.coalesce(new[name], old.c[name]) for name in _OPTIONAL}
    return {"handle": new.handle, "verified": new.verified, **optional}


def _row(author: Author) -> dict[str, Any]:
    return {
        "source": author.source,
        "external_id": author.external_id,
        "handle": author.handle,
        "name": author.name,
        "followers": author.followers,
        "verified": author.verified,
        "url": author.url,
    }
