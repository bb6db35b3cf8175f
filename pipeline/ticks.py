"""Start each stage at its interval, measured by a clock that nobody can set."""

from __future__ import annotations

import select
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from outreach.words import length

log = structlog.get_logger()

# A clock is corrected by less than that all the time (NTP), and no schedule notices.
_CLOCK_STEP = timedelta(minutes=1)
_HALF_MINUTE = timedelta(seconds=30)  # so that 59:59 reads as one hour
# Seconds until a signal to stop is noticed.
_LONGEST_SLEEP = 0.2


@dataclass(slots=True, kw_only=True)
class Job:
    """A function to run every ``interval`` seconds, in at most ``max_running`` threads at once."""

    name: str
    run: Callable[[], None]
    interval: float
    max_running: int = 1
    next_at: float = 0.0
    running: list[Future[None]] = field(default_factory=list)

    def is_free(self) -> bool:
        """True when another run may begin."""
        self.running = [future for future in self.running if not future.done()]
        return len(self.running) < self.max_running


class Ticks:
    """Run jobs at their intervals. Late runs are made up for by one run.

    docs/decisions/collecting.md, "Schedules count monotonic seconds": a wall clock that is set back
    would stop every job until it is again as late as it was.
    """

    def __init__(
        self, jobs: Sequence[Job], *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._jobs = jobs
        self._monotonic = monotonic
        self._pool = ThreadPoolExecutor(
            sum(job.max_running for job in jobs), thread_name_prefix="stage"
        )
        started = monotonic()
        for job in jobs:
            job.next_at = started

    def start_due(self) -> float:
        """Start the jobs that are due; return the seconds until the next one is."""
        for job in self._jobs:
            now = self._monotonic()
            # A suspended virtual machine may bring even this clock back: no job waits for longer
            # than its interval.
            job.next_at = min(job.next_at, now + job.interval)
            if job.next_at <= now and job.is_free():
                # from now on, not from when it was due: several late runs are one
                job.next_at = now + job.interval
                job.running.append(self._pool.submit(_run, job))
        return max(0.0, min(job.next_at for job in self._jobs) - self._monotonic())

    def close(self) -> None:
        """Wait for the jobs that run."""
        self._pool.shutdown(wait=True, cancel_futures=True)


def pause(stop: threading.Event, seconds: float) -> None:
    """Wait until ``stop`` is set or the seconds have passed.

    ``Event.wait`` waits for an instant of a clock, and some C libraries take the one that people
    set. ``select`` waits for a length of time.
    """
    while seconds > 0 and not stop.is_set():
        select.select([], [], [], min(seconds, _LONGEST_SLEEP))
        seconds -= _LONGEST_SLEEP


def _run(job: Job) -> None:
    try:
        job.run()
    except Exception:
        # the others go on, and this one is tried at its next turn
        log.exception("a run broke off", job=job.name)


class ClockWatch:
    """Compare the clock of the machine with one that nobody can set, and report a jump."""

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
                then="waits that were planned before are taken up anew",
            )
            return -jump
        return timedelta(0)
