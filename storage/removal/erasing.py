"""Remove posts that vanished upstream, and erase authors or posts when a person asks for it."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select

from earful.types import Gone
from storage import export_log
from storage.database.clean import identity
from storage.database.engine import Database
from storage.database.upsert import table_of
from storage.entities.lookup import ExternalKey
from storage.export_log import LoggedExport
from storage.removal import delete, tombstones, traces
from storage.removal.tombstones import ERASED
from storage.tables import AuthorRow, CaseEventRow, MentionRow

_MENTION, _AUTHOR = table_of(MentionRow), table_of(AuthorRow)
_EVENT = table_of(CaseEventRow)
_TELLING_DIGITS, _TELLING_LETTERS = 6, 3  # the least length of an id, and of a handle
_FETCH_SIZE = 5000  # authors read at a time


def remove_gone_posts(connection: Connection, posts: Iterable[Gone], at: datetime) -> int:
    """Remove posts that vanished upstream, and plain reposts of them; return how many were stored.

    The posts are clean (see `clean_batch`). Each leaves a tombstone, stored or not. Repeating it
    changes nothing.
    """
    keys_by_reason: dict[str, list[ExternalKey]] = defaultdict(list)
    for post in posts:
        keys_by_reason[post.reason].append((post.source, post.external_id))
    removed = 0
    for reason, keys in keys_by_reason.items():
        tombstones.add_tombstones(connection, keys, reason=reason, at=at)
        if rows := delete.find_with_reposts(connection, keys):
            removed += delete.remove_mentions(connection, rows, reason=reason, at=at).mentions
    return removed


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAuthor:
    """An author with the numbers of mentions, cases and case events (``entries``)."""

    author_id: int
    source: str
    external_id: str
    handle: str
    mentions: int
    cases: int
    entries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureCounts:
    """Count erased rows, and list the exports that may still hold them.

    ``entries`` are case events; ``messages`` were redacted. ``names`` are the ids and names by
    which files may still know the person.
    """

    mentions: int = 0
    revisions: int = 0
    cases: int = 0
    entries: int = 0
    messages: int = 0
    exports: tuple[LoggedExport, ...] = ()
    names: tuple[str, ...] = ()


def find_authors(db: Database, source: str, name: str) -> tuple[StoredAuthor, ...]:
    """Find the author of a source with this id; without one, all authors with this handle."""
    with db.read() as connection:
        rows = connection.execute(
            select(_AUTHOR).where(
                _AUTHOR.c.source == source, _AUTHOR.c.external_id == identity(name)
            )
        ).all()
        rows = rows or _find_by_handle(connection, source, name)
        return tuple(_stored_author(connection, row) for row in rows)


def _find_by_handle(connection: Connection, source: str, name: str) -> list[Any]:
    """Compare handles in Python: SQLite folds only ASCII capitals."""
    handle = _fold_handle(name)
    query = select(_AUTHOR).where(_AUTHOR.c.source == source).order_by(_AUTHOR.c.id)
    rows = connection.execute(query.execution_options(yield_per=_FETCH_SIZE))
    return [row for row in rows if handle and _fold_handle(row.handle) == handle]


def _fold_handle(handle: str) -> str:
    return unicodedata.normalize("NFC", handle.lstrip("@")).casefold()


def _stored_author(connection: Connection, row: Any) -> StoredAuthor:
    case_ids = delete.case_ids_of_author(connection, row.id)
    return StoredAuthor(
        author_id=row.id,
        source=row.source,
        external_id=row.external_id,
        handle=row.handle,
        mentions=_count(connection, _MENTION.c.author_id == row.id),
        cases=len(case_ids),
        entries=_count(connection, _EVENT.c.case_id.in_(case_ids)),
    )


def _count(connection: Connection, condition: Any) -> int:
    return connection.execute(select(func.count()).where(condition)).scalar_one()


def is_author_erased(db: Database, source: str, external_id: str) -> bool:
    """True when the author with that id was erased before."""
    with db.read() as connection:
        return tombstones.is_erased(connection, (source, identity(external_id)))


def is_post_stored(db: Database, source: str, external_id: str) -> bool:
    """True when that post is stored."""
    is_post = (_MENTION.c.source == source) & (_MENTION.c.external_id == identity(external_id))
    with db.read() as connection:
        return _count(connection, is_post) > 0


def erase_author(db: Database, author: StoredAuthor, at: datetime) -> ErasureCounts:
    """Erase everything of and about an author in one transaction; store nothing of them again.

    Raises KeyError when the author is not stored any more.

    1. Block the author by fingerprints, and anonymise tombstones that hold the author's id.
    2. Delete the author's cases, before the mentions: else each would get an event about it.
    3. Remove the author's mentions with plain reposts, then the author.
    4. Remove the author's ids and handle from other people's replies and from rejected items.
    """
    key = (author.source, author.external_id)
    with db.write() as connection:
        is_author = (_AUTHOR.c.id == author.author_id) & (
            _AUTHOR.c.external_id == author.external_id
        )
        row = connection.execute(select(_AUTHOR.c.name).where(is_author)).one_or_none()
        if row is None:
            raise KeyError(f"{author.source}:{author.external_id} is not there any more")
        # 1. A fingerprint, because an erasure must not keep the id that it erases.
        tombstones.block_author(connection, key, author.handle, at)
        tombstones.anonymise_tombstones(connection, key, at)
        mentions = connection.execute(
            select(_MENTION.c.source, _MENTION.c.external_id, _MENTION.c.published_at)
            .where(_MENTION.c.author_id == author.author_id)
            .order_by(_MENTION.c.published_at)
        ).all()
        posts = [(mention.source, mention.external_id) for mention in mentions]
        cases, entries, messages = delete.delete_cases_of_author(connection, author.author_id)  # 2
        rows = delete.find_with_reposts(connection, posts)
        removed = delete.remove_mentions(connection, rows, reason=ERASED, at=at)  # 3
        delete.delete_author(connection, author.author_id)
        traces.clear_reply_references(connection, posts)  # 4
        post_ids = [external_id for _, external_id in posts]
        names = _names_of(author, row.name, post_ids)
        traces.scrub_rejects(connection, [author.external_id, author.handle, *post_ids, *names])
        return ErasureCounts(
            mentions=removed.mentions,
            revisions=removed.revisions,
            cases=cases,
            entries=entries,
            messages=messages + removed.messages,
            exports=export_log.list_since(connection, mentions[0].published_at if mentions else at),
            names=names,
        )


def _names_of(author: StoredAuthor, name: str | None, post_ids: Iterable[str]) -> tuple[str, ...]:
    """Return the ids and names that tell files about this person from others.

    A short number stands in any file, and a single first name belongs to many people.
    """
    full_name = name if name and " " in name.strip() else ""
    candidates = {author.external_id, author.handle.lstrip("@"), full_name, *post_ids}
    return tuple(sorted(word for word in candidates if is_telling(word)))


def is_telling(name: str) -> bool:
    """True for a name or id that hardly stands in a file by chance."""
    return len(name) >= (_TELLING_DIGITS if name.isdigit() else _TELLING_LETTERS)


def erase_mention(db: Database, source: str, external_id: str, at: datetime) -> ErasureCounts:
    """Erase one post, stored or not, and plain reposts of it; it is not stored again."""
    post = (source, identity(external_id))
    with db.write() as connection:
        tombstones.add_tombstones(connection, [post], reason=ERASED, at=at)
        traces.clear_reply_references(connection, [post])
        traces.scrub_rejects(connection, [post[1]])
        rows = delete.find_with_reposts(connection, [post])
        names = (post[1],) if is_telling(post[1]) else ()
        if not rows:
            return ErasureCounts(names=names)
        first_published_at = connection.execute(
            select(func.min(_MENTION.c.published_at)).where(
                _MENTION.c.id.in_([row.id for row in rows])
            )
        ).scalar_one()
        removed = delete.remove_mentions(connection, rows, reason=ERASED, at=at)
        return ErasureCounts(
            mentions=removed.mentions,
            revisions=removed.revisions,
            messages=removed.messages,
            exports=export_log.list_since(connection, first_published_at),
            names=names,
        )
