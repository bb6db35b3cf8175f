"""Open a file through its layers of compression, within bounds.

gzip, zstd, bzip2, xz and a zip with one data file are unpacked as a stream, also inside each other.
The content decides, not the name.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import stat
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import zstandard

from earful.contracts import Permanent
from listeners.files.lines import READ_ERRORS

# more is no text: gzip packs line ends 1,030 to one, and posts 3 to 20 to one
MAX_RATIO = 500
# unpacked bytes from which on the ratio counts
RATIO_FROM = 100 * 1024 * 1024
_BUFFER = 64 * 1024
_MAX_LAYERS = 3
_MAGIC = {
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",
}
_SUFFIX = {".gz": "gzip", ".zst": "zstd", ".bz2": "bzip2", ".xz": "xz", ".zip": "zip"}
_UNREADABLE = {
    b"%PDF": ("a PDF document", "Export the rows as CSV."),
    b"\xd0\xcf\x11\xe0": ("an old Excel workbook (.xls)", "Save it as .xlsx or CSV."),
    b"PAR1": ("a Parquet file", "Export it as CSV or JSON Lines."),
    b"SQLite format 3": ("an SQLite database", "Export its rows as CSV."),
    b"Rar!": ("a RAR archive", "Unpack it first."),
    b"7z\xbc\xaf": ("a 7-Zip archive", "Unpack it first."),
    b"\x89PNG": ("a picture", "Export the rows as CSV."),
    b"\xff\xd8\xff": ("a picture", "Export the rows as CSV."),
}
_DATA = (".csv", ".tsv", ".tab", ".txt", ".jsonl", ".ndjson", ".json", ".js", ".xlsx")
# packed bytes that are unpacked at once: 32 MB at the worst ratio of zstd
_ZSTD_CHUNK = 1024


class Container(NamedTuple):
    """An opened file: its layers from the outside in, and its bytes, or its workbook."""

    layers: tuple[str, ...]
    stream: io.BufferedReader
    workbook: zipfile.ZipFile | None = None

    def __enter__(self) -> Container:
        return self

    def __exit__(self, *_error: object) -> None:
        self.stream.close()


class _Unpacked(io.RawIOBase):
    """Unpack a stream, and refuse a file that unpacks to much more than any text does.

    A cut file returns every byte before its error: GzipFile under a BufferedReader would lose up to
    a buffer of them.
    """

    def __init__(
        self,
        read: Callable[[int], bytes],
        *,
        packed_bytes: Callable[[], int],
        close: Callable[[], None],
    ) -> None:
        self._read = read
        self._packed_bytes = packed_bytes
        self._close = close
        self._unpacked = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        data = self._read(len(buffer))
        buffer[: len(data)] = data
        self._unpacked += len(data)
        if self._unpacked > RATIO_FROM:
            check_ratio(self._unpacked, self._packed_bytes())
        return len(data)

    def close(self) -> None:
        self._close()
        super().close()


class _Zstd:
    """Unpack zstd frames one after the other; EOFError when the last one is cut."""

    def __init__(self, stream: io.BufferedReader) -> None:
        self._stream = stream
        # dumps of Reddit need windows of 2 GiB (zstd --long=31)
        self._decompressor = zstandard.ZstdDecompressor(max_window_size=2**31)
        self._frame = self._decompressor.decompressobj()
        self._is_inside = False
        self._packed = b""
        self._unpacked = memoryview(b"")

    def read1(self, size: int) -> bytes:
        while not self._unpacked:
            packed = self._packed or self._stream.read(_ZSTD_CHUNK)
            self._packed = b""
            if not packed:
                if self._is_inside:
                    raise EOFError("the zstd file ends in the middle of a frame")
                return b""
            self._is_inside = True
            self._unpacked = memoryview(self._frame.decompress(packed))
            if self._frame.eof:
                self._packed = self._frame.unused_data
                self._frame = self._decompressor.decompressobj()
                self._is_inside = False
        data = bytes(self._unpacked[:size])
        self._unpacked = self._unpacked[size:]
        return data


def check_ratio(unpacked: int, packed: int) -> None:
    """Raise Permanent when ``packed`` bytes unpack to more than text of that size can."""
    if unpacked > RATIO_FROM and unpacked > MAX_RATIO * max(packed, 1):
        raise Permanent(
            f"it unpacks to over {MAX_RATIO:,} times its size ({unpacked // 1024**2:,} MB so far); "
            "no file of posts does",
            hint="If it is in order, unpack it and name the unpacked file.",
        )


def open_container(path: Path) -> Container:
    """Open a file's bytes, unpacked.

    Raises Permanent when the file is missing, is a pipe or a device, or holds no single data file.
    """
    try:
        # check before opening: opening a named pipe without a writer waits for ever
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            raise Permanent(
                f"{path}: this is a pipe or a device, and Earful has to read it more than once",
                hint="Save it as a file and name that.",
            )
        file = path.open("rb", buffering=0)
    except OSError as error:
        raise Permanent(f"{path}: {error.strerror}", hint="Check the option path.") from error
    try:
        return _unwrap(file, path)
    except Permanent as error:
        file.close()
        raise Permanent(f"{path}: {error.sentence}", hint=error.hint) from error
    except OSError as error:
        file.close()
        if error.errno is None:
            raise
        raise Permanent(f"{path}: {error.strerror}", hint="Check the option path.") from error
    except BaseException:
        file.close()
        raise


def open_stream(path: Path) -> io.BufferedReader:
    """Open a file of text, unpacked; see ``open_container``. A workbook is refused."""
    container = open_container(path)
    if container.workbook is not None:
        container.stream.close()
        raise Permanent(f"{path}: this is a workbook (.xlsx)", hint="Name a file of text.")
    return container.stream


def _unwrap(file: io.FileIO, path: Path) -> Container:
    """Open the layers of a file, from the outside in."""
    layers: list[str] = []
    name = path.name
    stream: io.BufferedReader = io.BufferedReader(file, _BUFFER)
    while True:
        magic = stream.peek(512)[:512]
        kind = _layer_of(magic)
        _check_content(magic, kind, name)
        if kind is None:
            return Container(tuple(layers), stream)
        if len(layers) == _MAX_LAYERS:
            raise Permanent(f"it is packed more than {_MAX_LAYERS} times", hint="Unpack it first.")
        if kind == "zip":
            if not stream.seekable():
                raise Permanent(
                    "it is a zip inside another archive", hint="Unpack the outer one first."
                )
            archive = zipfile.ZipFile(stream)
            if "xl/workbook.xml" in archive.namelist():
                return Container((*layers, "xlsx"), stream, archive)
            member = _only_data_file(archive)
            name = member.filename
            layers.append(f"zip ({name})")
            stream = _open_member(archive, member, stream)
        else:
            name = name[: -len(PurePosixPath(name).suffix)] if _names_layer(name) else name
            layers.append(kind)
            stream = _unpack(kind, stream, file)


def _layer_of(magic: bytes) -> str | None:
    return next((kind for start, kind in _MAGIC.items() if magic.startswith(start)), None)


def _names_layer(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in _SUFFIX


def _check_content(magic: bytes, kind: str | None, name: str) -> None:
    """Raise Permanent for content that holds no rows, or that its name contradicts."""
    for start, (noun, hint) in _UNREADABLE.items():
        if magic.startswith(start):
            raise Permanent(f"this is {noun}", hint=hint)
    if magic[257:262] == b"ustar":
        raise Permanent("this is a tar archive", hint="Unpack it, and name one file of it.")
    named = _SUFFIX.get(PurePosixPath(name).suffix.lower())
    if named and magic and kind is None:
        raise Permanent(f"the name says {named}, the content is not", hint="Rename or repack it.")


def _unpack(kind: str, stream: io.BufferedReader, file: io.FileIO) -> io.BufferedReader:
    readers: dict[str, Callable[[io.BufferedReader], Any]] = {
        "gzip": lambda packed: gzip.GzipFile(fileobj=packed),
        "zstd": _Zstd,
        "bzip2": bz2.BZ2File,
        "xz": lzma.LZMAFile,
    }
    reader = readers[kind](stream)
    unpacked = _Unpacked(reader.read1, packed_bytes=file.tell, close=stream.close)
    return io.BufferedReader(unpacked, _BUFFER)


def _only_data_file(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    """Return the one data file of an archive; Permanent names several."""
    files = [
        member
        for member in archive.infolist()
        if not member.is_dir()
        # the resource forks and folder settings of a Mac
        and not any(part.startswith((".", "__MACOSX")) for part in member.filename.split("/"))
    ]
    names = [member.filename for member in files]
    for part, noun in (
        ("word/document.xml", "a Word document"),
        ("xl/workbook.bin", "a binary workbook (.xlsb)"),
        ("content.xml", "an OpenDocument file"),
    ):
        if part in names:
            raise Permanent(f"this is {noun}", hint="Save its table as .xlsx or CSV.")
    data = [member for member in files if _is_data_name(member.filename)]
    chosen = data if data else files
    if not chosen:
        raise Permanent("the zip archive is empty", hint="Check where it comes from.")
    if len(chosen) > 1:
        listing = ", ".join(member.filename for member in chosen[:10])
        more = f" and {len(chosen) - 10} more" if len(chosen) > 10 else ""
        raise Permanent(
            f"the zip archive holds {len(chosen)} data files: {listing}{more}",
            hint="Unpack it, and name one of them.",
        )
    if chosen[0].flag_bits & 1:
        raise Permanent("the zip archive has a password", hint="Unpack it first.")
    return chosen[0]


def _is_data_name(name: str) -> bool:
    lower = name.lower()
    bare = lower[: lower.rfind(".")] if _names_layer(lower) else lower
    return bare.endswith(_DATA)


def _open_member(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, stream: io.BufferedReader
) -> io.BufferedReader:
    try:
        reader: Any = archive.open(member)
    except NotImplementedError as error:
        raise Permanent(f"the zip archive cannot be unpacked ({error})") from error
    unpacked = _Unpacked(
        reader.read1, packed_bytes=lambda: member.compress_size, close=stream.close
    )
    return io.BufferedReader(unpacked, _BUFFER)


def read_head(path: Path, size: int = _BUFFER) -> bytes:
    """Read the first ``size`` bytes after unpacking, or as many as can be read."""
    head = bytearray()
    with open_stream(path) as stream, suppress(*READ_ERRORS):
        while len(head) < size and (chunk := stream.read1(size - len(head))):
            head += chunk
    return bytes(head)
