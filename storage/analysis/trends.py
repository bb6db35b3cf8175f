"""Counts of mentions over time, brands and sources, read from the tallies."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, and_, func, select

from earful.clock import Window
from storage.analysis.predictions import UNKNOWN
from storage.analysis.tallies import QUARTER, quarter_of
from storage.database.engine import Database
from storage.database.upsert import table_of
from storage.tables import BrandRow, MentionBrandRow, MentionRow, TallyRow
from storage.views import Counts, SourceCounts, TrendPoint, VoiceShare

_TALLY, _BRAND = table_of(TallyRow), table_of(BrandRow)
_MENTION_BRAND, _MENTION = table_of(MentionBrandRow), table_of(MentionRow)
_DAY = timedelta(days=1)


def counts(db: Database, brand_id: str, window: Window) -> Counts:
    """Count the mentions of each sentiment in the window."""
    with db.read() as connection:
        return count_sentiments(connection, brand_id, widen_to_quarters(window))


def count_exactly(db: Database, brand_id: str, window: Window) -> Counts:
    """Count the mentions of each sentiment in the window, to the instant.

    Whole quarters come from the tallies, the parts of quarters at both ends from the mentions. So
    windows that meet share no mention and lose none.
    """
    since, until = _round_up(window.since), quarter_of(window.until)
    numbers: dict[str, int] = defaultdict(int)
    with db.read() as connection:
        if since < until:
            _add_tallies(connection, brand_id, Window(since=since, until=until), numbers)
            _add_mentions(connection, brand_id, Window(since=window.since, until=since), numbers)
            _add_mentions(connection, brand_id, Window(since=until, until=window.until), numbers)
        else:
            _add_mentions(connection, brand_id, window, numbers)
    return _to_counts(numbers)


def _add_tallies(
    connection: Connection, brand_id: str, window: Window, numbers: dict[str, int]
) -> None:
    rows = connection.execute(
        select(_TALLY.c.sentiment, func.sum(_TALLY.c.mentions))
        .where(_in_window(brand_id, window))
        .group_by(_TALLY.c.sentiment)
    )
    for sentiment, number in rows:
        numbers[sentiment] += int(number)


def _add_mentions(
    connection: Connection, brand_id: str, window: Window, numbers: dict[str, int]
) -> None:
    """Count the mentions of a window as the tallies do: without the brand's own posts."""
    published_at = _MENTION_BRAND.c.published_at
    rows = connection.execute(
        select(_MENTION.c.sentiment, func.count())
        .join(_MENTION_BRAND, _MENTION_BRAND.c.mention_id == _MENTION.c.id)
        .where(
            _MENTION_BRAND.c.brand_id == brand_id,
            published_at >= window.since,
            published_at < window.until,
            _MENTION_BRAND.c.own.is_(False),
        )
        .group_by(_MENTION.c.sentiment)
    )
    for sentiment, number in rows:
        numbers[sentiment] += number


def trend(
    db: Database, brand_id: str, window: Window, step: timedelta, source: str | None = None
) -> tuple[TrendPoint, ...]:
    """Return the counts of each step from window.since on, empty steps included.

    ``step`` is a multiple of 15 minutes. Steps of a day or more begin at midnight in the brand's
    own time zone, so a day has 23 or 25 hours when the clocks change.
    """
    window = widen_to_quarters(window)
    with db.read() as connection:
        edges = _edges(connection, brand_id, window, step)
        condition = _in_window(brand_id, Window(since=edges[0], until=max(window.until, edges[-1])))
        if source is not None:
            condition = and_(condition, _TALLY.c.source == source)
        rows = connection.execute(
            select(_TALLY.c.quarter, _TALLY.c.sentiment, func.sum(_TALLY.c.mentions))
            .where(condition)
            .group_by(_TALLY.c.quarter, _TALLY.c.sentiment)
        ).all()
    steps: list[dict[str, int]] = [defaultdict(int) for _ in edges]
    for quarter, sentiment, number in rows:
        steps[bisect_right(edges, quarter) - 1][sentiment] += int(number)
    return tuple(
        TrendPoint(start=start, counts=_to_counts(numbers))
        for start, numbers in zip(edges, steps, strict=True)
    )


def share_of_voice(db: Database, brand_id: str, window: Window) -> tuple[VoiceShare, ...]:
    """Return the brand and its competitors with their shares, most mentioned first."""
    window = widen_to_quarters(window)
    with db.read() as connection:
        rows = connection.execute(
            select(_BRAND).where((_BRAND.c.id == brand_id) | (_BRAND.c.competitor_of == brand_id))
        ).all()
        counts = {row.id: count_sentiments(connection, row.id, window) for row in rows}
    # 0 in a quiet window: the shares are 0 then, because 0/0 has no meaning on a chart
    total = sum(brand_counts.mentions for brand_counts in counts.values())
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
    return tuple(sorted(shares, key=lambda share: (-share.counts.mentions, share.brand)))


def by_source(db: Database, brand_id: str, window: Window) -> tuple[SourceCounts, ...]:
    """Return the counts of each source, most mentions first."""
    window = widen_to_quarters(window)
    numbers: dict[str, dict[str, int]] = defaultdict(dict)
    with db.read() as connection:
        for source, sentiment, number in connection.execute(
            select(_TALLY.c.source, _TALLY.c.sentiment, func.sum(_TALLY.c.mentions))
            .where(_in_window(brand_id, window))
            .group_by(_TALLY.c.source, _TALLY.c.sentiment)
        ):
            numbers[source][sentiment] = int(number)
    sources = [
        SourceCounts(source=source, counts=_to_counts(by_sentiment))
        for source, by_sentiment in numbers.items()
    ]
    return tuple(sorted(sources, key=lambda source: (-source.counts.mentions, source.source)))


def widen_to_quarters(window: Window) -> Window:
    """Return the window widened to whole quarters of an hour, the unit of the tallies."""
    return Window(since=quarter_of(window.since), until=_round_up(window.until))


def _round_up(instant: datetime) -> datetime:
    quarter = quarter_of(instant)
    return quarter if quarter == instant else quarter + QUARTER


def _in_window(brand_id: str, window: Window) -> Any:
    return and_(
        _TALLY.c.brand_id == brand_id,
        _TALLY.c.quarter >= window.since,
        _TALLY.c.quarter < window.until,
    )


def count_sentiments(connection: Connection, brand_id: str, window: Window) -> Counts:
    """Count inside a transaction; ``window`` must begin and end on a quarter of an hour."""
    numbers: dict[str, int] = defaultdict(int)
    _add_tallies(connection, brand_id, window, numbers)
    return _to_counts(numbers)


def _to_counts(numbers: Mapping[str, int]) -> Counts:
    return Counts(
        negative=numbers.get("negative", 0),
        neutral=numbers.get("neutral", 0),
        positive=numbers.get("positive", 0),
        unknown=numbers.get(UNKNOWN, 0),
        pending=numbers.get("", 0),
    )


def _edges(
    connection: Connection, brand_id: str, window: Window, step: timedelta
) -> Sequence[datetime]:
    """Return the start of each step."""
    if step < QUARTER or step % QUARTER:
        raise ValueError(f"trend: a step of {step} cannot be drawn; use a multiple of 15 minutes")
    if step < _DAY:
        step_count = -(-window.length // step)
        return [window.since + index * step for index in range(max(step_count, 1))]
    zone = connection.execute(
        select(_BRAND.c.timezone).where(_BRAND.c.id == brand_id)
    ).scalar_one_or_none()
    return list(_midnights(window, ZoneInfo(zone or "UTC"), step // _DAY))


def _midnights(window: Window, zone: ZoneInfo, days: int) -> Iterable[datetime]:
    # fold 0: where clocks go back over midnight, the day begins at the first of two midnights
    day = window.since.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    last: datetime | None = None
    while True:
        # wall-clock arithmetic: the next midnight may be 23 or 25 hours away
        start = day.astimezone(ZoneInfo("UTC"))
        if start >= window.until and start > window.since:
            return
        if start != last:  # Samoa skipped 30 December 2011
            yield start
        last = start
        day += timedelta(days=days)
