"""Decide how much of a limit or budget a brand may take, and when its windows begin and end.

The brands of an account share each window:

1. Every brand has an equal share of the window.
2. A brand's reserve is what it used in the previous window, up to its share. It is the whole
   share if the brand was refused then.
3. The part of a brand's reserve that it has not used yet stays free for it.
4. Any brand may take what is left beyond the reserves of the others.

So a single brand has the whole window, the first brand to ask starves the others for one window
at most, and a brand is never refused its own reserve.
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


class Grant(StrEnum):
    """The decision on a brand's request for a part of a limit or budget."""

    GRANTED = "granted"
    SPENT = "spent"  # the whole window is used up
    RESERVED_FOR_OTHERS = "reserved_for_others"  # the remainder belongs to other brands


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowUse:
    """The use that an account's ``brands`` made of ``limit`` in this window and the previous one.

    ``limit`` and the amounts count requests, units or millionths of money alike.
    ``refused_before`` names the brands that were refused in the previous window.
    """

    limit: int
    brands: frozenset[str]
    used: Mapping[str, int]
    used_before: Mapping[str, int] = field(default_factory=dict)
    refused_before: frozenset[str] = frozenset()


def grant_for(brand: str, amount: int, use: WindowUse) -> Grant:
    """Decide whether ``brand`` may take ``amount`` more in this window.

    The numbers are those of the module's outline.
    """
    remaining = use.limit - sum(use.used.values())
    if amount > remaining:
        return Grant.SPENT
    # 1. equal shares
    co_brands = use.brands - {brand}
    share = use.limit // (len(co_brands) + 1)
    reserved = 0
    for co_brand in co_brands:
        # 2. its reserve
        refused = co_brand in use.refused_before
        reserve = share if refused else min(share, use.used_before.get(co_brand, 0))
        # 3. without the part that it has used
        reserved += max(0, reserve - use.used.get(co_brand, 0))
    # 4. the rest is free to take
    return Grant.GRANTED if amount <= remaining - reserved else Grant.RESERVED_FOR_OTHERS


def window_of(now: datetime, seconds: float) -> Window:
    """Return the window of ``seconds`` that holds ``now``; windows are counted from 1970 on."""
    length = timedelta(seconds=seconds)
    since = now - (now - _EPOCH) % length
    return Window(since=since, until=since + length)


def day_of(now: datetime, zone: str = "UTC") -> Window:
    """Return the day in ``zone`` that holds ``now``."""
    midnight = now.astimezone(ZoneInfo(zone)).replace(hour=0, minute=0, second=0, microsecond=0)
    # wall-clock arithmetic: a day has 23 or 25 hours where the clock changes
    return _in_utc(midnight, midnight + timedelta(days=1))


def month_of(now: datetime) -> Window:
    """Return the month, in UTC, that holds ``now``."""
    first = now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return _in_utc(first, (first + timedelta(days=31)).replace(day=1))


def moment_before(window: Window) -> datetime:
    """Return the last moment of the previous window."""
    return window.since - _MOMENT


def _in_utc(since: datetime, until: datetime) -> Window:
    return Window(since=since.astimezone(UTC), until=until.astimezone(UTC))
