"""Read the rows of a JSON document of any size: an array, or an object that holds one.

Memory stays flat: one value is decoded at a time. A row has its lines and byte offset, as a line of
JSON Lines has, so that reading can resume inside an array.
"""

from __future__ import annotations

import codecs
import io
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from earful.contracts import Permanent
from listeners.files.lines import DECODER, MAX_LINE, PROGRESS, TAIL, Line, Record

# a page of the API of X with 500 posts and their authors takes 1 to 2 MB
MAX_PAGE = 16 * 1024 * 1024
_CHUNK = 128 * 1024
_BLANK = re.compile(r"[\s,;:\ufeff\0]*")
# "window.YTD.tweets.part0 = " of an archive of X, "var posts = "
ASSIGNMENT = re.compile(
    r"[\s\ufeff]*(?:(?:var|let|const)\s+)?[A-Za-z_$][\w$.]{0,200}\s*=\s*(?=[\[{])"
)
# an array or object that begins; "[Date],[Text]" is the header of a table
STARTS = re.compile(
    ASSIGNMENT.pattern + r"|\[\s*(?:[\[{\"\]\d-]|true|false|null|NaN|\Z)|\{\s*(?:\"|\}|\Z)"
)
_STRUCTURE = re.compile(r'["\[\]{},]')
_IN_STRING = re.compile(r'["\\]')
# a decoder may stop this near the end of a buffer that ends inside a word or an escape
_WORD = 16
_ESCAPED = re.compile("[\udc80-\udcff]")
# the frames of a walk: an object whose key is looked up, an array of objects, the array of rows
STATE = re.compile(r"[oa]*A?")


class Decoded(NamedTuple):
    """A decoded value, or the reason why there is none; ``text`` is its beginning."""

    value: Any
    reason: str
    text: str


class Scanner:
    """Read JSON values from a stream, one after the other.

    ``offset`` and ``line``: the place of the next value.
    """

    def __init__(self, stream: io.BufferedReader, offset: int = 0, line: int = 1) -> None:
        self._stream = stream
        # escaped bytes keep the offsets exact; a row that has them is rejected
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._buffer = ""
        self._at = 0
        self._is_ended = False
        self.offset = offset
        self.line = line

    def next_char(self) -> str:
        """Return the next character behind blanks and commas, without taking it; "" at the end."""
        while True:
            end = _match_end(_BLANK, self._buffer, self._at)
            if end > self._at:
                self._take(end)
            if end < len(self._buffer):
                return self._buffer[end]
            if not self._read_more():
                return ""

    def take_char(self) -> None:
        """Take one character."""
        self._take(self._at + 1)

    def take_assignment(self) -> None:
        """Take the beginning of a script, as in "window.posts = "."""
        if len(self._buffer) < _CHUNK:
            self._read_more()
        if match := ASSIGNMENT.match(self._buffer, self._at):
            self._take(match.end())

    def read_value(self, limit: int = MAX_LINE) -> Decoded:
        """Decode and take the next value, which ``next_char`` has met.

        A value over ``limit`` characters, or one that is broken, is passed over with a reason.
        EOFError: the document ends inside the value.
        """
        while True:
            size = len(self._buffer) - self._at
            try:
                value, end = DECODER.raw_decode(self._buffer, self._at)
            except RecursionError:
                return self._pass_over("it is nested too deeply")
            except ValueError as error:
                if size > limit:
                    return self._pass_over(f"it is over {limit:,} characters")
                if self._may_be_cut(error) and self._read_more():
                    continue
                return self._pass_over(f"it is not JSON ({str(error)[:120]})")
            # a number may go on behind the buffer
            if end == len(self._buffer) and self._buffer[-1] not in '"]}' and self._read_more():
                continue
            text = self._buffer[self._at : end]
            reason = f"it is over {limit:,} characters" if len(text) > limit else _fault(text)
            self._take(end)
            return Decoded(value, reason, text)

    def skip_value(self) -> None:
        """Take the next value without decoding it."""
        self._pass_over("")

    def _may_be_cut(self, error: ValueError) -> bool:
        if not isinstance(error, json.JSONDecodeError):
            return False
        return error.msg.startswith("Unterminated") or error.pos >= len(self._buffer) - _WORD

    def _pass_over(self, reason: str) -> Decoded:
        """Take a value by its brackets and quotes alone; EOFError when it does not end."""
        passed = Decoded(None, reason, self._buffer[self._at : self._at + 1000])
        begin, depth, is_string = self.line, 0, False
        while True:
            token = (_IN_STRING if is_string else _STRUCTURE).search(self._buffer, self._at)
            if token is None:
                self._take(len(self._buffer))
                if self._read_more():
                    continue
                if depth or is_string:
                    raise EOFError(f"the JSON ends inside the value of line {begin:,}")
                return passed
            char = token.group()
            if not depth and char in ",]}" and not is_string:
                # it belongs to the array around a bare word
                self._take(token.start())
                return passed
            self._take(token.end())
            if char == "\\":
                # the escaped character may lie in the next chunk
                if self._at == len(self._buffer) and not self._read_more():
                    raise EOFError(f"the JSON ends inside the value of line {begin:,}")
                self._take(self._at + 1)
            elif char == '"':
                is_string = not is_string
            else:
                depth += {"[": 1, "{": 1, ",": 0}.get(char, -1)
            if not depth and not is_string:
                return passed

    def _take(self, end: int) -> None:
        text = self._buffer[self._at : end]
        self.offset += len(text) if text.isascii() else len(text.encode("utf-8", "surrogateescape"))
        self.line += text.count("\n")
        self._at = end

    def _read_more(self) -> bool:
        """Read a chunk behind the buffer, and forget the taken part; False at the end."""
        if self._is_ended:
            return False
        text = ""
        while not text and not self._is_ended:
            # larger chunks for larger values: a cut value is decoded again after each
            chunk = self._stream.read1(max(_CHUNK, len(self._buffer) - self._at))
            self._is_ended = not chunk
            text = self._decoder.decode(chunk, final=self._is_ended)
        self._buffer = self._buffer[self._at :] + text
        self._at = 0
        return bool(text)


class DocumentReader:
    """Read the rows of a document: the objects of the array at ``path``.

    ``path``: the keys that lead to it, () for the document itself. ``is_paged``: every object is a
    page, whose ``includes`` belong to each of its rows. ``state``: the frames of a walk that is
    resumed.
    """

    def __init__(
        self, scanner: Scanner, path: Sequence[str] = (), *, is_paged: bool = False, state: str = ""
    ) -> None:
        self._scanner = scanner
        self._path = tuple(path)
        self._is_paged = is_paged
        self._frames = list(state)
        # a walk that is resumed has met the array before
        self._has_array = bool(scanner.offset) or not path or is_paged

    def records(self) -> Iterator[Record]:
        """Yield a record for each row.

        1. In the array of rows, and outside all brackets, a value is a row.
        2. In an object, the key on the path is followed, and the other values are passed over.
        3. In an array above the rows, every object is followed.

        EOFError: the document ends before its last bracket. Permanent: it has no array at the path.
        """
        scanner, frames = self._scanner, self._frames
        if not scanner.offset:
            scanner.take_assignment()
        progress = scanner.offset
        while char := scanner.next_char():
            frame = frames[-1] if frames else ""
            if char in "]}":
                scanner.take_char()
                if frames:
                    frames.pop()
            elif frame == "o":
                self._follow_key()
            elif frame == "a" or (not frame and (char == "[" or self._enters_object(char))):
                self._enter(char)
            else:
                yield from self._rows()
                progress = scanner.offset
            if scanner.offset - progress >= PROGRESS:
                progress = scanner.offset
                place = self._line("")
                yield Record(None, "", place, place, "".join(frames))
        if frames:
            raise EOFError(f"the JSON ends in line {scanner.line:,}, before its last bracket")
        if not self._has_array:
            raise Permanent(
                f"there is no array {'.'.join(self._path)!r} in this JSON",
                hint='Name the array of the rows by the option items = "NAME", with dots for '
                "objects in objects.",
            )

    def _enters_object(self, char: str) -> bool:
        return char == "{" and bool(self._path) and not self._is_paged

    def _enter(self, char: str) -> None:
        """Go into an array or an object, or pass over any other value."""
        if char not in "[{":
            self._scanner.skip_value()
            return
        self._scanner.take_char()
        is_at_rows = self._is_paged or self._frames.count("o") == len(self._path)
        self._frames.append("o" if char == "{" else "A" if is_at_rows else "a")
        self._has_array |= self._frames[-1] == "A"

    def _follow_key(self) -> None:
        """Read a key of an object, and go into its value when it is on the path."""
        key = self._scanner.read_value().value
        char = self._scanner.next_char()
        depth = self._frames.count("o")
        is_on_path = depth <= len(self._path) and key == self._path[depth - 1]
        # a row is an object of the array, not an object in its place
        if is_on_path and (char == "[" or (char == "{" and depth < len(self._path))):
            self._enter(char)
        elif char and char not in "]}":
            self._scanner.skip_value()

    def _rows(self) -> Iterator[Record]:
        """Yield the row at the scanner's place, or the rows of a page."""
        before = self._line("")
        decoded = self._scanner.read_value(MAX_PAGE if self._is_paged else MAX_LINE)
        first = before._replace(data=decoded.text[:2000].encode("utf-8", "replace"))
        first = first._replace(number=before.number + 1)
        last, state = self._line(decoded.text), "".join(self._frames)
        if decoded.reason or not isinstance(decoded.value, dict):
            reason = decoded.reason or "it is JSON, but no object {…}"
            yield Record(None, reason, first, last, state)
        elif not self._is_paged:
            yield Record(decoded.value, "", first, last, state)
        else:
            yield from self._page_rows(decoded.value, first, before, last)

    def _page_rows(
        self, page: dict[str, Any], first: Line, before: Line, last: Line
    ) -> Iterator[Record]:
        """Yield the rows of a page; reading resumes before the page until its last row."""
        rows: Any = page
        for key in self._path:
            rows = rows.get(key) if isinstance(rows, dict) else None
        rows = [rows] if isinstance(rows, dict) else rows if isinstance(rows, list) else []
        state = "".join(self._frames)
        for number, row in enumerate(rows, 1):
            place = last if number == len(rows) else before
            if isinstance(row, dict):
                yield Record({"includes": page.get("includes")} | row, "", first, place, state)
            else:
                yield Record(None, "it is JSON, but no object {…}", first, place, state)
        if not rows:
            yield Record(None, "", first, last, state)

    def _line(self, text: str) -> Line:
        """Return the place behind ``text``; its number is that of the line before."""
        data = text[-TAIL:].encode("utf-8", "surrogateescape")[-TAIL:]
        return Line(data, self._scanner.line - 1, self._scanner.offset, True)


def _fault(text: str) -> str:
    """Return why a value with bytes that are not UTF-8 is unreadable; "" for all others."""
    if text.isascii() or not _ESCAPED.search(text):
        return ""
    try:
        # some exporters write halves of emoji
        text.encode("utf-8", "surrogateescape").decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return "it holds bytes that are not utf-8"
    return ""


def _match_end(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    return match.end() if match else at
