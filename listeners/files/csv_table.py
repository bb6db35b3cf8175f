"""Read the records of a CSV or TSV file, by Python's csv module, as RFC 4180 describes them."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator
from typing import Any

from earful.contracts import BadItem
from listeners.files.lines import MAX_LINE, TAIL, Line, Record, decode

# a quoted CSV field over more lines than this was never closed
_MAX_RECORD_LINES = 1000
_LONE_CARRIAGE_RETURN = (
    "a carriage return stands outside quotes; save the file with the line ends of Windows or Unix"
)


class _UnclosedQuote(Exception):
    """A quoted field was opened and not closed within the limits of one record."""


class _LineFeeder:
    """Feed csv.reader with lines, and remember the lines of the current record."""

    def __init__(self, source: Iterator[Line], encoding: str) -> None:
        self._source = source
        self.encoding = encoding
        self._returned: deque[Line] = deque()
        self.record_lines: list[Line] = []
        self._size = 0

    def __iter__(self) -> _LineFeeder:
        return self

    def __next__(self) -> str:
        line = self._returned.popleft() if self._returned else next(self._source, None)
        if line is None:
            if self.record_lines:
                raise _UnclosedQuote
            raise StopIteration
        inside = bool(self.record_lines)
        self.record_lines.append(line)
        self._size += len(line.data)
        if inside and (self._size > MAX_LINE or len(self.record_lines) > _MAX_RECORD_LINES):
            raise _UnclosedQuote
        return decode(line, self.encoding)

    def start(self) -> None:
        """Begin a new record."""
        self.record_lines = []
        self._size = 0

    def put_back(self) -> Line:
        """Put all lines but the record's first back, to be read again; return the first."""
        self._returned.extendleft(reversed(self.record_lines[1:]))
        return self.record_lines[0]


class Table:
    """Read the records of a CSV or TSV file; the first record names the columns."""

    def __init__(self, source: Iterator[Line], encoding: str, delimiter: str, quotes: bool) -> None:
        self._feeder = _LineFeeder(source, encoding)
        self._format: dict[str, Any] = {
            "delimiter": delimiter,
            "quoting": csv.QUOTE_MINIMAL if quotes else csv.QUOTE_NONE,
        }

    def header(self) -> list[str]:
        """Read the names of the columns; [] for an empty file, BadItem for unreadable names."""
        for cells, reason, first, _ in self._rows():
            if cells is None:
                raise BadItem(f"line {first.number} should name the columns, but {reason}")
            return [cell.strip() for cell in cells]
        return []

    def records(self, header: list[str]) -> Iterator[Record]:
        """Yield every row as {column: cell}; a row may omit cells at its end, not add any."""
        width = len(header)
        for cells, reason, first, last in self._rows():
            if cells is None:
                yield Record(None, reason, first, last)
            elif len(cells) > width:
                reason = (
                    f"it has {len(cells)} cells for {width} columns; quote the cells that hold "
                    "the delimiter"
                )
                yield Record(None, reason, first, last)
            else:
                yield Record(dict(zip(header, cells, strict=False)), "", first, last)

    def _rows(self) -> Iterator[tuple[list[str] | None, str, Line, Line]]:
        """Yield (cells or None, reason, first line, last line) of each row.

        1. Read a row with strict quoting.
        2. After an error, put all lines but the first back, so that one stray quote costs one row.
        3. A single line with unescaped quotes is read leniently; its row counts.
        4. Otherwise the first line becomes a row without cells and with a reason.
        """
        feeder = self._feeder
        # strict, or a stray quote would quietly join its row with the next one
        reader = csv.reader(feeder, strict=True, **self._format)
        while True:
            feeder.start()
            try:
                cells = next(reader)
            except StopIteration:
                return
            except (_UnclosedQuote, csv.Error, BadItem) as error:
                # one stray quote must not swallow the rows behind it
                first = feeder.put_back()
                lenient = self._read_leniently(feeder) if isinstance(error, csv.Error) else None
                yield lenient, self._reason(error), first, first
                reader = csv.reader(feeder, strict=True, **self._format)
                continue
            if cells:
                yield cells, "", feeder.record_lines[0], _last_line(feeder.record_lines)

    def _reason(self, error: Exception) -> str:
        """Return the reason of an unreadable row for people."""
        if isinstance(error, BadItem) or len(self._feeder.record_lines) == 1:
            if "new-line" in str(error):
                return _LONE_CARRIAGE_RETURN
            if str(error):
                return str(error)
        return "a quoted cell is opened and never closed"

    def _read_leniently(self, feeder: _LineFeeder) -> list[str] | None:
        """Return the cells of a one-line row with unescaped quotes in a quoted cell, or None."""
        if len(feeder.record_lines) > 1:
            return None
        try:
            return next(
                csv.reader([decode(feeder.record_lines[0], feeder.encoding)], **self._format)
            )
        except csv.Error:
            return None


def _last_line(record_lines: list[Line]) -> Line:
    """Return a record's last line, with the lines before it when it is short.

    The line behind the last line end of a quoted cell alone would not identify the resume point.
    """
    last = record_lines[-1]
    if len(record_lines) == 1 or len(last.data) >= TAIL:
        return last
    return last._replace(data=b"".join(line.data for line in record_lines)[-TAIL:])


def guess_delimiter(head: str) -> str:
    """Return the delimiter of a CSV file by its first line; Excel may write ; for a comma."""
    first = head.partition("\n")[0]
    return max((",", ";", "\t", "|"), key=first.count)
