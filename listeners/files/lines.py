"""Files of any size, plain or gzip, read as physical lines and as records, in flat memory.

A line over 1 MiB is never held whole. Every line and record knows its number and the byte where
it ends (counted after decompression), so that reading can go on from there.
CSV is read as RFC 4180 describes it, by Python's csv module.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import stat
import zlib
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from earful.contracts import BadItem, Permanent

LINE_CAP = 1024 * 1024  # bytes
_RECORD_LINES = 1000  # a quoted CSV field over more lines than this was never closed
_HEAD = 64 * 1024
TAIL = 4096  # bytes before a place in a file by which it is known again
BOM = b"\xef\xbb\xbf"
_LONE_CR = (
    "a carriage return stands outside quotes; save the file with the line ends of Windows or Unix"
)
BROKEN = (EOFError, zlib.error, OSError)  # what reading may raise: cut or damaged gzip, bad disk
_DECODER = json.JSONDecoder(strict=False)  # strict would refuse a tab inside a string


class Line(NamedTuple):
    """A physical line: ``data`` with its line end, or the head of one that was too long."""

    data: bytes
    number: int
    end: int  # offset of the byte after it
    whole: bool  # False: longer than LINE_CAP


class Record(NamedTuple):
    """One row of the file: its values, or the reason why it has none."""

    values: dict[str, Any] | None
    reason: str
    first: Line
    last: Line

    @property
    def closed(self) -> bool:
        """False when the file ends without a line end here: somebody may still be writing."""
        return not self.last.whole or self.last.data.endswith(b"\n")


class _Gunzip(io.RawIOBase):
    """A gzip file as a raw stream. GzipFile under a BufferedReader throws away up to a buffer of
    good bytes when the file is cut; this gives every byte before it raises."""

    def __init__(self, path: Path) -> None:
        self._file = gzip.GzipFile(path)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        data = self._file.read1(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()


def open_stream(path: Path) -> io.BufferedReader:
    """The file's bytes, decompressed. Permanent when it is missing, is no file that can be read
    twice, or cannot be text in UTF-8."""
    try:
        # asked before it is opened: a named pipe that nobody writes would be waited for for ever
        kind = path.stat().st_mode
        if not stat.S_ISREG(kind) and not stat.S_ISDIR(kind):
            raise Permanent(
                f"{path}: this is a pipe or a device, and it has to be read more than once; save "
                "it as a file and name that"
            )
        with path.open("rb") as file:
            magic = file.read(4)
        packed = magic[:2] == b"\x1f\x8b"
        raw: io.RawIOBase = _Gunzip(path) if packed else path.open("rb", buffering=0)
        stream: io.BufferedReader = io.BufferedReader(raw, _HEAD)
    except OSError as error:
        raise Permanent(f"{path}: {error.strerror}; check the option path") from error
    if path.suffix == ".gz" and magic and not packed:
        stream.close()
        raise Permanent(f"{path}: the name says gzip, the content is not; rename or repack it")
    without_mark = b"\0\0" in (magic[::2], magic[1::2])  # would be read as UTF-8 with NULs in it
    if magic[:2] in (b"\xff\xfe", b"\xfe\xff") or without_mark:
        stream.close()
        raise Permanent(f"{path}: this is UTF-16 text; save it as UTF-8")
    return stream


def read_head(path: Path, size: int = _HEAD) -> bytes:
    """The first ``size`` bytes after decompression, or as many as can be read."""
    head = bytearray()
    with open_stream(path) as stream, suppress(*BROKEN):
        while len(head) < size and (more := stream.read1(size - len(head))):
            head += more
    return bytes(head)


def skip_to(stream: io.BufferedReader, offset: int) -> None:
    """Go forward to ``offset``; a gzip stream is decompressed up to there."""
    if stream.seekable():
        stream.seek(offset)
        return
    left = offset
    while left and (gone := stream.read1(min(left, LINE_CAP))):
        left -= len(gone)


def lines(stream: io.BufferedReader, number: int = 1, offset: int = 0) -> Iterator[Line]:
    """The physical lines from where the stream stands. A line over LINE_CAP comes as its head."""
    readline = stream.readline
    while data := readline(LINE_CAP):
        offset += len(data)
        whole = data[-1:] == b"\n" or len(data) < LINE_CAP
        if not whole:
            while (rest := readline(LINE_CAP)) and (rest[-1:] != b"\n"):
                offset += len(rest)
            offset += len(rest)
            data = data[:1000]
        elif number == 1 and data.startswith(BOM):
            data = data[3:]
        yield Line(data, number, offset, whole)
        number += 1


def decode(line: Line, encoding: str) -> str:
    """The line as text without NULs; BadItem when it is too long or not in ``encoding``."""
    if not line.whole:
        raise BadItem(f"the line is over {LINE_CAP:,} bytes; one post cannot be that long")
    data = line.data.replace(b"\0", b"") if b"\0" in line.data else line.data
    try:
        # surrogatepass: some exporters write halves of emoji; they are cleaned away later
        return data.decode(encoding, "surrogatepass" if encoding == "utf-8" else "strict")
    except UnicodeDecodeError as error:
        raise BadItem(
            f"byte {error.start + 1} is not {encoding}; convert the file, or name its encoding "
            'with the option encoding, as in encoding = "cp1252"'
        ) from error


def json_records(source: Iterator[Line], encoding: str) -> Iterator[Record]:
    """One JSON object a line; blank lines are passed over."""
    parse = _DECODER.decode
    for line in source:
        try:
            text = decode(line, encoding).strip()
            if not text:
                continue
            values = parse(text)
        except BadItem as error:
            yield Record(None, str(error), line, line)
            continue
        except (ValueError, RecursionError) as error:
            yield Record(None, f"it is not JSON ({str(error)[:120]})", line, line)
            continue
        if isinstance(values, dict):
            yield Record(values, "", line, line)
        else:
            yield Record(None, "it is JSON, but no object {…}; one object a line", line, line)


class _Unclosed(Exception):
    """A quoted field was opened and not closed within what one record may take."""


class _Feeder:
    """Gives csv.reader its lines, and remembers which ones the present record has taken."""

    def __init__(self, source: Iterator[Line], encoding: str) -> None:
        self._source = source
        self.encoding = encoding
        self._returned: deque[Line] = deque()
        self.taken: list[Line] = []
        self._size = 0

    def __iter__(self) -> _Feeder:
        return self

    def __next__(self) -> str:
        line = self._returned.popleft() if self._returned else next(self._source, None)
        if line is None:
            if self.taken:
                raise _Unclosed
            raise StopIteration
        inside = bool(self.taken)
        self.taken.append(line)
        self._size += len(line.data)
        if inside and (self._size > LINE_CAP or len(self.taken) > _RECORD_LINES):
            raise _Unclosed
        return decode(line, self.encoding)

    def start(self) -> None:
        """A new record begins."""
        self.taken = []
        self._size = 0

    def give_back(self) -> Line:
        """Keep the record's first line out and read the others again; returns the first."""
        self._returned.extendleft(reversed(self.taken[1:]))
        return self.taken[0]


class Table:
    """The records of a CSV or TSV file, the first of which names the columns."""

    def __init__(self, source: Iterator[Line], encoding: str, delimiter: str, quotes: bool) -> None:
        self._feeder = _Feeder(source, encoding)
        self._format: dict[str, Any] = {
            "delimiter": delimiter,
            "quoting": csv.QUOTE_MINIMAL if quotes else csv.QUOTE_NONE,
        }

    def header(self) -> list[str]:
        """The names of the columns; [] for an empty file. BadItem when they cannot be read."""
        for cells, reason, first, _ in self._rows():
            if cells is None:
                raise BadItem(f"line {first.number} should name the columns, but {reason}")
            return [cell.strip() for cell in cells]
        return []

    def records(self, header: list[str]) -> Iterator[Record]:
        """Every row as {column: cell}. A row may leave out cells at its end, not add any."""
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
        feeder = self._feeder
        # strict, or a stray quote would quietly join its row with the next one
        reader = csv.reader(feeder, strict=True, **self._format)
        while True:
            feeder.start()
            try:
                cells = next(reader)
            except StopIteration:
                return
            except (_Unclosed, csv.Error, BadItem) as error:
                # one stray quote must not swallow the rows behind it
                first = feeder.give_back()
                forgiven = self._alone(feeder) if isinstance(error, csv.Error) else None
                reason = "a quoted cell is opened and never closed"
                if isinstance(error, BadItem) or len(feeder.taken) == 1:
                    reason = _LONE_CR if "new-line" in str(error) else str(error) or reason
                yield forgiven, reason, first, first
                reader = csv.reader(feeder, strict=True, **self._format)
                continue
            if cells:
                yield cells, "", feeder.taken[0], _last(feeder.taken)

    def _alone(self, feeder: _Feeder) -> list[str] | None:
        """The cells of a row on one line with unescaped quotes inside a quoted cell, or None."""
        if len(feeder.taken) > 1:
            return None
        try:
            return next(csv.reader([decode(feeder.taken[0], feeder.encoding)], **self._format))
        except csv.Error:
            return None


def _last(taken: list[Line]) -> Line:
    """A record's last line; with the lines before it when it alone would tell little of the place
    (the one behind the last line end of a quoted cell)."""
    last = taken[-1]
    if len(taken) == 1 or len(last.data) >= TAIL:
        return last
    return last._replace(data=b"".join(one.data for one in taken)[-TAIL:])


def guess_delimiter(head: str) -> str:
    """The delimiter of a CSV file from its first line: Excel writes ; where , is the decimal."""
    first = head.partition("\n")[0]
    return max((",", ";", "\t", "|"), key=first.count)
