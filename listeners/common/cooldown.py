"""The pause of one part of a query after a failure, while the other parts go on."""

from __future__ import annotations

from earful.contracts import EdgeError, Transient

# seconds; a day, so that a wrong Retry-After or a repaired key is noticed by the next one
_LONGEST = 86_400


def cooldown_until(error: EdgeError, now: int) -> int:
    """Return the end of the pause in seconds since 1970.

    A transient error pauses for its ``retry_after``, at most a day; a refusal pauses for a day.
    """
    seconds = error.retry_after or 0 if isinstance(error, Transient) else _LONGEST
    return now + int(min(seconds, _LONGEST))


def is_cooling_down(until: int, now: int) -> bool:
    """Tell whether the pause still lasts; both are seconds since 1970."""
    # an end over a day away was written by a clock that was ahead: ignore it
    return now < until <= now + _LONGEST
