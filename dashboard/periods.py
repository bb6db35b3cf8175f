"""The periods that the command center shows, cut on the brand's own clock."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from earful.clock import Window
from storage.views import Counts, TrendPoint

_QUARTER = timedelta(minutes=15)
HOUR = timedelta(hours=1)
_ENOUGH_MENTIONS = 200  # a period with fewer is too thin to begin with


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A choice of the selector: its length, and the hours that a bar of the chart covers."""

    key: str
    name: str
    length: timedelta
    step_hours: int

    @property
    def before(self) -> str:
        """Return the name of the period before it."""
        return f"the {self.name} before"


PERIODS = (
    Period(key="24h", name="24 hours", length=timedelta(hours=24), step_hours=1),
    Period(key="3d", name="3 days", length=timedelta(days=3), step_hours=3),
    Period(key="7d", name="7 days", length=timedelta(days=7), step_hours=6),
    Period(key="14d", name="14 days", length=timedelta(days=14), step_hours=24),
    Period(key="30d", name="30 days", length=timedelta(days=30), step_hours=24),
)
BY_KEY = {period.key: period for period in PERIODS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar of the chart; ``start`` and ``end`` are wall-clock times of the brand, naive."""

    start: datetime
    end: datetime
    counts: Counts


def window(period: Period, until: datetime) -> Window:
    """Return the window of the period's length that ends with the running quarter of an hour.

    Counts are stored by the quarter, so a window must begin and end on one.
    """
    return Window.last(period.length, _up_to_quarter(until))


def chart_window(period: Period, until: datetime, zone: str) -> Window:
    """Return the same window, begun on a full local step, so that the first bar is whole."""
    exact = window(period, until)
    since = _floor(exact.since.astimezone(ZoneInfo(zone)), period.step_hours)
    return Window(since=since.astimezone(UTC), until=exact.until)


def group_bars(points: Iterable[TrendPoint], period: Period, zone: str) -> tuple[Bar, ...]:
    """Group hourly points into the period's steps on the local clock.

    Wall-clock steps are used because a day of 23 or 25 hours is still one day.
    """
    groups: dict[datetime, list[Counts]] = {}
    for point in points:
        local = _floor(point.start.astimezone(ZoneInfo(zone)), period.step_hours)
        groups.setdefault(local.replace(tzinfo=None), []).append(point.counts)
    step = timedelta(hours=period.step_hours)
    return tuple(
        Bar(start=start, end=start + step, counts=_sum(counts)) for start, counts in groups.items()
    )


def default_period(points: Iterable[TrendPoint], until: datetime) -> Period:
    """Return the period to begin with: a week, or a longer one that holds more mentions."""
    all_points = tuple(points)
    best, best_mentions = BY_KEY["7d"], -1
    for period in PERIODS[2:]:
        since = until - period.length
        mentions = sum(point.counts.mentions for point in all_points if point.start >= since)
        if mentions > best_mentions:
            best, best_mentions = period, mentions
        if mentions >= _ENOUGH_MENTIONS:
            break
    return best


def _sum(counts: Iterable[Counts]) -> Counts:
    names = [field.name for field in fields(Counts)]
    parts = tuple(counts)
    return Counts(**{name: sum(getattr(part, name) for part in parts) for name in names})


def _up_to_quarter(instant: datetime) -> datetime:
    excess = (instant - datetime.min.replace(tzinfo=UTC)) % _QUARTER
    return instant if not excess else instant + (_QUARTER - excess)


def _floor(local: datetime, step_hours: int) -> datetime:
    return local.replace(
        hour=local.hour - local.hour % step_hours, minute=0, second=0, microsecond=0
    )
