"""Show the progress of long work: a bar in a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

# Seconds: a log of a long import stays readable.
_PLAIN_EVERY = 5.0

Advance = Callable[[int], None]


@contextmanager
def counting(title: str, total: int | None = None) -> Iterator[Advance]:
    """Give a function that counts further items done; ``total`` None: the number is unknown."""
    # On stderr, so that a pipe gets the result alone.
    if sys.stderr.isatty():
        with _bar() as bar:
            task = bar.add_task(title, total=total)
            yield lambda number: bar.advance(task, number)
        return
    line = _PlainLine(title, total)
    yield line.advance
    line.end()


def _bar() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )


class _PlainLine:
    def __init__(self, title: str, total: int | None) -> None:
        self._title = title
        self._of = "" if total is None else f" of {total:,}"
        self._count = 0
        self._printed_at = time.monotonic()

    def advance(self, number: int) -> None:
        self._count += number
        if time.monotonic() - self._printed_at >= _PLAIN_EVERY:
            self._printed_at = time.monotonic()
            self._print()

    def end(self) -> None:
        if self._count:
            self._print()

    def _print(self) -> None:
        print(f"{self._title}: {self._count:,}{self._of}", file=sys.stderr, flush=True)
