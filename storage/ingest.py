"""Storing what a listener brought: a transaction a batch; the same batch twice changes nothing."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select, update

from earful.types import Author, Batch, Mention, Query
from storage import tallies
from storage.clean import countable, identity, storable, web_address
from storage.engine import Database
from storage.tables import (
    UNJUDGED,
    UNREAD,
    AboutRow,
    AuthorRow,
    GapRow,
    MatchRow,
    MentionRow,
    QueryRow,
    RejectedRow,
)
from storage.upsert import chunks, insert_new, insert_or_update, table_of

_AUTHOR, _MENTION, _ABOUT = table_of(AuthorRow), table_of(MentionRow), table_of(AboutRow)
_QUERY, _REJECTED = table_of(QueryRow), table_of(RejectedRow)

Known = tuple[str, str]  # (source, external_id): what makes an author or a mention itself
About = Callable[[Mention], Iterable[tuple[str, bool]]]  # -> (brand id, is it our own account)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What became of a batch: mentions in it, mentions new to us, items that could not be read."""

    seen: int
    new: int
    rejected: int


def store(db: Database, query: Query, batch: Batch, about: About, at: datetime) -> Stored:
    """Keep a batch: authors, mentions, what they are about, gaps, rejects, and the position.

    ``about`` names the brands that a mention concerns; they must be stored already.
    """
    mentions = _in_order(batch.mentions)
    with db.write() as connection:
        known = _ids(connection, _MENTION, mentions)
        new = {key: one for key, one in mentions.items() if key not in known}
        authors = _store_authors(connection, mentions.values())
        insert_new(connection, MentionRow, [_mention_row(*pair, authors) for pair in new.items()])
        ids = known | _ids(connection, _MENTION, new)
        _store_about(connection, mentions, ids, set(known.values()), about)
        insert_new(
            connection,
            MatchRow,
            [{"query_id": query.id, "mention_id": ids[key]} for key in mentions],
        )
        _store_gaps(connection, query, batch, at)
        missed = _store_rejects(connection, query, batch, at)
        stored = Stored(seen=len(mentions), new=len(new), rejected=len(batch.rejected))
        _move_position(connection, query, batch, stored, missed, at)
    return stored


def _in_order(found: Iterable[Mention]) -> dict[Known, Mention]:
    """Each mention once, as it came first; oldest first, because later stages go by number."""
    once: dict[Known, Mention] = {}
    for one in found:
        once.setdefault((one.source, identity(one.external_id)), one)
    return dict(sorted(once.items(), key=lambda pair: pair[1].published_at))


def _author_key(mention: Mention) -> Known:
    return mention.author.source, identity(mention.author.external_id)


def _ids(connection: Connection, table: Any, keys: Iterable[Known]) -> dict[Known, int]:
    """The row ids of those (source, external_id) pairs that are stored."""
    by_source: dict[str, list[str]] = defaultdict(list)
    for source, external_id in keys:
        by_source[source].append(external_id)
    found: dict[Known, int] = {}
    for source, wanted in by_source.items():
        for some in chunks(wanted):
            rows = connection.execute(
                select(table.c.external_id, table.c.id).where(
                    table.c.source == source, table.c.external_id.in_(some)
                )
            )
            found.update({(source, row.external_id): row.id for row in rows})
    return found


def _store_authors(connection: Connection, mentions: Iterable[Mention]) -> dict[Known, int]:
    authors: dict[Known, Author] = {}
    for mention in mentions:
        authors[_author_key(mention)] = mention.author
    insert_or_update(
        connection,
        AuthorRow,
        [_author_row(key, one) for key, one in authors.items()],
        keys=["source", "external_id"],
        change=_newer_author,
    )
    return _ids(connection, _AUTHOR, authors)


def _newer_author(new: Any, old: Any) -> dict[str, Any]:
    kept = {name: func.coalesce(new[name], old.c[name]) for name in ("name", "followers", "url")}
    return {"handle": new.handle, "verified": new.verified, **kept}


def _author_row(key: Known, author: Author) -> dict[str, Any]:
    return {
        "source": key[0],
        "external_id": key[1],
        "handle": storable(author.handle, 200),
        "name": None if author.name is None else storable(author.name, 200),
        "followers": None if author.followers is None else countable(author.followers),
        "verified": author.verified,
        "url": web_address(author.url),
    }


def _mention_row(key: Known, mention: Mention, authors: Mapping[Known, int]) -> dict[str, Any]:
    return {
        "source": key[0],
        "external_id": key[1],
        "author_id": authors[_author_key(mention)],
        "text": storable(mention.text),
        "lang": None if mention.lang is None else storable(mention.lang, 20),
        "url": web_address(mention.url),
        "published_at": mention.published_at,
        "fetched_at": mention.fetched_at,
        "reply_to": None if mention.reply_to is None else identity(mention.reply_to),
        "repost_of": None if mention.repost_of is None else identity(mention.repost_of),
        "shares": countable(mention.engagement.shares),
        "likes": countable(mention.engagement.likes),
        "replies": countable(mention.engagement.replies),
        "feeling": "",
        "model_id": "",
        "corrected": False,
    }


def _store_about(
    connection: Connection,
    mentions: Mapping[Known, Mention],
    ids: Mapping[Known, int],
    known: set[int],
    about: About,
) -> None:
    """Link mentions to brands, and count those links that are new.

    Only what was ``known`` before this batch can have links or a feeling already.
    """
    wanted = {
        (ids[key], brand_id): (mention, own)
        for key, mention in mentions.items()
        for brand_id, own in about(mention)
    }
    there: set[tuple[int, str]] = set()
    before: dict[int, tuple[datetime, str]] = {}
    for some in chunks(sorted(known)):
        rows = connection.execute(
            select(_ABOUT.c.mention_id, _ABOUT.c.brand_id).where(_ABOUT.c.mention_id.in_(some))
        )
        there.update((row.mention_id, row.brand_id) for row in rows)
        rows = connection.execute(
            select(_MENTION.c.id, _MENTION.c.published_at, _MENTION.c.feeling).where(
                _MENTION.c.id.in_(some)
            )
        )
        before.update({row.id: (row.published_at, row.feeling) for row in rows})
    fresh: list[dict[str, Any]] = []
    counted: Counter[tallies.Key] = Counter()
    for (mention_id, brand_id), (mention, own) in wanted.items():
        if (mention_id, brand_id) in there:
            continue
        # as it was stored first: the platform may tell another time by now
        published_at, feeling = before.get(mention_id, (mention.published_at, ""))
        verdict = UNJUDGED if feeling else UNREAD
        fresh.append(_about_row(mention_id, brand_id, published_at, own, verdict))
        if not own:
            quarter = tallies.quarter_of(published_at)
            counted[(brand_id, quarter, mention.source, feeling)] += 1
    insert_new(connection, AboutRow, fresh)
    tallies.add(connection, counted)


def _about_row(
    mention_id: int, brand_id: str, published_at: datetime, own: bool, verdict: str
) -> dict[str, Any]:
    return {
        "mention_id": mention_id,
        "brand_id": brand_id,
        "published_at": published_at,
        "own": own,
        "verdict": verdict,
    }


def _store_gaps(connection: Connection, query: Query, batch: Batch, at: datetime) -> None:
    insert_new(
        connection,
        GapRow,
        [
            {
                "query_id": query.id,
                "since": gap.since,
                "until": gap.until,
                "reason": storable(gap.reason, 500),
                "noted_at": at,
            }
            for gap in batch.gaps
        ],
    )


def _store_rejects(connection: Connection, query: Query, batch: Batch, at: datetime) -> int:
    """Keep what could not be read; gives how many of these items were not met before."""
    wanted = {
        (storable(one.where, 200), storable(one.reason, 500)): storable(one.raw, 500)
        for one in batch.rejected
    }
    there: set[tuple[str, str]] = set()
    for some in chunks(sorted({item for item, _ in wanted})):
        rows = connection.execute(
            select(_REJECTED.c.item, _REJECTED.c.reason).where(
                _REJECTED.c.query_id == query.id, _REJECTED.c.item.in_(some)
            )
        )
        there.update((row.item, row.reason) for row in rows)
    fresh = [
        {"query_id": query.id, "item": item, "reason": reason, "raw": raw, "noted_at": at}
        for (item, reason), raw in wanted.items()
        if (item, reason) not in there
    ]
    insert_new(connection, RejectedRow, fresh)
    return len(fresh)


def _move_position(
    connection: Connection, query: Query, batch: Batch, stored: Stored, missed: int, at: datetime
) -> None:
    insert_new(connection, QueryRow, [query_row(query)])
    values: dict[str, Any] = {
        "position": batch.position,
        "polled_at": at,
        "seen": _QUERY.c.seen + stored.seen,
        "stored": _QUERY.c.stored + stored.new,
        "rejected": _QUERY.c.rejected + missed,
    }
    if batch.complete_since is not None:
        values |= {"complete_since": batch.complete_since, "complete_until": at}
    connection.execute(update(_QUERY).where(_QUERY.c.id == query.id).values(**values))


def query_row(query: Query) -> dict[str, Any]:
    """The first row of a query that was never polled."""
    return {
        "id": query.id,
        "brand_id": query.brand_id,
        "source": query.source,
        "failures": 0,
        "paused": False,
        "fingerprint": "",
        "seen": 0,
        "stored": 0,
        "rejected": 0,
    }
