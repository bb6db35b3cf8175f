"""A random life on a platform: silences, talk, bursts, posts that show late, clocks that are off,
and a platform that is away or stumbles."""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from loopback import Asked, Reply
from world import FAULTS, HttpWorld

from earful.contracts import Transient

SKEW = timedelta(minutes=7)
_SLOW = {"slow drip"}  # it would take longer than all the rest
_TROUBLE = [
    reply for name, (reply, error) in FAULTS.items() if error is Transient and name not in _SLOW
]
_STUMBLES = 0.03  # of the requests that are answered at all


@dataclass(slots=True)
class Life:
    """What happens in a world up to ``until``.

    ``latest`` is how much later than written a post may show. ``late`` are the ids of those that
    showed with a time before the last moment that ``go_on`` was called with.
    """

    world: HttpWorld
    dice: random.Random
    latest: timedelta
    late: set[str] = field(default_factory=set)
    waiting: list[tuple[datetime, datetime]] = field(default_factory=list)
    skew: timedelta = timedelta(0)
    away_until: datetime | None = None
    away: Reply | None = None
    calm: bool = False
    until: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.until = self.world.now
        self.world.site.script = self.answer

    def go_on(self) -> None:
        """Publish what is written, or shows, up to the world's time."""
        now = self.world.now
        if not self.calm:
            self._write(now)
            self._set_weather(now)
        while self.waiting and self.waiting[0][0] <= now:
            _, at = heapq.heappop(self.waiting)
            before = set(self.world.expected)
            self.world.publish(at)
            if at < self.until:
                self.late |= set(self.world.expected) - before
        self.until = now

    def _write(self, now: datetime) -> None:
        seconds = int((now - self.until).total_seconds())
        span, count = self._mood(seconds, night=now.hour < 5)
        start = self.until + timedelta(seconds=self.dice.randint(0, seconds - span))
        for _ in range(count):
            written = start + timedelta(seconds=self.dice.randint(0, span))
            late = timedelta(0)
            if self.dice.random() < 0.08:
                late = (self.latest - SKEW) * self.dice.random()
            heapq.heappush(self.waiting, (written + late, written + self.skew))

    def _mood(self, seconds: int, *, night: bool) -> tuple[int, int]:
        """Seconds in which so many posts are written."""
        luck = self.dice.random()
        if luck < 0.015:
            return min(seconds, 600), self.dice.randint(200, 1300)  # a burst
        if luck < 0.025:
            return 0, self.dice.randint(20, 90)  # all in the same second
        if night or luck < 0.5:
            return 0, 0
        return seconds, self.dice.randint(1, 8)

    def _set_weather(self, now: datetime) -> None:
        if self.away_until is not None and now >= self.away_until:
            self.away_until = self.away = None
        if self.away_until is None and self.dice.random() < 0.02:
            self.away_until = now + timedelta(minutes=self.dice.randint(5, 400))
            self.away = self.dice.choice(_TROUBLE)
        if self.dice.random() < 0.01:
            self.skew = self.dice.choice((-SKEW, timedelta(0), SKEW))

    def stop(self) -> None:
        """Nothing new is written, and everything works; what is to show late still will."""
        self.calm, self.away = True, None

    def answer(self, asked: Asked) -> Reply:
        """What the platform says, in this weather."""
        if self.away is not None:
            return self.away
        if not self.calm and self.dice.random() < _STUMBLES:
            return self.dice.choice(_TROUBLE)
        return self.world.serve(asked)
