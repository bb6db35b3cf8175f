"""The account that a walk keeps: which stretches of time are open, in whole seconds since 1970.

Pure, and stored as JSON in a query's position. A stretch is half-open; its end is the second
behind the oldest post that was met, so that what shares this second is asked for again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, OnErrorOmit, PlainSerializer

from earful.enums import GapKind
from listeners.common.position import Instant, Position

RESUME_NONE = (0, "")  # a cut that changes nothing in the order of the old stretches

_MOST_OPEN = 50  # stretches of one part; beyond it neighbours are joined: re-reading costs less


@dataclass(slots=True, kw_only=True, eq=False)
class OpenWindow:
    """[low, high) is yet to be walked.

    Before ``known``, an earlier walk has seen all: there it is only looked at again. ``tries``
    counts polls that brought it no further, ``kind`` and ``why`` say what cut the last one.
    ``began`` (its ``high`` when this poll began) and ``asked`` (requests) belong to this poll.
    """

    low: Instant
    high: Instant
    known: Instant
    tries: Instant = 0
    kind: GapKind = GapKind.LIMIT
    why: str = ""
    began: int = 0
    asked: int = 0

    def __post_init__(self) -> None:
        if self.low >= self.high:
            raise ValueError("an empty stretch")

    def unseen(self, *, below: int) -> tuple[int, int] | None:
        """What of it nobody has seen yet, under ``below``."""
        since, until = max(self.low, self.known), min(self.high, below)
        return (since, until) if since < until else None

    def blame(self, kind: GapKind, why: str) -> None:
        """What keeps it open."""
        self.kind, self.why = kind, why


_STORED = ("low", "high", "known", "tries", "kind", "why")
_LONGEST_WHY = 200


def _from_row(row: Any) -> Any:
    """A stored stretch is a list: there can be many of them in a position."""
    if isinstance(row, list) and len(row) == len(_STORED):
        return dict(zip(_STORED, row, strict=True))
    return row


def _to_row(one: OpenWindow) -> list[int | str]:
    return [one.low, one.high, one.known, one.tries, one.kind.value, one.why[:_LONGEST_WHY]]


_StoredStretch = Annotated[OpenWindow, BeforeValidator(_from_row), PlainSerializer(_to_row)]


@dataclass(slots=True, kw_only=True)
class PartProgress:
    """What is remembered of one search of a query.

    ``floor``: nothing older is wanted. ``mark``: the newest post met. ``seen``: up to where walks
    were begun; it differs from the mark where nobody has written for a while. ``deep``: when the
    whole overlap was looked at last.
    """

    floor: Instant
    mark: Instant
    seen: Instant = 0
    deep: Instant = 0
    open: list[_StoredStretch] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.seen = max(self.seen, self.floor)
        for one in self.open:
            one.began = one.high

    def set_back(self, now: int, first: int) -> None:
        """Take back what a clock that was ahead wrote. Nothing was seen of what is yet to come; up
        to when it was, only the newest post says. A ``floor`` in the future becomes ``first``."""
        if self.floor > now:
            self.floor = first
            self.mark = first if self.mark > now else self.mark
        self.mark = min(self.mark, now)
        if self.seen > now:
            self.seen = max(self.mark, self.floor)
        if self.deep > now:
            self.deep = 0
        self.open = [one for one in self.open if one.low < now]
        for one in self.open:
            one.high = one.began = min(one.high, now)
            one.known = min(one.known, self.seen)

    def begin(self, now: int, low: int) -> OpenWindow:
        """Open a stretch from ``low`` up to now; one that no page was had of goes on in it."""
        high = max(now, low + 1)
        for one in self.open:
            if one.high >= self.seen:
                one.low, one.high, one.began = min(one.low, low), high, high
                break
        else:
            one = OpenWindow(low=low, high=high, known=self.seen, began=high)
            self.open.append(one)
        self.seen = max(self.seen, now)
        return one

    def above_open(self, low: int) -> int:
        """``low``, or the end of the open stretches that lie over it: they are walked anyway."""
        for one in sorted(self.open, key=lambda one: one.low):
            if one.low <= low < one.high < self.seen:
                low = one.high
        return low

    def close(self, since: int, until: int) -> None:
        """[since, until) is dealt with: take it off every open stretch."""
        left: list[OpenWindow] = []
        for one in self.open:
            if until <= one.low or since >= one.high:
                left.append(one)
                continue
            if one.low < since and one.high > until:
                left.append(OpenWindow(low=one.low, high=since, known=one.known, began=since))
            if one.high > until:
                one.low = until
                left.append(one)
            elif one.low < since:
                one.high = since
                left.append(one)
        self.open = left

    def unseen(self, since: int, until: int) -> list[tuple[int, int]]:
        """What of [since, until) is open and was never seen: spans in order, none twice."""
        spans: list[tuple[int, int]] = []
        for one in sorted(self.open, key=lambda one: max(one.low, one.known)):
            span = one.unseen(below=until)
            start = max([since, *(end for _, end in spans)])
            if span and span[1] > start:
                spans.append((max(span[0], start), span[1]))
        return spans

    def drop_before(self, reach: int) -> list[tuple[int, int]]:
        """Forget what is older than ``reach``; gives what of it nobody has seen."""
        lost = self.unseen(0, reach)
        self.close(0, reach)
        self.floor = max(self.floor, reach)
        return lost

    def join(self) -> None:
        """Keep the account small: of too many stretches the closest neighbours become one."""
        self.open.sort(key=lambda one: one.low)
        self._join_overlaps()
        while len(self.open) > _MOST_OPEN:
            gaps = [right.low - left.high for left, right in pairwise(self.open)]
            at = gaps.index(min(gaps))
            left, right = self.open[at], self.open.pop(at + 1)
            left.high, left.known = max(left.high, right.high), min(left.known, right.known)
            left.began = left.high

    def _join_overlaps(self) -> None:
        """What is only looked at again is one stretch where it overlaps."""
        kept: list[OpenWindow] = []
        last: OpenWindow | None = None
        for one in self.open:
            if one.unseen(below=one.high):
                kept.append(one)
            elif last is not None and one.low <= last.high:
                last.high = last.began = max(last.high, one.high)
            else:
                kept.append(one)
                last = one
        self.open = kept


class BackfillPosition(Position):
    """What a walk stores between two polls: each part's account, and the order of the next poll.

    ``next_part``: the part whose newest posts are asked for first. ``resume_last``: the old
    stretch, by its ``low`` and part, at which the last poll ended; the newest posts come before all
    old stretches then, and this one and those below it last of all.
    """

    model_config = ConfigDict(populate_by_name=True)

    parts: dict[str, OnErrorOmit[PartProgress]] = Field(default_factory=dict)
    next_part: str = Field(default="", alias="turn")
    resume_last: tuple[Instant, str] | None = Field(default=None, alias="cut")
