"""Classified mentions that wait for the rules, with all that the rules need to know of them."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, select, tuple_

from earful.enums import Sentiment
from earful.judgements import ClassifiedMention
from earful.types import Brand, Engagement
from storage.analysis import ratings, readings
from storage.analysis.predictions import CURRENT_PREDICTION
from storage.database.upsert import chunks, table_of
from storage.entities import brands
from storage.tables import (
    AuthorRow,
    FlagRow,
    MentionBrandRow,
    MentionRow,
    PredictionRow,
    ReadingRow,
)

_MENTION_BRAND, _MENTION = table_of(MentionBrandRow), table_of(MentionRow)
_AUTHOR, _PREDICTION, _FLAG = table_of(AuthorRow), table_of(PredictionRow), table_of(FlagRow)
_READING = table_of(ReadingRow)

REPEAT_WITHIN = timedelta(days=30)  # a complaint this soon after another counts as a repeat

_COLUMNS = (
    *(_MENTION_BRAND.c[name] for name in ("mention_id", "brand_id", "own")),
    *(_MENTION.c[name] for name in ("source", "author_id", "published_at", "repost_of")),
    *(_MENTION.c[name] for name in ("shares", "likes", "replies")),
    *(_MENTION.c[name] for name in ("sentiment", "corrected", "story_id")),
    *ratings.COLUMNS,
    *(_AUTHOR.c[name] for name in ("handle", "followers")),
    *(_PREDICTION.c[name] for name in ("model_id", "negative", "neutral", "positive")),
    *(_PREDICTION.c[name] for name in ("could_not_tell", "language")),
    *readings.COLUMNS,
)

Cursor = tuple[int, str]  # the (mention id, brand id) that was judged last
START: Cursor = (0, "")


def list_unjudged(
    connection: Connection, limit: int, *, verdict: str = "", after: Cursor = START
) -> tuple[ClassifiedMention, ...]:
    """Return classified mentions with that ``verdict`` ("" is none yet), in order, past ``after``.

    Call it in the transaction that stores the verdicts. Otherwise they would overrule a correction
    or a newer model's answer that arrives in between. ``earlier_complaints`` counts stored flags
    only; the caller adds its own new flags.
    """
    rows = connection.execute(_statement(verdict, after).limit(limit)).all()
    # one statement each for all rows: a statement for every mention would dominate the run
    brands_by_id = brands.read_all(connection) if rows else {}
    complaints = _complaint_times(connection, rows)
    flagged_stories = _flagged_stories(connection, {row.story_id for row in rows})
    return tuple(_to_mention(row, brands_by_id, complaints, flagged_stories) for row in rows)


def _statement(verdict: str, after: Cursor) -> Any:
    mention_id, brand_id = after
    return (
        select(*_COLUMNS)
        .join(_MENTION, _MENTION.c.id == _MENTION_BRAND.c.mention_id)
        .join(_AUTHOR, _AUTHOR.c.id == _MENTION.c.author_id)
        .join(_PREDICTION, CURRENT_PREDICTION)
        # an answer from before readings were stored has none
        .outerjoin(_READING, readings.CURRENT_READING)
        .where(
            # written into the statement: a bound value would hide the partial index
            # (test_what_is_unjudged_is_found_by_its_own_index)
            _MENTION_BRAND.c.verdict == bindparam(None, verdict, literal_execute=True),
            # ungrouped mentions wait: until then a copy of a flagged post is not recognised
            # (docs/decisions/unhappy.md, "Grouping is the first step of judging")
            _MENTION.c.story_id.is_not(None),
            tuple_(_MENTION_BRAND.c.mention_id, _MENTION_BRAND.c.brand_id)
            > tuple_(mention_id, brand_id),
        )
        .order_by(_MENTION_BRAND.c.mention_id, _MENTION_BRAND.c.brand_id)
    )


def _complaint_times(
    connection: Connection, waiting: Sequence[Any]
) -> dict[tuple[int, str], list[datetime]]:
    """Return when each (author, brand) of the waiting rows complained, oldest first.

    Times that no waiting mention can repeat are left out.
    """
    times: dict[tuple[int, str], list[datetime]] = defaultdict(list)
    published = [row.published_at for row in waiting]
    key = (_FLAG.c.author_id, _FLAG.c.brand_id, _FLAG.c.published_at)
    for ids in chunks(sorted({row.author_id for row in waiting})):
        rows = connection.execute(
            select(*key)
            .where(
                _FLAG.c.author_id.in_(ids),
                _FLAG.c.published_at >= min(published) - REPEAT_WITHIN,
                _FLAG.c.published_at < max(published),
            )
            .order_by(*key)
        )
        for author_id, brand_id, published_at in rows:
            times[(author_id, brand_id)].append(published_at)
    return times


def _flagged_stories(connection: Connection, story_ids: Iterable[int]) -> set[tuple[int, str]]:
    """Return the (story, brand) pairs of these stories that hold a flagged mention."""
    pairs: set[tuple[int, str]] = set()
    for ids in chunks(sorted(story_ids)):
        rows = connection.execute(
            select(_FLAG.c.story_id, _FLAG.c.brand_id).where(_FLAG.c.story_id.in_(ids))
        )
        pairs.update((row.story_id, row.brand_id) for row in rows)
    return pairs


def _to_mention(
    row: Any,
    brands_by_id: Mapping[str, Brand],
    complaints: Mapping[tuple[int, str], list[datetime]],
    flagged_stories: Collection[tuple[int, str]],
) -> ClassifiedMention:
    times = complaints.get((row.author_id, row.brand_id), [])
    until = bisect_left(times, row.published_at)
    since = bisect_left(times, row.published_at - REPEAT_WITHIN)
    return ClassifiedMention(
        mention_id=row.mention_id,
        brand=brands_by_id[row.brand_id],
        author_id=row.author_id,
        handle=row.handle,
        source=row.source,
        followers=row.followers,
        engagement=Engagement(shares=row.shares, likes=row.likes, replies=row.replies),
        published_at=row.published_at,
        repost=row.repost_of is not None,
        own=row.own,
        model_id=row.model_id,
        scores=readings.scores_from_row(row),
        corrected=Sentiment(row.sentiment) if row.corrected else None,
        earlier_complaints=until - since,
        rating=ratings.from_row(row),
        story_id=row.story_id,
        copy=(row.story_id, row.brand_id) in flagged_stories,
        reading=readings.from_row(row),
    )
