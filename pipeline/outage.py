"""Wait out a full disk or a lost database with one log line and growing waits."""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Callable

import structlog

from storage.database.errors import DatabaseError, DatabaseUnavailable

log = structlog.get_logger()

# seconds
_FIRST_WAIT = 5.0
_LONGEST_WAIT = 300.0
_DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


def database_error(error: BaseException) -> DatabaseError | None:
    """Return the database's error behind ``error``, or a full disk's; None for any other."""
    if isinstance(error, DatabaseError):
        return error
    if isinstance(error, OSError) and error.errno in _DISK_ERRORS:
        return DatabaseUnavailable(str(error), hint="Free some space there.")
    if isinstance(error, BaseExceptionGroup):
        causes = [cause for part in error.exceptions if (cause := database_error(part))]
        return causes[0] if causes else None
    return None


class Outage:
    """Whether the database can be used now. The threads of the stages share it.

    An error that may pass makes all stages wait, at first 5 seconds and at most 5 minutes. Any
    other error of the database ends the process: ``check`` raises it.
    """

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._wait = 0.0  # of the latest outage
        self._next_try: float | None = None  # None outside an outage
        self._ended_at = -_LONGEST_WAIT
        self._fatal: DatabaseError | None = None

    def report(self, error: DatabaseError) -> None:
        """Take note of an error. Logs one line for each outage, and one for each later attempt."""
        with self._lock:
            if not isinstance(error, DatabaseUnavailable):
                self._fatal = self._fatal or error
                return
            now = self._monotonic()
            if self._next_try is not None and now < self._next_try:
                return  # of a stage that ran when the outage began
            # a disk with a little space left ends an outage and begins the next one at once
            if self._next_try is None and now - self._ended_at >= _LONGEST_WAIT:
                self._wait = 0.0
            self._wait = min(2 * self._wait, _LONGEST_WAIT) or _FIRST_WAIT
            self._next_try = now + self._wait
            seconds = round(self._wait)
        log.error("waiting for the database", why=str(error), seconds=seconds)

    def is_over(self, try_again: Callable[[], None]) -> bool:
        """True outside an outage; otherwise ``try_again`` at times, and say when that succeeds.

        ``try_again`` raises a DatabaseError while the database cannot be used. Raises the error
        that no waiting can cure.
        """
        with self._lock:
            if self._fatal is not None:
                raise self._fatal
            if self._next_try is None:
                return True
            self._next_try = min(self._next_try, self._monotonic() + self._wait)
            if self._monotonic() < self._next_try:
                return False
        try:
            try_again()
        except DatabaseError as error:
            self.report(error)
            return False
        with self._lock:
            self._next_try, self._ended_at = None, self._monotonic()
        log.info("the database can be used again")
        return True
