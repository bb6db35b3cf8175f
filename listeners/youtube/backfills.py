"""The walks of the source "youtube": threads with their replies, and the search for videos.

Platform rules, from https://developers.google.com/youtube/v3/docs/commentThreads/list and
.../search/list: threads come newest first by their first comment, 100 a page, and cannot be asked
for by time; a reply to an old comment does not bring it up again. Replies that a thread does not
show are asked for one by one, as part of the walk: a page is done when its replies are there. A
search for videos can be asked for a stretch of time; the comments under what it finds are read as
long as it is new.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pydantic import Field, OnErrorOmit, StrictBool

from earful.contracts import Permanent, Spent
from earful.enums import GapKind
from earful.matching import Matcher
from earful.types import Batch, Query, Rejected
from listeners.backfill.walk import Page, Rules, StaleCursor, Step, walk
from listeners.common import times
from listeners.common.position import Instant, Position
from listeners.youtube import comments
from listeners.youtube.client import SEARCH_UNITS, Closed, Desk, Stale
from listeners.youtube.options import YoutubeOptions

_SEARCH_EVERY = timedelta(hours=6)  # four searches a day of the hundred that are free
_SEARCHES = 4  # pages of one search
_SEARCH_OVERLAP = timedelta(days=1)
_FOLLOWED = timedelta(days=7)  # how long comments under a found video are read
_MOST_FOLLOWED = 50
_FOUND = "found "


class _State(Position):
    """What a position holds: the walks' own positions, when a search was done last, whether it
    comes before the comments, and the videos that it found, with the times (seconds since 1970) at
    which they were published."""

    walk: str | None = None
    search: str | None = None
    searched: Instant = 0
    search_first: StrictBool = False
    found: dict[str, OnErrorOmit[Instant]] = Field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class _Waiting:
    """A page of threads whose replies are asked for: what is left of them, and where the walk goes
    on when they are there."""

    threads: list[tuple[comments.Thread, str | None]]
    page: Page

    @property
    def cursor(self) -> str:
        thread, token = self.threads[0]
        return f"replies to {thread.id} {token or ''}"


class Poll:
    """One poll: the named videos and channels and those that a search found, then the search."""

    def __init__(self, desk: Desk, query: Query, options: YoutubeOptions) -> None:
        self._desk = desk
        self._options = options
        self._ours = Matcher(query.any_of)
        self._terms = "|".join(f'"{term}"' for one in query.any_of if (term := _bare(one)))
        named = {f"video {one}": {"videoId": one} for one in options.videos}
        named |= {
            f"channel {one}": {"allThreadsRelatedToChannelId": one} for one in options.channels
        }
        self._parts: dict[str, dict[str, str]] = named
        self._named = set(named)
        self._closed: set[str] = set()
        self._waiting: dict[str, _Waiting] = {}

    def batches(self, position: str | None) -> Iterator[Batch]:
        """The whole poll."""
        state = _State.load(position)
        now = times.to_epoch(self._desk.now)
        oldest = now - int(_FOLLOWED.total_seconds())
        newest = sorted(state.found.items(), key=lambda one: -one[1])[:_MOST_FOLLOWED]
        state.found = {video: at for video, at in newest if at >= oldest}
        self._parts |= {f"{_FOUND}{video}": {"videoId": video} for video in state.found}
        recent = 0 <= now - state.searched < int(_SEARCH_EVERY.total_seconds())
        walks = [self._comments]
        if self._options.search and not recent:
            walks.insert(0 if state.search_first else 1, self._search)
        more = False
        for number, walked in enumerate(walks, start=1):
            left = number < len(walks)
            # should an error end the comments, the next poll begins with the search
            state.search_first = left and walked == self._comments
            last = False
            for batch in walked(state):
                last = batch.more
                yield replace(batch, position=state.dump(), more=more or last or left)
            more = more or last

    def _comments(self, state: _State) -> Iterator[Batch]:
        rules = Rules(
            first=self._options.since,
            overlap=self._options.overlap,
            most=self._options.max_requests,
            addressed=False,
        )
        parts = list(self._parts)
        for batch in walk(state.walk, parts=parts, ask=self._ask, rules=rules, now=self._desk.now):
            state.walk = batch.position
            yield _claimed(batch)

    def _search(self, state: _State) -> Iterator[Batch]:
        rules = Rules(
            first=self._options.since,
            overlap=max(self._options.overlap, _SEARCH_OVERLAP),
            most=_SEARCHES,
        )
        part = f"search {self._terms}"
        try:
            for batch in walk(
                state.search, parts=[part], ask=self._found, rules=rules, now=self._desk.now
            ):
                state.search = batch.position
                for one in batch.mentions:
                    if self._ours.matches(one.text):
                        state.found[one.external_id] = times.to_epoch(one.published_at)
                if not batch.more:
                    state.searched = times.to_epoch(self._desk.now)
                yield batch
        except Spent as error:
            if error.kind is not GapKind.BUDGET:
                raise  # else comments, which cost a hundredth, go on; the search's gap is told

    def _found(self, step: Step) -> Page:
        """A page of the search for videos."""
        request = self._desk.api.search().list(
            part="snippet",
            type="video",
            order="date",
            q=self._terms,
            maxResults=50,
            publishedAfter=_zulu(step.since),
            publishedBefore=_zulu(step.until) if step.until else None,
            pageToken=step.cursor,
        )
        reader = comments.Reader(fetched_at=self._desk.now)
        try:
            found = self._desk.ask(request, reader.videos, units=SEARCH_UNITS)
        except Stale:
            raise StaleCursor from None
        return _page(found)

    def _ask(self, step: Step) -> Page:
        """A page of threads, or of the replies to one of them."""
        waiting = self._waiting.get(step.part) if step.cursor else None
        try:
            if waiting and waiting.threads:
                return self._replies(step, waiting)
            return self._threads(step)
        except Stale:
            raise StaleCursor from None
        except Closed as error:
            return self._refused(step.part, error)

    def _reader(self, part: str) -> comments.Reader:
        found = part.startswith(_FOUND)  # under somebody's video: a comment has to name us
        return comments.Reader(
            fetched_at=self._desk.now, direct=not found, wanted=self._ours if found else None
        )

    def _threads(self, step: Step) -> Page:
        request = self._desk.api.commentThreads().list(
            part="snippet,replies",
            order="time",
            maxResults=100,
            textFormat="plainText",
            pageToken=step.cursor,
            **self._parts[step.part],
        )
        found = self._desk.ask(request, self._reader(step.part).threads)
        page = _page(found)
        left = [(one, None) for one in found.unfinished if one.at >= step.since]
        if not (left and self._options.replies):
            return page
        # the page's oldest comment would close the stretch: only once its replies are there
        waiting = self._waiting[step.part] = _Waiting(threads=list(left), page=page)
        return replace(page, oldest=None, cursor=waiting.cursor)

    def _replies(self, step: Step, waiting: _Waiting) -> Page:
        thread, token = waiting.threads.pop(0)
        request = self._desk.api.comments().list(
            part="snippet",
            parentId=thread.id,
            maxResults=100,
            textFormat="plainText",
            pageToken=token,
        )
        reader = self._reader(step.part)
        try:
            found = self._desk.ask(request, lambda answer: reader.comments(answer, thread.video))
        except Closed:  # deleted since its page was shown
            found = comments.Found()
        if found.token:
            waiting.threads.insert(0, (thread, found.token))
        page = replace(waiting.page, mentions=found.mentions, rejected=found.rejected)
        if waiting.threads:
            return replace(page, oldest=None, cursor=waiting.cursor)
        return page

    def _refused(self, part: str, error: Permanent) -> Page:
        """A video without comments must not keep us from the others; nothing but such must."""
        if part not in self._named:
            return Page(mentions=(), ceiling=str(error))
        self._closed.add(part)
        if self._closed == self._named:
            raise error
        told = Rejected(where=part, reason=str(error))
        return Page(mentions=(), rejected=(told,), ceiling=str(error))


def _claimed(batch: Batch) -> Batch:
    """The batch without what was seen under found videos: they come and go, and coverage counts
    what is always looked at."""
    return replace(
        batch,
        seen=tuple(one for one in batch.seen if not one.part.startswith(_FOUND)),
        gaps=tuple(one for one in batch.gaps if not one.part.startswith(_FOUND)),
    )


def _page(found: comments.Found) -> Page:
    return Page(
        mentions=found.mentions,
        rejected=found.rejected,
        oldest=found.oldest,
        newest=found.newest,
        cursor=found.token,
    )


def _bare(term: str) -> str:
    return " ".join(term.replace('"', " ").replace("|", " ").split()).lstrip("@#")


def _zulu(instant: datetime) -> str:
    return f"{instant:%Y-%m-%dT%H:%M:%SZ}"
