"""Posts that their platform does not show any more, and people who ask to be forgotten."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select

from earful.types import Gone
from storage import exports
from storage.database.clean import identity
from storage.database.engine import Database
from storage.database.upsert import table_of
from storage.entities.lookup import ExternalKey
from storage.exports import LoggedExport
from storage.removal import delete, tombstones
from storage.removal.tombstones import ERASED
from storage.tables import AuthorRow, CaseEventRow, MentionRow

_MENTION, _AUTHOR = table_of(MentionRow), table_of(AuthorRow)
_EVENT = table_of(CaseEventRow)
_AT_ONCE = 5000  # authors looked through


def remove_gone_posts(connection: Connection, posts: Iterable[Gone], at: datetime) -> int:
    """Remove posts that vanished upstream, and plain reposts of them; gives how many were stored.

    Each leaves a tombstone, stored or not. Repeating it changes nothing.
    """
    by_reason: dict[str, list[ExternalKey]] = defaultdict(list)
    for post in posts:
        by_reason[post.reason].append((post.source, post.external_id))
    removed = 0
    for reason, known in by_reason.items():
        tombstones.add_tombstones(connection, known, reason=reason, at=at)
        rows = delete.find_with_reposts(connection, known)
        removed += (
            delete.remove_mentions(connection, rows, reason=reason, at=at).mentions if rows else 0
        )
    return removed


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAuthor:
    """An author as stored, with how much there is of them."""

    author_id: int
    source: str
    external_id: str
    handle: str
    mentions: int
    cases: int
    entries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureCounts:
    """What was erased, and which exports may still hold it."""

    mentions: int = 0
    revisions: int = 0
    cases: int = 0
    entries: int = 0
    messages: int = 0
    exports: tuple[LoggedExport, ...] = ()


def find_authors(db: Database, source: str, who: str) -> tuple[StoredAuthor, ...]:
    """The authors of a source with that id; when there is none, all with that handle."""
    with db.read() as connection:
        rows = connection.execute(
            select(_AUTHOR).where(
                _AUTHOR.c.source == source, _AUTHOR.c.external_id == identity(who)
            )
        ).all()
        return tuple(_person(connection, row) for row in rows or _called(connection, source, who))


def _called(connection: Connection, source: str, who: str) -> list[Any]:
    """The authors with that handle. Compared here: SQLite knows the capitals of ASCII alone."""
    name = _handle(who)
    authors = select(_AUTHOR).where(_AUTHOR.c.source == source).order_by(_AUTHOR.c.id)
    rows = connection.execute(authors.execution_options(yield_per=_AT_ONCE))
    return [row for row in rows if name and _handle(row.handle) == name]


def _handle(handle: str) -> str:
    return unicodedata.normalize("NFC", handle.lstrip("@")).casefold()


def _person(connection: Connection, row: Any) -> StoredAuthor:
    cases = delete.case_ids_of_author(connection, row.id)
    return StoredAuthor(
        author_id=row.id,
        source=row.source,
        external_id=row.external_id,
        handle=row.handle,
        mentions=_number(connection, _MENTION.c.author_id == row.id),
        cases=len(cases),
        entries=_number(connection, _EVENT.c.case_id.in_(cases)),
    )


def _number(connection: Connection, which: Any) -> int:
    return connection.execute(select(func.count()).where(which)).scalar_one()


def is_author_erased(db: Database, source: str, external_id: str) -> bool:
    """True when the author with that id was erased before."""
    with db.read() as connection:
        return tombstones.is_erased(connection, (source, identity(external_id)))


def is_post_stored(db: Database, source: str, external_id: str) -> bool:
    """True when that post is stored."""
    which = (_MENTION.c.source == source) & (_MENTION.c.external_id == identity(external_id))
    with db.read() as connection:
        return _number(connection, which) > 0


def erase_author(db: Database, person: StoredAuthor, at: datetime) -> ErasureCounts:
    """Remove everything of and about an author, and store nothing of them from now on.

    One transaction. KeyError: they are not there any more.
    """
    with db.write() as connection:
        row = connection.execute(
            select(_AUTHOR.c.id).where(
                _AUTHOR.c.id == person.author_id, _AUTHOR.c.external_id == person.external_id
            )
        ).one_or_none()
        if row is None:
            raise KeyError(f"{person.source}:{person.external_id} is not there any more")
        author = (person.source, person.external_id)
        tombstones.block_author(connection, author, at)
        tombstones.anonymise_tombstones(connection, author, at)
        known = connection.execute(
            select(_MENTION.c.source, _MENTION.c.external_id, _MENTION.c.published_at)
            .where(_MENTION.c.author_id == person.author_id)
            .order_by(_MENTION.c.published_at)
        ).all()
        posts = [(one.source, one.external_id) for one in known]
        # before the mentions go: they are of use to nobody who is told that a post was deleted
        cases, entries, told = delete.delete_cases_of_author(connection, person.author_id)
        rows = delete.find_with_reposts(connection, posts)
        removed = delete.remove_mentions(connection, rows, reason=ERASED, at=at)
        delete.delete_author(connection, person.author_id)
        delete.clear_reply_references(connection, posts)
        delete.scrub_rejects(connection, [*author[1:], person.handle, *(one[1] for one in posts)])
        return ErasureCounts(
            mentions=removed.mentions,
            revisions=removed.revisions,
            cases=cases,
            entries=entries,
            messages=told + removed.messages,
            exports=exports.list_since(connection, known[0].published_at if known else at),
        )


def erase_mention(db: Database, source: str, external_id: str, at: datetime) -> ErasureCounts:
    """Remove one post, stored or not, and plain reposts of it; it is not stored again."""
    post = (source, identity(external_id))
    with db.write() as connection:
        tombstones.add_tombstones(connection, [post], reason=ERASED, at=at)
        delete.clear_reply_references(connection, [post])
        delete.scrub_rejects(connection, [post[1]])
        rows = delete.find_with_reposts(connection, [post])
        if not rows:
            return ErasureCounts()
        first = connection.execute(
            select(func.min(_MENTION.c.published_at)).where(
                _MENTION.c.id.in_([row.id for row in rows])
            )
        ).scalar_one()
        removed = delete.remove_mentions(connection, rows, reason=ERASED, at=at)
        return ErasureCounts(
            mentions=removed.mentions,
            revisions=removed.revisions,
            messages=removed.messages,
            exports=exports.list_since(connection, first),
        )
