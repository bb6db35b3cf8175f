"""Find the encoding of a text file, and refuse to guess it.

A byte order mark, the NULs of UTF-16 and UTF-32, and valid UTF-8 are proofs. Any other encoding has
to be named, because every byte is a letter in most of them.
"""

from __future__ import annotations

import codecs
import io
from typing import Any, NamedTuple

from listeners.files.lines import Line, UnknownEncoding

# UTF-32 first: its little-endian mark begins with that of UTF-16
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# the positions of NULs in four bytes of ASCII text
_WIDE = {
    (1, 2, 3): "utf-32-le",
    (0, 1, 2): "utf-32-be",
    (1, 3): "utf-16-le",
    (0, 2): "utf-16-be",
}
_CHUNK = 64 * 1024
_ASCII = bytes([9, 10, 13, *range(32, 127)])
_BROKEN = "earful-broken"


class Encoding(NamedTuple):
    """A file's encoding: a codec of Python.

    ``is_certain``: named, or proven by the content, so an undecodable line is a broken row.
    ``note``: the conclusion that was drawn without an option, or "".
    """

    name: str
    is_certain: bool
    note: str = ""

    @property
    def is_bytewise(self) -> bool:
        """Whether every ASCII character is its own byte, so that bytes can be split into lines."""
        try:
            return _ASCII.decode("ascii").encode(self.name) == _ASCII
        except UnicodeError:
            return False


def encoding_name(value: str) -> str:
    """Return the codec's name; ValueError for a name that is none, or no text."""
    try:
        codec = codecs.lookup(value)
    except LookupError:
        raise ValueError("is not an encoding; write it as utf-8 or cp1252") from None
    if not codec._is_text_encoding:
        raise ValueError("is no encoding of text; write it as utf-8 or cp1252")
    return "utf-8" if codec.name == "utf-8-sig" else codec.name


def find_encoding(head: bytes, option: str | None) -> Encoding:
    """Return the encoding of a file by its first bytes; ``option`` was named by a person.

    1. A byte order mark wins, also over the option.
    2. The option, with the byte order that the NULs show.
    3. The NULs of ASCII letters in UTF-16 and UTF-32.
    4. UTF-8. UnknownEncoding when most lines beyond ASCII are not UTF-8.
    """
    for mark, name in _MARKS:
        if head.startswith(mark):
            agrees = option is None or name.startswith(option)
            note = "" if agrees else f"The file's byte order mark says {name}, not {option}."
            return Encoding(name, True, note)
    wide = _wide_encoding(head)
    if option in ("utf-16", "utf-32"):
        return Encoding(wide if wide.startswith(option) else f"{option}-le", True)
    if option is not None:
        return Encoding(option, True)
    if wide:
        return Encoding(wide, True, f"The file is {wide} without a byte order mark.")
    return Encoding("utf-8", _is_proven_utf8(head))


def _wide_encoding(head: bytes) -> str:
    """Return UTF-16 or UTF-32 by the places of its NULs, "" for neither."""
    sample = head[:1024]
    if b"\0" not in sample:
        return ""
    groups = len(sample) // 4
    nulls = [sample[place : 4 * groups : 4].count(0) for place in range(4)]
    for places, name in _WIDE.items():
        # letters beyond Latin have no NUL, but names of columns, digits and commas do
        if groups and all(
            nulls[place] * 4 > groups if place in places else nulls[place] * 50 <= groups
            for place in range(4)
        ):
            return name
    return ""


def _is_proven_utf8(head: bytes) -> bool:
    """Return whether the lines beyond ASCII are UTF-8; False when there is none.

    Raises UnknownEncoding when more of them are not.
    """
    if head.isascii():
        return False
    valid, broken = 0, []
    lines = head.split(b"\n")
    # the last line may be cut in the middle of a letter
    for number, data in enumerate(lines[:-1] if len(lines) > 1 else lines, 1):
        if data.isascii():
            continue
        try:
            data.decode("utf-8", "surrogatepass")
            valid += 1
        except UnicodeDecodeError as error:
            # the only line of the head may be cut in the middle of a letter, too
            if len(lines) == 1 and error.end >= len(data) - 3:
                continue
            broken.append(Line(data, number, 0, True))
    if len(broken) > valid:
        raise UnknownEncoding(broken[0])
    return valid > 0


def _mark_broken(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    is_half_emoji = error.encoding.startswith("utf-16") and error.end - error.start > 1
    return chr(0xFFFD if is_half_emoji else 0xDCFF), error.end


codecs.register_error(_BROKEN, _mark_broken)


class Transcoder(io.RawIOBase):
    """Read a stream of any encoding as UTF-8.

    Its line ends are single bytes, so lines, offsets and resume points work as for UTF-8. An
    undecodable place becomes the byte FF, which is never UTF-8: its row is rejected.
    """

    def __init__(self, stream: io.BufferedReader, encoding: str) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(encoding)(_BROKEN)
        self._pending = memoryview(b"")
        self._is_ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        while not self._pending and not self._is_ended:
            chunk = self._stream.read1(_CHUNK)
            self._is_ended = not chunk
            text = self._decoder.decode(chunk, final=self._is_ended)
            self._pending = memoryview(text.encode("utf-8", "surrogateescape"))
        size = min(len(buffer), len(self._pending))
        buffer[:size] = self._pending[:size]
        self._pending = self._pending[size:]
        return size

    def close(self) -> None:
        self._stream.close()
        super().close()


class CarriageReturns(io.RawIOBase):
    """Read a stream whose lines end with a lone carriage return, as on old Macs."""

    def __init__(self, stream: io.BufferedReader) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        data = self._stream.read1(len(buffer)).replace(b"\r", b"\n")
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._stream.close()
        super().close()
