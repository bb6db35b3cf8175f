"""Open a file of text as lines of single bytes, whatever its encoding and line ends are."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import suppress

from listeners.files import json_documents
from listeners.files.containers import Container, open_container
from listeners.files.encoding_guess import refuse_encoding
from listeners.files.encodings import (
    CarriageReturns,
    Encoding,
    Transcoder,
    find_encoding,
)
from listeners.files.file_options import FileOptions
from listeners.files.lines import READ_ERRORS, LineDecoder, Record, UnknownEncoding
from listeners.files.record_stream import Read, RecordStream
from listeners.files.resume import ResumePoint

# unpacked bytes that decide what a file is
_HEAD = 256 * 1024
_BUFFER = 64 * 1024
_QUOTED = re.compile(rb'"(?:[^"]|"")*"')


class TextFile:
    """A file of text: its first bytes, and the way to open it as lines of single bytes."""

    def __init__(
        self,
        options: FileOptions,
        layers: tuple[str, ...],
        raw: bytes,
        encoding: Encoding,
        *,
        is_whole: bool,
    ) -> None:
        self.options = options
        self.layers = layers
        self.encoding = encoding
        self.is_whole = is_whole
        # a JSON document counts its bytes in UTF-8
        self._is_transcoded = not encoding.is_bytewise or (
            encoding.name != "utf-8" and bool(json_documents.STARTS.match(_decoded(raw, encoding)))
        )
        self._is_old_mac = False
        head = self._wrap(buffered(raw)).read()
        self._is_old_mac = _has_lone_returns(head)
        self.head = head.replace(b"\r", b"\n") if self._is_old_mac else head
        self.notes: tuple[str, ...] = (encoding.note,) if encoding.note else ()

    def start(self) -> str:
        """Return the first characters, from the first visible one."""
        name = "utf-8" if self._is_transcoded else self.encoding.name
        return self.head.decode(name, "replace").lstrip("\ufeff\0 \t\r\n")

    def whole_lines(self) -> bytes:
        """Return the first bytes up to the end of a line."""
        if self.is_whole:
            return self.head
        return self.head[: self.head.rfind(b"\n") + 1] or self.head

    def decoder(self) -> LineDecoder:
        """Return the decoder of lines."""
        if self._is_transcoded:
            return LineDecoder(origin=self.encoding.name)
        return LineDecoder(self.encoding.name, is_certain=self.encoding.is_certain)

    def open_at(self, start: ResumePoint) -> tuple[io.BufferedReader, ResumePoint]:
        """Open the file at a resume point, or at its start when that is of another file."""
        stream = self._wrap(open_container(self.options.path).stream)
        if start.is_in_file(self.head, stream):
            return stream, start
        stream.close()
        return self._wrap(open_container(self.options.path).stream), ResumePoint()

    def read_from(self, start: ResumePoint, read: Read) -> RecordStream:
        """Open the file, and read it by ``read`` from ``start`` on."""
        stream, start = self.open_at(start)

        def records() -> Iterator[Record]:
            with stream:
                try:
                    yield from read(stream, start)
                except UnknownEncoding as error:
                    raise refuse_encoding(self.head, error.line) from None

        return RecordStream(start, records())

    def _wrap(self, stream: io.BufferedReader) -> io.BufferedReader:
        if self._is_transcoded:
            stream = io.BufferedReader(Transcoder(stream, self.encoding.name), _BUFFER)
        if self._is_old_mac:
            stream = io.BufferedReader(CarriageReturns(stream), _BUFFER)
        return stream


def open_text(options: FileOptions, container: Container) -> TextFile:
    """Return a container's text, by its first bytes.

    Permanent: its encoding is unknown. READ_ERRORS: not even the first byte can be read.
    """
    raw, is_whole = _read_head(container.stream)
    try:
        encoding = find_encoding(raw, options.encoding)
    except UnknownEncoding as error:
        raise refuse_encoding(raw, error.line) from None
    return TextFile(options, container.layers, raw, encoding, is_whole=is_whole)


def _read_head(stream: io.BufferedReader) -> tuple[bytes, bool]:
    """Return the first bytes, and whether they are the whole file.

    READ_ERRORS: not even the first byte can be read.
    """
    head = bytearray(stream.read1(_HEAD))
    with suppress(*READ_ERRORS):
        while len(head) <= _HEAD and (chunk := stream.read1(_HEAD)):
            head += chunk
    return bytes(head[:_HEAD]), len(head) <= _HEAD


def _decoded(raw: bytes, encoding: Encoding) -> str:
    return raw[:4096].decode(encoding.name, "replace").lstrip("\ufeff\0 \t\r\n")


def _has_lone_returns(head: bytes) -> bool:
    """Return whether lines end with carriage returns alone, as on old Macs."""
    if b"\r" not in head:
        return False
    # a cell in quotes may hold line ends of either kind
    bare = _QUOTED.sub(b"", head)
    return b"\r" in bare and b"\n" not in bare


def buffered(data: bytes) -> io.BufferedReader:
    """Return bytes as a stream."""
    return io.BufferedReader(io.BytesIO(data))
