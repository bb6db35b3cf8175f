"""Give jobs to tests/worker_server.py, and kill some of its workers: the parent's side."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Workers:
    """A server process that does one job at a time, each in a worker of its own."""

    server: subprocess.Popen[str]
    dice: random.Random

    def do(self, job: dict[str, Any], *, kill_after: int | None, within: float) -> tuple[str, int]:
        """Do a job to its end, or kill it at a random moment ``within`` seconds.

        The time counts from when it has stored ``kill_after`` batches. Returns how it ended
        ("done", "killed in the middle", "killed at the start") and how many batches it had stored.
        Fails when the worker failed by itself.
        """
        self._send(json.dumps(job))
        pid = int(self._line().removeprefix("pid "))
        done, line = 0, ""
        while kill_after is None or done < kill_after:
            line = self._line()
            if line != "+":
                break
            done += 1
        if kill_after is not None and line != "over":
            time.sleep(self.dice.uniform(0, within))
            os.kill(pid, signal.SIGKILL)
        while line != "over":
            line = self._line()
            done += line == "+"
        self._send("nobody kills it now")
        status = int(self._line().removeprefix("end "))
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
            return "killed in the middle" if done else "killed at the start", done
        assert status == 0, "the worker failed by itself"
        return "done", done

    def _send(self, line: str) -> None:
        assert self.server.stdin is not None
        self.server.stdin.write(f"{line}\n")
        self.server.stdin.flush()

    def _line(self) -> str:
        assert self.server.stdout is not None
        line = self.server.stdout.readline()
        assert line, "the worker's server is gone"
        return line.strip()


@contextmanager
def workers(script: Path, *arguments: str, dice: random.Random) -> Iterator[Workers]:
    """Run a server process of that script until the block ends."""
    with subprocess.Popen(
        [sys.executable, str(script), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        try:
            yield Workers(server, dice)
        finally:
            server.kill()
