"""The pause of one part of a query after a failure, while the other parts go on."""

from __future__ import annotations

from earful.contracts import EdgeError, Transient

# seconds; a day, so that a wrong Retry-After or a repaired key is noticed by the next one
_LONGEST = 86_400
_SKEW = 60  # seconds by which a corrected clock may jump


def cooldown_until(error: EdgeError, now: int) -> int:
    """Return the end of the pause in seconds since 1970.

    A transient error pauses for its ``retry_after``, at most a day; a refusal pauses for a day.
    """
    seconds = error.retry_after or 0 if isinstance(error, Transient) else _LONGEST
    return now + int(min(seconds, _LONGEST))


def is_cooling_down(until: int, now: int, planned_at: int = 0) -> bool:
    """Tell whether the pause still lasts; all are seconds since 1970.

    ``planned_at`` is when it began; 0 in positions of earlier versions.
    """
    # a clock that was ahead wrote an end over a day away or a beginning in the future: ignore both
    return now < until <= now + _LONGEST and planned_at <= now + _SKEW
