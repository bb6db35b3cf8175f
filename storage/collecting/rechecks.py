"""Which stored mentions their platform should be asked about again, given back as facts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, case, func, select, update

from earful.types import Author, Engagement, Mention
from storage.analysis import ratings
from storage.database.engine import Database
from storage.database.upsert import chunks, table_of
from storage.tables import AuthorRow, MatchRow, MentionRow, QueryRow

_MENTION, _AUTHOR = table_of(MentionRow), table_of(AuthorRow)
_MATCH, _QUERY = table_of(MatchRow), table_of(QueryRow)
# a poll that met it again has seen it too
_last_seen = case(
    (_MENTION.c.checked_at > _MENTION.c.fetched_at, _MENTION.c.checked_at),
    else_=_MENTION.c.fetched_at,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DueMention:
    """A stored mention to ask about, and one of the queries that found it."""

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
    limit: int,
    once: bool = False,
) -> tuple[DueMention, ...]:
    """Mentions of a source published from ``since`` on and not seen after ``seen_before``, the one
    seen longest ago first and noise last; only what one of these queries found that is not paused.

    ``once``: only those that were never asked about, and no noise: each answer costs money.
    """
    wanted = [_MENTION.c.checked_at.is_(None), _MENTION.c.noise.is_(False)] if once else []
    found_by = (
        select(func.min(_MATCH.c.query_id))
        .join(_QUERY, _QUERY.c.id == _MATCH.c.query_id)
        .where(
            _MATCH.c.mention_id == _MENTION.c.id,
            _MATCH.c.query_id.in_(sorted(query_ids)),
            _QUERY.c.paused.is_(False),
        )
        .scalar_subquery()
    )
    statement = (
        select(
            _MENTION,
            found_by.label("query_id"),
            _AUTHOR.c.external_id.label("author_external_id"),
            *(_AUTHOR.c[name].label(f"author_{name}") for name in _OF_AN_AUTHOR),
        )
        .join(_AUTHOR, _AUTHOR.c.id == _MENTION.c.author_id)
        .where(
            _MENTION.c.source == source,
            _MENTION.c.published_at >= since,
            _last_seen <= seen_before,
            found_by.is_not(None),
            *wanted,
        )
        .order_by(_MENTION.c.noise, _last_seen, _MENTION.c.id)
        .limit(limit)
    )
    with db.read() as connection:
        rows = connection.execute(statement).all()
    return tuple(
        DueMention(mention_id=row.id, query_id=row.query_id, mention=_fact(row)) for row in rows
    )


_OF_AN_AUTHOR = ("handle", "name", "followers", "verified", "url")


def _fact(row: Any) -> Mention:
    """A stored row as what a listener once told; ``direct`` and ``context`` are not stored."""
    author = {name: getattr(row, f"author_{name}") for name in _OF_AN_AUTHOR}
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
    """Write down that their platform was asked about these mentions; gone ones are no trouble."""
    for some in chunks(mention_ids):
        connection.execute(update(_MENTION).where(_MENTION.c.id.in_(some)).values(checked_at=at))
