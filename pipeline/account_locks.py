"""Accounts are polled side by side, each in a lane of its own: a slow platform holds up its own
queries and nobody else's."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import structlog

log = structlog.get_logger()

AT_ONCE = 4  # lanes of one round that run at the same time

Stop = Callable[[], bool]
Lane = Callable[[Stop], None]


class AccountLocks:
    """Which accounts this process is polling right now. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken: set[str] = set()

    @contextmanager
    def enter(self, account: str) -> Iterator[bool]:
        """True when the account's lane was free: it is ours until the block ends."""
        with self._lock:
            free = account not in self._taken
            if free:
                self._taken.add(account)
        try:
            yield free
        finally:
            if free:
                with self._lock:
                    self._taken.remove(account)


def run(account_locks: Sequence[Lane], stop: Stop) -> None:
    """Run them all, a few at a time, and wait for the last; each is told when it has to stop.

    Whatever ends the wait, what a lane raises or Ctrl-C, stops the others too, where they next
    look whether to stop, and is raised when they have ended: nothing is left running.
    """
    halt = threading.Event()

    def stopped() -> bool:
        return halt.is_set() or stop()

    def begin(lane: Lane) -> None:
        if halt.is_set():
            return
        try:
            lane(stopped)
        except BaseException:
            halt.set()  # at once: this thread would begin the next lane
            raise

    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="poll") as pool:
        try:
            for one in [pool.submit(begin, lane) for lane in account_locks]:
                one.result()
        except BaseException:
            log.info("stopping: what was asked already is waited for")
            halt.set()
            raise
