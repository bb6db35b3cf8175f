"""What must not be stored again: posts that are gone, and people who asked to be forgotten."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, delete, func, select

from earful.types import Mention
from storage.database.clean import identity, names_one, storable
from storage.database.upsert import insert_new, table_of
from storage.entities.authors import author_key
from storage.entities.lookup import ExternalKey, group_by_source
from storage.tables import ErasedAuthorRow, TombstoneRow

_TOMBSTONE, _ERASED = table_of(TombstoneRow), table_of(ErasedAuthorRow)

ERASED = "erased"  # the reason of a tombstone that a person asked for


def fingerprint_of(source: str, external_id: str) -> str:
    """What an erased id is recognised by: it says nothing to whoever does not have the id."""
    return hashlib.sha256(f"{source}\0{external_id}".encode("utf-8", "surrogatepass")).hexdigest()


def add_tombstones(
    connection: Connection, posts: Iterable[ExternalKey], *, reason: str, at: datetime
) -> None:
    """Keep a tombstone for each post; of erased ones only their mark, also where one was kept."""
    told = storable(reason, 200)
    posts = list(posts)
    if reason == ERASED:
        _unname(connection, posts)
    rows = [
        {
            "source": source,
            "external_id": fingerprint_of(source, known) if reason == ERASED else known,
            "reason": told,
            "at": at,
        }
        for source, known in posts
    ]
    insert_new(connection, TombstoneRow, rows)


def _unname(connection: Connection, posts: Iterable[ExternalKey]) -> None:
    for source, some in group_by_source(posts):
        named = and_(_TOMBSTONE.c.source == source, _TOMBSTONE.c.external_id.in_(some))
        connection.execute(delete(_TOMBSTONE).where(named))


def anonymise_tombstones(connection: Connection, author: ExternalKey, at: datetime) -> None:
    """Keep only marks of deleted posts whose id holds the author's, as Bluesky's do."""
    source, name = author
    rows = connection.execute(
        select(_TOMBSTONE.c.external_id).where(
            _TOMBSTONE.c.source == source, _TOMBSTONE.c.external_id.contains(name, autoescape=True)
        )
    ).scalars()
    theirs = [(source, known) for known in rows if names_one(known, [name])]
    add_tombstones(connection, theirs, reason=ERASED, at=at)


def block_author(connection: Connection, author: ExternalKey, at: datetime) -> None:
    """Store nothing of this author any more; kept is a mark, not the id."""
    row = {"source": author[0], "fingerprint": fingerprint_of(*author), "at": at}
    insert_new(connection, ErasedAuthorRow, [row])


def drop_removed(
    connection: Connection, mentions: Mapping[ExternalKey, Mention]
) -> dict[ExternalKey, Mention]:
    """Those that may be stored: not gone, no plain repost of one that is, not by an erased author.

    The keys are (source, external_id) as stored.
    """
    posts = {key: _posts(key, one) for key, one in mentions.items()}
    people = {key: author_key(one) for key, one in mentions.items()}
    gone = _buried(connection, {post for some in posts.values() for post in some})
    erased = _erased(connection, set(people.values()))
    return {
        key: one
        for key, one in mentions.items()
        if people[key] not in erased and gone.isdisjoint(posts[key])
    }


def _posts(key: ExternalKey, mention: Mention) -> tuple[ExternalKey, ...]:
    original = mention.repost_of
    return (key, (key[0], identity(original))) if original else (key,)


def _buried(connection: Connection, posts: Iterable[ExternalKey]) -> set[ExternalKey]:
    """The posts that have a tombstone, by their id or by the mark of it."""
    if _is_empty(connection, _TOMBSTONE.c.external_id):
        return set()
    named = {post: post for post in posts}
    named |= {(post[0], fingerprint_of(*post)): post for post in list(named)}
    found = _there(connection, _TOMBSTONE.c.source, _TOMBSTONE.c.external_id, named)
    return {named[one] for one in found}


def _erased(connection: Connection, authors: Iterable[ExternalKey]) -> set[ExternalKey]:
    if _is_empty(connection, _ERASED.c.fingerprint):
        return set()
    named = {(one[0], fingerprint_of(*one)): one for one in authors}
    found = _there(connection, _ERASED.c.source, _ERASED.c.fingerprint, named)
    return {named[one] for one in found}


def _is_empty(connection: Connection, column: Any) -> bool:
    """True when the column's table has no row, as most have: then there is nothing to look up."""
    return connection.execute(select(column).limit(1)).first() is None


def _there(
    connection: Connection, source: Any, name: Any, wanted: Iterable[ExternalKey]
) -> set[ExternalKey]:
    found: set[ExternalKey] = set()
    for place, some in group_by_source(wanted):
        rows = connection.execute(select(name).where(source == place, name.in_(some))).scalars()
        found |= {(place, row) for row in rows}
    return found


def is_erased(connection: Connection, author: ExternalKey) -> bool:
    """True when this author was erased before."""
    return bool(_erased(connection, [author]))


def count(connection: Connection) -> int:
    """How many tombstones there are: it tells whether anything was removed meanwhile."""
    return connection.execute(select(func.count()).select_from(_TOMBSTONE)).scalar_one()
