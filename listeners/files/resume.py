"""Where the reading of a file goes on, told so that another file is not taken for this one."""

from __future__ import annotations

import hashlib
import io
from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field, model_validator

from listeners.common.position import Offset, Position
from listeners.files.lines import TAIL, Line, skip_to

_HEAD = 4096


class Place(Position):
    """The next line to read, and the byte where it begins (after decompression).

    ``head`` and ``tail`` are hashes of bytes that lie before: a file that grew is known again,
    and a file that was replaced is read from its start. ``pending`` is the hash of a last line
    without a line end that has been told of: the place stays before it, because somebody may
    still be writing it, and it is told again only when it has changed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    all_or_nothing: ClassVar[bool] = True  # half a place may lie in the middle of a row

    line: Annotated[Offset, Field(ge=1)] = 1
    offset: Offset = 0
    head: str = ""
    tail: str = ""
    tail_bytes: Offset = 0
    pending: str = ""

    @model_validator(mode="after")
    def _check_tail(self) -> Place:
        if self.tail_bytes > self.offset:
            raise ValueError("the tail begins before the file")
        return self

    def stands_in(self, head: bytes, stream: io.BufferedReader) -> bool:
        """True when the file is the one that this place was made in.

        ``head`` are the first bytes of the file. The stream is left standing at the place.
        """
        if not self.offset:
            return True
        if self.head != _hash(head[: min(self.offset, _HEAD)]):
            return False
        skip_to(stream, self.offset - self.tail_bytes)
        return not self.tail_bytes or self.tail == _hash(stream.read(self.tail_bytes))

    def walk(self, head: bytes) -> Walked:
        """What keeps account of a pass that begins here."""
        return Walked(self, head)


class Walked:
    """How far a pass has come."""

    def __init__(self, start: Place, head: bytes) -> None:
        self._start = start
        self._head = head
        self._last: Line | None = None
        self._pending: Line | None = None

    def knows(self, last: Line, *, closed: bool) -> bool:
        """True for the unfinished end of the file that an earlier pass has told of."""
        return (
            self._last is None
            and bool(self._start.pending)
            and not closed
            and self._start.pending == _hash(last.data)
        )

    def pass_over(self, last: Line, *, closed: bool) -> None:
        """A record is dealt with that ends with ``last``; unless ``closed``, it may still grow."""
        if closed:
            self._last = last
        else:
            self._pending = last

    def place(self) -> Place:
        """The place behind everything that is dealt with (but before an unfinished end)."""
        place = self._start
        if self._last is not None:
            tail = self._last.data[-TAIL:] if self._last.whole else b""
            place = Place(
                line=self._last.number + 1,
                offset=self._last.end,
                head=_hash(self._head[: min(self._last.end, _HEAD)]),
                tail=_hash(tail) if tail else "",
                tail_bytes=len(tail),
            )
        pending = _hash(self._pending.data) if self._pending is not None else ""
        return place.model_copy(update={"pending": pending})


def _hash(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=8).hexdigest()
