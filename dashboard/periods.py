"""The stretches of time that the command center shows, cut on the brand's own clock."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from earful.clock import Window
from storage.views import Counts, TrendPoint

_QUARTER = timedelta(minutes=15)
HOUR = timedelta(hours=1)
_ENOUGH = 200  # mentions that make a week worth looking at; fewer, and a longer period is shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A choice of the selector: how long, and how many hours a bar of the chart covers."""

    key: str
    name: str
    length: timedelta
    step_hours: int

    @property
    def before(self) -> str:
        """How the period before it is called."""
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
    """The last ``period.length`` up to the end of the running quarter of an hour.

    Counts are kept by the quarter, so a window must begin and end on one.
    """
    return Window.last(period.length, _up_to_quarter(until))


def chart_window(period: Period, until: datetime, zone: str) -> Window:
    """The same stretch, begun on a full local step so that the first bar is a whole one."""
    exact = window(period, until)
    since = _floor(exact.since.astimezone(ZoneInfo(zone)), period.step_hours)
    return Window(since=since.astimezone(UTC), until=exact.until)


def bars(points: Iterable[TrendPoint], period: Period, zone: str) -> tuple[Bar, ...]:
    """Hourly points gathered into the period's steps on the local clock.

    Gathered by wall clock, because a day of 23 or 25 hours is still one day.
    """
    found: dict[datetime, list[Counts]] = {}
    for point in points:
        local = _floor(point.start.astimezone(ZoneInfo(zone)), period.step_hours)
        found.setdefault(local.replace(tzinfo=None), []).append(point.counts)
    step = timedelta(hours=period.step_hours)
    return tuple(
        Bar(start=start, end=start + step, counts=_sum(some)) for start, some in found.items()
    )


def sensible(points: Iterable[TrendPoint], until: datetime) -> Period:
    """The period to begin with: a week, or longer when a week holds little and longer more."""
    found = tuple(points)
    best, most = BY_KEY["7d"], -1
    for period in PERIODS[2:]:
        since = until - period.length
        mentions = sum(one.counts.mentions for one in found if one.start >= since)
        if mentions > most:
            best, most = period, mentions
        if mentions >= _ENOUGH:
            break
    return best


def _sum(some: Iterable[Counts]) -> Counts:
    names = [field.name for field in fields(Counts)]
    found = tuple(some)
    return Counts(**{name: sum(getattr(one, name) for one in found) for name in names})


def _up_to_quarter(instant: datetime) -> datetime:
    over = (instant - datetime.min.replace(tzinfo=UTC)) % _QUARTER
    return instant if not over else instant + (_QUARTER - over)


def _floor(local: datetime, step_hours: int) -> datetime:
    return local.replace(
        hour=local.hour - local.hour % step_hours, minute=0, second=0, microsecond=0
    )
