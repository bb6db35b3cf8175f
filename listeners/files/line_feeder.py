"""Feed Python's csv module with the lines of a table, and take back those of a broken row."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator

from listeners.files.lines import MAX_LINE, Line, LineDecoder, RowGap

# a quoted CSV field over more lines than this was never closed
_MAX_RECORD_LINES = 1000
_ESCAPE = re.compile(r'\\(["\\])')
# stands for an escaped quote inside the csv module; no text holds it (Unicode, 23.7)
QUOTE_MARK = "\ufdd0"


class UnclosedQuote(Exception):
    """A quoted field was opened and not closed within the limits of one record."""


class LineFeeder:
    """Feed csv.reader with lines, and remember the lines of the current record."""

    def __init__(
        self, source: Iterator[Line], decode: LineDecoder, gap: RowGap | None, *, escapes: bool
    ) -> None:
        self._source = source
        self._decode = decode
        self._gap = gap or RowGap()
        self._escapes = escapes
        self._returned: deque[Line] = deque()
        self.record_lines: list[Line] = []
        self._size = 0

    def __iter__(self) -> LineFeeder:
        return self

    def __next__(self) -> str:
        record_lines = self.record_lines
        # the steps of next_line and text stand here, too: every line of a file passes
        if self._returned:
            line: Line | None = self._returned.popleft()
        else:
            self._gap.is_open = not record_lines
            line = next(self._source, None)
        if line is None:
            if record_lines:
                raise UnclosedQuote
            raise StopIteration
        record_lines.append(line)
        if len(record_lines) > 1:
            self._size += len(line.data)
            if self._size > MAX_LINE or len(record_lines) > _MAX_RECORD_LINES:
                raise UnclosedQuote
        return self.text(line) if self._escapes else self._decode(line)

    def next_line(self) -> Line | None:
        """Return the next line, None at the end."""
        if self._returned:
            return self._returned.popleft()
        self._gap.is_open = not self.record_lines
        return next(self._source, None)

    def text(self, line: Line) -> str:
        """Return a line's text, with its escaped quotes marked."""
        text = self._decode(line)
        if self._escapes and "\\" in text:
            text = _ESCAPE.sub(lambda escape: escape[1] if escape[1] == "\\" else QUOTE_MARK, text)
        return text

    def start(self) -> None:
        """Begin a new record."""
        self.record_lines = []
        self._size = 0

    def put_back(self, first: int = 1) -> Line:
        """Put all lines but the record's first ``kept`` back; return the last kept one."""
        self._returned.extendleft(reversed(self.record_lines[first:]))
        del self.record_lines[first:]
        return self.record_lines[-1]
