"""Backfill of a search that answers newest first, so that no post is lost on the way.

1. Load the position: for each part (one search of a query), the windows of time still to be read.
2. Report as lost what the platform no longer keeps, and what the settings no longer request.
3. Open a new window for each part: from now down to a little below the newest post met, because
   platforms index late.
4. Read old windows first, oldest first, with half of the requests.
5. Read the new window of each part, the parts taking turns.
6. Spend the requests that are left on old windows again.
7. Read each window page by page from its top. After each page, close what the page covered, and
   yield its mentions with the new position.
8. Yield a last batch: a Gap for each window that stays open, and why. A limit, a budget, an outage,
   a killed process or a repeated page token can cut a window. Later polls go on with it; after
   three polls without progress it is reported as lost.

listeners/backfill/windows.py keeps the account of windows; this module requests and reports.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from earful.contracts import EdgeError, Spent, gap_reason
from earful.enums import GapKind
from earful.types import Batch, Gap, Gone, Mention, Rejected, Seen
from listeners.backfill.windows import RESUME_NONE, BackfillPosition, OpenWindow, PartProgress
from listeners.common import times

_FEWEST = 4  # requests of a poll: half for old stretches, and two pages of the newest
_SHALLOW = 300  # seconds below the newest known post that every poll looks at again
_DEEP_LOOKS = 2  # whole overlaps in the span of one
_TRIES = 3  # polls that bring a stretch no further before it is given up


class StaleCursor(Exception):
    """The platform does not know the cursor any more: the stretch is asked for anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRequest:
    """One request: the posts of ``part`` written from ``since`` on and before ``until`` (None: up
    to now), both whole seconds. ``cursor`` is what the last Page gave, to be used with the same
    ``since`` and ``until``."""

    part: str
    since: datetime
    until: datetime | None
    cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillPage:
    """What one request brought, newest first.

    ``newest`` and ``oldest`` are the times of the first and the last item in the platform's order
    whose time could be read (not of an item pinned to the top). ``cursor`` leads to the next page;
    None says that the platform has no more of this stretch, or shows no more: then ``ceiling``
    says why.
    """

    mentions: tuple[Mention, ...]
    rejected: tuple[Rejected, ...] = ()
    gone: tuple[Gone, ...] = ()
    oldest: datetime | None = None
    newest: datetime | None = None
    cursor: str | None = None
    ceiling: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillRules:
    """How a source may be read backwards.

    ``first_lookback``: how far the very first poll looks back. ``overlap``: how far below the
    newest post met every poll looks again. It reads five minutes of it at every poll, and all of
    it twice in its span. So a post is found that is indexed up to half the overlap late, and
    re-reading costs the same however often we poll. ``max_requests``: in one poll, at least 4.
    ``retention``: how long the platform keeps posts in this search (None: for ever). ``can_seek``:
    the platform can be asked for a window that ends before now. If not, every reading begins at
    the newest post.
    """

    first_lookback: timedelta
    overlap: timedelta
    max_requests: int
    retention: timedelta | None = None
    can_seek: bool = True


FetchPage = Callable[[PageRequest], BackfillPage]


def backfill(
    position: str | None,
    *,
    parts: Sequence[str],
    fetch: FetchPage,
    rules: BackfillRules,
    now: datetime,
) -> Iterator[Batch]:
    """Yield the batches of one poll: one for each page, then one for what stayed open.

    The module's docstring lists the steps. At most ``rules.max_requests`` requests are made. An
    unreadable position begins again, ``rules.first_lookback`` ago.

    If the last poll made no progress on an old window, the newest posts come first; if an error
    ended it at a window, that window comes last. So neither an unreadable response nor a budget
    that old windows use up can stop everything else. Errors of ``fetch`` pass through after the
    last batch was yielded.
    """
    yield from _Backfill(position, parts, fetch, rules, now).batches()


class _Backfill:
    """One poll over all parts."""

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
        self._left = max(rules.max_requests, _FEWEST)
        self._position = BackfillPosition.load(position)
        known = self._position.parts
        self._asking: tuple[str, OpenWindow] | None = None
        first = self._now - int(rules.first_lookback.total_seconds())
        for one in known.values():
            one.set_back(self._now, first)
        self._parts = {
            name: known.get(name) or PartProgress(floor=first, mark=first) for name in parts
        }
        self._position.parts = self._parts
        # an empty stretch says that a part is asked for, before anything was seen of it
        self._announced = tuple(Seen(since=now, until=now, part=name) for name in parts)
        self._dropped = [
            self._gap(name, *span, one.kind, "settings do not ask for it any more", lost=True)
            for name in known.keys() - self._parts.keys()
            for one in known[name].open
            if (span := one.unseen(below=one.high))
        ]

    def batches(self) -> Iterator[Batch]:
        """The whole poll."""
        lost = [gap for name in self._parts for gap in self._out_of_reach(name)]
        lost += self._dropped
        if lost:
            yield self._batch(gaps=tuple(lost), more=True)
        heads = [
            (name, self._parts[name].begin(self._now, self._low(name))) for name in self._in_turn()
        ]
        old = self._old({id(one) for _, one in heads})
        try:
            if self._position.resume_last is None:
                self._position.resume_last = (
                    RESUME_NONE  # should this poll come no further than that
                )
                yield from self._spend(old, self._left // 2)
            self._position.resume_last = None
            yield from self._spend_in_turn(heads)
            yield from self._spend(old, self._left)
        except EdgeError as error:
            self._reorder(error, {id(one) for _, one in heads})
            yield self._told(error)
            raise
        yield self._told(None)

    def _in_turn(self) -> list[str]:
        """The parts, beginning with the one that the last poll did not come to: neither one busy
        part nor one that fails must spend every poll's requests."""
        names = list(self._parts)
        turn = names.index(self._position.next_part) if self._position.next_part in names else 0
        return names[turn:] + names[:turn]

    def _reorder(self, error: EdgeError, heads: set[int]) -> None:
        """What the next poll asks first, now that ``error`` has ended this one."""
        if self._asking is None:
            return
        name, one = self._asking
        refused = isinstance(error, Spent)
        if id(one) not in heads:  # what a budget refused stays the oldest
            self._position.resume_last = RESUME_NONE if refused else (one.low, name)
        elif refused and one.asked == 1:  # it had nothing of what was spent
            self._position.next_part = name

    def _old(self, heads: set[int]) -> list[tuple[str, OpenWindow]]:
        """What earlier polls left open, oldest first. Where every walk begins at the newest post,
        the walk down from there passes them anyway."""
        if not self._rules.can_seek:
            return []
        every = [(name, one) for name, part in self._parts.items() for one in part.open]
        old = [(name, one) for name, one in every if id(one) not in heads]
        return sorted(old, key=self._place)

    def _place(self, pair: tuple[str, OpenWindow]) -> tuple[bool, int, str]:
        """Where an old stretch comes: by its age, behind the one at which an error ended."""
        name, one = pair
        cut = self._position.resume_last
        return cut is not None and (one.low, name) <= cut, one.low, name

    def _low(self, name: str) -> int:
        """How deep a new stretch goes."""
        part = self._parts[name]
        overlap = int(self._rules.overlap.total_seconds())
        if self._now - part.deep < overlap // _DEEP_LOOKS:
            overlap = min(overlap, _SHALLOW)
        else:
            part.deep = self._now
        low = max(part.mark - overlap, part.floor, self._reach())
        if self._rules.can_seek:
            return part.above_open(low)
        return min([low, *(one.low for one in part.open)])

    def _reach(self) -> int:
        keeps = self._rules.retention
        return 0 if keeps is None else self._now - int(keeps.total_seconds())

    def _out_of_reach(self, name: str) -> Iterator[Gap]:
        """What the platform has no more: open stretches, and the time that nobody polled in."""
        part, reach = self._parts[name], self._reach()
        why = "the platform keeps posts no longer than that, and it was not walked before"
        for since, until in part.drop_before(reach):
            yield self._gap(name, since, until, GapKind.WINDOW, why, lost=True)
        if part.seen < reach:
            yield self._gap(name, part.seen, reach, GapKind.WINDOW, why, lost=True)
            part.seen = reach

    def _spend(self, stretches: Sequence[tuple[str, OpenWindow]], most: int) -> Iterator[Batch]:
        """Walk these, with at most so many of the requests that are left."""
        stop_at = self._left - most
        for name, one in stretches:
            if one not in self._parts[name].open or (one.kind is GapKind.TOKEN and one.asked):
                continue
            if self._left <= stop_at:
                return
            yield from self._walk(name, one, stop_at)

    def _spend_in_turn(self, heads: Sequence[tuple[str, OpenWindow]]) -> Iterator[Batch]:
        """Walk these with what is left; wherever it ends, the next poll begins with the one behind
        it."""
        names = [name for name, _ in heads]
        for (name, one), following in zip(heads, names[1:] + names[:1], strict=True):
            if self._left > 0:
                self._position.next_part = following
            yield from self._spend([(name, one)], self._left)

    def _walk(self, name: str, one: OpenWindow, stop_at: int) -> Iterator[Batch]:
        until = self._until(one)
        cursor: str | None = None
        tokens: set[str] = set()
        one.blame(GapKind.LIMIT, "")
        while one in self._parts[name].open and self._left > stop_at:
            self._left -= 1
            one.asked += 1
            self._asking = name, one
            step = PageRequest(
                part=name, since=times.from_epoch(one.low), until=until, cursor=cursor
            )
            try:
                page = self._fetch(step)
            except StaleCursor:
                until, cursor, tokens = self._until(one), None, set()
                continue
            yield self._take(name, one, page, until)
            if page.cursor in tokens:
                one.blame(GapKind.TOKEN, "the platform gave the same page token again")
                return
            cursor = page.cursor
            if cursor is None:
                until, tokens = self._until(one), set()
            else:
                tokens.add(cursor)

    def _until(self, one: OpenWindow) -> datetime | None:
        """Where a walk begins that has no cursor yet."""
        whole = one.high >= self._now or not self._rules.can_seek
        return None if whole else times.from_epoch(one.high)

    def _take(
        self, name: str, one: OpenWindow, page: BackfillPage, asked_below: datetime | None
    ) -> Batch:
        """Bring the account forward by a page, and tell of it."""
        part = self._parts[name]
        if page.newest is not None:  # dated in the future, it must not hide what is yet to come
            part.mark = max(part.mark, min(times.to_epoch(page.newest), self._now))
        oldest = None if page.oldest is None else times.to_epoch(page.oldest)
        passed = oldest is not None and oldest < one.low
        if passed or (page.cursor is None and not page.ceiling):
            reached = one.low
        else:  # more of the oldest second may be on the next page
            reached = one.high if oldest is None else min(one.high, oldest + 1)
        before, gaps = one.high, []
        if page.ceiling and not passed:
            anew = asked_below != times.from_epoch(reached)
            gaps = self._met_ceiling(name, one, page.ceiling, reached, anew=anew)
        seen = Seen(since=times.from_epoch(reached), until=times.from_epoch(before), part=name)
        part.close(reached, before)
        return self._batch(page, seen=(seen,) if reached < before else (), gaps=tuple(gaps))

    def _met_ceiling(
        self, name: str, one: OpenWindow, why: str, reached: int, *, anew: bool
    ) -> list[Gap]:
        """The platform shows no more from here. Asked ``anew`` below what was reached it goes on;
        not where every walk begins at the top, nor when one second alone is over the ceiling."""
        part = self._parts[name]
        if not self._rules.can_seek:
            lost = part.unseen(0, reached)
            part.close(0, reached)
            return [self._gap(name, *span, GapKind.CEILING, why, lost=True) for span in lost]
        if anew:
            return []
        second = one.high - 1
        part.close(second, second + 1)
        return [self._gap(name, second, second + 1, GapKind.CEILING, why, lost=True)]

    def _told(self, error: EdgeError | None) -> Batch:
        """The last batch of a poll: what stays open, and why."""
        gaps: list[Gap] = []
        for name, part in self._parts.items():
            for one in list(part.open):
                self._blame(one, error)
                if one.tries >= _TRIES:
                    gaps += self._given_up(name, one)
            for one in part.open:
                if span := one.unseen(below=one.high):
                    gaps.append(self._gap(name, *span, one.kind, one.why, lost=False))
            if not self._rules.can_seek and error is None:  # no walk from the top reaches deeper
                part.open = [one for one in part.open if self._is_owed(one)]
            part.join()
        more = error is None and any(
            one.kind is GapKind.LIMIT for part in self._parts.values() for one in part.open
        )
        return self._batch(gaps=tuple(gaps), more=more)

    def _is_owed(self, one: OpenWindow) -> bool:
        """False for the rest of an overlap that our own limit of requests cut."""
        return one.kind is not GapKind.LIMIT or one.unseen(below=one.high) is not None

    def _blame(self, one: OpenWindow, error: EdgeError | None) -> None:
        if isinstance(error, Spent):
            one.blame(error.kind, gap_reason(error))
        elif error is not None:
            one.blame(GapKind.OUTAGE, gap_reason(error))
        elif one.kind is not GapKind.TOKEN:
            one.blame(GapKind.LIMIT, f"one poll makes {self._rules.max_requests} requests at most")
        if one.high < one.began:
            one.tries = 0
        elif error is None and self._had_its_chance(one):
            one.tries += 1

    def _had_its_chance(self, one: OpenWindow) -> bool:
        """False when others spent the poll's requests before it could come forward."""
        token = one.kind is GapKind.TOKEN and one.asked > 0
        return token or not self._rules.can_seek or one.asked > self._rules.max_requests // 4

    def _given_up(self, name: str, one: OpenWindow) -> list[Gap]:
        """A stretch that several polls could not bring forward: its top second when the rest can
        be asked for by itself, else all of it."""
        part = self._parts[name]
        why = f"{one.why}; {_TRIES} walks brought it no further"
        whole = one.kind is GapKind.TOKEN or not self._rules.can_seek
        low, high = one.low if whole else one.high - 1, one.high
        lost = part.unseen(low, high) if whole else [(low, high)]
        part.close(low, high)
        one.tries = 0
        return [self._gap(name, *span, one.kind, why, lost=True) for span in lost]

    def _gap(
        self, part: str, since: int, until: int, kind: GapKind, why: str, *, lost: bool
    ) -> Gap:
        return Gap(
            since=times.from_epoch(since),
            until=times.from_epoch(until),
            reason=why,
            kind=kind,
            part=part,
            lost=lost,
        )

    def _batch(
        self,
        page: BackfillPage | None = None,
        *,
        seen: tuple[Seen, ...] = (),
        gaps: tuple[Gap, ...] = (),
        more: bool = True,
    ) -> Batch:
        asked, self._announced = self._announced, ()
        return Batch(
            mentions=page.mentions if page else (),
            rejected=page.rejected if page else (),
            gone=page.gone if page else (),
            position=self._position.dump(),
            seen=asked + seen,
            gaps=gaps,
            more=more,
        )
