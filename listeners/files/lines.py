"""Read streams of any size as lines and records, in constant memory.

A line over 1 MiB is never held in memory. Every line and record has its number and the byte where
it ends (counted after decompression), so that reading can resume there.
"""

from __future__ import annotations

import io
import json
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import zstandard

from earful.contracts import BadItem

MAX_LINE = 1024 * 1024  # bytes
# bytes before a resume point that identify the file
TAIL = 4096
BOM = b"\xef\xbb\xbf"
# of a cut or damaged file, or a bad disk
READ_ERRORS = (
    *(EOFError, zlib.error, lzma.LZMAError, OSError),
    *(zipfile.BadZipFile, zstandard.ZstdError),
)
# bytes without a row after which a reader reports its progress, so that a poll can stop there
PROGRESS = 4 * 1024 * 1024
# strict would refuse a tab inside a string; pandas writes NaN for nothing
DECODER = json.JSONDecoder(strict=False, parse_constant=lambda _name: None)


class Line(NamedTuple):
    """A physical line: ``data`` with its line end, or the first bytes of an overlong line.

    ``number``: from 1 on. ``end``: the offset of the byte after it. ``is_complete``: False for a
    line longer than MAX_LINE.
    """

    data: bytes
    number: int
    end: int
    is_complete: bool


class Record(NamedTuple):
    """A row of the file: its values, or the reason why it is unreadable.

    Without values and reason it is no row, but the progress of a reader that meets none.
    ``state``: the place in the structure of a JSON document; None for lines. What has a state is
    complete; a line may lack its end.
    """

    values: dict[str, Any] | None
    reason: str
    first: Line
    last: Line
    state: str | None = None

    @property
    def is_closed(self) -> bool:
        """Whether the record has a line end; without one its writer may not have finished."""
        if self.state is not None:
            return True
        return not self.last.is_complete or self.last.data.endswith(b"\n")

    @property
    def is_progress(self) -> bool:
        """Whether this is no row but the progress of the reader."""
        return self.values is None and not self.reason


class UnknownEncoding(Exception):
    """A line is not UTF-8, and no line before it has shown that the file is."""

    def __init__(self, line: Line) -> None:
        super().__init__()
        self.line = line


class LineDecoder:
    """Decode lines, and refuse a file that turns out not to be UTF-8."""

    def __init__(
        self, encoding: str = "utf-8", *, is_certain: bool = True, origin: str | None = None
    ) -> None:
        self.encoding = encoding
        # the encoding of a file that is read as UTF-8
        self._origin = origin
        self._is_certain = is_certain
        # some exporters write halves of emoji; they are cleaned away later
        self._errors = "surrogatepass" if encoding == "utf-8" else "strict"

    def __call__(self, line: Line) -> str:
        """Return the line as text without NULs.

        BadItem: it is too long or broken. UnknownEncoding: it is the first line beyond ASCII, and
        not UTF-8.
        """
        if not line.is_complete:
            raise BadItem(f"the line is over {MAX_LINE:,} bytes; one post cannot be that long")
        data = line.data.replace(b"\0", b"") if b"\0" in line.data else line.data
        try:
            text = data.decode(self.encoding, self._errors)
        except UnicodeDecodeError as error:
            if not self._is_certain:
                raise UnknownEncoding(line) from None
            if self._origin is not None:
                raise BadItem(f"a letter of it is not {self._origin}") from error
            raise BadItem(f"byte {error.start + 1} is not {self.encoding}") from error
        if not self._is_certain and not text.isascii():
            self._is_certain = True
        return text


class RowGap:
    """Tells a reader of lines whether its next line begins a row; blank lines are skipped there."""

    def __init__(self, *, is_open: bool = True) -> None:
        self.is_open = is_open


def skip_to(stream: io.BufferedReader, offset: int) -> None:
    """Go forward to ``offset``; a packed stream is unpacked up to there."""
    if stream.seekable():
        stream.seek(offset)
        return
    remaining = offset
    while remaining and (chunk := stream.read1(min(remaining, MAX_LINE))):
        remaining -= len(chunk)


def lines(
    stream: io.BufferedReader, number: int = 1, offset: int = 0, gap: RowGap | None = None
) -> Iterator[Line]:
    """Yield the physical lines from the stream's position; of an overlong line, its beginning.

    While ``gap`` is open, runs of blank lines are skipped at once; the last line of a run stands
    for it.
    """
    readline = stream.readline
    while data := readline(MAX_LINE):
        offset += len(data)
        is_complete = data[-1:] == b"\n" or len(data) < MAX_LINE
        if not is_complete:
            # read to the end of the line without holding it: memory stays bounded
            while (chunk := readline(MAX_LINE)) and (chunk[-1:] != b"\n"):
                offset += len(chunk)
            offset += len(chunk)
            data = data[:1000]
        elif number == 1 and data.startswith(BOM):
            data = data[3:]
        elif gap is not None and gap.is_open and data.isspace():
            end = offset + PROGRESS
            # gigabytes of line ends pack into a small file (test_a_bomb_is_refused_soon)
            while offset < end and (size := _blank_lines(stream.peek())):
                number += stream.read(size).count(b"\n")
                offset += size
        yield Line(data, number, offset, is_complete)
        number += 1


def _blank_lines(data: bytes) -> int:
    """Return the number of bytes that are whole blank lines."""
    size = len(data) - len(data.lstrip(b" \t\r\n"))
    return data.rfind(b"\n", 0, size) + 1


def json_records(source: Iterator[Line], decode: LineDecoder) -> Iterator[Record]:
    """Yield a record for each line, which holds one JSON object; skip blank lines."""
    parse = DECODER.decode
    progress = 0
    for line in source:
        try:
            text = decode(line).strip()
            if not text:
                if line.end - progress >= PROGRESS:
                    progress = line.end
                    yield Record(None, "", line, line)
                continue
            values = parse(text)
        except BadItem as error:
            yield Record(None, str(error), line, line)
            continue
        except (ValueError, RecursionError) as error:
            yield Record(None, f"it is not JSON ({str(error)[:120]})", line, line)
            continue
        progress = line.end
        if isinstance(values, dict):
            yield Record(values, "", line, line)
        else:
            yield Record(None, "it is JSON, but no object {…}; one object a line", line, line)
