"""Count the rows that a clock which was ahead has dated in the future."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, func, or_, select

from earful.clock import latest_trusted
from storage.database.engine import Database
from storage.database.upsert import table_of
from storage.tables import CaseRow, MentionRow, QueryRow

_MENTION, _CASE, _QUERY = table_of(MentionRow), table_of(CaseRow), table_of(QueryRow)
# By id, because the time of fetching has no index: about 50 ms.
_NEWEST_MENTIONS = 100_000
# A platform that mistakes the time zone publishes up to a day ahead.
_ZONE_ERROR = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class FutureDates:
    """How many rows were written in the future, among the newest mentions, and the latest time."""

    mentions: int
    cases: int
    queries: int
    until: datetime | None


def count_future_dates(db: Database, now: datetime) -> FutureDates:
    """Count the mentions, cases and polls that were stored at a time after ``now``."""
    latest = latest_trusted(now)
    fetched, opened, polled = _MENTION.c.fetched_at, _CASE.c.opened_at, _QUERY.c.polled_at
    with db.read() as connection:
        first = connection.execute(select(func.max(_MENTION.c.id))).scalar_one() or 0
        is_newest = _MENTION.c.id > first - _NEWEST_MENTIONS
        is_ahead = or_(
            and_(is_newest, fetched > latest), _MENTION.c.published_at > now + _ZONE_ERROR
        )
        mentions = _count(connection, fetched, is_ahead)
        cases = _count(connection, opened, opened > latest)
        planned = or_(polled > latest, _QUERY.c.planned_at > latest)
        queries = _count(connection, func.coalesce(_QUERY.c.planned_at, polled), planned)
    times = [at for _, at in (mentions, cases, queries) if at is not None]
    return FutureDates(
        mentions=mentions[0], cases=cases[0], queries=queries[0], until=max(times, default=None)
    )


def _count(connection: Connection, at: Any, *conditions: Any) -> tuple[int, datetime | None]:
    row = connection.execute(select(func.count(), func.max(at)).where(*conditions)).one()
    return row[0], row[1]
