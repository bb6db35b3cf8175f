"""Reading a timeline of the Mastodon API so that nothing is lost between two polls.

`since_id` gives the newest page of what is new, and loses what lies between; `min_id` gives the
page next to an id, so posts are read oldest first, page by page, until there are no more
(https://docs.joinmastodon.org/api/guidelines/#pagination). Only the first time the way is back, by
`max_id`, until posts are older than wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from earful.contracts import BadItem, Transient
from earful.enums import GapKind
from earful.types import Batch, Gap, Mention, Rejected, Seen
from listeners.common import times
from listeners.common.plain_text import clean
from listeners.common.rejects import rejected
from listeners.mastodon.checkpoints import Mark, Marks
from listeners.mastodon.client import TimelinePage
from listeners.mastodon.posts import creation_times

_AGAIN = "the server gave the same page again"
_OUT = "one poll makes no more requests than max_requests"


class FetchPage(Protocol):
    """Asks for a page of a timeline."""

    def __call__(self, *, min_id: str | None = None, max_id: str | None = None) -> TimelinePage:
        """The page next above ``min_id``, or next below ``max_id``; the newest without both."""
        ...


@dataclass(slots=True)
class Requests:
    """How many requests may still be made."""

    left: int

    def take(self) -> bool:
        """One less; False when there was none."""
        self.left -= 1
        return self.left >= 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """``read`` makes a Mention of an item, None when it is not wanted; it raises BadItem.
    ``since`` and ``now`` are seconds since 1970, ``overlap`` is a number of seconds."""

    part: str
    ask: FetchPage
    read: Callable[[Any], Mention | None]
    since: int
    overlap: int
    now: int

    def walk(self, marks: Marks, requests: Requests) -> Iterator[Batch]:
        """The batches of one poll; ``marks`` are moved on before each, their positions are None.

        A walk that was cut ends with the Gap that stays, and says ``more`` when it was cut for
        want of requests. Raises what ``ask`` raises.
        """
        if not marks.marks:
            resumed = marks.back is not None
            ended = yield from self._down(marks, requests)
            if not ended:
                return
            if marks.top is not None:
                marks.marks = [Mark(at=marks.low, id=marks.top)]
                marks.begin(self.overlap, self.now)
            if not resumed:  # nothing can have come above the top since it was read
                yield self._finished(marks)
                return
        yield from self._up(marks, requests)

    def missing(self, marks: Marks, reason: str, kind: GapKind) -> tuple[Gap, ...]:
        """What a walk that was cut has left open."""
        low, high = marks.reached, self.now
        if not marks.marks:  # on the way back, from now on
            low, high = marks.low or self.since, marks.reached if marks.top else self.now
        if low >= high:
            return ()
        since, until = times.from_epoch(low), times.from_epoch(high)
        return (Gap(since=since, until=until, reason=reason, kind=kind, part=self.part),)

    def _down(self, marks: Marks, requests: Requests) -> Generator[Batch, None, bool]:
        """The first time: back to ``since``. Gives whether the end was met."""
        if marks.top is None:
            # a first poll that failed has told of a gap from its own `since` on
            earlier = (marks.low or self.since, (marks.reached or self.now) - self.overlap)
            marks.low = min(self.since, *earlier)
            marks.reached = self.now
        met = {marks.back}
        while requests.take():
            answer = self.ask(max_id=marks.back)
            ids, at = _ids(answer), _times(answer)
            marks.top = marks.top or _newest(answer)
            oldest = ids[-1] if ids else answer.older
            if oldest is None or (at and max(at) < marks.low):
                yield self._page(answer, marks, oldest=marks.low)
                return True
            if oldest in met:
                if set(ids) != {marks.back}:  # else this server means "up to" by max_id
                    yield self._cut(marks, _AGAIN, GapKind.TOKEN)
                return set(ids) == {marks.back}
            met.add(oldest)
            marks.back = oldest
            # posts are in the order of their ids, and their times only almost
            marks.reached = min(marks.reached, max(at, default=self.now))
            yield self._page(answer, marks, oldest=marks.low)
        yield self._cut(marks, _OUT, GapKind.LIMIT)
        return False

    def _up(self, marks: Marks, requests: Requests) -> Iterator[Batch]:
        """All later times: from a mark up to the newest post."""
        cursor = marks.begin(self.overlap, self.now)
        met = {cursor}
        while requests.take():
            answer = self.ask(min_id=cursor)
            newest = _newest(answer)
            if newest is None or set(_ids(answer)) == {cursor}:
                yield self._finished(marks)
                return
            if newest in met:
                yield self._cut(marks, _AGAIN, GapKind.TOKEN)
                return
            met.add(newest)
            cursor = marks.up = newest
            at = [one for one in _times(answer) if one <= self.now]
            marks.reached = max([marks.reached, *at])
            yield self._page(answer, marks, seen=self._seen(marks.low, marks.reached))
        yield self._cut(marks, _OUT, GapKind.LIMIT)

    def _finished(self, marks: Marks) -> Batch:
        low = marks.low
        marks.finish(self.overlap, self.now)
        return Batch(mentions=(), position=None, seen=self._seen(low, self.now))

    def _cut(self, marks: Marks, reason: str, kind: GapKind) -> Batch:
        gaps = self.missing(marks, reason, kind)
        return Batch(mentions=(), position=None, gaps=gaps, more=kind is GapKind.LIMIT)

    def _page(
        self, answer: TimelinePage, marks: Marks, *, oldest: int = 0, seen: tuple[Seen, ...] = ()
    ) -> Batch:
        """What is on the page and not older than ``oldest``."""
        mentions: list[Mention] = []
        bad: list[Rejected] = []
        for item in answer.items:
            try:
                found = self.read(item)
            except BadItem as error:
                where = f"{self.part}: {_id(item) or 'an item without an id'}"
                bad.append(rejected(where, error, item))
                continue
            if found is not None and times.to_epoch(found.published_at) >= oldest:
                mentions.append(found)
        return Batch(
            mentions=tuple(mentions),
            rejected=tuple(bad),
            position=None,
            seen=seen,
            more=True,
        )

    def _seen(self, low: int, high: int) -> tuple[Seen, ...]:
        if low >= high:
            return ()
        since, until = times.from_epoch(low), times.from_epoch(high)
        return (Seen(since=since, until=until, part=self.part),)


def _newest(answer: TimelinePage) -> str | None:
    """The bound above this page: its first item, or what the Link header says if that is broken."""
    first = _id(answer.items[0]) if answer.items else None
    ids = _ids(answer)
    found = first or answer.newer or (ids[0] if ids else None)
    if found is None and answer.items:
        raise Transient(
            f"none of {len(answer.items)} posts has an id; it will be tried again, and if it stays "
            "so the server has changed"
        )
    return found


def _ids(answer: TimelinePage) -> list[str]:
    return [found for one in answer.items if (found := _id(one)) is not None]


def _id(item: object) -> str | None:
    value = item.get("id") if isinstance(item, Mapping) else None
    if not isinstance(value, (str, int)) or isinstance(value, bool):
        return None
    return clean(str(value), 200) or None


def _times(answer: TimelinePage) -> list[int]:
    """When those items were written (or, for notifications, given) whose time can be read."""
    return [times.to_epoch(one) for one in creation_times(answer.items)]
