"""Does import, classify or flag in a process that is there to be killed.

Started once, it has everything imported. For each line on its standard input (a JSON job) it
forks a worker that does the real step over the real database, and says on its standard output:
`pid N` when the worker is there, `+` for every batch that it has stored, `over` when it has ended,
and, once it was told that nobody will kill it any more, `end STATUS`. The fork saves a second of
imports a kill; the worker is a process like any other.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from factories import FakeClassifier

from earful import importing
from earful import settings as configuration
from earful.stages import classify as classifying
from earful.stages import flag as flagging
from earful.wiring import House, open_house

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def _say(line: str) -> None:
    os.write(1, f"{line}\n".encode())


def _tick(_done: object) -> None:
    _say("+")


def _import(house: House, job: dict[str, Any]) -> None:
    order = importing.ImportOrder(
        file=Path(job["file"]),
        source="x",
        brand_from="brand",
        columns={},
        rejects=Path(job["file"]).with_suffix(".rejects.jsonl"),
    )
    importing.import_file(house, order, progress=_tick)


def _classify(house: House, _job: dict[str, Any]) -> None:
    classifying.classify(house.db, FakeClassifier(), clock=house.clock, progress=_tick)


def _flag(house: House, _job: dict[str, Any]) -> None:
    flagging.flag(house.db, house.rules, clock=house.clock, paging=house.paging, progress=_tick)


_STEPS = {"import": _import, "classify": _classify, "flag": _flag}


def _work(job: dict[str, Any]) -> None:
    # small batches: many moments to be killed between and in the middle of
    for module, name in (
        (importing, "_BATCH"),
        (classifying, "_AT_ONCE"),
        (flagging, "_AT_ONCE"),
    ):
        setattr(module, name, job["at_once"])
    house = open_house(configuration.load(Path(job["settings"])), clock=lambda: NOW)
    _STEPS[job["step"]](house, job)
    house.db.close()


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
    while line := sys.stdin.readline():
        _say(f"end {_in_a_worker(json.loads(line))}")


if __name__ == "__main__":
    main()
