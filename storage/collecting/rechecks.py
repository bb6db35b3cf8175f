"""Pick stored mentions to ask their platform about again: were they edited or deleted?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, case, func, literal, select, update

from earful.clock import latest_trusted
from earful.types import Author, Engagement, Mention
from storage.analysis import ratings
from storage.database.engine import Database
from storage.database.upsert import chunks, table_of
from storage.database.utc import EPOCH, UTCInstant
from storage.tables import AuthorRow, MatchRow, MentionRow, QueryRow

_MENTION, _AUTHOR = table_of(MentionRow), table_of(AuthorRow)
_MATCH, _QUERY = table_of(MatchRow), table_of(QueryRow)
_AUTHOR_FIELDS = ("handle", "name", "followers", "verified", "url")
_LONG_AGO = literal(EPOCH, UTCInstant)


def _last_seen(now: datetime) -> Any:
    """Select when the mention was last seen: a poll that met it again has seen it too.

    A time that a clock ahead wrote does not count, or no recheck would come before that time.
    """
    latest = latest_trusted(now)
    checked, fetched = (
        case((column <= latest, column), else_=_LONG_AGO)
        for column in (_MENTION.c.checked_at, _MENTION.c.fetched_at)
    )
    return case((checked > fetched, checked), else_=fetched)


@dataclass(frozen=True, slots=True, kw_only=True)
class DueMention:
    """A stored mention to ask about, and the first of the queries that found it."""

    mention_id: int
    query_id: str
    mention: Mention


def due_mentions(
    db: Database,
    source: str,
    query_ids: Iterable[str],
    *,
    since: datetime,
    seen_before: datetime,
    now: datetime,
    limit: int,
    at_most_once: bool = False,
) -> tuple[DueMention, ...]:
    """Return at most ``limit`` mentions of a source to ask about.

    They were published from ``since`` on, last seen before ``seen_before``, and found by one of
    these queries that is not paused. The mention seen longest ago comes first, noise last.

    ``at_most_once``: leave out noise and mentions that were checked before, because each answer
    costs money.
    """
    # docs/decisions/collecting.md, "Paid posts are rechecked once"
    never_checked = [_MENTION.c.checked_at.is_(None), _MENTION.c.noise.is_(False)]
    found_by, last_seen = _first_query(query_ids), _last_seen(now)
    statement = (
        select(
            _MENTION,
            found_by.label("query_id"),
            _AUTHOR.c.external_id.label("author_external_id"),
            *(_AUTHOR.c[name].label(f"author_{name}") for name in _AUTHOR_FIELDS),
        )
        .join(_AUTHOR, _AUTHOR.c.id == _MENTION.c.author_id)
        .where(
            _MENTION.c.source == source,
            _MENTION.c.published_at >= since,
            seen_before >= last_seen,
            found_by.is_not(None),
            *(never_checked if at_most_once else ()),
        )
        .order_by(_MENTION.c.noise, last_seen, _MENTION.c.id)
        .limit(limit)
    )
    with db.read() as connection:
        rows = connection.execute(statement).all()
    return tuple(
        DueMention(mention_id=row.id, query_id=row.query_id, mention=_mention_from_row(row))
        for row in rows
    )


def _first_query(query_ids: Iterable[str]) -> Any:
    """Select the first of these queries that found the mention and is not paused."""
    # a query that was paused or left the settings has no listener to ask
    return (
        select(func.min(_MATCH.c.query_id))
        .join(_QUERY, _QUERY.c.id == _MATCH.c.query_id)
        .where(
            _MATCH.c.mention_id == _MENTION.c.id,
            _MATCH.c.query_id.in_(sorted(query_ids)),
            _QUERY.c.paused.is_(False),
        )
        .scalar_subquery()
    )


def _mention_from_row(row: Any) -> Mention:
    """Build a mention from its row; ``direct`` and ``context`` are not stored and stay empty."""
    author = {name: getattr(row, f"author_{name}") for name in _AUTHOR_FIELDS}
    return Mention(
        source=row.source,
        external_id=row.external_id,
        author=Author(source=row.source, external_id=row.author_external_id, **author),
        text=row.text,
        published_at=row.published_at,
        fetched_at=row.fetched_at,
        url=row.url,
        lang=row.lang,
        reply_to=row.reply_to,
        repost_of=row.repost_of,
        engagement=Engagement(shares=row.shares, likes=row.likes, replies=row.replies),
        rating=ratings.from_row(row),
        edited_at=row.edited_at,
    )


def mark_checked(connection: Connection, mention_ids: Sequence[int], at: datetime) -> None:
    """Record when the platform was asked about these mentions; skips ids deleted meanwhile."""
    for ids in chunks(mention_ids):
        connection.execute(update(_MENTION).where(_MENTION.c.id.in_(ids)).values(checked_at=at))
