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
from storage.clean import storable, web_address
from storage.engine import Database
from storage.tables import AboutRow, AuthorRow, GapRow, MatchRow, MentionRow, QueryRow, RejectedRow
from storage.upsert import chunks, insert_new, insert_or_update, table_of

_AUTHOR, _MENTION, _ABOUT = table_of(AuthorRow), table_of(MentionRow), table_of(AboutRow)
_QUERY = table_of(QueryRow)

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
    mentions = {(one.source, one.external_id): one for one in reversed(batch.mentions)}
    with db.write() as connection:
        known = _ids(connection, _MENTION, mentions)
        new = {key: one for key, one in mentions.items() if key not in known}
        authors = _store_authors(connection, mentions.values())
        insert_new(connection, MentionRow, [_mention_row(one, authors) for one in new.values()])
        ids = known | _ids(connection, _MENTION, new)
        _store_about(connection, mentions, ids, set(known.values()), about)
        insert_new(
            connection,
            MatchRow,
            [{"query_id": query.id, "mention_id": ids[key]} for key in mentions],
        )
        _store_gaps(connection, query, batch, at)
        _store_rejects(connection, query, batch, at)
        stored = Stored(seen=len(mentions), new=len(new), rejected=len(batch.rejected))
        _move_position(connection, query, batch, stored, at)
    return stored


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
        authors[(mention.author.source, mention.author.external_id)] = mention.author
    insert_or_update(
        connection,
        AuthorRow,
        [_author_row(one) for one in authors.values()],
        keys=["source", "external_id"],
        change=_newer_author,
    )
    return _ids(connection, _AUTHOR, authors)


def _newer_author(new: Any, old: Any) -> dict[str, Any]:
    kept = {name: func.coalesce(new[name], old.c[name]) for name in ("name", "followers", "url")}
    return {"handle": new.handle, "verified": new.verified, **kept}


def _author_row(author: Author) -> dict[str, Any]:
    return {
        "source": author.source,
        "external_id": author.external_id,
        "handle": storable(author.handle, 200),
        "name": None if author.name is None else storable(author.name, 200),
        "followers": author.followers,
        "verified": author.verified,
        "url": web_address(author.url),
    }


def _mention_row(mention: Mention, authors: Mapping[Known, int]) -> dict[str, Any]:
    return {
        "source": mention.source,
        "external_id": mention.external_id,
        "author_id": authors[(mention.author.source, mention.author.external_id)],
        "text": storable(mention.text),
        "lang": mention.lang,
        "url": web_address(mention.url),
        "published_at": mention.published_at,
        "fetched_at": mention.fetched_at,
        "reply_to": mention.reply_to,
        "repost_of": mention.repost_of,
        "shares": mention.engagement.shares,
        "likes": mention.engagement.likes,
        "replies": mention.engagement.replies,
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
    feelings: dict[int, str] = {}
    for some in chunks(sorted(known)):
        rows = connection.execute(
            select(_ABOUT.c.mention_id, _ABOUT.c.brand_id).where(_ABOUT.c.mention_id.in_(some))
        )
        there.update((row.mention_id, row.brand_id) for row in rows)
        rows = connection.execute(
            select(_MENTION.c.id, _MENTION.c.feeling).where(_MENTION.c.id.in_(some))
        )
        feelings.update({row.id: row.feeling for row in rows})
    fresh = {key: pair for key, pair in wanted.items() if key not in there}
    insert_new(connection, AboutRow, [_about_row(key, *pair) for key, pair in fresh.items()])
    counted: Counter[tallies.Key] = Counter()
    for (mention_id, brand_id), (mention, own) in fresh.items():
        if not own:
            quarter = tallies.quarter_of(mention.published_at)
            counted[(brand_id, quarter, mention.source, feelings.get(mention_id, ""))] += 1
    tallies.add(connection, counted)


def _about_row(key: tuple[int, str], mention: Mention, own: bool) -> dict[str, Any]:
    mention_id, brand_id = key
    return {
        "mention_id": mention_id,
        "brand_id": brand_id,
        "published_at": mention.published_at,
        "own": own,
        "verdict": "",
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


def _store_rejects(connection: Connection, query: Query, batch: Batch, at: datetime) -> None:
    insert_new(
        connection,
        RejectedRow,
        [
            {
                "query_id": query.id,
                "item": storable(one.where, 200),
                "reason": storable(one.reason, 500),
                "raw": storable(one.raw, 500),
                "noted_at": at,
            }
            for one in batch.rejected
        ],
    )


def _move_position(
    connection: Connection, query: Query, batch: Batch, stored: Stored, at: datetime
) -> None:
    insert_new(connection, QueryRow, [query_row(query)])
    values: dict[str, Any] = {
        "position": batch.position,
        "polled_at": at,
        "seen": _QUERY.c.seen + stored.seen,
        "stored": _QUERY.c.stored + stored.new,
        "rejected": _QUERY.c.rejected + stored.rejected,
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
