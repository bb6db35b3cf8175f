"""The queries of the dashboard, the digest and the command line.

Each call reads one moment of the database.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, func, select

from earful.clock import Window
from earful.enums import DeliveryState
from storage.analysis import predictions
from storage.analysis.trends import (
    by_source,
    count_exactly,
    count_sentiments,
    counts,
    share_of_voice,
    trend,
    widen_to_quarters,
)
from storage.cases.complaints import count_complaints
from storage.cases.conditions import IS_OPEN, IS_UNANSWERED
from storage.cases.detail import case, revisions
from storage.cases.mention_lists import (
    count_handled,
    count_questions,
    count_wishes,
    list_handled,
    list_questions,
    list_wishes,
)
from storage.cases.queue import (
    assignees,
    count_cases,
    count_events,
    count_queue,
    newest_flagged,
    queue,
)
from storage.collecting import coverage_ledger
from storage.collecting.coverage_rules import LOST, OPEN
from storage.database.engine import Database
from storage.database.upsert import table_of
from storage.tables import (
    BrandRow,
    CaseRow,
    DeliveryRow,
    MentionRow,
    QueryRow,
    StageRow,
)
from storage.views import (
    BrandView,
    Headline,
    ListeningHealth,
    SourceHealth,
    StageHealth,
)

__all__ = [
    "assignees",
    "brands",
    "by_source",
    "case",
    "count_cases",
    "count_complaints",
    "count_events",
    "count_exactly",
    "count_handled",
    "count_questions",
    "count_queue",
    "count_wishes",
    "counts",
    "headline",
    "health",
    "list_handled",
    "list_questions",
    "list_wishes",
    "newest_flagged",
    "queue",
    "revisions",
    "share_of_voice",
    "trend",
]

_CASE, _BRAND = table_of(CaseRow), table_of(BrandRow)
_QUERY, _STAGE = table_of(QueryRow), table_of(StageRow)
_MENTION, _DELIVERY = table_of(MentionRow), table_of(DeliveryRow)


def brands(db: Database) -> tuple[BrandView, ...]:
    """Return every brand, ours first, then by name."""
    with db.read() as connection:
        rows = connection.execute(select(_BRAND)).all()
    ordered = sorted(rows, key=lambda row: (row.competitor_of is not None, row.name.casefold()))
    return tuple(
        BrandView(id=row.id, name=row.name, timezone=row.timezone, competitor_of=row.competitor_of)
        for row in ordered
    )


def headline(
    db: Database, brand_id: str, window: Window, *, now: datetime, urgent_at: int
) -> Headline:
    """Return the figures of ``window`` beside those of the window before it."""
    window = widen_to_quarters(window)
    with db.read() as connection:
        return Headline(
            now=count_sentiments(connection, brand_id, window),
            before=count_sentiments(connection, brand_id, window.before()),
            unhappy_new=_count_new_cases(connection, brand_id, window),
            unhappy_new_before=_count_new_cases(connection, brand_id, window.before()),
            **_count_open_cases(connection, brand_id, now, urgent_at),
        )


def health(db: Database) -> ListeningHealth:
    """Return the state of the queries, stages and deliveries."""
    with db.read() as connection:
        gaps = coverage_ledger.count_unfilled_gaps(connection)
        queries = connection.execute(select(_QUERY).order_by(_QUERY.c.id)).all()
        stages = connection.execute(select(_STAGE).order_by(_STAGE.c.name)).all()
        dead_count = connection.execute(
            select(func.count()).where(_DELIVERY.c.state == DeliveryState.DEAD.value)
        ).scalar_one()
        newest_at = connection.execute(select(func.max(_MENTION.c.published_at))).scalar_one()
        pending = predictions.count_never_classified(connection)
    return ListeningHealth(
        sources=tuple(_source_health(row, gaps) for row in queries),
        stages=tuple(_stage_health(row) for row in stages),
        pending=pending,
        deliveries_dead=dead_count,
        newest_mention_at=newest_at,
    )


def _count_new_cases(connection: Connection, brand_id: str, window: Window) -> int:
    return connection.execute(
        select(func.count()).where(
            _CASE.c.brand_id == brand_id,
            _CASE.c.complained_at >= window.since,
            _CASE.c.complained_at < window.until,
        )
    ).scalar_one()


def _count_open_cases(
    connection: Connection, brand_id: str, now: datetime, urgent_at: int
) -> dict[str, int]:
    def count(condition: Any) -> Any:
        return func.count().filter(condition)

    row = connection.execute(
        select(
            func.count().label("unhappy_now"),
            count(_CASE.c.priority >= urgent_at).label("urgent_now"),
            count(IS_UNANSWERED).label("waiting"),
            count(and_(IS_UNANSWERED, _CASE.c.due_at < now)).label("overdue"),
        ).where(_CASE.c.brand_id == brand_id, IS_OPEN)
    ).one()
    return dict(row._mapping)


def _source_health(row: Any, gaps: Mapping[tuple[str, str], int]) -> SourceHealth:
    return SourceHealth(
        query_id=row.id,
        source=row.source,
        polled_at=row.polled_at,
        due_at=row.due_at,
        complete_until=row.complete_until,
        failures=row.failures,
        error=row.error,
        paused=row.paused,
        seen=row.seen,
        stored=row.stored,
        rejected=row.rejected,
        gaps=gaps.get((row.id, OPEN), 0),
        lost=gaps.get((row.id, LOST), 0),
    )


def _stage_health(row: Any) -> StageHealth:
    return StageHealth(
        name=row.name,
        started_at=row.started_at,
        finished_at=row.finished_at,
        summary=row.summary,
        error=row.error,
    )
