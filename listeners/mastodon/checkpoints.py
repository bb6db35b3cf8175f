"""What is remembered of a timeline that can be read from an id on, oldest first.

Pure. Ids are text that nobody can compare: a mark is an id together with the instant at which
everything up to it had been read. A poll begins at the newest mark that is older than the overlap,
because a server gives a post that it fetched late the id of the time when it was written
(Mastodon, lib/mastodon/snowflake.rb). Ids are bounds: a mark holds when its post was deleted.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from listeners.common.json_fields import inner, is_instant, kept

_MOST = 24  # marks; an eighth of the overlap holds two at most
_LONGEST_ID = 200
_SHALLOW = 900  # seconds that every poll looks at again
_DEEP_LOOKS = 4  # whole overlaps in the span of one


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Everything up to ``id`` had been read at ``at`` (seconds since 1970)."""

    at: int
    id: str


@dataclass(slots=True, kw_only=True)
class Marks:
    """One timeline's memory; all instants in seconds since 1970.

    ``back``: the first walk is on its way from ``top`` (the newest id) down to ``low``, has come
    to ``reached``, and goes on below this id. ``up``: a later walk has come from ``low`` up to
    ``reached``, and goes on above this id. ``deep``: when the whole overlap was last begun at.
    """

    marks: list[Mark] = field(default_factory=list)
    back: str | None = None
    top: str | None = None
    up: str | None = None
    low: int = 0
    reached: int = 0
    deep: int = 0

    @classmethod
    def load(cls, stored: object) -> Marks:
        """What dump() gave; what cannot be read of it costs a second reading, never a post."""
        held = stored if isinstance(stored, dict) else {}
        found = held.get("marks")
        marks = [_mark(one) for one in found] if isinstance(found, list) else []
        return cls(
            marks=[one for one in marks if one is not None][-_MOST:],
            back=_id(held.get("back")),
            top=_id(held.get("top")),
            up=_id(held.get("up")),
            low=_seconds(held.get("low")),
            reached=_seconds(held.get("reached")),
            deep=_seconds(held.get("deep")),
        )

    def dump(self) -> dict[str, Any]:
        """Small, and JSON."""
        return {key: value for key, value in asdict(self).items() if value}

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


@dataclass(slots=True)
class Memory:
    """What a position holds: each timeline's marks, each server's walk of its search, until when
    a part that failed is left in peace, and the part that the next poll begins with."""

    timelines: dict[str, Marks] = field(default_factory=dict)
    searches: dict[str, str] = field(default_factory=dict)
    waits: dict[str, int] = field(default_factory=dict)
    turn: str = ""

    @classmethod
    def load(cls, position: str | None) -> Memory:
        """A damaged position costs a second reading, never a post."""
        held = kept(position)
        turn = held.get("turn")
        return cls(
            timelines={key: Marks.load(one) for key, one in inner(held, "timelines").items()},
            searches={
                key: one for key, one in inner(held, "searches").items() if isinstance(one, str)
            },
            waits={key: one for key, one in inner(held, "waits").items() if is_instant(one)},
            turn=turn if isinstance(turn, str) else "",
        )

    def dump(self) -> str:
        """The position: JSON."""
        held = {
            "timelines": {key: one.dump() for key, one in self.timelines.items()},
            "searches": self.searches,
            "waits": self.waits,
            "turn": self.turn,
        }
        return json.dumps(held, separators=(",", ":"))


def _mark(stored: object) -> Mark | None:
    if not isinstance(stored, dict):
        return None
    at, name = _seconds(stored.get("at")), _id(stored.get("id"))
    return Mark(at=at, id=name) if at and name else None


def _id(stored: object) -> str | None:
    return stored[:_LONGEST_ID] if isinstance(stored, str) and stored else None


def _seconds(stored: object) -> int:
    return stored if is_instant(stored) else 0
