"""Backfill of a search that answers newest first, so that no post is lost on the way.

1. Load the position: for each part (one search of a query), the windows of time still to be read.
2. Report as lost the time that the platform no longer keeps, or the settings no longer request.
3. Open a new window for each part: from now down to a little below the newest post read, because
   platforms index late.
4. Read old windows first, oldest first, with half of the requests.
5. Read the new window of each part, the parts taking turns.
6. Spend the requests that are left on old windows again.
7. Read each window page by page from its top. After each page, close the time that it covered, and
   yield its mentions with the new position.
8. Yield a last batch: a Gap for each window that stays open, with the reason. A limit, a budget,
   an outage, a killed process or a repeated page token can cut a window. Later polls go on with
   it; after three polls without progress it is reported as lost.

``_Backfill.batches`` follows these steps. page_request.py is the contract with a listener,
windows.py keeps the windows, poll_order.py sorts them, and gap_reports.py writes the gaps of
steps 2 and 8.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from earful.contracts import EdgeError
from earful.enums import GapKind
from earful.types import Batch, Gap, Seen
from listeners.backfill import gap_reports
from listeners.backfill.page_request import (
    BackfillPage,
    BackfillRules,
    FetchPage,
    PageRequest,
    StaleCursor,
)
from listeners.backfill.poll_order import (
    PartWindow,
    order_next_poll,
    rotate_parts,
    sort_old_windows,
)
from listeners.backfill.windows import RESUME_NONE, BackfillPosition, OpenWindow, PartProgress
from listeners.common import times

_MIN_REQUESTS = 4  # of a poll: half for old windows, and two pages of the newest posts
_SHORT_OVERLAP = 300  # seconds below the newest post read that every poll reads again
_FULL_OVERLAPS = 2  # full overlaps read in the span of one: a post half of it late is found


def backfill(
    position: str | None,
    *,
    parts: Sequence[str],
    fetch: FetchPage,
    rules: BackfillRules,
    now: datetime,
) -> Iterator[Batch]:
    """Yield the batches of one poll: one for each page, then one for the open windows.

    The module's docstring lists the steps. At most ``rules.max_requests`` requests are made. An
    unreadable position begins again, ``rules.first_lookback`` ago.

    If the last poll made no progress on an old window, the newest posts come first; if an error
    ended it at a window, that window comes last. So neither an unreadable response nor a budget
    that old windows use up can stop everything else. Errors of ``fetch`` pass through after the
    last batch was yielded.
    """
    yield from _Backfill(position, parts, fetch, rules, now).batches()


class _Backfill:
    """Run one poll over all parts."""

    def __init__(
        self,
        position: str | None,
        parts: Sequence[str],
        fetch: FetchPage,
        rules: BackfillRules,
        now: datetime,
    ) -> None:
        self._fetch = fetch
        self._rules = rules
        self._now = times.to_epoch(now)
        self._requests_left = max(rules.max_requests, _MIN_REQUESTS)
        self._current: PartWindow | None = None  # the window of the latest request
        # an empty span says that a part is requested, before any of its time was read
        self._announced = tuple(Seen(since=now, until=now, part=name) for name in parts)
        self._load_position(position, parts)

    def batches(self) -> Iterator[Batch]:
        """Yield the batches of the poll, step by step as in the module's docstring."""
        if lost := self._report_lost():
            yield self._batch(gaps=tuple(lost), has_more=True)
        new = self._open_new_windows()
        # without seeking, reading down from the newest post passes the old windows anyway
        resume_last = self._position.resume_last
        old = sort_old_windows(self._parts, new, resume_last) if self._rules.can_seek else []
        try:
            if resume_last is None:
                # stored with each page: a poll killed in an old window must not block the next
                # (test_a_part_in_which_the_process_always_dies_does_not_stop_the_others)
                self._position.resume_last = RESUME_NONE
                yield from self._read_windows(old, self._requests_left // 2)
            self._position.resume_last = None
            yield from self._read_new_windows(new)
            yield from self._read_windows(old, self._requests_left)
        except EdgeError as error:
            if self._current is not None:
                order_next_poll(self._position, self._current, new, error)
            yield self._report_open_windows(error)
            raise
        yield self._report_open_windows(None)

    # 1. Load the position.

    def _load_position(self, position: str | None, parts: Sequence[str]) -> None:
        self._position = BackfillPosition.load(position)
        stored = self._position.parts
        first = self._now - int(self._rules.first_lookback.total_seconds())
        for progress in stored.values():
            progress.clamp_future(self._now, first)
        self._parts = {
            name: stored.get(name) or PartProgress(oldest_wanted=first, newest_seen=first)
            for name in parts
        }
        self._dropped = {name: part for name, part in stored.items() if name not in self._parts}
        self._position.parts = self._parts

    # 2. Report as lost the time that can no longer be read.

    def _report_lost(self) -> list[Gap]:
        cutoff = self._retention_cutoff()
        lost: list[Gap] = []
        for name, progress in self._parts.items():
            lost += gap_reports.report_expired(name, progress, cutoff)
        return lost + list(gap_reports.report_dropped_parts(self._dropped))

    def _retention_cutoff(self) -> int:
        retention = self._rules.retention
        return 0 if retention is None else self._now - int(retention.total_seconds())

    # 3. Open a new window for each part.

    def _open_new_windows(self) -> list[PartWindow]:
        return [
            (name, self._parts[name].open_window(self._now, self._new_low(self._parts[name])))
            for name in rotate_parts(list(self._parts), self._position.next_part)
        ]

    def _new_low(self, progress: PartProgress) -> int:
        """Return the start of a new window, which includes the overlap that is due."""
        overlap = int(self._rules.overlap.total_seconds())
        if self._now - progress.last_full_overlap_at < overlap // _FULL_OVERLAPS:
            overlap = min(overlap, _SHORT_OVERLAP)
        else:
            progress.last_full_overlap_at = self._now
        low = max(progress.newest_seen - overlap, progress.oldest_wanted, self._retention_cutoff())
        if self._rules.can_seek:
            return progress.skip_open_windows(low)
        return min([low, *(window.low for window in progress.windows)])

    # 4. and 6. Read old windows, oldest first.

    def _read_windows(
        self, part_windows: Sequence[PartWindow], max_requests: int
    ) -> Iterator[Batch]:
        """Read the windows, with at most ``max_requests`` of the requests that are left."""
        reserve = self._requests_left - max_requests
        for name, window in part_windows:
            is_repeated = window.kind is GapKind.TOKEN and window.requests > 0
            if window not in self._parts[name].windows or is_repeated:
                continue
            if self._requests_left <= reserve:
                return
            yield from self._read_window(name, window, reserve)

    # 5. Read the new windows in turn.

    def _read_new_windows(self, new: Sequence[PartWindow]) -> Iterator[Batch]:
        """Read the new windows; the next poll begins after the last part that was read."""
        names = [name for name, _ in new]
        for (name, window), next_part in zip(new, names[1:] + names[:1], strict=True):
            if self._requests_left > 0:
                self._position.next_part = next_part
            yield from self._read_windows([(name, window)], self._requests_left)

    # 7. Read a window page by page.

    def _read_window(self, name: str, window: OpenWindow, reserve: int) -> Iterator[Batch]:
        until = self._top_of(window)
        cursor: str | None = None
        cursors: set[str] = set()
        window.set_reason(GapKind.LIMIT, "")
        while window in self._parts[name].windows and self._requests_left > reserve:
            self._requests_left -= 1
            window.requests += 1
            self._current = name, window
            since = times.from_epoch(window.low)
            request = PageRequest(part=name, since=since, until=until, cursor=cursor)
            try:
                page = self._fetch(request)
            except StaleCursor:
                until, cursor, cursors = self._top_of(window), None, set()
                continue
            yield self._close_page(name, window, page, until)
            if page.cursor in cursors:
                window.set_reason(GapKind.TOKEN, "the platform repeated the same page token")
                return
            cursor = page.cursor
            if cursor is None:
                until, cursors = self._top_of(window), set()
            else:
                cursors.add(cursor)

    def _top_of(self, window: OpenWindow) -> datetime | None:
        """Return the ``until`` of a request without a cursor; None reads from the newest post."""
        is_newest = window.high >= self._now or not self._rules.can_seek
        return None if is_newest else times.from_epoch(window.high)

    def _close_page(
        self, name: str, window: OpenWindow, page: BackfillPage, until: datetime | None
    ) -> Batch:
        """Close the time that a page covered; return its mentions with the new position."""
        progress = self._parts[name]
        if page.newest is not None:
            # a post dated in the future must not hide the posts that are written until then
            newest = min(times.to_epoch(page.newest), self._now)
            progress.newest_seen = max(progress.newest_seen, newest)
        oldest = None if page.oldest is None else times.to_epoch(page.oldest)
        is_passed = oldest is not None and oldest < window.low
        if is_passed or (page.cursor is None and not page.ceiling):
            reached = window.low
        else:  # more posts of the oldest second may be on the next page
            reached = window.high if oldest is None else min(window.high, oldest + 1)
        high, gaps = window.high, []
        if page.ceiling and not is_passed:
            can_continue = until != times.from_epoch(reached)
            gaps = self._report_ceiling(
                name, window, page.ceiling, reached, can_continue=can_continue
            )
        seen = Seen(since=times.from_epoch(reached), until=times.from_epoch(high), part=name)
        progress.close(reached, high)
        return self._batch(page, seen=(seen,) if reached < high else (), gaps=tuple(gaps))

    def _report_ceiling(
        self, name: str, window: OpenWindow, reason: str, reached: int, *, can_continue: bool
    ) -> list[Gap]:
        """Report the time hidden by a search that shows no more posts below ``reached``.

        If the platform can seek, a request below ``reached`` continues, unless a single second
        holds more posts than the search shows. Then only that second is lost.
        """
        progress = self._parts[name]
        if not self._rules.can_seek:
            spans = progress.unread_spans(0, reached)
            progress.close(0, reached)
        elif can_continue:
            return []
        else:
            spans = [(window.high - 1, window.high)]
            progress.close(*spans[0])
        return [
            gap_reports.build_gap(name, span, GapKind.CEILING, reason, is_lost=True)
            for span in spans
        ]

    # 8. Report the windows that stay open.

    def _report_open_windows(self, error: EdgeError | None) -> Batch:
        gaps = gap_reports.report_open_windows(self._parts, self._rules, error)
        has_more = error is None and any(
            self._is_waiting(window)
            for progress in self._parts.values()
            for window in progress.windows
        )
        return self._batch(gaps=tuple(gaps), has_more=has_more)

    def _is_waiting(self, window: OpenWindow) -> bool:
        """True for a window that only the limit of requests kept from being read in this poll.

        A window that an earlier outage left open keeps that reason until it is read. It must not
        wait for the next poll in the query's rhythm, which may be hours away.
        """
        is_unread = self._rules.can_seek and not window.requests
        return window.kind is GapKind.LIMIT or (is_unread and window.kind is not GapKind.TOKEN)

    def _batch(
        self,
        page: BackfillPage | None = None,
        *,
        seen: tuple[Seen, ...] = (),
        gaps: tuple[Gap, ...] = (),
        has_more: bool = True,
    ) -> Batch:
        announced, self._announced = self._announced, ()
        return Batch(
            mentions=page.mentions if page else (),
            rejected=page.rejected if page else (),
            gone=page.gone if page else (),
            position=self._position.dump(),
            seen=announced + seen,
            gaps=gaps,
            more=has_more,
        )
