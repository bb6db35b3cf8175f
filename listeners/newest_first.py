"""Walking back through a search that answers newest first and shows only its first 1,000 hits.

Pure: a Trail says what to ask for and is told what came; it fetches nothing. The mark ("up to
here all is known") moves only when the walk has met it, so a walk can be cut anywhere, stored
with the position, and taken up again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from earful.types import Gap
from listeners import times

CEILING = 1000  # hits of one query that the platform shows, over all its pages
PAGE = 1000  # hits that are asked for at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What one request brought: (id, seconds since 1970) of each readable hit, how many hits
    there were, how many the platform says there are in all, and which page it was."""

    seen: Sequence[tuple[str, int]]
    size: int
    total: int
    number: int = 0


@dataclass(slots=True, kw_only=True)
class Trail:
    """One search's way back in time; all instants in whole seconds since 1970.

    ``floor``: nothing older is wanted. ``mark``: the newest hit that a finished walk has seen.
    ``low``, ``high``, ``top``: the walk under way has [low, high] before it, and will leave the
    mark at ``top``. ``page`` and ``shown``: while the single second ``high`` is paged through,
    the page to ask for and the hits that came. ``told``: seconds whose gap has been reported.
    """

    floor: int
    mark: int
    overlap: int
    now: int
    low: int = 0
    high: int | None = None
    top: int = 0
    page: int | None = None
    shown: int = 0
    told: list[int] = field(default_factory=list)
    resumed: bool = False
    done: bool = False

    @classmethod
    def load(cls, stored: object, *, first: int, overlap: int, now: int) -> Trail:
        """The trail to walk now. ``stored`` is what dump() gave; None, or what cannot be read,
        begins at ``first``."""
        kept = stored if isinstance(stored, dict) else {}
        numbers = {key: value for key, value in kept.items() if type(value) is int}
        floor = numbers.get("floor", first)
        told = kept.get("told")
        trail = cls(
            floor=floor,
            mark=numbers.get("mark", floor),
            overlap=overlap,
            now=now,
            told=[one for one in told if type(one) is int] if isinstance(told, list) else [],
        )
        trail._begin()
        if {"low", "high", "top"} <= numbers.keys():
            trail.low, trail.high, trail.top = numbers["low"], numbers["high"], numbers["top"]
            trail.page, trail.shown = numbers.get("page"), numbers.get("shown", 0)
            trail.resumed = True
        return trail

    def dump(self) -> dict[str, Any]:
        """What load() needs to go on: small, and JSON."""
        kept: dict[str, Any] = {"floor": self.floor, "mark": self.mark}
        if self.told:
            kept["told"] = self.told
        if not self.done and self.high is not None:
            kept |= {"low": self.low, "high": self.high, "top": self.top}
            if self.page is not None:
                kept |= {"page": self.page, "shown": self.shown}
        return kept

    def wanted(self) -> tuple[int, int | None, int]:
        """What to ask for: oldest second, newest second (None: no bound), number of the page."""
        if self.page is not None and self.high is not None:
            return self.high, self.high, self.page
        return self.low, self.high, 0

    def met(self, page: Page) -> Gap | None:
        """Take in what came. A Gap when a second holds more hits than the platform shows."""
        if self.page is not None and self.high is not None:
            return self._met_second(page, self.high, self.page)
        seconds = [at for _, at in page.seen if self._inside(at)]
        if not seconds:
            self._finish()
            return None
        oldest, newest = min(seconds), max(seconds)
        # a hit dated in the future must not carry the mark past what is yet to be written
        self.top = max(self.top, min(newest, self.now))
        if page.total <= page.size < PAGE:
            self._finish()
        elif oldest == (newest if self.high is None else self.high):
            self.high, self.page, self.shown = oldest, 0, 0  # no way back but by pages
        else:
            self.high = oldest  # closed bound: more of that second may be on the next page
        return None

    def complete_since(self) -> datetime:
        """From here on, what the platform showed has been seen; for a walk that is done."""
        return times.from_epoch(max([self.low, *(second + 1 for second in self.told)]))

    def _met_second(self, page: Page, second: int, number: int) -> Gap | None:
        self.shown += page.size
        if page.size and self.shown < min(page.total, CEILING):
            self.page = number + 1
            return None
        gap = None
        if page.total > self.shown and second not in self.told:
            self.told.append(second)
            reason = f"{page.total:,} hits in one second; the platform shows {self.shown:,}"
            until = times.from_epoch(second + 1)
            gap = Gap(since=times.from_epoch(second), until=until, reason=reason)
        self.high, self.page, self.shown = second - 1, None, 0
        if self.high < self.low:
            self._finish()
        return gap

    def _inside(self, at: int) -> bool:
        return self.low <= at and (self.high is None or at <= self.high)

    def _begin(self) -> None:
        """A new walk: from the newest hit to below the mark, because posts are indexed late."""
        self.low = max(self.mark - self.overlap, self.floor)
        self.high, self.page, self.shown, self.top = None, None, 0, self.mark
        self.told = [second for second in self.told if second >= self.low]

    def _finish(self) -> None:
        self.mark = max(self.mark, self.top)
        if self.resumed:  # since that walk began, new posts have come in above it
            self.resumed = False
            self._begin()
        else:
            self.done = True
