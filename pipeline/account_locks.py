"""Poll accounts side by side, each by one thread: a slow platform delays its own queries alone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import structlog

log = structlog.get_logger()

# Accounts of one round that are polled at the same time: docs/decisions/collecting.md, "Accounts
# are polled side by side". Each waits on the network nearly all the time, so two cores are enough.
MAX_PARALLEL = 4

Stop = Callable[[], bool]
AccountJob = Callable[[Stop], None]


class AccountLocks:
    """The accounts that this process is polling now. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._locked: set[str] = set()

    @contextmanager
    def try_lock(self, account: str) -> Iterator[bool]:
        """Give True and hold the account's lock for the block; False when it is held already."""
        with self._lock:
            is_free = account not in self._locked
            if is_free:
                self._locked.add(account)
        try:
            yield is_free
        finally:
            if is_free:
                with self._lock:
                    self._locked.remove(account)


def run_parallel(jobs: Sequence[AccountJob], stop: Stop) -> None:
    """Run the jobs, a few at a time, and wait for the last; each gets a function that says stop.

    An error of a job or Ctrl-C stops the other jobs where they next check. It is raised once all
    have ended, so no thread is left running.
    """
    halt = threading.Event()

    def is_stopping() -> bool:
        return halt.is_set() or stop()

    def run_job(job: AccountJob) -> None:
        if halt.is_set():
            return
        try:
            job(is_stopping)
        except BaseException:
            # before the pool sees the error: this thread would begin the next job
            halt.set()
            raise

    with ThreadPoolExecutor(MAX_PARALLEL, thread_name_prefix="poll") as pool:
        try:
            for future in [pool.submit(run_job, job) for job in jobs]:
                future.result()
        except BaseException:
            log.info("a round ends early: waiting for the requests under way")
            halt.set()
            raise
