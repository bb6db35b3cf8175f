"""Remember how far a Mastodon timeline was read, without any request.

Ids are text, and cannot be compared. So a checkpoint is an id together with the instant at which
everything up to it had been read. A poll begins at the newest checkpoint that is older than the
overlap, because a server gives a post that it fetched late an id of the time of writing (Mastodon,
lib/mastodon/snowflake.rb). Ids are only bounds: a checkpoint holds when its post was deleted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    OnErrorOmit,
    SerializerFunctionWrapHandler,
    model_serializer,
)

from listeners.common.position import Instant, Position, TolerantRecord

# An eighth of the overlap holds two at most.
_MAX_CHECKPOINTS = 24
_MAX_ID = 200  # characters
# Seconds that every poll reads again, for posts that the server fetched a little late.
_SHORT_OVERLAP = 900
# In the span of one overlap, so that its cost does not grow with the number of polls.
_FULL_OVERLAPS = 4

_Id = Annotated[str, Field(min_length=1), AfterValidator(lambda value: value[:_MAX_ID])]
# Aliases are the keys of positions that are stored already: they must stay.
_STORED_KEYS = ConfigDict(populate_by_name=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """Everything up to ``id`` had been read at ``at`` (seconds since 1970)."""

    at: Annotated[Instant, Field(gt=0)]
    id: _Id


class Checkpoints(TolerantRecord):
    """The state of one timeline; all instants in seconds since 1970.

    ``entries`` are the checkpoints, oldest first. The first poll reads backwards from ``top_id``,
    the newest id, down to ``window_start``. It has come to ``reached``, and goes on below
    ``back_id``. A later poll reads forwards from ``window_start``. It has come to ``reached``, and
    goes on above ``forward_id``. ``last_full_overlap_at`` is when a poll last began to read the
    whole overlap again.
    """

    model_config = _STORED_KEYS

    entries: list[OnErrorOmit[Checkpoint]] = Field(default_factory=list, alias="marks")
    back_id: _Id | None = Field(default=None, alias="back")
    top_id: _Id | None = Field(default=None, alias="top")
    forward_id: _Id | None = Field(default=None, alias="up")
    window_start: Instant = Field(default=0, alias="low")
    reached: Instant = 0
    last_full_overlap_at: Instant = Field(default=0, alias="deep")

    @model_serializer(mode="wrap")
    def _omit_empty(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in handler(self).items() if value}

    def begin_reading(self, overlap: int, now: int) -> str:
        """Return the id to read forwards from; ``overlap`` is in seconds.

        1. A poll that was cut goes on where it stopped.
        2. Four times in the span of an overlap, the whole overlap is read again. Otherwise only
           the last quarter of an hour is, however often we poll.
        3. Start at the newest checkpoint that is older than that, else at the oldest one.
        """
        if self.forward_id is not None:
            return self.forward_id
        # A clock that was ahead wrote instants in the future.
        self.entries = [replace(entry, at=min(entry.at, now)) for entry in self.entries]
        if 0 <= now - self.last_full_overlap_at < overlap // _FULL_OVERLAPS:
            overlap = min(overlap, _SHORT_OVERLAP)
        else:
            self.last_full_overlap_at = now
        older = [entry for entry in self.entries if entry.at <= now - overlap]
        start = older[-1] if older else self.entries[0]
        self.window_start = self.reached = start.at
        self.forward_id = start.id
        return start.id

    def finish_reading(self, overlap: int, now: int) -> None:
        """Add a checkpoint: everything up to ``forward_id`` has been read at ``now``.

        Keeps the checkpoints of the overlap and the newest one before it, about one for each eighth
        of the overlap.
        """
        if self.forward_id is None:
            return
        older = [entry for entry in self.entries if entry.at <= now - overlap]
        entries = [*older[-1:], *(entry for entry in self.entries if entry.at > now - overlap)]
        if len(entries) > 1 and now - entries[-2].at < overlap // 8:
            entries.pop()
        newest = Checkpoint(at=now, id=self.forward_id)
        self.entries = [*entries, newest][-_MAX_CHECKPOINTS:]
        self.back_id = self.top_id = self.forward_id = None
        self.window_start = self.reached = now


class MastodonPosition(Position):
    """The position of a query.

    ``timelines`` hold the state of hashtags and mentions, by part. ``searches`` are the backfill
    positions of each server's search. ``cooldowns`` say until when (seconds since 1970) a part that
    failed is not asked, ``failed_at`` since when. The next poll begins with ``next_part``.
    """

    model_config = _STORED_KEYS

    timelines: dict[str, OnErrorOmit[Checkpoints]] = Field(default_factory=dict)
    searches: dict[str, OnErrorOmit[str]] = Field(default_factory=dict)
    cooldowns: dict[str, OnErrorOmit[Instant]] = Field(default_factory=dict, alias="waits")
    failed_at: dict[str, OnErrorOmit[Instant]] = Field(default_factory=dict)
    next_part: str = Field(default="", alias="turn")
