"""The child's side of tests that kill: a worker is forked for each job, and imports nothing.

For each line on its standard input (a JSON job) it says on its standard output: `pid N` when the
worker is there, `over` when that has ended, and, once it was told that nobody will kill it any
more, `end STATUS`. The worker itself says `+` for every batch that it has stored. It is a process
like any other.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

Job = dict[str, Any]


def say(line: str) -> None:
    """Write a line at once, whole, from whichever of the two processes."""
    os.write(1, f"{line}\n".encode())


def serve(work: Callable[[Job], None]) -> None:
    """Do jobs until there are no more."""
    while line := sys.stdin.readline():
        say(f"end {_in_a_worker(work, json.loads(line))}")


def _in_a_worker(work: Callable[[Job], None], job: Job) -> int:
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            work(job)
            status = 0
        except Exception:  # noqa: BLE001
            traceback.print_exc()  # os._exit would swallow it
        finally:
            sys.stderr.flush()
            os._exit(status)
    say(f"pid {pid}")
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    say("over")
    sys.stdin.readline()  # until then its number is not given to anybody else
    return os.waitpid(pid, 0)[1]
