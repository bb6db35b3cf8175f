"""Keep the command center's server running: a page that dies is started again."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable

import structlog

from outreach.words import count

log = structlog.get_logger()

# Seconds for the page's server to close before it is killed: an open page must not keep it.
_CLOSE_TIMEOUT = 10.0
# Seconds between starts. A page that cannot start at all must not fill the log.
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 60.0
# Seconds after which a start has worked; Streamlit loads for three on a slow machine.
_STEADY = 20.0
_CHECK_EVERY = 0.5


class PageSupervisor:
    """Starts the page's server, and starts it again when it dies.

    ``start`` starts a server, ``record`` stores why the page is down (None when it is up again).
    Listening goes on meanwhile: a post that cannot be looked at still hears.
    """

    def __init__(
        self,
        start: Callable[[], subprocess.Popen[bytes]],
        record: Callable[[str | None], None],
        *,
        steady: float = _STEADY,
        first_wait: float = _FIRST_WAIT,
    ) -> None:
        self._start, self._record = start, record
        self._steady, self._first_wait = steady, first_wait
        self._stop = threading.Event()
        self._server = start()
        self._thread = threading.Thread(target=self._watch, name="page-watch", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the server and the watch over it."""
        self._stop.set()
        self._thread.join()
        self._server.terminate()
        try:
            self._server.wait(_CLOSE_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait()

    def _watch(self) -> None:
        """Restart the server after growing waits; a server that ran steadily resets the wait."""
        wait = self._first_wait
        while not self._stop.is_set():
            if self._runs_steadily():
                self._try_record(None)
                wait = self._first_wait
                self._wait_for_end(None)
            if self._stop.is_set():
                return
            problem = (
                f"the page's server ended with status {self._server.returncode}; "
                f"it starts again in {count(round(wait), 'second')}"
            )
            log.error("the command center ended", status=self._server.returncode, again_in=wait)
            self._try_record(problem)
            while not self._stop.wait(wait):
                wait = min(wait * 2, _LONGEST_WAIT)
                if self._try_start():
                    break

    def _runs_steadily(self) -> bool:
        self._wait_for_end(self._steady)
        return self._server.poll() is None and not self._stop.is_set()

    def _wait_for_end(self, longest: float | None) -> None:
        """Wait until the server ends, this is closed, or ``longest`` seconds have passed."""
        until = None if longest is None else time.monotonic() + longest
        while self._server.poll() is None and (until is None or time.monotonic() < until):
            if self._stop.wait(_CHECK_EVERY if until is None else min(_CHECK_EVERY, self._steady)):
                return

    def _try_start(self) -> bool:
        try:
            self._server = self._start()
        # any error: a password's file that is away for a moment must not end the watch
        except Exception as error:  # noqa: BLE001
            log.error("the command center did not start", why=str(error))
            self._try_record(f"the page's server did not start: {error}")
            return False
        return True

    def _try_record(self, problem: str | None) -> None:
        try:
            self._record(problem)
        # any error: a database that is away must not keep the page from its next start
        except Exception as error:  # noqa: BLE001
            log.error("the state of the page was not recorded", why=type(error).__name__)
