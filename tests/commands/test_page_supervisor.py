"""The page's death leaves the ears alone: it is started again, and said."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable

from commands.page import PageSupervisor


class Servers:
    """Starts programs in the place of the page's server, and keeps what is recorded."""

    def __init__(self, *programs: str) -> None:
        self.programs = list(programs)
        self.started: list[subprocess.Popen[bytes]] = []
        self.recorded: list[str | None] = []
        self.changed = threading.Condition()

    def start(self) -> subprocess.Popen[bytes]:
        program = self.programs.pop(0) if len(self.programs) > 1 else self.programs[0]
        server = subprocess.Popen([sys.executable, "-S", "-c", program])
        with self.changed:
            self.started.append(server)
            self.changed.notify_all()
        return server

    def record(self, problem: str | None) -> None:
        with self.changed:
            self.recorded.append(problem)
            self.changed.notify_all()

    def until(self, met: Callable[[], bool]) -> None:
        with self.changed:
            assert self.changed.wait_for(met, timeout=60)


DIES, LIVES = "raise SystemExit(7)", "import time; time.sleep(600)"


def test_a_page_that_dies_starts_again_and_says_so() -> None:
    servers = Servers(DIES, DIES, LIVES)
    page = PageSupervisor(servers.start, servers.record, steady=0.2, first_wait=0.01)
    servers.until(lambda: None in servers.recorded)
    page.close()
    assert len(servers.started) == 3
    assert servers.started[-1].poll() is not None, "ended with its supervisor"
    first, second, up_again = servers.recorded
    assert "ended with status 7; it starts again in" in str(first)
    assert "ended with status 7" in str(second)
    assert up_again is None


def test_a_page_that_was_killed_comes_back() -> None:
    servers = Servers(LIVES)
    page = PageSupervisor(servers.start, servers.record, steady=0.05, first_wait=0.01)
    servers.until(lambda: None in servers.recorded)
    servers.started[0].kill()
    servers.until(lambda: len(servers.started) == 2)
    page.close()
    assert "status -9" in str(servers.recorded[1])


def test_a_start_that_fails_is_tried_again() -> None:
    servers, failures = Servers(DIES, LIVES), [OSError("the password's file is away")]

    def start() -> subprocess.Popen[bytes]:
        if len(servers.started) == 1 and failures:
            raise failures.pop()
        return servers.start()

    page = PageSupervisor(start, servers.record, steady=0.05, first_wait=0.01)
    servers.until(lambda: None in servers.recorded)
    page.close()
    assert "did not start: the password's file is away" in str(servers.recorded)


def test_a_database_that_is_away_keeps_the_page_from_nothing() -> None:
    servers = Servers(DIES, LIVES)

    def fail(_problem: str | None) -> None:
        raise OSError("the disk is full")

    page = PageSupervisor(servers.start, fail, steady=0.05, first_wait=0.01)
    servers.until(lambda: len(servers.started) == 2)
    page.close()
