"""Notice a clock that was set back, and wait for lengths of time that no clock can change."""

from __future__ import annotations

import select
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from outreach.words import length

log = structlog.get_logger()

# A clock is corrected by less than that all the time (NTP), and no schedule notices.
_CLOCK_STEP = timedelta(minutes=1)
_HALF_MINUTE = timedelta(seconds=30)  # so that 59:59 reads as one hour
# Seconds until a signal to stop is noticed.
_LONGEST_SLEEP = 0.2


def pause(stop: threading.Event, seconds: float) -> None:
    """Wait until ``stop`` is set or the seconds have passed.

    ``Event.wait`` waits for an instant of a clock, and some C libraries take the one that people
    set. ``select`` waits for a length of time.
    """
    while seconds > 0 and not stop.is_set():
        select.select([], [], [], min(seconds, _LONGEST_SLEEP))
        seconds -= _LONGEST_SLEEP


class ClockWatch:
    """Compare the clock of the machine with a monotonic clock, and report a jump."""

    def __init__(
        self, clock: Callable[[], datetime], *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._monotonic = monotonic
        self._last = (clock(), monotonic())

    def check(self) -> timedelta:
        """Return by how much the clock was set back since the last check, else 0. Logs it."""
        now, ticks = self._clock(), self._monotonic()
        then, ticks_then = self._last
        self._last = (now, ticks)
        drift = (now - then) - timedelta(seconds=ticks - ticks_then)
        jump = min(drift, now - then)
        if jump < -_CLOCK_STEP:
            log.warning(
                "the clock of this machine was set back",
                by=length(-jump + _HALF_MINUTE),
                now=f"{now:%Y-%m-%d %H:%M:%S} UTC",
                then="waits that were planned before are planned again",
            )
            return -jump
        return timedelta(0)
