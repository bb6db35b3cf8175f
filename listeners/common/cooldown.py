"""How long a part of a query that failed is left in peace, while the others are asked."""

from __future__ import annotations

from earful.contracts import EdgeError, Transient

_LONGEST = 86_400  # seconds


def cooldown_until(error: EdgeError, now: int) -> int:
    """Until when (seconds since 1970): as was said, at most a day; a day where it was refused."""
    said = error.retry_after or 0 if isinstance(error, Transient) else _LONGEST
    return now + int(min(said, _LONGEST))


def is_cooling_down(until: int, now: int) -> bool:
    """True when ``until`` is yet to come. What is further off than a day was written by a clock
    that was ahead: nobody waits for that."""
    return now < until <= now + _LONGEST
