"""English for numbers and times, so that every sentence reads right for none, one, two and many."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from earful.types import Rating

_MINUTE = 60
_HOUR = 3600
_DAY = 86400


def count(number: int, singular: str, plural: str | None = None) -> str:
    """Write "1 case", "2 cases", "14,485 mentions"; ``plural`` adds an s by default."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def times(number: int) -> str:
    """Write how often: "once", "twice", "3 times"."""
    return {1: "once", 2: "twice"}.get(number, f"{number:,} times")


def percent(share: float, places: int = 0) -> str:
    """Write a share in 0..1 as "93 %", rounded down."""
    # down, because a sentence must not claim more than the figure does
    scale = 10**places
    # the inner rounding undoes binary noise: 0.29 * 100 is 28.999…
    return f"{math.floor(round(share * 100 * scale, 6)) / scale:.{places}f} %"


def length(span: timedelta) -> str:
    """Write a length of time in one unit: "35 minutes", "5 hours", "3 days"."""
    number, unit = rounded(span)
    return count(number, unit) if number else "less than a minute"


def rounded(span: timedelta) -> tuple[int, str]:
    """Round a length of time to (35, "minute"), (5, "hour") or (3, "day").

    A unit is used from two of it on, so that the error stays below a quarter. Returns
    (0, "minute") for less than a minute.
    """
    seconds = max(0, int(span.total_seconds()))
    for size, unit in ((_DAY, "day"), (_HOUR, "hour")):
        if seconds >= 2 * size:
            return (seconds + size // 2) // size, unit
    return seconds // _MINUTE, "minute"


def moment(at: datetime, zone: ZoneInfo) -> str:
    """Write an instant as "Fri 21 Nov 09:00" in ``zone``.

    A time that comes twice, when the clocks go back, names its own: "Sun 25 Oct 03:30 EEST".
    """
    local = at.astimezone(zone)
    is_repeated = local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
    return local.strftime("%a %d %b %H:%M %Z" if is_repeated else "%a %d %b %H:%M")


def join_words(parts: list[str]) -> str:
    """Join words to "a", "a and b", "a, b, and c"."""
    if len(parts) < 3:
        return " and ".join(parts)
    return f"{', '.join(parts[:-1])}, and {parts[-1]}"


def describe_rating(rating: Rating) -> str:
    """Write a rating: "1 of 5 stars", "3 of 10 for recommending us", "2 of 5 for satisfaction"."""
    of = f"{rating.value} of {rating.highest}"
    phrases = {"stars": " stars", "nps": " for recommending us", "csat": " for satisfaction"}
    return of + phrases.get(rating.kind, f" ({rating.kind})")


def display_handle(handle: str, *, has_at: bool) -> str:
    """Write a handle: "@maria", or "maria@post.example" and "Maria P." at sources without an @."""
    bare = handle.lstrip("@")
    return f"@{bare}" if has_at and " " not in bare else bare


def describe_reach(mentions: int, accounts: int, reach: int) -> str:
    """Write "said 12 times by 9 accounts, reach about 48,000"; "" for a single mention."""
    if mentions < 2:
        return ""
    by = count(accounts, "account")
    return f"said {times(mentions)} by {by}, reach about {reach:,}"
