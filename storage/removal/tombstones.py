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

from earful.types import Mention
from storage.database.clean import names_one
from storage.database.upsert import insert_new, table_of
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


def block_author(connection: Connection, author: ExternalKey, at: datetime) -> None:
    """Store nothing of this author any more; only a fingerprint of the id is kept."""
    row = {"source": author[0], "fingerprint": fingerprint_of(*author), "at": at}
    insert_new(connection, ErasedAuthorRow, [row])


def drop_removed(
    connection: Connection, mentions: Mapping[ExternalKey, Mention]
) -> dict[ExternalKey, Mention]:
    """Return the clean mentions that may be stored.

    Drops removed posts, plain reposts of them, and posts of erased authors.
    """
    posts = {key: _post_keys(key, mention) for key, mention in mentions.items()}
    authors = {key: author_key(mention) for key, mention in mentions.items()}
    removed = _find_removed(connection, {post for keys in posts.values() for post in keys})
    erased = _find_erased(connection, set(authors.values()))
    return {
        key: mention
        for key, mention in mentions.items()
        if authors[key] not in erased and removed.isdisjoint(posts[key])
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


def _find_erased(connection: Connection, authors: Iterable[ExternalKey]) -> set[ExternalKey]:
    if _is_empty(connection, _ERASED_AUTHOR.c.fingerprint):
        return set()
    authors_by_name = {(author[0], fingerprint_of(*author)): author for author in authors}
    stored = _find_stored(
        connection, _ERASED_AUTHOR.c.source, _ERASED_AUTHOR.c.fingerprint, authors_by_name
    )
    return {authors_by_name[name] for name in stored}


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
    """True when this author was erased before."""
    return bool(_find_erased(connection, [author]))


def count(connection: Connection) -> int:
    """Count the tombstones; a higher number says that posts were removed meanwhile."""
    return connection.execute(select(func.count()).select_from(_TOMBSTONE)).scalar_one()
