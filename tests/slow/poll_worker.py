"""Polls a query in a process that is there to be killed.

Started once with the source's name, it has everything imported. For each line on its standard
input (a JSON job) it forks a worker that polls over the real database, and says on its standard
output: `pid N` when the worker is there, `+` for every batch that it has stored, `over` when it has
ended, and, once it was told that nobody will kill it any more, `end STATUS`.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import listeners
from earful.purse import Limit
from earful.stages import purse
from earful.stages.poll import poll
from earful.stages.terms import Terms
from earful.types import Batch, Query
from storage.engine import connect


def _say(line: str) -> None:
    os.write(1, f"{line}\n".encode())


@dataclass(frozen=True, slots=True)
class _Ticking:
    """A listener that says when the poll stage comes for more: what it had is stored."""

    inner: listeners.Listener

    @property
    def name(self) -> str:
        return self.inner.name

    def poll(self, query: Query, position: str | None) -> Iterator[Batch]:
        for batch in self.inner.poll(query, position):
            yield batch
            _say("+")


def _work(job: dict[str, Any]) -> None:
    query = Query(**job["query"] | {"any_of": tuple(job["query"]["any_of"])})
    now = datetime.fromisoformat(job["now"])
    db = connect(job["url"])
    terms = Terms(
        account=query.source,
        limit=Limit(requests=job["requests"], per=900),
        brands=frozenset([query.brand_id]),
    )

    def listener_for(query: Query) -> _Ticking:
        own = purse.StoredPurse(db, query, terms, clock=lambda: now, till=purse.Till())
        return _Ticking(listeners.get(query.source, clock=lambda: now, purse=own))

    poll(db, [query], clock=lambda: now, listener_for=listener_for)
    db.close()


def _in_a_worker(job: dict[str, Any]) -> int:
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            _work(job)
            status = 0
        finally:
            sys.stderr.flush()
            os._exit(status)
    _say(f"pid {pid}")
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    _say("over")
    sys.stdin.readline()  # until then its number is not given to anybody else
    return os.waitpid(pid, 0)[1]


def main() -> None:
    """Take jobs until there are no more."""
    listeners.get(sys.argv[1])  # imports
    while line := sys.stdin.readline():
        _say(f"end {_in_a_worker(json.loads(line))}")


if __name__ == "__main__":
    main()
