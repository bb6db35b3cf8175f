"""How long to wait before the next try."""

from __future__ import annotations

import random
from datetime import timedelta


def backoff(failures: int, *, first: timedelta, most: timedelta) -> timedelta:
    """``first`` doubled for each failure so far, at most ``most``, give or take a fifth.

    The jitter keeps many queries that failed together from coming back together.
    """
    doubled: timedelta = first * 2 ** min(failures, 20)
    jitter: float = random.uniform(0.8, 1.2)  # noqa: S311  (not for security)
    return min(doubled, most) * jitter
