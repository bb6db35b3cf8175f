"""Stories: groups of mentions that say the same, with how many accounts and people they reach.

A story's id is that of its first mention. Hashes ("bands") of its words recognise it. They are kept
only while new mentions are compared with it, so the cost grows with the new mentions alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    and_,
    bindparam,
    case,
    column,
    delete,
    func,
    select,
    tuple_,
    update,
    values,
)

from earful.scoring import reach
from storage.analysis import story_counts
from storage.analysis.story_counts import MAX_REACH
from storage.database.upsert import chunks, insert_new, table_of
from storage.entities.lookup import ExternalKey, find_rows
from storage.tables import UNGROUPED, AuthorRow, FlagRow, MentionRow, StoryBandRow, StoryRow

_MENTION, _AUTHOR = table_of(MentionRow), table_of(AuthorRow)
_STORY, _BAND, _FLAG = table_of(StoryRow), table_of(StoryBandRow), table_of(FlagRow)
_MAX_PRUNED = 20_000  # in one transaction, so that other writers need not wait long


@dataclass(frozen=True, slots=True, kw_only=True)
class UngroupedMention:
    """A mention that is in no story yet. ``repost_of`` is as in earful.types.Mention."""

    mention_id: int
    source: str
    external_id: str
    text: str
    published_at: datetime
    repost_of: str | None
    author_id: int
    followers: int | None
    shares: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstMention:
    """The mention that began a story; both fields are None when it was erased since."""

    text: str | None
    published_at: datetime | None


def list_ungrouped(connection: Connection, limit: int) -> tuple[UngroupedMention, ...]:
    """Return mentions in no story, in the order they were stored. Noise never joins a story."""
    ids = select(_MENTION.c.id).where(UNGROUPED).order_by(_MENTION.c.id).limit(limit)
    rows = connection.execute(
        select(
            _MENTION.c.id,
            _MENTION.c.source,
            _MENTION.c.external_id,
            _MENTION.c.text,
            _MENTION.c.published_at,
            _MENTION.c.repost_of,
            _MENTION.c.author_id,
            _MENTION.c.shares,
            _AUTHOR.c.followers,
        )
        .join(_AUTHOR, _AUTHOR.c.id == _MENTION.c.author_id)
        .where(_MENTION.c.id.in_(ids))
        .order_by(_MENTION.c.id)
    )
    return tuple(_to_ungrouped(row) for row in rows)


def _to_ungrouped(row: Any) -> UngroupedMention:
    return UngroupedMention(
        mention_id=row.id,
        source=row.source,
        external_id=row.external_id,
        text=row.text,
        published_at=row.published_at,
        repost_of=row.repost_of,
        author_id=row.author_id,
        followers=row.followers,
        shares=row.shares,
    )


def find_by_bands(connection: Connection, bands: Collection[int]) -> dict[int, list[int]]:
    """Return, for each of these bands, the ids of its stories, oldest first."""
    stories: dict[int, list[int]] = defaultdict(list)
    for batch in chunks(sorted(bands)):
        rows = connection.execute(
            select(_BAND.c.band, _BAND.c.story_id)
            .where(_BAND.c.band.in_(batch))
            .order_by(_BAND.c.band, _BAND.c.story_id)
        )
        for row in rows:
            stories[row.band].append(row.story_id)
    return stories


def find_by_posts(connection: Connection, posts: Iterable[ExternalKey]) -> dict[ExternalKey, int]:
    """Return the story of each of these posts that is stored and grouped."""
    keys = sorted(set(posts))
    rows = find_rows(connection, _MENTION, keys, _MENTION.c.external_id, _MENTION.c.story_id)
    return {post: row.story_id for post, row in rows.items() if row.story_id is not None}


def read_first_mentions(
    connection: Connection, story_ids: Collection[int]
) -> dict[int, FirstMention]:
    """Return the first mention of each of these stories that still exists."""
    first_mentions: dict[int, FirstMention] = {}
    for batch in chunks(sorted(story_ids)):
        rows = connection.execute(
            select(_STORY.c.id, _MENTION.c.text, _MENTION.c.published_at)
            .outerjoin(_MENTION, _MENTION.c.id == _STORY.c.id)
            .where(_STORY.c.id.in_(batch))
        )
        first_mentions.update(
            {row.id: FirstMention(text=row.text, published_at=row.published_at) for row in rows}
        )
    return first_mentions


def add_mentions(
    connection: Connection,
    placed: Sequence[tuple[UngroupedMention, int]],
    bands: Iterable[tuple[int, int]],
    at: datetime,
) -> None:
    """Put mentions into their stories.

    ``placed`` holds (mention, story id), ``bands`` holds (band, story id).

    1. Count how much each story grows: mentions, authors that are new to it, reach.
    2. Insert the stories that begin here: their id is that of a placed mention.
    3. Add the growth to the stories that exist.
    4. Write the story on each mention, and the bands of the new stories.
    """
    if not placed:
        return
    growth = _count_growth(connection, placed)
    new = {story_id for mention, story_id in placed if story_id == mention.mention_id}
    rows = [{"id": story_id} | growth[story_id] for story_id in growth if story_id in new]
    insert_new(connection, StoryRow, rows)
    story_counts.add_counts(
        connection, {story_id: growth[story_id] for story_id in growth if story_id not in new}
    )
    connection.execute(
        update(_MENTION)
        .where(_MENTION.c.id == bindparam("b_id"))
        .values(story_id=bindparam("b_story")),
        [{"b_id": mention.mention_id, "b_story": story_id} for mention, story_id in placed],
    )
    band_rows = [{"band": band, "story_id": story_id, "stored_at": at} for band, story_id in bands]
    insert_new(connection, StoryBandRow, band_rows)


def _count_growth(
    connection: Connection, placed: Sequence[tuple[UngroupedMention, int]]
) -> dict[int, dict[str, int]]:
    pairs = {(story_id, mention.author_id) for mention, story_id in placed}
    authors = _find_authors(connection, pairs)
    growth: dict[int, dict[str, int]] = defaultdict(
        lambda: {"mentions": 0, "authors": 0, "reach": 0}
    )
    for mention, story_id in placed:
        pair = (story_id, mention.author_id)
        is_new_author = pair not in authors
        authors.add(pair)
        growth[story_id]["mentions"] += 1
        growth[story_id]["authors"] += is_new_author
        growth[story_id]["reach"] += _added_reach(mention, is_new_author=is_new_author)
    return growth


def _find_authors(connection: Connection, pairs: set[tuple[int, int]]) -> set[tuple[int, int]]:
    """Return the (story, author) pairs of ``pairs`` that are stored."""
    stored: set[tuple[int, int]] = set()
    for batch in chunks(sorted(pairs), 500):
        # joined, because SQLite reads the whole index for "(story, author) IN (...)"
        table = values(column("story", BigInteger), column("author", BigInteger), name="pair")
        pair = table.data([tuple(pair) for pair in batch]).cte()
        rows = connection.execute(
            select(_MENTION.c.story_id, _MENTION.c.author_id)
            .join(
                pair,
                and_(_MENTION.c.story_id == pair.c.story, _MENTION.c.author_id == pair.c.author),
            )
            .distinct()
        )
        stored.update((row.story_id, row.author_id) for row in rows)
    return stored


def _added_reach(mention: UngroupedMention, *, is_new_author: bool) -> int:
    """Return the reach that a mention adds to its story."""
    followers = reach(mention.followers, 0) if is_new_author else 0
    # a repost is among the shares of its original
    shares = reach(0, mention.shares) if mention.repost_of is None else 0
    return min(MAX_REACH, followers + shares)


def ungroup_edited(connection: Connection, mention_ids: Sequence[int]) -> None:
    """Take edited mentions out of their stories, so that they are grouped again.

    A story that an edited mention began passes, with its flags, to its next mention. If only
    reposts follow, the edited mention keeps it.
    """
    begun = _stories_begun(connection, mention_ids)
    ungroup(connection, [number for number in mention_ids if number not in begun])
    ungroup(connection, [number for number in begun if _pass_on(connection, number)])


def ungroup_erased(connection: Connection, mention_ids: Sequence[int]) -> None:
    """Take mentions out of their stories before they are erased.

    A story that an erased mention began passes to its next mention, so that later mentions are
    compared with words that still exist.
    """
    begun = _stories_begun(connection, mention_ids)
    ungroup(connection, [number for number in mention_ids if number not in begun])
    for number in begun:
        _pass_on(connection, number)
    ungroup(connection, begun)


def _stories_begun(connection: Connection, mention_ids: Sequence[int]) -> list[int]:
    """Return those of these mentions that began a story of several mentions."""
    begun: list[int] = []
    for ids in chunks(mention_ids):
        shared = select(_STORY.c.id).where(_STORY.c.id.in_(ids), _STORY.c.mentions > 1)
        begun += connection.execute(shared).scalars()
    return sorted(begun)


def _pass_on(connection: Connection, story_id: int) -> bool:
    """Give a story the id of its next mention; False when only reposts of its first follow."""
    original_id = case((_MENTION.c.repost_of.is_(None), _MENTION.c.id))
    followers = select(func.count(), func.min(original_id)).where(
        _MENTION.c.story_id == story_id, _MENTION.c.id != story_id
    )
    follower_count, next_id = connection.execute(followers).one()
    if next_id is None:
        return not follower_count
    connection.execute(update(_STORY).where(_STORY.c.id == story_id).values(id=next_id))
    for table in (_MENTION, _FLAG, _BAND):
        connection.execute(
            update(table).where(table.c.story_id == story_id).values(story_id=next_id)
        )
    return True


def ungroup(connection: Connection, mention_ids: Sequence[int]) -> None:
    """Take mentions out of their stories, and delete the stories that are empty then."""
    story_ids: set[int] = set()
    for ids in chunks(mention_ids):
        grouped = _MENTION.c.id.in_(ids) & _MENTION.c.story_id.is_not(None)
        story_ids |= set(connection.execute(select(_MENTION.c.story_id).where(grouped)).scalars())
        connection.execute(update(_MENTION).where(grouped).values(story_id=None))
    for batch in chunks(sorted(story_ids)):
        story_counts.recount(connection, batch)
    _delete_empty(connection, sorted(story_ids))


def _delete_empty(connection: Connection, story_ids: Sequence[int]) -> None:
    for batch in chunks(story_ids):
        empty = connection.execute(
            select(_STORY.c.id).where(_STORY.c.id.in_(batch), _STORY.c.mentions <= 0)
        )
        empty_ids = list(empty.scalars())
        connection.execute(delete(_BAND).where(_BAND.c.story_id.in_(empty_ids)))
        connection.execute(delete(_STORY).where(_STORY.c.id.in_(empty_ids)))


def prune_bands(connection: Connection, before: datetime) -> int:
    """Delete up to 20,000 bands that were stored before that instant; return how many."""
    old = (
        select(_BAND.c.band, _BAND.c.story_id).where(_BAND.c.stored_at < before).limit(_MAX_PRUNED)
    )
    return connection.execute(
        delete(_BAND).where(tuple_(_BAND.c.band, _BAND.c.story_id).in_(old))
    ).rowcount
