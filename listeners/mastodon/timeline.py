"""Read a timeline of the Mastodon API without losing posts between polls.

`since_id` gives only the newest page of the new posts. `min_id` gives the page next above an id, so
posts are read oldest first, page by page, until there are no more
(https://docs.joinmastodon.org/api/guidelines/#pagination). The first poll reads backwards by
`max_id`, until posts are older than wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from earful.contracts import TRIED_AGAIN, Transient
from earful.enums import GapKind
from earful.types import Batch, Gap, Mention, Seen
from listeners.common import times
from listeners.common.plain_text import clean
from listeners.common.rejects import read_items
from listeners.mastodon.checkpoints import Checkpoint, Checkpoints
from listeners.mastodon.client import TimelinePage
from listeners.mastodon.posts import creation_times

_SAME_PAGE = "the server gave the same page again"
_NO_REQUESTS_LEFT = "one poll makes no more requests than max_requests"


class FetchPage(Protocol):
    """Requests a page of a timeline."""

    def __call__(self, *, min_id: str | None = None, max_id: str | None = None) -> TimelinePage:
        """Return the page next above ``min_id``, or next below ``max_id``, or the newest."""
        ...


@dataclass(slots=True)
class RequestBudget:
    """The number of requests that may still be made."""

    remaining: int

    def take(self) -> bool:
        """Use one request; False when none remained."""
        self.remaining -= 1
        return self.remaining >= 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """One hashtag of one server, or the mentions of one account.

    ``parse`` makes a Mention of an item, or None of an item that is not wanted; it raises BadItem.
    ``since`` and ``now`` are seconds since 1970, ``overlap`` is a number of seconds.
    """

    part: str
    fetch: FetchPage
    parse: Callable[[Any], Mention | None]
    since: int
    overlap: int
    now: int

    def read(self, checkpoints: Checkpoints, budget: RequestBudget) -> Iterator[Batch]:
        """Yield the batches of one poll, and move ``checkpoints`` on before each.

        1. Without a checkpoint, read backwards from the newest post to ``since``. A poll that was
           cut goes on below the id it had reached.
        2. Then the newest post that was met becomes the first checkpoint.
        3. With a checkpoint, read forwards from it to the newest post.

        The positions of the batches are None. A cut poll ends with the Gap that stays open, and
        says ``more`` when it ran out of requests. Raises the errors of ``fetch``.
        """
        if not checkpoints.entries:
            was_resumed = checkpoints.back_id is not None
            is_complete = yield from self._read_backwards(checkpoints, budget)
            if not is_complete:
                return
            if checkpoints.top_id is not None:
                first = Checkpoint(at=checkpoints.window_start, id=checkpoints.top_id)
                checkpoints.entries = [first]
                checkpoints.begin_reading(self.overlap, self.now)
            # Without a break no post can have come above the top since it was read.
            if not was_resumed:
                yield self._finish(checkpoints)
                return
        yield from self._read_forwards(checkpoints, budget)

    def open_gaps(self, checkpoints: Checkpoints, reason: str, kind: GapKind) -> tuple[Gap, ...]:
        """Return the span that a cut poll has not read."""
        start, end = checkpoints.reached, self.now
        # Reading backwards has covered the newest posts, and forwards the oldest.
        if not checkpoints.entries:
            start = checkpoints.window_start or self.since
            end = checkpoints.reached if checkpoints.top_id else self.now
        if start >= end:
            return ()
        since, until = times.from_epoch(start), times.from_epoch(end)
        return (Gap(since=since, until=until, reason=reason, kind=kind, part=self.part),)

    def _read_backwards(
        self, checkpoints: Checkpoints, budget: RequestBudget
    ) -> Generator[Batch, None, bool]:
        """Read from the newest post down to ``since``; return whether the end was met.

        1. On a fresh start, set the window: from ``since``, or from where an earlier failed poll
           reported its gap, whichever is older.
        2. Fetch the page below the last id, until a page is empty or older than the window.
        3. A page that was met before ends the poll: the server does not turn pages.
        """
        if checkpoints.top_id is None:
            # A first poll that failed has reported a gap from its own `since` on.
            gap_start = checkpoints.window_start or self.since
            gap_end = (checkpoints.reached or self.now) - self.overlap
            checkpoints.window_start = min(self.since, gap_start, gap_end)
            checkpoints.reached = self.now
        passed_ids = {checkpoints.back_id}
        while budget.take():
            page = self.fetch(max_id=checkpoints.back_id)
            ids, instants = _ids(page), _creation_seconds(page)
            checkpoints.top_id = checkpoints.top_id or _newest_id(page)
            oldest_id = ids[-1] if ids else page.older
            if oldest_id is None or (instants and max(instants) < checkpoints.window_start):
                yield self._batch(page, oldest=checkpoints.window_start)
                return True
            if oldest_id in passed_ids:
                # A server that reads max_id as "up to" repeats the last post of a timeline.
                is_last_post = set(ids) == {checkpoints.back_id}
                if not is_last_post:
                    yield self._cut(checkpoints, _SAME_PAGE, GapKind.TOKEN)
                return is_last_post
            passed_ids.add(oldest_id)
            checkpoints.back_id = oldest_id
            # Posts are in the order of their ids, and their times are so only almost.
            checkpoints.reached = min(checkpoints.reached, max(instants, default=self.now))
            yield self._batch(page, oldest=checkpoints.window_start)
        yield self._cut(checkpoints, _NO_REQUESTS_LEFT, GapKind.LIMIT)
        return False

    def _read_forwards(self, checkpoints: Checkpoints, budget: RequestBudget) -> Iterator[Batch]:
        """Read from a checkpoint up to the newest post."""
        min_id = checkpoints.begin_reading(self.overlap, self.now)
        passed_ids = {min_id}
        while budget.take():
            page = self.fetch(min_id=min_id)
            newest_id = _newest_id(page)
            if newest_id is None or set(_ids(page)) == {min_id}:
                yield self._finish(checkpoints)
                return
            if newest_id in passed_ids:
                yield self._cut(checkpoints, _SAME_PAGE, GapKind.TOKEN)
                return
            passed_ids.add(newest_id)
            min_id = checkpoints.forward_id = newest_id
            # A post that is dated ahead says nothing about what was read.
            instants = [instant for instant in _creation_seconds(page) if instant <= self.now]
            checkpoints.reached = max([checkpoints.reached, *instants])
            seen = self._seen(checkpoints.window_start, checkpoints.reached)
            yield self._batch(page, seen=seen)
        yield self._cut(checkpoints, _NO_REQUESTS_LEFT, GapKind.LIMIT)

    def _finish(self, checkpoints: Checkpoints) -> Batch:
        start = checkpoints.window_start
        checkpoints.finish_reading(self.overlap, self.now)
        return Batch(mentions=(), position=None, seen=self._seen(start, self.now))

    def _cut(self, checkpoints: Checkpoints, reason: str, kind: GapKind) -> Batch:
        gaps = self.open_gaps(checkpoints, reason, kind)
        return Batch(mentions=(), position=None, gaps=gaps, more=kind is GapKind.LIMIT)

    def _batch(self, page: TimelinePage, *, oldest: int = 0, seen: tuple[Seen, ...] = ()) -> Batch:
        """Return the page's mentions that are not older than ``oldest``."""
        mentions, rejected = read_items(
            page.items,
            self.parse,
            where=lambda item: f"{self.part}: {_id(item) or 'an item without an id'}",
        )
        recent = (mention for mention in mentions if times.to_epoch(mention.published_at) >= oldest)
        return Batch(
            mentions=tuple(recent),
            rejected=rejected,
            position=None,
            seen=seen,
            more=True,
        )

    def _seen(self, start: int, end: int) -> tuple[Seen, ...]:
        if start >= end:
            return ()
        since, until = times.from_epoch(start), times.from_epoch(end)
        return (Seen(since=since, until=until, part=self.part),)


def _newest_id(page: TimelinePage) -> str | None:
    """Return the bound above this page: its first id, or the Link header's."""
    first_id = _id(page.items[0]) if page.items else None
    ids = _ids(page)
    newest_id = first_id or page.newer or (ids[0] if ids else None)
    if newest_id is None and page.items:
        raise Transient(
            f"none of {len(page.items)} posts has an id",
            hint=f"{TRIED_AGAIN} If this repeats, the server has changed.",
        )
    return newest_id


def _ids(page: TimelinePage) -> list[str]:
    return [item_id for item in page.items if (item_id := _id(item)) is not None]


def _id(item: object) -> str | None:
    value = item.get("id") if isinstance(item, Mapping) else None
    if not isinstance(value, (str, int)) or isinstance(value, bool):
        return None
    return clean(str(value), 200) or None


def _creation_seconds(page: TimelinePage) -> list[int]:
    """Return the readable times of the items; a notification's time is when it was given."""
    return [times.to_epoch(instant) for instant in creation_times(page.items)]
