"""The lists of mentions that are no complaints but wait for a person: questions and wishes.

The rules decide what is on a list (docs/rules.md). A person takes a mention off it with
`commands.mark_handled`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, literal, select, tuple_

from earful.clock import Window
from earful.enums import Verdict
from earful.judgements import Reading
from earful.types import Rating
from storage.analysis import ratings, readings
from storage.analysis.predictions import CURRENT_PREDICTION
from storage.cases.queue import STORY_COLUMNS, story_reach
from storage.database.engine import Database
from storage.database.upsert import table_of
from storage.database.utc import UTCInstant
from storage.tables import (
    HANDLED,
    OPEN_QUESTION,
    OPEN_WISH,
    AuthorRow,
    MentionBrandRow,
    MentionRow,
    PredictionRow,
    ReadingRow,
    StoryRow,
)
from storage.views import MentionKey, StoryReach

_MENTION, _MENTION_BRAND = table_of(MentionRow), table_of(MentionBrandRow)
_AUTHOR, _STORY = table_of(AuthorRow), table_of(StoryRow)
_PREDICTION, _READING = table_of(PredictionRow), table_of(ReadingRow)

PAGE_SIZE = 20  # mentions


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedMention:
    """A line of a list: the mention, its author, and the reading for the brand.

    ``key`` is its place in the list. ``edition`` numbers its text. ``lang`` is the language that
    its source stated, ``language`` the one that was detected. ``reading`` is None when the mention
    was read before readings were stored. ``handled_by`` took it off its list at ``handled_at``.
    """

    key: MentionKey
    mention_id: int
    brand_id: str
    author_id: int
    handle: str
    name: str | None
    author_url: str | None
    followers: int | None
    source: str
    text: str
    edition: int
    lang: str | None
    language: str | None
    url: str | None
    published_at: datetime
    shares: int
    likes: int
    replies: int
    toward: str
    intent: str
    reading: Reading | None
    rating: Rating | None = None
    story: StoryReach | None = None
    handled_at: datetime | None = None
    handled_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MentionPage:
    """A page of a list, newest first; ``has_older`` says that another page follows."""

    mentions: tuple[ListedMention, ...]
    has_older: bool


def list_questions(
    db: Database,
    brand_id: str,
    *,
    window: Window | None = None,
    after: MentionKey | None = None,
    limit: int = PAGE_SIZE,
) -> MentionPage:
    """Return a page of a brand's unanswered questions, newest first.

    ``window`` is of published_at. ``after`` is the key of the last mention of an earlier page.
    """
    return _read_page(db, OPEN_QUESTION, brand_id, window, after, limit)


def list_wishes(
    db: Database,
    brand_id: str,
    *,
    window: Window | None = None,
    after: MentionKey | None = None,
    limit: int = PAGE_SIZE,
) -> MentionPage:
    """Return a page of a brand's wishes that nobody has noted, newest first.

    The arguments are those of `list_questions`.
    """
    return _read_page(db, OPEN_WISH, brand_id, window, after, limit)


def list_handled(
    db: Database,
    brand_id: str,
    verdict: Verdict,
    *,
    after: MentionKey | None = None,
    limit: int = PAGE_SIZE,
) -> MentionPage:
    """Return a page of a brand's handled questions or wishes, the last handled one first.

    ``verdict`` says which of the two. The keys are of this list.
    """
    return _read_page(db, _handled(verdict), brand_id, None, after, limit, time="handled_at")


def count_handled(db: Database, brand_id: str, verdict: Verdict) -> int:
    """Count a brand's handled questions or wishes; ``verdict`` says which of the two."""
    return _count(db, _handled(verdict), brand_id, None)


def _handled(verdict: Verdict) -> Any:
    return and_(HANDLED, _MENTION_BRAND.c.verdict == verdict.value)


def count_questions(db: Database, brand_id: str | None, *, window: Window | None = None) -> int:
    """Count the unanswered questions of a brand, or of all; ``window`` is of published_at."""
    return _count(db, OPEN_QUESTION, brand_id, window)


def count_wishes(db: Database, brand_id: str | None, *, window: Window | None = None) -> int:
    """Count the wishes of a brand, or of all, that nobody has noted in ``window``."""
    return _count(db, OPEN_WISH, brand_id, window)


def _conditions(on_list: Any, brand_id: str | None, window: Window | None) -> list[Any]:
    """Return the conditions of a list; ``on_list`` is that of its partial index."""
    conditions = [on_list]
    if brand_id is not None:
        conditions.append(_MENTION_BRAND.c.brand_id == brand_id)
    if window is not None:
        conditions += [
            _MENTION_BRAND.c.published_at >= window.since,
            _MENTION_BRAND.c.published_at < window.until,
        ]
    return conditions


def _count(db: Database, on_list: Any, brand_id: str | None, window: Window | None) -> int:
    statement = (
        select(func.count())
        .select_from(_MENTION_BRAND)
        .where(*_conditions(on_list, brand_id, window))
    )
    with db.read() as connection:
        return connection.execute(statement).scalar_one()


def _read_page(
    db: Database,
    on_list: Any,
    brand_id: str,
    window: Window | None,
    after: MentionKey | None,
    limit: int,
    *,
    time: str = "published_at",
) -> MentionPage:
    """Return a page of the list in the order of the column ``time``, newest first."""
    place = (_MENTION_BRAND.c[time], _MENTION_BRAND.c.mention_id)
    conditions = _conditions(on_list, brand_id, window)
    if after is not None:
        key = tuple_(literal(after[0], UTCInstant), after[1])
        conditions.append(tuple_(*place) < key)
    # ids first: PostgreSQL would join every mention of the list and sort them
    page = select(_MENTION_BRAND.c.mention_id).where(*conditions)
    ids = page.order_by(*(column.desc() for column in place)).limit(limit + 1)
    with db.read() as connection:
        rows = connection.execute(
            _STATEMENT.where(
                _MENTION_BRAND.c.brand_id == brand_id, _MENTION_BRAND.c.mention_id.in_(ids)
            )
        ).all()
    # here, because SQLite would walk all links of the brand in the order of time
    rows = sorted(rows, key=lambda row: (row._mapping[time], row.mention_id), reverse=True)
    return MentionPage(
        mentions=tuple(_to_listed(row, row._mapping[time]) for row in rows[:limit]),
        has_older=len(rows) > limit,
    )


_STATEMENT = (
    select(
        *(_MENTION_BRAND.c[name] for name in ("mention_id", "brand_id", "published_at")),
        *(_MENTION_BRAND.c[name] for name in ("toward", "intent", "handled_at", "handled_by")),
        *(_MENTION.c[name] for name in ("author_id", "source", "text", "edition", "lang", "url")),
        *(_MENTION.c[name] for name in ("shares", "likes", "replies")),
        *(_AUTHOR.c[name] for name in ("handle", "name", "followers")),
        _AUTHOR.c.url.label("author_url"),
        *(_PREDICTION.c[name] for name in ("negative", "neutral", "positive")),
        *(_PREDICTION.c[name] for name in ("could_not_tell", "language")),
        *readings.COLUMNS,
        *ratings.COLUMNS,
        *STORY_COLUMNS,
    )
    .join(_MENTION, _MENTION.c.id == _MENTION_BRAND.c.mention_id)
    .join(_AUTHOR, _AUTHOR.c.id == _MENTION.c.author_id)
    .outerjoin(_PREDICTION, CURRENT_PREDICTION)
    .outerjoin(_READING, readings.CURRENT_READING)
    .outerjoin(_STORY, _STORY.c.id == _MENTION.c.story_id)
)


def _to_listed(row: Any, at: datetime) -> ListedMention:
    """Return a row as a line of a list in which its time is ``at``."""
    same_names = (
        *("mention_id", "brand_id", "author_id", "handle", "name", "author_url", "followers"),
        *("source", "text", "edition", "lang", "language", "url", "published_at"),
        *("shares", "likes", "replies", "toward", "intent", "handled_at", "handled_by"),
    )
    return ListedMention(
        key=(at, row.mention_id),
        reading=readings.from_row(row),
        rating=ratings.from_row(row),
        story=story_reach(row),
        **{name: row._mapping[name] for name in same_names},
    )
