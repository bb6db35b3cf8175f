"""Read files of any size, plain or gzip, as lines and records, in constant memory.

A line over 1 MiB is never held in memory. Every line and record has its number and the byte where
it ends (counted after decompression), so that reading can resume there.
"""

from __future__ import annotations

import gzip
import io
import json
import stat
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from earful.contracts import BadItem, Permanent

MAX_LINE = 1024 * 1024  # bytes
_HEAD = 64 * 1024
# bytes before a resume point that identify the file
TAIL = 4096
BOM = b"\xef\xbb\xbf"
# of a cut or damaged gzip file, or a bad disk
READ_ERRORS = (EOFError, zlib.error, OSError)
# strict would refuse a tab inside a string
_DECODER = json.JSONDecoder(strict=False)


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
    """A row of the file: its values, or the reason why it is unreadable."""

    values: dict[str, Any] | None
    reason: str
    first: Line
    last: Line

    @property
    def is_closed(self) -> bool:
        """Whether the record has a line end; without one its writer may not have finished."""
        return not self.last.is_complete or self.last.data.endswith(b"\n")


class _Gunzip(io.RawIOBase):
    """Read a gzip file as a raw stream, and return every byte of a cut file before the error.

    GzipFile under a BufferedReader loses up to a buffer of good bytes of a cut file.
    """

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
    """Open a file's bytes, decompressed.

    Raises Permanent when the file is missing, is a pipe or a device, or cannot be text in UTF-8.
    """
    try:
        # check before opening: opening a named pipe without a writer waits for ever
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            raise Permanent(
                f"{path}: this is a pipe or a device, and Earful has to read it more than once",
                hint="Save it as a file and name that.",
            )
        with path.open("rb") as file:
            magic = file.read(4)
        is_gzip = magic[:2] == b"\x1f\x8b"
        raw: io.RawIOBase = _Gunzip(path) if is_gzip else path.open("rb", buffering=0)
        stream: io.BufferedReader = io.BufferedReader(raw, _HEAD)
    except OSError as error:
        raise Permanent(f"{path}: {error.strerror}", hint="Check the option path.") from error
    if path.suffix == ".gz" and magic and not is_gzip:
        stream.close()
        raise Permanent(
            f"{path}: the name says gzip, the content is not", hint="Rename or repack it."
        )
    # UTF-16 without a byte order mark would be read as UTF-8 with NULs in it
    has_nul_pairs = b"\0\0" in (magic[::2], magic[1::2])
    if magic[:2] in (b"\xff\xfe", b"\xfe\xff") or has_nul_pairs:
        stream.close()
        raise Permanent(f"{path}: this is UTF-16 text", hint="Save it as UTF-8.")
    return stream


def read_head(path: Path, size: int = _HEAD) -> bytes:
    """Read the first ``size`` bytes after decompression, or as many as can be read."""
    head = bytearray()
    with open_stream(path) as stream, suppress(*READ_ERRORS):
        while len(head) < size and (chunk := stream.read1(size - len(head))):
            head += chunk
    return bytes(head)


def skip_to(stream: io.BufferedReader, offset: int) -> None:
    """Go forward to ``offset``; a gzip stream is decompressed up to there."""
    if stream.seekable():
        stream.seek(offset)
        return
    remaining = offset
    while remaining and (chunk := stream.read1(min(remaining, MAX_LINE))):
        remaining -= len(chunk)


def lines(stream: io.BufferedReader, number: int = 1, offset: int = 0) -> Iterator[Line]:
    """Yield the physical lines from the stream's position; of an overlong line, its beginning."""
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
        yield Line(data, number, offset, is_complete)
        number += 1


def decode(line: Line, encoding: str) -> str:
    """Return the line as text without NULs; BadItem when it is too long or not ``encoding``."""
    if not line.is_complete:
        raise BadItem(f"the line is over {MAX_LINE:,} bytes; one post cannot be that long")
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
    """Yield a record for each line, which holds one JSON object; skip blank lines."""
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
