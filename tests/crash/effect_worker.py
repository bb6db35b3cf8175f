"""Poll a query, or write into an inbox, in a process that kills itself on the way.

For each line on its standard input (a JSON job) it prints `end STATUS`, and before that `+` for
every line that an inbox has stored. Where the job has `dies_before`, it forks
a worker that kills itself before its step with that number, from 1 on: a commit, or a change of
a file (made, opened for writing, written, half written, on the disk, removed). Other jobs it does
itself: a process that has polled before is twice as quick.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import sys
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from factories import FrozenClock
from sqlalchemy import Connection, event

import listeners
from earful.contracts import Listener
from earful.types import Query
from listeners.inbox import inbox
from listeners.inbox.inbox import Inbox
from listeners.mail import listener, mbox
from pipeline.poll import poll
from storage.database import engine

_SEEN = {"os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.truncate"}
_write, _fsync = os.write, os.fsync
_stdout = os.dup(1)


def _say(line: str) -> None:
    _write(_stdout, f"{line}\n".encode())


class _WatchedInbox(sqlite3.Connection):
    """Count the statements that write an inbox; test_inbox.py kills inside of one."""

    step: ClassVar[Callable[[], None]] = staticmethod(lambda: None)

    def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
        if statement.split()[0] not in ("PRAGMA", "SELECT"):
            self.step()
        return super().execute(statement, *values)

    def executemany(self, statement: str, rows: Any) -> sqlite3.Cursor:
        self.step()
        return super().executemany(statement, rows)


class _Grave:
    """Kill the process before one of the steps that it counts."""

    def __init__(self, before: int) -> None:
        self._steps_left = before

    def step(self) -> None:
        self._steps_left -= 1
        if not self._steps_left:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(self) -> None:
        """Count everything that other processes can see."""
        sys.addaudithook(self._audited)
        os.write, os.fsync = self._written, self._synced  # type: ignore[assignment]
        # SQLAlchemy connects by sqlite3.dbapi2, which stays as it is
        sqlite3.connect = partial(sqlite3.connect, factory=_WatchedInbox)
        _WatchedInbox.step = self.step

    def committed(self, connection: Connection) -> None:
        if connection.get_execution_options().get(engine._WRITE):
            self.step()

    def _audited(self, name: str, arguments: tuple[Any, ...]) -> None:
        if name in _SEEN or (name == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR)):
            self.step()

    def _written(self, file: int, data: bytes) -> int:
        half = len(data) // 2
        for piece in (data[:half], data[half:]):
            self.step()
            _write(file, piece)
        return len(data)

    def _synced(self, file: int) -> None:
        self.step()
        _fsync(file)


def _poll(job: dict[str, Any], grave: _Grave) -> None:
    query, clock = Query(**job["query"]), FrozenClock(datetime.fromisoformat(job["now"]))
    db = engine.connect(job["url"])
    event.listen(db.engine, "commit", grave.committed)

    def listener_for(query: Query) -> Listener:
        # without a meter: its commits are killed in test_kill_before_every_commit.py
        return listeners.get(query.source, clock=clock)

    for _ in range(job["rounds"]):
        poll(db, [query], clock=clock, listener_for=listener_for)
        clock.forward(hours=1)
    db.close()


def _put(job: dict[str, Any]) -> None:
    box = Inbox(Path(job["folder"]), clock=lambda: datetime.fromisoformat(job["now"]))
    for line in job["lines"]:
        box.append([line])
        _say("+")


def _work(job: dict[str, Any], grave: _Grave) -> None:
    if "lines" in job:
        _put(job)
    else:
        _poll(job, grave)


def _in_a_worker(job: dict[str, Any]) -> int:
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            grave = _Grave(job["dies_before"])
            grave.watch()
            _work(job, grave)
            status = 0
        finally:
            sys.stderr.flush()
            os._exit(status)
    return os.waitpid(pid, 0)[1]


def _done(job: dict[str, Any]) -> int:
    if job["dies_before"]:
        return _in_a_worker(job)
    _work(job, _Grave(0))
    return 0


def main() -> None:
    """Take jobs until there are no more."""
    os.dup2(2, 1)  # logs are no answer
    sys.dont_write_bytecode = True  # no step of ours
    listener._FETCH_SIZE = mbox._BATCH = inbox._BATCH = (
        2  # small batches: many moments between them
    )
    for name in ("folder", "mbox", "feedback", "webhook", "mail"):
        listeners.get(name)  # imports
    while line := sys.stdin.readline():
        _say(f"end {_done(json.loads(line))}")


if __name__ == "__main__":
    main()
