"""Keep posts and authors out that must not be stored again: removed posts, erased authors.

A tombstone of a removed post holds its id. After an erasure only a hash of the id is kept, and the
id cannot be read from it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, delete, func, select

from earful.types import Author, Mention
from storage.database.clean import names_one
from storage.database.upsert import insert_new, table_of
from storage.entities.accounts import has_own_handle
from storage.entities.authors import author_key
from storage.entities.lookup import ExternalKey, group_by_source
from storage.tables import ErasedAuthorRow, TombstoneRow

_TOMBSTONE, _ERASED_AUTHOR = table_of(TombstoneRow), table_of(ErasedAuthorRow)

ERASED = "erased"  # the reason of a tombstone that a person asked for


def fingerprint_of(source: str, external_id: str) -> str:
    """Hash an erased id: it recognises the id, and tells a reader nothing."""
    # without a key: docs/decisions/removal.md, "An erased person is known by a hash, a deleted post
    # by its id"
    return hashlib.sha256(f"{source}\0{external_id}".encode("utf-8", "surrogatepass")).hexdigest()


def add_tombstones(
    connection: Connection, posts: Iterable[ExternalKey], *, reason: str, at: datetime
) -> None:
    """Store a tombstone for each post; an erased post's tombstone holds only a fingerprint.

    An erasure also replaces a tombstone with the plain id that was stored before.
    """
    posts = list(posts)
    if reason == ERASED:
        _delete_plain(connection, posts)
    rows = [
        {
            "source": source,
            "external_id": fingerprint_of(source, external_id) if reason == ERASED else external_id,
            "reason": reason,
            "at": at,
        }
        for source, external_id in posts
    ]
    insert_new(connection, TombstoneRow, rows)


def _delete_plain(connection: Connection, posts: Iterable[ExternalKey]) -> None:
    for source, external_ids in group_by_source(posts):
        is_plain = and_(_TOMBSTONE.c.source == source, _TOMBSTONE.c.external_id.in_(external_ids))
        connection.execute(delete(_TOMBSTONE).where(is_plain))


def anonymise_tombstones(connection: Connection, author: ExternalKey, at: datetime) -> None:
    """Keep only fingerprints of removed posts that have the author's id in theirs.

    Bluesky's post ids do: at://did:plc:…/app.bsky.feed.post/….
    """
    source, author_id = author
    external_ids = connection.execute(
        select(_TOMBSTONE.c.external_id).where(
            _TOMBSTONE.c.source == source,
            _TOMBSTONE.c.external_id.contains(author_id, autoescape=True),
        )
    ).scalars()
    posts = [
        (source, external_id) for external_id in external_ids if names_one(external_id, [author_id])
    ]
    add_tombstones(connection, posts, reason=ERASED, at=at)


def block_author(connection: Connection, author: ExternalKey, handle: str, at: datetime) -> None:
    """Store nothing of this author any more; only fingerprints of the id and handle are kept.

    Where a handle names one account, a file may name the account by the handle alone. Such rows
    stay out too. An account whose number was never known stays out under every number that has the
    handle (docs/decisions/removal.md, "An erased account stays out under its handle too").
    """
    source, external_id = author
    names = {external_id}
    if has_own_handle(source, external_id, handle):
        names.add(handle.lower())
        if external_id.lower() == handle.lower():
            names.add(_any_number(handle))
    rows = [
        {"source": source, "fingerprint": fingerprint_of(source, name), "at": at}
        for name in sorted(names)
    ]
    insert_new(connection, ErasedAuthorRow, rows)


def _any_number(handle: str) -> str:
    """Return the name of all accounts with this handle; no platform has an id of this form."""
    return f"@{handle.lower()}"


def drop_removed(
    connection: Connection, mentions: Mapping[ExternalKey, Mention]
) -> dict[ExternalKey, Mention]:
    """Return the clean mentions that may be stored.

    Drops removed posts, plain reposts of them, and posts of erased authors.
    """
    posts = {key: _post_keys(key, mention) for key, mention in mentions.items()}
    removed = _find_removed(connection, {post for keys in posts.values() for post in keys})
    erased = find_erased(connection, (mention.author for mention in mentions.values()))
    return {
        key: mention
        for key, mention in mentions.items()
        if author_key(mention) not in erased and removed.isdisjoint(posts[key])
    }


def _post_keys(key: ExternalKey, mention: Mention) -> tuple[ExternalKey, ...]:
    """Return the keys of a mention and, for a repost, of its original."""
    return (key, (key[0], mention.repost_of)) if mention.repost_of else (key,)


def _find_removed(connection: Connection, posts: Iterable[ExternalKey]) -> set[ExternalKey]:
    """Find the posts that have a tombstone, by their id or by its fingerprint."""
    if _is_empty(connection, _TOMBSTONE.c.external_id):
        return set()
    # both names: a tombstone of an erased post is found only by its fingerprint
    posts_by_name = {post: post for post in posts}
    posts_by_name |= {(post[0], fingerprint_of(*post)): post for post in list(posts_by_name)}
    stored = _find_stored(connection, _TOMBSTONE.c.source, _TOMBSTONE.c.external_id, posts_by_name)
    return {posts_by_name[name] for name in stored}


def find_erased(connection: Connection, authors: Iterable[Author]) -> set[ExternalKey]:
    """Return the keys of those authors who were erased, by their id or by their handle."""
    if _is_empty(connection, _ERASED_AUTHOR.c.fingerprint):
        return set()
    names = {(author.source, author.external_id): _names_of(author) for author in authors}
    erased = _find_erased_names(connection, set().union(*names.values()))
    return {key for key, each in names.items() if not erased.isdisjoint(each)}


def _names_of(author: Author) -> set[ExternalKey]:
    """Return the names under which an erasure may have blocked this author."""
    source, external_id = author.source, author.external_id
    names = {(source, external_id)}
    if has_own_handle(source, external_id, author.handle):
        names.add((source, _any_number(author.handle)))
        if external_id.lower() == author.handle.lower():
            names.add((source, external_id.lower()))
    return names


def _find_erased_names(connection: Connection, names: Iterable[ExternalKey]) -> set[ExternalKey]:
    by_fingerprint = {(name[0], fingerprint_of(*name)): name for name in names}
    stored = _find_stored(
        connection, _ERASED_AUTHOR.c.source, _ERASED_AUTHOR.c.fingerprint, by_fingerprint
    )
    return {by_fingerprint[each] for each in stored}


def _is_empty(connection: Connection, column: Any) -> bool:
    """True when the column's table has no row, as in most databases: nothing to look up then."""
    return connection.execute(select(column).limit(1)).first() is None


def _find_stored(
    connection: Connection, source_column: Any, name_column: Any, names: Iterable[ExternalKey]
) -> set[ExternalKey]:
    """Find those (source, name) pairs that are in a table."""
    stored: set[ExternalKey] = set()
    for source, chunk in group_by_source(names):
        rows = connection.execute(
            select(name_column).where(source_column == source, name_column.in_(chunk))
        )
        stored |= {(source, name) for name in rows.scalars()}
    return stored


def is_erased(connection: Connection, author: ExternalKey) -> bool:
    """True when an author with this id, or with this handle as the id, was erased before."""
    source, external_id = author
    return bool(_find_erased_names(connection, {author, (source, external_id.lower())}))


def count(connection: Connection) -> int:
    """Count the tombstones; a higher number says that posts were removed meanwhile."""
    return connection.execute(select(func.count()).select_from(_TOMBSTONE)).scalar_one()
