"""How long to wait before the next try."""

from __future__ import annotations

import random
from datetime import timedelta

_LONGEST_SAID = timedelta(days=1)  # who says "come back in a year" is asked again tomorrow
_MOST_JITTER = 30.0  # seconds


def backoff(
    failures: int, *, first: timedelta, most: timedelta, said: float | None = None
) -> timedelta:
    """``first`` doubled for each failure so far, at most ``most``, give or take a fifth.

    The jitter keeps many queries that failed together from coming back together. ``said`` is the
    Retry-After of the far side in seconds: we wait no shorter than that, up to a day.
    """
    doubled: timedelta = first * 2 ** min(failures, 20)
    jitter: float = random.uniform(0.8, 1.2)  # noqa: S311  (not for security)
    wait = min(doubled, most) * jitter
    if said is None or not said > 0:  # also what is no number
        return wait
    return max(wait, timedelta(seconds=min(said, _LONGEST_SAID.total_seconds())))


def as_said(seconds: float) -> timedelta:
    """What a platform or a budget said, at most a day, and up to a tenth more, half a minute at
    most: those who were told the same do not all come back at once."""
    wait = min(seconds, _LONGEST_SAID.total_seconds())
    jitter = random.uniform(0.0, min(wait / 10, _MOST_JITTER))  # noqa: S311  (not for security)
    return timedelta(seconds=wait + jitter)
