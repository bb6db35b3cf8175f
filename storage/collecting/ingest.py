"""Storing what a listener brought: a transaction a batch; the same batch twice changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from typing import Any

from sqlalchemy import Connection, select, update

from earful.intervals import Interval
from earful.types import Batch, Mention, Query, Rejected
from earful.untrusted import web_link
from storage.analysis import ratings
from storage.collecting import attribution, coverage_ledger, edits, rechecks, spending
from storage.collecting.attribution import Attributor, Found, Noise
from storage.database.clean import countable, identity, storable
from storage.database.engine import Database
from storage.database.upsert import chunks, insert_new, table_of
from storage.entities import authors
from storage.entities.lookup import ExternalKey, find_row_ids
from storage.removal import erasing, tombstones
from storage.tables import MentionRow, QueryRow, RejectedRow, row_ids

_MENTION = table_of(MentionRow)
_QUERY, _REJECTED = table_of(QueryRow), table_of(RejectedRow)

_SOMEBODY_ELSE = (
    "a post with this id by somebody else is stored already; its words stay, these were not taken"
)


class AnyPosition(Enum):
    """No position: wherever the query is."""

    ANY_POSITION = ""


ANY_POSITION = AnyPosition.ANY_POSITION


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestCounts:
    """What became of a batch: mentions in it, mentions new to us, those of the new ones that are
    noise, items that could not be read; known ones whose words changed, and those that are gone."""

    seen: int
    new: int
    rejected: int
    noise: int = 0
    changed: int = 0
    gone: int = 0


class PositionConflict(Exception):
    """Somebody else has moved the query on meanwhile; nothing of the batch was kept."""


def store(
    db: Database,
    query: Query,
    batch: Batch,
    about: Attributor,
    at: datetime,
    *,
    after: str | AnyPosition | None = ANY_POSITION,
    checked_ids: Sequence[int] = (),
) -> IngestCounts:
    """Keep a batch: authors, mentions, what they are about, gaps, rejects, and the position.

    ``about`` names the brands that a mention concerns, which must be stored already, or says why
    it is noise. What is ``gone`` is removed first and never stored again. ``after``: the position
    that this step of a poll comes from; raises PositionConflict when the query is there no more,
    because the two polls' accounts of open windows would mix. ``checked_ids``: ids of the mentions
    that the platform was asked about, when the batch answers a re-check and is no step of a poll.
    """
    met, doubted = _in_order(batch.mentions)
    said = {key: attribution.attribute(about, one) for key, one in met.items()}
    with db.write() as connection:
        gone = erasing.remove_gone_posts(connection, batch.gone, at)
        mentions = tombstones.drop_removed(connection, met)
        known = find_row_ids(connection, _MENTION, mentions)
        again = edits.apply_changes(
            connection, {known[key]: one for key, one in mentions.items() if key in known}, at
        )
        doubted |= {key for key in mentions if known.get(key) in again.refused}
        doubted &= mentions.keys()  # what is gone is named nowhere
        batch = replace(batch, rejected=(*batch.rejected, *map(_doubt, sorted(doubted))))
        new = {key: one for key, one in mentions.items() if key not in known}
        writers = authors.store(
            connection,
            [one for key, one in mentions.items() if known.get(key) not in again.others],
        )
        insert_new(
            connection,
            MentionRow,
            row_ids.with_unused_ids(
                connection,
                _MENTION,
                [
                    _mention_row(key, one, writers, noise=isinstance(said[key], Noise))
                    for key, one in new.items()
                ],
            ),
        )
        ids = known | find_row_ids(connection, _MENTION, new)
        attribution.store_links(
            connection,
            query.id,
            [
                Found(id=ids[key], mention=one, said=said[key], known=key in known)
                for key, one in mentions.items()
                if known.get(key) not in again.refused
            ],
        )
        complete = coverage_ledger.record_batch(connection, query, batch, at)
        missed = _store_rejects(connection, query, batch, at)
        stored = IngestCounts(
            seen=len(met),
            new=len(new),
            rejected=len(batch.rejected),
            noise=sum(isinstance(said[key], Noise) for key in new),
            changed=len(again.edited),
            gone=gone,
        )
        spending.count_mentions(
            connection,
            query,
            at,
            new=stored.new,
            already_stored=stored.seen - stored.new,
            noise=stored.noise,
        )
        if checked_ids:
            rechecks.mark_checked(connection, checked_ids, at)
        else:
            _move_position(connection, query, batch, after, stored, missed, complete, at)
    return stored


def _in_order(found: Iterable[Mention]) -> tuple[dict[ExternalKey, Mention], set[ExternalKey]]:
    """Each mention once, as it is known best; oldest first, because later stages go by number.

    With those under whose id another author came too: of two the first told counts.
    """
    once: dict[ExternalKey, Mention] = {}
    doubted: set[ExternalKey] = set()
    for one in found:
        key = one.source, identity(one.external_id)
        if key in once and authors.author_key(one) != authors.author_key(once[key]):
            doubted.add(key)
        elif key not in once or _newer(one, once[key]):
            once[key] = one
    return dict(sorted(once.items(), key=lambda pair: pair[1].published_at)), doubted


def _doubt(post: ExternalKey) -> Rejected:
    return Rejected(where=post[1], reason=_SOMEBODY_ELSE)


def _newer(one: Mention, other: Mention) -> bool:
    """Whether the platform says that ``one`` is the later state; of equals the first counts."""
    return (one.edited_at or one.published_at, one.fetched_at) > (
        other.edited_at or other.published_at,
        other.fetched_at,
    )


def _mention_row(
    key: ExternalKey, mention: Mention, writers: Mapping[ExternalKey, int], *, noise: bool
) -> dict[str, Any]:
    return {
        "source": key[0],
        "external_id": key[1],
        "author_id": writers[authors.author_key(mention)],
        "text": storable(mention.text),
        "lang": None if mention.lang is None else storable(mention.lang, 20),
        "url": web_link(mention.url),
        "published_at": mention.published_at,
        "fetched_at": mention.fetched_at,
        "edited_at": mention.edited_at,
        "reply_to": None if mention.reply_to is None else identity(mention.reply_to),
        "repost_of": None if mention.repost_of is None else identity(mention.repost_of),
        "shares": countable(mention.engagement.shares),
        "likes": countable(mention.engagement.likes),
        "replies": countable(mention.engagement.replies),
        "sentiment": "",
        "model_id": "",
        "corrected": False,
        "noise": noise,
        **ratings.to_columns(mention.rating),
    }


def _store_rejects(connection: Connection, query: Query, batch: Batch, at: datetime) -> int:
    """Keep what could not be read; gives how many of these items were not met before."""
    wanted = {
        # together they fit into what PostgreSQL can index, whatever the script
        (storable(one.where, 200), storable(one.reason, 400)): storable(one.raw, 500)
        for one in batch.rejected
    }
    there: set[tuple[str, str]] = set()
    for some in chunks(sorted({item for item, _ in wanted})):
        rows = connection.execute(
            select(_REJECTED.c.location, _REJECTED.c.reason).where(
                _REJECTED.c.query_id == query.id, _REJECTED.c.location.in_(some)
            )
        )
        there.update((row.location, row.reason) for row in rows)
    fresh = [
        {"query_id": query.id, "location": item, "reason": reason, "raw": raw, "noted_at": at}
        for (item, reason), raw in wanted.items()
        if (item, reason) not in there
    ]
    insert_new(connection, RejectedRow, fresh)
    return len(fresh)


def _move_position(
    connection: Connection,
    query: Query,
    batch: Batch,
    after: str | AnyPosition | None,
    stored: IngestCounts,
    missed: int,
    complete: Interval | None,
    at: datetime,
) -> None:
    values: dict[str, Any] = {
        "position": batch.position,
        "polled_at": at,
        "seen": _QUERY.c.seen + stored.seen,
        "stored": _QUERY.c.stored + stored.new,
        "rejected": _QUERY.c.rejected + missed,
    }
    # the newest stretch without a hole: as the listener says it, else as the ledger has it
    if batch.complete_since is not None:
        complete = (batch.complete_since, at)
    if complete is not None:
        values["complete_since"], values["complete_until"] = complete
    moved = update(_QUERY).where(_QUERY.c.id == query.id).values(**values)
    if after is not ANY_POSITION:
        moved = moved.where(_QUERY.c.position.is_not_distinct_from(after))
    if connection.execute(moved).rowcount:
        return
    insert_new(connection, QueryRow, [new_query_row(query)])  # of an import: nobody registered it
    if not connection.execute(moved).rowcount:
        raise PositionConflict(query.id)


def new_query_row(query: Query) -> dict[str, Any]:
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
