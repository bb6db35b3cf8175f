"""Pure: how much of a limit or budget a brand may take, and when its windows begin and end.

Every brand of an account has an equal share of a window. Of its share as much is kept for it as it
used in the window before, and all of it when it was refused then; what is not kept for others may
be taken by whoever asks. So one brand alone has everything, the one that asks first cannot starve
the others for longer than a window, and what is kept for a brand is never refused to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from earful.clock import Window

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOMENT = timedelta(microseconds=1)


class Answer(StrEnum):
    """What became of asking for a part of a limit or budget."""

    YES = "yes"
    SPENT = "spent"  # the whole window is used up
    KEPT = "kept"  # what is left of it is kept for other brands


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """What an account's ``brands`` used of ``most`` in this window, and in the one before.

    Whoever was ``refused`` in the window before has all of its share kept in this one.
    """

    most: int
    brands: frozenset[str]
    used: Mapping[str, int]
    before: Mapping[str, int] = field(default_factory=dict)
    refused: frozenset[str] = frozenset()


def may_take(brand: str, asked: int, use: Use) -> Answer:
    """Whether ``brand`` may take ``asked`` more in this window."""
    left = use.most - sum(use.used.values())
    if asked > left:
        return Answer.SPENT
    others = use.brands - {brand}
    share = use.most // (len(others) + 1)
    kept = 0
    for other in others:
        wants = share if other in use.refused else min(share, use.before.get(other, 0))
        kept += max(0, wants - use.used.get(other, 0))
    return Answer.YES if asked <= left - kept else Answer.KEPT


def window_of(now: datetime, seconds: float) -> Window:
    """The window of that many seconds that ``now`` lies in; windows are counted from 1970 on."""
    length = timedelta(seconds=seconds)
    since = now - (now - _EPOCH) % length
    return Window(since=since, until=since + length)


def day_of(now: datetime, zone: str = "UTC") -> Window:
    """The day in ``zone`` that ``now`` lies in."""
    midnight = now.astimezone(ZoneInfo(zone)).replace(hour=0, minute=0, second=0, microsecond=0)
    # wall-clock arithmetic: a day has 23 or 25 hours where the clock is changed
    return _utc(midnight, midnight + timedelta(days=1))


def month_of(now: datetime) -> Window:
    """The month, in UTC, that ``now`` lies in."""
    first = now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return _utc(first, (first + timedelta(days=31)).replace(day=1))


def moment_before(window: Window) -> datetime:
    """The last moment of the window before this one."""
    return window.since - _MOMENT


def _utc(since: datetime, until: datetime) -> Window:
    return Window(since=since.astimezone(UTC), until=until.astimezone(UTC))
