"""The files of JSON lines in which Earful kept an inbox until November 2026.

An upgrade may find them full, and a service of the earlier version still writing. That one holds a
lock (flock(2)) on its file, so a file without a lock is closed, and is deleted once it is read.
"""

from __future__ import annotations

import fcntl
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from listeners.files.lines import LineDecoder, Record, json_records
from listeners.files.lines import lines as file_lines

_NAME = re.compile(r"\d{8}T\d{2}-\d+-[0-9a-f]{8}\.jsonl")
_MAX_RAW = 2000  # bytes of an unreadable line that are stored to show


def is_line_file(name: str) -> bool:
    """Return whether an earlier version made a file of this name."""
    return _NAME.fullmatch(name) is not None


def in_folder(folder: Path) -> list[Path]:
    """Return the line files of a folder, oldest first."""
    return sorted(path for path in folder.iterdir() if is_line_file(path.name))


def hour_of(name: str) -> datetime:
    """Return the hour in which a file was begun, from its name."""
    return datetime.strptime(name[:11], "%Y%m%dT%H").replace(tzinfo=UTC)


@dataclass
class LineFile:
    """An open line file, read up to the byte ``offset``; ``closed`` once no process writes it."""

    file: io.BufferedReader
    name: str
    offset: int
    closed: bool

    def lines(self) -> Iterator[dict[str, Any]]:
        """Yield the lines behind ``offset`` and move it; an unreadable line with the reason why.

        While a service may still write, a last line without its end is left for the next poll.
        """
        self.file.seek(self.offset)
        for record in json_records(file_lines(self.file, 1, self.offset), LineDecoder()):
            if not record.is_closed and not self.closed:
                return
            self.offset = record.last.end
            if record.values is not None and record.is_closed:
                yield record.values
            else:
                raw = record.first.data[:_MAX_RAW].decode(errors="replace")
                yield {"rejected": f"{_reason(record)} ({self.name})", "raw": raw}


@contextmanager
def opened(path: Path, offset: int) -> Iterator[LineFile]:
    """Open a line file at a byte, and hold it if no process writes it any more."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            closed = True  # asked before the first read: nothing can be added unseen afterwards
        except BlockingIOError:
            closed = False
        yield LineFile(file, path.name, offset, closed)


def _reason(record: Record) -> str:
    if not record.is_closed:
        return "the service ended while it wrote this line, before it answered"
    return record.reason
