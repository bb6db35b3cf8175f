"""Read the time, here alone, and compute windows of time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]
# The time of a post whose date is there and cannot be read. It is outside every window, so the post
# is never fresh (docs/decisions/platforms.md, "A feed's date is read strictly").
UNDATED = datetime(1970, 1, 1, tzinfo=UTC)


def now() -> datetime:
    """Return the present instant, aware, in UTC."""
    return datetime.now(UTC)


# Clocks of two machines differ by less, and a corrected clock jumps by less.
_SKEW = timedelta(minutes=1)


def is_from_future(written_at: datetime, now: datetime) -> bool:
    """True when the clock was ahead while ``written_at`` was written, or is behind now.

    docs/decisions/collecting.md, "A wait counts only if it was planned in the past".
    """
    return written_at - now > _SKEW


def latest_trusted(now: datetime) -> datetime:
    """Return the latest instant that ``is_from_future`` trusts, for conditions of SQL."""
    return now + _SKEW


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedWait:
    """A wait until ``until``, and when it was planned."""

    planned_at: datetime
    until: datetime

    def is_over(self, now: datetime) -> bool:
        """True when the wait is over, or was planned by a clock that was ahead."""
        return self.until <= now or is_from_future(self.planned_at, now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A half-open window of time [since, until): the end belongs to the next window."""

    since: datetime
    until: datetime

    def __post_init__(self) -> None:
        for name in ("since", "until"):
            value: datetime = getattr(self, name)
            if value.tzinfo is None:
                raise ValueError(f"Window.{name}: {value!r} has no time zone; give aware UTC")
        if self.since > self.until:
            raise ValueError(f"Window: since {self.since} is after until {self.until}")

    @classmethod
    def last(cls, length: timedelta, until: datetime) -> Window:
        """Return the window of ``length`` that ends at ``until``."""
        return cls(since=until - length, until=until)

    @property
    def length(self) -> timedelta:
        """The length of the window."""
        return self.until - self.since

    def before(self) -> Window:
        """Return the window of the same length just before this one."""
        return Window(since=self.since - self.length, until=self.since)
