"""Limit how much one address, and all together, may send to a form. Stores nothing on disk."""

from __future__ import annotations

import hashlib
import secrets
from collections import deque
from collections.abc import Sequence
from datetime import datetime, timedelta

from earful.clock import Clock, is_from_future

Rule = tuple[int, timedelta]  # so many in so long
_MAX_KEYS = 50_000  # remembered at once; the one that came first is forgotten for a new one


class RateLimits:
    """Counts under keys; a key is kept as a hash with a salt that is thrown away every day."""

    def __init__(self, rules: Sequence[Rule], *, clock: Clock) -> None:
        self._rules = rules
        self._longest = max(span for _, span in rules)
        self._clock = clock
        self._day = ""
        self._salt = b""
        self._times: dict[bytes, deque[datetime]] = {}

    def wait(self, key: str) -> float:
        """Return the seconds until ``key`` may send again; 0 counts this time and allows it."""
        now = self._clock()
        self._new_day(f"{now:%Y%m%d}")
        times = self._times_of(hashlib.blake2b(key.encode(), key=self._salt).digest())
        while times and times[0] <= now - self._longest:
            times.popleft()
        # of a clock that was ahead: it would refuse this visitor until that time comes
        while times and is_from_future(times[-1], now):
            times.pop()
        seconds = max((_wait(times, rule, now) for rule in self._rules), default=0.0)
        if not seconds:
            times.append(now)
        return seconds

    def _new_day(self, day: str) -> None:
        if day != self._day:
            self._day, self._salt, self._times = day, secrets.token_bytes(32), {}

    def _times_of(self, key: bytes) -> deque[datetime]:
        if key not in self._times and len(self._times) >= _MAX_KEYS:
            # A dict keeps the order of insertion, so its first key is the oldest.
            del self._times[next(iter(self._times))]
        return self._times.setdefault(key, deque())


def _wait(times: deque[datetime], rule: Rule, now: datetime) -> float:
    max_count, span = rule
    if len(times) < max_count:
        return 0.0
    return max((times[-max_count] + span - now).total_seconds(), 0.0)
