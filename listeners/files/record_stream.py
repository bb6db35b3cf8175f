"""The content of a file as readers see it: its columns, its notes, and a stream of records."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from earful.contracts import Permanent
from listeners.files.lines import Record
from listeners.files.resume import ResumePoint

# first rows that are shown, and whose columns are checked
SAMPLE = 100


class RecordStream(NamedTuple):
    """One reading of a file: its records from ``start`` on.

    ``start`` is the resume point that was asked for, or the beginning when that is of another file.
    """

    start: ResumePoint
    records: Iterator[Record]


Read = Callable[[io.BufferedReader, ResumePoint], Iterator[Record]]


class Content(Protocol):
    """The content of a file. ``head``: bytes that identify it, b"" for an empty file."""

    head: bytes
    layers: tuple[str, ...]
    encoding: str | None
    delimiter: str | None
    columns: tuple[str, ...]
    sample: list[dict[str, Any]]
    # the first objects of JSON, whose nested names count as columns; () for a table
    objects: Sequence[dict[str, Any]]
    notes: tuple[str, ...]
    # the lines above the header of a table
    preamble: tuple[str, ...]
    # added to the error for a missing column
    column_hint: str

    def read_from(self, start: ResumePoint) -> RecordStream:
        """Open the file, and begin to read behind ``start``."""


@contextmanager
def naming_file(path: Path) -> Iterator[None]:
    """Put the file's name before the sentence of a Permanent."""
    try:
        yield
    except Permanent as error:
        if error.sentence.startswith(str(path)):
            raise
        # the cause decides whether the file is tried again
        cause = error.__cause__ or error
        raise type(error)(f"{path}: {error.sentence}", hint=error.hint) from cause
