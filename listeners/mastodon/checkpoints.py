"""What is remembered of a timeline that can be read from an id on, oldest first.

Pure. Ids are text that nobody can compare: a mark is an id together with the instant at which
everything up to it had been read. A poll begins at the newest mark that is older than the overlap,
because a server gives a post that it fetched late the id of the time when it was written
(Mastodon, lib/mastodon/snowflake.rb). Ids are bounds: a mark holds when its post was deleted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    Field,
    OnErrorOmit,
    SerializerFunctionWrapHandler,
    model_serializer,
)

from listeners.common.position import Instant, Position, TolerantRecord

_MOST = 24  # marks; an eighth of the overlap holds two at most
_LONGEST_ID = 200
_SHALLOW = 900  # seconds that every poll looks at again
_DEEP_LOOKS = 4  # whole overlaps in the span of one


_Id = Annotated[str, Field(min_length=1), AfterValidator(lambda value: value[:_LONGEST_ID])]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Everything up to ``id`` had been read at ``at`` (seconds since 1970)."""

    at: Annotated[Instant, Field(gt=0)]
    id: _Id


class Marks(TolerantRecord):
    """One timeline's memory; all instants in seconds since 1970.

    ``back``: the first walk is on its way from ``top`` (the newest id) down to ``low``, has come
    to ``reached``, and goes on below this id. ``up``: a later walk has come from ``low`` up to
    ``reached``, and goes on above this id. ``deep``: when the whole overlap was last begun at.
    """

    marks: list[OnErrorOmit[Mark]] = Field(default_factory=list)
    back: _Id | None = None
    top: _Id | None = None
    up: _Id | None = None
    low: Instant = 0
    reached: Instant = 0
    deep: Instant = 0

    @model_serializer(mode="wrap")
    def _leave_out_empty(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in handler(self).items() if value}

    def begin(self, overlap: int, now: int) -> str:
        """The id to read on from: where the last walk was cut, else the mark of ``overlap`` ago.

        The whole overlap is read again a few times in its span, however often we poll; between
        that, what is younger than a quarter of an hour.
        """
        if self.up is not None:
            return self.up
        # a clock that was ahead wrote what is yet to come
        self.marks = [replace(one, at=min(one.at, now)) for one in self.marks]
        if 0 <= now - self.deep < overlap // _DEEP_LOOKS:
            overlap = min(overlap, _SHALLOW)
        else:
            self.deep = now
        old = [one for one in self.marks if one.at <= now - overlap]
        start = old[-1] if old else self.marks[0]
        self.low = self.reached = start.at
        self.up = start.id
        return start.id

    def finish(self, overlap: int, now: int) -> None:
        """The walk has met the newest post: everything up to ``up`` has been read at ``now``."""
        if self.up is None:
            return
        old = [one for one in self.marks if one.at <= now - overlap]
        kept = [*old[-1:], *(one for one in self.marks if one.at > now - overlap)]
        if len(kept) > 1 and now - kept[-2].at < overlap // 8:
            kept.pop()  # polled often: a mark for each eighth of the overlap is enough
        self.marks = [*kept, Mark(at=now, id=self.up)][-_MOST:]
        self.back = self.top = self.up = None
        self.low = self.reached = now


class Memory(Position):
    """What a position holds: each timeline's marks, each server's walk of its search, until when
    a part that failed is left in peace, and the part that the next poll begins with."""

    timelines: dict[str, OnErrorOmit[Marks]] = Field(default_factory=dict)
    searches: dict[str, OnErrorOmit[str]] = Field(default_factory=dict)
    waits: dict[str, OnErrorOmit[Instant]] = Field(default_factory=dict)
    turn: str = ""
