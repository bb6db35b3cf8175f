"""The counts on a story's row: mentions, authors, and how many people they reach."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, case, func, select, update

from earful.scoring import ORDINARY_FOLLOWERS, reach
from storage.database.upsert import table_of
from storage.tables import AuthorRow, MentionRow, StoryRow

_MENTION, _AUTHOR, _STORY = table_of(MentionRow), table_of(AuthorRow), table_of(StoryRow)
# Of one mention. A platform may state any number of followers; this keeps sums inside 64 bits.
MAX_REACH = 10**12


def add_counts(connection: Connection, changes: Mapping[int, Mapping[str, int]]) -> None:
    """Add changes of mentions, authors and reach to stories that exist."""
    if changes:
        connection.execute(
            update(_STORY)
            .where(_STORY.c.id == bindparam("b_id"))
            .values(
                mentions=_STORY.c.mentions + bindparam("b_mentions"),
                authors=_STORY.c.authors + bindparam("b_authors"),
                reach=_never_below_0(_STORY.c.reach + bindparam("b_reach")),
            ),
            [
                {"b_id": story_id} | {f"b_{name}": number for name, number in change.items()}
                for story_id, change in changes.items()
            ],
        )


def _never_below_0(number: Any) -> Any:
    # A new mention's followers and shares are capped together, but a later change of its shares is
    # capped alone, so a subtraction may exceed the addition.
    return case((number < 0, 0), else_=number)


def update_reach(connection: Connection, changes: Iterable[tuple[int, int, int]]) -> None:
    """Follow changed numbers of shares; ``changes`` holds (story id, shares before, shares now).

    Leave reposts out: the shares of their original count them.
    """
    added: dict[int, dict[str, int]] = {}
    for story_id, before, now in changes:
        change = added.setdefault(story_id, {"mentions": 0, "authors": 0, "reach": 0})
        change["reach"] += min(MAX_REACH, reach(0, now)) - min(MAX_REACH, reach(0, before))
    add_counts(connection, added)


def recount(connection: Connection, story_ids: Sequence[int]) -> None:
    """Count these stories again from their mentions.

    A mention's share of the counts cannot be subtracted instead: the followers that its author
    had when it was added are not stored.
    """
    counts = {story_id: {"mentions": 0, "authors": 0, "reach": 0} for story_id in story_ids}
    for row in _sum_mentions(connection, story_ids):
        counts[row.story_id] |= {"mentions": row.mentions, "reach": int(row.shares)}
    for row in _sum_authors(connection, story_ids):
        counts[row.story_id]["authors"] = row.authors
        counts[row.story_id]["reach"] += int(row.followers)
    connection.execute(
        update(_STORY)
        .where(_STORY.c.id == bindparam("b_id"))
        .values({name: bindparam(f"b_{name}") for name in ("mentions", "authors", "reach")}),
        [
            {"b_id": story_id} | {f"b_{name}": number for name, number in count.items()}
            for story_id, count in counts.items()
        ],
    )


def _sum_mentions(connection: Connection, story_ids: Sequence[int]) -> Sequence[Any]:
    """Count the mentions of each story, and the people that their shares reach."""
    shares = case(
        # the shares of a repost are those of its original, which counts them
        (_MENTION.c.repost_of.is_not(None), 0),
        # compared before the product is taken: the product itself may not fit into 64 bits
        # (test_made_up_numbers_do_not_overflow)
        (_MENTION.c.shares > MAX_REACH // ORDINARY_FOLLOWERS, MAX_REACH),
        else_=_MENTION.c.shares * ORDINARY_FOLLOWERS,
    )
    return connection.execute(
        select(
            _MENTION.c.story_id, func.count().label("mentions"), func.sum(shares).label("shares")
        )
        .where(_MENTION.c.story_id.in_(story_ids))
        .group_by(_MENTION.c.story_id)
    ).all()


def _sum_authors(connection: Connection, story_ids: Sequence[int]) -> Sequence[Any]:
    """Count the authors of each story, and their followers."""
    # distinct: an author who says it twice has the same followers both times
    pairs = select(_MENTION.c.story_id, _MENTION.c.author_id).distinct()
    by_author = pairs.where(_MENTION.c.story_id.in_(story_ids)).subquery()
    audience = func.coalesce(_AUTHOR.c.followers, ORDINARY_FOLLOWERS)
    followers = case((audience > MAX_REACH, MAX_REACH), else_=audience)
    return connection.execute(
        select(
            by_author.c.story_id,
            func.count().label("authors"),
            func.sum(followers).label("followers"),
        )
        .join(_AUTHOR, _AUTHOR.c.id == by_author.c.author_id)
        .group_by(by_author.c.story_id)
    ).all()
