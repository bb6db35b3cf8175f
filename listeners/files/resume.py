"""The resume point of a file: where reading goes on, and how to recognise the file."""

from __future__ import annotations

import hashlib
import io
from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field, model_validator

from listeners.common.position import Offset, Position, UtcInstant
from listeners.files.lines import TAIL, Line, skip_to

_HEAD = 4096


class ResumePoint(Position):
    """The next line to read, and the byte where it begins (after decompression).

    ``head`` and ``tail``: hashes of bytes before it. They recognise a file that grew; a replaced
    file is read from its start. ``pending``: the hash of a reported last line without a line end.
    The resume point stays before this line, because its writer may not have finished. It is
    reported again only when it has changed. ``state``: the place in a JSON
    document. ``reading_since``: when the reading began that stopped here before the file's end.
    Its remaining rows belong to that reading; rows that are appended later do not.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    # a part of a resume point may lie in the middle of a row
    all_or_nothing: ClassVar[bool] = True

    line: Annotated[Offset, Field(ge=1)] = 1
    offset: Offset = 0
    head: str = ""
    tail: str = ""
    tail_bytes: Offset = 0
    pending: str = ""
    state: str = ""
    reading_since: UtcInstant | None = None

    @model_validator(mode="after")
    def _check_tail(self) -> ResumePoint:
        if self.tail_bytes > self.offset:
            raise ValueError("the tail begins before the file")
        return self

    def is_in_file(self, head: bytes, stream: io.BufferedReader) -> bool:
        """Return whether this resume point belongs to the file.

        ``head``: the first bytes of the file. The stream is left at the resume point.
        """
        if not self.offset:
            return True
        if self.head != _hash(head[: min(self.offset, _HEAD)]):
            return False
        skip_to(stream, self.offset - self.tail_bytes)
        return not self.tail_bytes or self.tail == _hash(stream.read(self.tail_bytes))

    def track(self, head: bytes) -> ReadingProgress:
        """Return the progress of a reading that begins here."""
        return ReadingProgress(self, head)


class ReadingProgress:
    """Keep the progress of one reading of a file."""

    def __init__(self, start: ResumePoint, head: bytes) -> None:
        self._start = start
        self._head = head
        self._last: Line | None = None
        self._pending: Line | None = None
        self._state = ""

    def is_reported_end(self, last: Line, *, closed: bool) -> bool:
        """Return whether this is the unfinished end that an earlier reading reported."""
        return (
            self._last is None
            and bool(self._start.pending)
            and not closed
            and self._start.pending == _hash(last.data)
        )

    @property
    def offset(self) -> int:
        """The byte where the records read so far end."""
        return self._last.end if self._last is not None else self._start.offset

    def advance(self, last: Line, *, closed: bool, state: str = "") -> None:
        """Count a record that ends with ``last`` as read; unless ``closed``, it may still grow."""
        if closed:
            self._last = last
            self._state = state
        else:
            self._pending = last

    def resume_point(self) -> ResumePoint:
        """Return the resume point behind all records read, but before an unfinished end."""
        resume_point = self._start
        if self._last is not None:
            tail = self._last.data[-TAIL:] if self._last.is_complete else b""
            resume_point = ResumePoint(
                line=self._last.number + 1,
                offset=self._last.end,
                head=_hash(self._head[: min(self._last.end, _HEAD)]),
                tail=_hash(tail) if tail else "",
                tail_bytes=len(tail),
                state=self._state,
            )
        pending = _hash(self._pending.data) if self._pending is not None else ""
        return resume_point.model_copy(update={"pending": pending})


def _hash(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=8).hexdigest()
