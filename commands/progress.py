"""How far long work has come: a bar in a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

_PLAIN_EVERY = 5.0  # seconds

Advance = Callable[[int], None]


@contextmanager
def counting(title: str, total: int | None = None) -> Iterator[Advance]:
    """Gives a function to call with each further number of things done.

    ``total`` None means that nobody knows how many there will be.
    """
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
        self._done = 0
        self._said = time.monotonic()

    def advance(self, number: int) -> None:
        self._done += number
        if time.monotonic() - self._said >= _PLAIN_EVERY:
            self._said = time.monotonic()
            self._say()

    def end(self) -> None:
        if self._done:
            self._say()

    def _say(self) -> None:
        print(f"{self._title}: {self._done:,}{self._of}", file=sys.stderr, flush=True)
