"""Compute how long to wait before the next attempt."""

from __future__ import annotations

import random
from datetime import timedelta

# A server that says "come back in a year" is tried again tomorrow: one wrong header must not end
# the listening for good.
_LONGEST_RETRY_AFTER = timedelta(days=1)
# In seconds. A tenth of a day would be hours that a brand is not heard.
_MAX_JITTER = 30.0


def backoff(
    failures: int, *, first: timedelta, longest: timedelta, retry_after: float | None = None
) -> timedelta:
    """Return ``first`` doubled for each failure so far, at most ``longest``, give or take a fifth.

    The jitter keeps queries that failed together from coming back together. ``retry_after`` is the
    server's Retry-After in seconds: the wait is no shorter than that, up to a day.
    """
    # the bound on failures keeps the power within what a timedelta holds
    doubled: timedelta = first * 2 ** min(failures, 20)
    jitter: float = random.uniform(0.8, 1.2)  # noqa: S311  (not for security)
    wait = min(doubled, longest) * jitter
    # "not above 0" holds for NaN too, which a broken header can give
    if retry_after is None or not retry_after > 0:
        return wait
    return max(wait, timedelta(seconds=min(retry_after, _LONGEST_RETRY_AFTER.total_seconds())))


def requested_wait(retry_after: float) -> timedelta:
    """Return the wait in seconds that a platform or budget asks for, at most a day, with jitter.

    The jitter is up to a tenth, at most half a minute: queries that were told the same time do
    not all come back at once.
    """
    wait = min(retry_after, _LONGEST_RETRY_AFTER.total_seconds())
    jitter = random.uniform(0.0, min(wait / 10, _MAX_JITTER))  # noqa: S311  (not for security)
    return timedelta(seconds=wait + jitter)
