"""Which mentions say the same, and how often, by how many, and to how many people it was said.

A story's number is that of its first mention. What it is recognised by is kept as hashes, and only
for as long as new mentions are compared with it, so that the cost grows with what is new.
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
_PRUNED_AT_ONCE = 20_000


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
    """What a story began with; both are None when that mention was erased since."""

    text: str | None
    published_at: datetime | None


def list_ungrouped(connection: Connection, limit: int) -> tuple[UngroupedMention, ...]:
    """Mentions in no story, as they were stored; noise is in none for ever."""
    first = select(_MENTION.c.id).where(UNGROUPED).order_by(_MENTION.c.id).limit(limit)
    rows = connection.execute(_members().where(_MENTION.c.id.in_(first)).order_by(_MENTION.c.id))
    return tuple(_ungrouped(row) for row in rows)


def _members() -> Any:
    return select(
        _MENTION.c.id,
        _MENTION.c.source,
        _MENTION.c.external_id,
        _MENTION.c.text,
        _MENTION.c.published_at,
        _MENTION.c.repost_of,
        _MENTION.c.author_id,
        _MENTION.c.shares,
        _MENTION.c.story_id,
        _AUTHOR.c.followers,
    ).join(_AUTHOR, _AUTHOR.c.id == _MENTION.c.author_id)


def _ungrouped(row: Any) -> UngroupedMention:
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
    """The stories that each of these bands is of, the oldest first."""
    found: dict[int, list[int]] = defaultdict(list)
    for some in chunks(sorted(bands)):
        rows = connection.execute(
            select(_BAND.c.band, _BAND.c.story_id)
            .where(_BAND.c.band.in_(some))
            .order_by(_BAND.c.band, _BAND.c.story_id)
        )
        for row in rows:
            found[row.band].append(row.story_id)
    return found


def find_by_posts(connection: Connection, posts: Iterable[ExternalKey]) -> dict[ExternalKey, int]:
    """The stories of those of these posts that are stored and in one."""
    wanted = sorted(set(posts))
    found = find_rows(connection, _MENTION, wanted, _MENTION.c.external_id, _MENTION.c.story_id)
    return {post: row.story_id for post, row in found.items() if row.story_id is not None}


def read_first_mentions(
    connection: Connection, story_ids: Collection[int]
) -> dict[int, FirstMention]:
    """What those of these stories that are still there began with."""
    found: dict[int, FirstMention] = {}
    for some in chunks(sorted(story_ids)):
        rows = connection.execute(
            select(_STORY.c.id, _MENTION.c.text, _MENTION.c.published_at)
            .outerjoin(_MENTION, _MENTION.c.id == _STORY.c.id)
            .where(_STORY.c.id.in_(some))
        )
        found.update(
            {row.id: FirstMention(text=row.text, published_at=row.published_at) for row in rows}
        )
    return found


def add_mentions(
    connection: Connection,
    told: Sequence[tuple[UngroupedMention, int]],
    bands: Iterable[tuple[int, int]],
    at: datetime,
) -> None:
    """Put each mention into its story; one whose story is its own number begins it.

    ``bands`` are of (band, story).
    """
    if not told:
        return
    there = _authors(connection, {(story, one.author_id) for one, story in told})
    counts: dict[int, list[int]] = defaultdict(lambda: [0, 0, 0])
    for one, story in told:
        new_author = (story, one.author_id) not in there
        there.add((story, one.author_id))
        count = counts[story]
        count[0] += 1
        count[1] += new_author
        count[2] += _adds(one, new_author=new_author)
    new = {story for one, story in told if story == one.mention_id}
    names = ("mentions", "authors", "reach")
    rows = {story: dict(zip(names, count, strict=True)) for story, count in counts.items()}
    insert_new(connection, StoryRow, [{"id": one} | rows[one] for one in rows if one in new])
    story_counts.add_counts(connection, {one: rows[one] for one in rows if one not in new})
    connection.execute(
        update(_MENTION)
        .where(_MENTION.c.id == bindparam("b_id"))
        .values(story_id=bindparam("b_story")),
        [{"b_id": one.mention_id, "b_story": story} for one, story in told],
    )
    kept = [{"band": band, "story_id": story, "stored_at": at} for band, story in bands]
    insert_new(connection, StoryBandRow, kept)


def _authors(connection: Connection, pairs: set[tuple[int, int]]) -> set[tuple[int, int]]:
    """Those of these (story, author) that are stored."""
    found: set[tuple[int, int]] = set()
    for some in chunks(sorted(pairs), 500):
        # joined, because SQLite reads the whole index for "(story, author) IN (...)"
        told = values(column("story", BigInteger), column("author", BigInteger), name="told")
        wanted = told.data([tuple(pair) for pair in some]).cte()
        rows = connection.execute(
            select(_MENTION.c.story_id, _MENTION.c.author_id)
            .join(
                wanted,
                and_(
                    _MENTION.c.story_id == wanted.c.story, _MENTION.c.author_id == wanted.c.author
                ),
            )
            .distinct()
        )
        found.update((row.story_id, row.author_id) for row in rows)
    return found


def _adds(one: UngroupedMention, *, new_author: bool) -> int:
    """What a mention adds to its story's reach. A repost is among the shares of its original."""
    followers = reach(one.followers, 0) if new_author else 0
    shares = reach(0, one.shares) if one.repost_of is None else 0
    return min(MAX_REACH, followers + shares)


def ungroup_edited(connection: Connection, mention_ids: Sequence[int]) -> None:
    """Take mentions whose words were changed out of their stories, to be grouped again.

    A story that others still tell is called by the next of them from then on, with its flags. One
    that has only reposts beside its first keeps it.
    """
    begun = _begun(connection, mention_ids)
    ungroup(connection, [one for one in mention_ids if one not in begun])
    ungroup(connection, [one for one in begun if _hand_on(connection, one)])


def ungroup_erased(connection: Connection, mention_ids: Sequence[int]) -> None:
    """Take mentions out of their stories, before they are erased.

    A story that others still tell is called by the next of them, so that whoever says nearly the
    same later is compared with words that are still there.
    """
    begun = _begun(connection, mention_ids)
    ungroup(connection, [one for one in mention_ids if one not in begun])
    for one in begun:
        _hand_on(connection, one)
    ungroup(connection, begun)


def _begun(connection: Connection, mention_ids: Sequence[int]) -> list[int]:
    """Those of these that began a story which others tell too."""
    begun: list[int] = []
    for some in chunks(mention_ids):
        told = select(_STORY.c.id).where(_STORY.c.id.in_(some), _STORY.c.mentions > 1)
        begun += connection.execute(told).scalars()
    return sorted(begun)


def _hand_on(connection: Connection, story: int) -> bool:
    """Call a story by the next who tells it; False when there are only reposts of its first."""
    says_it = case((_MENTION.c.repost_of.is_(None), _MENTION.c.id))
    others = select(func.count(), func.min(says_it)).where(
        _MENTION.c.story_id == story, _MENTION.c.id != story
    )
    many, following = connection.execute(others).one()
    if following is None:
        return not many
    connection.execute(update(_STORY).where(_STORY.c.id == story).values(id=following))
    for table in (_MENTION, _FLAG, _BAND):
        connection.execute(
            update(table).where(table.c.story_id == story).values(story_id=following)
        )
    return True


def ungroup(connection: Connection, mention_ids: Sequence[int]) -> None:
    """Take mentions out of their stories; empty stories go with them."""
    left: set[int] = set()
    for some in chunks(mention_ids):
        theirs = _MENTION.c.id.in_(some) & _MENTION.c.story_id.is_not(None)
        left |= set(connection.execute(select(_MENTION.c.story_id).where(theirs)).scalars())
        connection.execute(update(_MENTION).where(theirs).values(story_id=None))
    for some in chunks(sorted(left)):
        story_counts.recount(connection, some)
    _end(connection, sorted(left))


def _end(connection: Connection, story_ids: Sequence[int]) -> None:
    """Forget those of these stories that nobody tells any more."""
    for some in chunks(story_ids):
        empty = connection.execute(
            select(_STORY.c.id).where(_STORY.c.id.in_(some), _STORY.c.mentions <= 0)
        ).scalars()
        ended = list(empty)
        connection.execute(delete(_BAND).where(_BAND.c.story_id.in_(ended)))
        connection.execute(delete(_STORY).where(_STORY.c.id.in_(ended)))


def prune_bands(connection: Connection, before: datetime) -> int:
    """Forget by what stories kept before then are recognised, the first 20,000 of it; how much."""
    old = (
        select(_BAND.c.band, _BAND.c.story_id)
        .where(_BAND.c.stored_at < before)
        .limit(_PRUNED_AT_ONCE)
    )
    return connection.execute(
        delete(_BAND).where(tuple_(_BAND.c.band, _BAND.c.story_id).in_(old))
    ).rowcount
