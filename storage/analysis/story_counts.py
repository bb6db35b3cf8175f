"""How often, by how many, and to how many people a story is told: the counts on its row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, case, func, select, update

from earful.scoring import ORDINARY_FOLLOWERS, reach
from storage.database.upsert import table_of
from storage.tables import AuthorRow, MentionRow, StoryRow

_MENTION, _AUTHOR, _STORY = table_of(MentionRow), table_of(AuthorRow), table_of(StoryRow)
MAX_REACH = 10**12  # of one mention: no number that a platform may make up overflows a sum


def add_counts(connection: Connection, changes: Mapping[int, Mapping[str, int]]) -> None:
    """Add to the counts of stories that are there."""
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
                {"b_id": story} | {f"b_{name}": number for name, number in change.items()}
                for story, change in changes.items()
            ],
        )


def _never_below_0(number: Any) -> Any:
    # who joins is counted with followers and shares capped together
    return case((number < 0, 0), else_=number)


def update_reach(connection: Connection, changed: Iterable[tuple[int, int, int]]) -> None:
    """Follow mentions that were shared more, or less: (story, shares before, shares now) of each.

    Not of reposts: they are among the shares of their original.
    """
    changes: dict[int, dict[str, int]] = {}
    for story, before, now in changed:
        change = changes.setdefault(story, {"mentions": 0, "authors": 0, "reach": 0})
        change["reach"] += min(MAX_REACH, reach(0, now)) - min(MAX_REACH, reach(0, before))
    add_counts(connection, changes)


def recount(connection: Connection, story_ids: Sequence[int]) -> None:
    """Count anew who tells these stories. What somebody once added cannot be taken off again: the
    followers that they had then are not known any more."""
    of_these = _MENTION.c.story_id.in_(story_ids)
    shares = case(
        (_MENTION.c.repost_of.is_not(None), 0),
        (_MENTION.c.shares > MAX_REACH // ORDINARY_FOLLOWERS, MAX_REACH),
        else_=_MENTION.c.shares * ORDINARY_FOLLOWERS,
    )
    told = connection.execute(
        select(_MENTION.c.story_id, func.count().label("mentions"), func.sum(shares).label("more"))
        .where(of_these)
        .group_by(_MENTION.c.story_id)
    ).all()
    by = select(_MENTION.c.story_id, _MENTION.c.author_id).where(of_these).distinct().subquery()
    known = func.coalesce(_AUTHOR.c.followers, ORDINARY_FOLLOWERS)
    followers = case((known > MAX_REACH, MAX_REACH), else_=known)
    tellers = connection.execute(
        select(by.c.story_id, func.count().label("authors"), func.sum(followers).label("reach"))
        .join(_AUTHOR, _AUTHOR.c.id == by.c.author_id)
        .group_by(by.c.story_id)
    ).all()
    counts = {story: {"mentions": 0, "authors": 0, "reach": 0} for story in story_ids}
    for row in told:
        counts[row.story_id] |= {"mentions": row.mentions, "reach": int(row.more)}
    for row in tellers:
        counts[row.story_id]["authors"] = row.authors
        counts[row.story_id]["reach"] += int(row.reach)
    connection.execute(
        update(_STORY)
        .where(_STORY.c.id == bindparam("b_id"))
        .values({name: bindparam(f"b_{name}") for name in ("mentions", "authors", "reach")}),
        [
            {"b_id": story} | {f"b_{name}": number for name, number in count.items()}
            for story, count in counts.items()
        ],
    )
