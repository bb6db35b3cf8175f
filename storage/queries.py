"""What the dashboard, the digest and the command line read. One moment of the database a call."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, and_, func, select

from earful.clock import Window
from storage.analysis import predictions
from storage.analysis.tallies import QUARTER, quarter_of
from storage.cases.conditions import IS_OPEN, IS_UNANSWERED
from storage.cases.queue import (
    assignees,
    case,
    count_cases,
    count_events,
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
    TallyRow,
)
from storage.views import (
    BrandView,
    Counts,
    Headline,
    ListeningHealth,
    SourceCounts,
    SourceHealth,
    StageHealth,
    TrendPoint,
    VoiceShare,
)

__all__ = [
    "assignees",
    "brands",
    "by_source",
    "case",
    "count_cases",
    "count_events",
    "counts",
    "headline",
    "health",
    "newest_flagged",
    "queue",
    "share_of_voice",
    "trend",
]

_TALLY, _CASE, _BRAND = table_of(TallyRow), table_of(CaseRow), table_of(BrandRow)
_QUERY, _STAGE = table_of(QueryRow), table_of(StageRow)
_MENTION, _DELIVERY = table_of(MentionRow), table_of(DeliveryRow)
_DAY = timedelta(days=1)


def brands(db: Database) -> tuple[BrandView, ...]:
    """Every brand, ours first, then by name."""
    with db.read() as connection:
        rows = connection.execute(select(_BRAND)).all()
    ordered = sorted(rows, key=lambda row: (row.competitor_of is not None, row.name.casefold()))
    return tuple(
        BrandView(id=row.id, name=row.name, timezone=row.timezone, competitor_of=row.competitor_of)
        for row in ordered
    )


def counts(db: Database, brand_id: str, window: Window) -> Counts:
    """How many mentions of each sentiment the window holds."""
    with db.read() as connection:
        return _counts(connection, brand_id, _on_quarters(window))


def headline(
    db: Database, brand_id: str, window: Window, *, now: datetime, urgent_at: int
) -> Headline:
    """The figures of ``window`` beside those of the window before it."""
    window = _on_quarters(window)
    with db.read() as connection:
        return Headline(
            now=_counts(connection, brand_id, window),
            before=_counts(connection, brand_id, window.before()),
            unhappy_new=_new_cases(connection, brand_id, window),
            unhappy_new_before=_new_cases(connection, brand_id, window.before()),
            **_open_cases(connection, brand_id, now, urgent_at),
        )


def trend(
    db: Database, brand_id: str, window: Window, step: timedelta, source: str | None = None
) -> tuple[TrendPoint, ...]:
    """Counts in steps of ``step`` from window.since on; every step is there, also empty ones.

    ``step`` is a multiple of 15 minutes; from a day on, steps begin at midnight in the brand's
    own time zone, so that a day has 23 or 25 hours where the clock is changed.
    """
    window = _on_quarters(window)
    with db.read() as connection:
        edges = _edges(connection, brand_id, window, step)
        which = _in_window(brand_id, Window(since=edges[0], until=max(window.until, edges[-1])))
        if source is not None:
            which = and_(which, _TALLY.c.source == source)
        rows = connection.execute(
            select(_TALLY.c.quarter, _TALLY.c.sentiment, func.sum(_TALLY.c.mentions))
            .where(which)
            .group_by(_TALLY.c.quarter, _TALLY.c.sentiment)
        ).all()
    steps: list[dict[str, int]] = [defaultdict(int) for _ in edges]
    for quarter, sentiment, number in rows:
        steps[bisect_right(edges, quarter) - 1][sentiment] += int(number)
    return tuple(
        TrendPoint(start=start, counts=_to_counts(found))
        for start, found in zip(edges, steps, strict=True)
    )


def share_of_voice(db: Database, brand_id: str, window: Window) -> tuple[VoiceShare, ...]:
    """The brand and its competitors, most talked about first."""
    window = _on_quarters(window)
    with db.read() as connection:
        rows = connection.execute(
            select(_BRAND).where((_BRAND.c.id == brand_id) | (_BRAND.c.competitor_of == brand_id))
        ).all()
        counts = {row.id: _counts(connection, row.id, window) for row in rows}
    total = sum(found.mentions for found in counts.values())
    shares = [
        VoiceShare(
            brand_id=row.id,
            brand=row.name,
            ours=row.id == brand_id,
            counts=counts[row.id],
            share=counts[row.id].mentions / total if total else 0.0,
        )
        for row in rows
    ]
    return tuple(sorted(shares, key=lambda one: (-one.counts.mentions, one.brand)))


def by_source(db: Database, brand_id: str, window: Window) -> tuple[SourceCounts, ...]:
    """What each source brought, most first."""
    window = _on_quarters(window)
    found: dict[str, dict[str, int]] = defaultdict(dict)
    with db.read() as connection:
        for source, sentiment, number in connection.execute(
            select(_TALLY.c.source, _TALLY.c.sentiment, func.sum(_TALLY.c.mentions))
            .where(_in_window(brand_id, window))
            .group_by(_TALLY.c.source, _TALLY.c.sentiment)
        ):
            found[source][sentiment] = int(number)
    counted = [SourceCounts(source=source, counts=_to_counts(one)) for source, one in found.items()]
    return tuple(sorted(counted, key=lambda one: (-one.counts.mentions, one.source)))


def health(db: Database) -> ListeningHealth:
    """How the queries, stages and deliveries fare."""
    with db.read() as connection:
        gaps = coverage_ledger.count_unfilled_gaps(connection)
        queries = connection.execute(select(_QUERY).order_by(_QUERY.c.id)).all()
        stages = connection.execute(select(_STAGE).order_by(_STAGE.c.name)).all()
        dead = connection.execute(
            select(func.count()).where(_DELIVERY.c.state == "dead")
        ).scalar_one()
        newest = connection.execute(select(func.max(_MENTION.c.published_at))).scalar_one()
        pending = predictions.count_never_classified(connection)
    return ListeningHealth(
        sources=tuple(_source_health(row, gaps) for row in queries),
        stages=tuple(_stage_health(row) for row in stages),
        pending=pending,
        deliveries_dead=dead,
        newest_mention_at=newest,
    )


def _on_quarters(window: Window) -> Window:
    """The window widened to whole quarters of an hour, which is how tallies are kept."""
    until = quarter_of(window.until)
    if until < window.until:
        until += QUARTER
    return Window(since=quarter_of(window.since), until=until)


def _in_window(brand_id: str, window: Window) -> Any:
    return and_(
        _TALLY.c.brand_id == brand_id,
        _TALLY.c.quarter >= window.since,
        _TALLY.c.quarter < window.until,
    )


def _counts(connection: Connection, brand_id: str, window: Window) -> Counts:
    rows = connection.execute(
        select(_TALLY.c.sentiment, func.sum(_TALLY.c.mentions))
        .where(_in_window(brand_id, window))
        .group_by(_TALLY.c.sentiment)
    ).all()
    return _to_counts({sentiment: int(number) for sentiment, number in rows})


def _to_counts(found: Mapping[str, int]) -> Counts:
    return Counts(
        negative=found.get("negative", 0),
        neutral=found.get("neutral", 0),
        positive=found.get("positive", 0),
        unknown=found.get(predictions.UNKNOWN, 0),
        pending=found.get("", 0),
    )


def _new_cases(connection: Connection, brand_id: str, window: Window) -> int:
    return connection.execute(
        select(func.count()).where(
            _CASE.c.brand_id == brand_id,
            _CASE.c.complained_at >= window.since,
            _CASE.c.complained_at < window.until,
        )
    ).scalar_one()


def _open_cases(
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


def _edges(
    connection: Connection, brand_id: str, window: Window, step: timedelta
) -> Sequence[datetime]:
    if step < QUARTER or step % QUARTER:
        raise ValueError(f"trend: a step of {step} cannot be drawn; use a multiple of 15 minutes")
    if step < _DAY:
        number = -(-window.length // step)
        return [window.since + at * step for at in range(max(number, 1))]
    zone = connection.execute(
        select(_BRAND.c.timezone).where(_BRAND.c.id == brand_id)
    ).scalar_one_or_none()
    return list(_midnights(window, ZoneInfo(zone or "UTC"), step // _DAY))


def _midnights(window: Window, zone: ZoneInfo, days: int) -> Iterable[datetime]:
    # fold 0: where the clock is put back over midnight, the day begins at the first of the two
    day = window.since.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    last: datetime | None = None
    while True:
        # wall-clock arithmetic: the next midnight may be 23 or 25 hours away
        start = day.astimezone(ZoneInfo("UTC"))
        if start >= window.until and start > window.since:
            return
        if start != last:  # Samoa left a whole day out
            yield start
        last = start
        day += timedelta(days=days)


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
