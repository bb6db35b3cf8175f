"""The backfills of the source "youtube": threads with their replies, and the search for videos.

Platform rules, from https://developers.google.com/youtube/v3/docs/commentThreads/list and
.../search/list: threads come newest first by their first comment, 100 a page, and cannot be
requested by time. A reply to an old comment does not bring it up again. The backfill requests
missing replies thread by thread; a page of threads is done when its replies are read. A search for
videos takes a time window. Comments under a video from a search are read while the video is new.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pydantic import Field, OnErrorOmit, StrictBool

from earful.contracts import Permanent, Spent
from earful.enums import GapKind
from earful.matching import Matcher
from earful.spellings import search_spellings
from earful.types import Batch, Query, Rejected
from listeners.backfill.page_request import BackfillPage, BackfillRules, PageRequest, StaleCursor
from listeners.backfill.walk import backfill
from listeners.common import times
from listeners.common.position import Instant, Position
from listeners.youtube import comments
from listeners.youtube.client import SEARCH_UNITS, Closed, StalePageToken, YoutubeClient
from listeners.youtube.options import YoutubeOptions

# four searches a day of the hundred that are free
_SEARCH_EVERY = timedelta(hours=6)
_SEARCH_PAGES = 4
_SEARCH_OVERLAP = timedelta(days=1)
# comments under a video from a search are read for so long
_FOLLOW_FOR = timedelta(days=7)
_MAX_FOLLOWED = 50
# the prefix of followed videos' parts; stored positions hold it, so the word stays
_FOLLOWED = "found "


class _YoutubePosition(Position):
    """The position of a query.

    ``comments`` and ``search``: positions of the two backfills. ``searched_at``: the time of the
    last complete search. ``search_first``: the next poll begins with the search. ``followed``: the
    videos of searches, with their publishing times. Aliases are the names in stored positions.
    """

    comments: str | None = Field(default=None, alias="walk")
    search: str | None = None
    searched_at: Instant = Field(default=0, alias="searched")
    search_first: StrictBool = False
    followed: dict[str, OnErrorOmit[Instant]] = Field(default_factory=dict, alias="found")


@dataclass(slots=True, kw_only=True)
class _UnfinishedPage:
    """A page of threads with missing replies.

    ``threads``: the threads to read, each with the token of its next page of replies. ``page``: the
    page itself; the backfill goes on from its cursor when all replies are read.
    """

    threads: list[tuple[comments.Thread, str | None]]
    page: BackfillPage

    @property
    def cursor(self) -> str:
        thread, token = self.threads[0]
        return f"replies to {thread.id} {token or ''}"


class Poll:
    """Read the comments of named and followed videos and channels, and search for videos."""

    def __init__(self, client: YoutubeClient, query: Query, options: YoutubeOptions) -> None:
        self._client = client
        self._options = options
        self._ours = Matcher(query.any_of)
        spellings = [spelling for term in query.any_of for spelling in search_spellings(term)]
        self._terms = "|".join(f'"{bare}"' for term in spellings if (bare := _bare(term)))
        named = {f"video {video}": {"videoId": video} for video in options.videos}
        named |= {
            f"channel {channel}": {"allThreadsRelatedToChannelId": channel}
            for channel in options.channels
        }
        self._parts: dict[str, dict[str, str]] = named
        self._named = set(named)
        self._closed: set[str] = set()
        self._unfinished: dict[str, _UnfinishedPage] = {}

    def batches(self, position: str | None) -> Iterator[Batch]:
        """Yield the batches of the poll.

        1. Drop followed videos that are too old or too many.
        2. Choose the backfills: comments, and the search unless it was done lately.
        3. Run each backfill; every batch carries the position of both.
        """
        state = _YoutubePosition.load(position)
        now = times.to_epoch(self._client.now)
        oldest = now - int(_FOLLOW_FOR.total_seconds())
        newest = sorted(state.followed.items(), key=lambda video: -video[1])[:_MAX_FOLLOWED]
        state.followed = {video: at for video, at in newest if at >= oldest}
        self._parts |= {f"{_FOLLOWED}{video}": {"videoId": video} for video in state.followed}
        is_recent = 0 <= now - state.searched_at < int(_SEARCH_EVERY.total_seconds())
        backfills = [self._comments]
        if self._options.search and not is_recent:
            backfills.insert(0 if state.search_first else 1, self._search)
        unfinished = False
        for number, run in enumerate(backfills, start=1):
            has_next = number < len(backfills)
            # if an error ends the comments, the next poll begins with the search
            state.search_first = has_next and run == self._comments
            open_end = False
            for batch in run(state):
                open_end = batch.more
                is_open = unfinished or open_end or has_next
                yield replace(batch, position=state.dump(), more=is_open)
            unfinished = unfinished or open_end

    def _comments(self, state: _YoutubePosition) -> Iterator[Batch]:
        rules = BackfillRules(
            first_lookback=self._options.since,
            overlap=self._options.overlap,
            max_requests=self._options.max_requests,
            can_seek=False,
        )
        parts = list(self._parts)
        for batch in backfill(
            state.comments,
            parts=parts,
            fetch=self._fetch_comments,
            rules=rules,
            now=self._client.now,
        ):
            state.comments = batch.position
            yield _without_followed(batch)

    def _search(self, state: _YoutubePosition) -> Iterator[Batch]:
        rules = BackfillRules(
            first_lookback=self._options.since,
            overlap=max(self._options.overlap, _SEARCH_OVERLAP),
            max_requests=_SEARCH_PAGES,
        )
        part = f"search {self._terms}"
        try:
            for batch in backfill(
                state.search,
                parts=[part],
                fetch=self._fetch_videos,
                rules=rules,
                now=self._client.now,
            ):
                state.search = batch.position
                for mention in batch.mentions:
                    if self._ours.matches(mention.text):
                        state.followed[mention.external_id] = times.to_epoch(mention.published_at)
                if not batch.more:
                    state.searched_at = times.to_epoch(self._client.now)
                yield batch
        except Spent as error:
            # a search costs a hundred times as much as comments, which may still be affordable;
            # the backfill has reported the search's gap
            if error.kind is not GapKind.BUDGET:
                raise

    def _fetch_videos(self, step: PageRequest) -> BackfillPage:
        """Fetch a page of the search for videos."""
        request = self._client.api.search().list(
            part="snippet",
            type="video",
            order="date",
            q=self._terms,
            maxResults=50,
            publishedAfter=_zulu(step.since),
            publishedBefore=_zulu(step.until) if step.until else None,
            pageToken=step.cursor,
        )
        reader = comments.Reader(fetched_at=self._client.now)
        try:
            return _page(self._client.fetch(request, reader.videos, units=SEARCH_UNITS))
        except StalePageToken:
            raise StaleCursor from None

    def _fetch_comments(self, step: PageRequest) -> BackfillPage:
        """Fetch a page of threads, or of the replies to one thread."""
        unfinished = self._unfinished.get(step.part) if step.cursor else None
        try:
            if unfinished and unfinished.threads:
                return self._fetch_replies(step, unfinished)
            return self._fetch_threads(step)
        except StalePageToken:
            raise StaleCursor from None
        except Closed as error:
            return self._refused(step.part, error)

    def _reader(self, part: str) -> comments.Reader:
        # a followed video is a stranger's: there a comment has to name us
        is_followed = part.startswith(_FOLLOWED)
        return comments.Reader(
            fetched_at=self._client.now,
            direct=not is_followed,
            matcher=self._ours if is_followed else None,
        )

    def _fetch_threads(self, step: PageRequest) -> BackfillPage:
        request = self._client.api.commentThreads().list(
            part="snippet,replies",
            order="time",
            maxResults=100,
            textFormat="plainText",
            pageToken=step.cursor,
            **self._parts[step.part],
        )
        answer = self._client.fetch(request, self._reader(step.part).threads)
        page = _page(answer)
        threads = [(thread, None) for thread in answer.unfinished if thread.at >= step.since]
        if not (threads and self._options.replies):
            return page
        # the page's oldest comment would close the open window before its replies are read
        unfinished = _UnfinishedPage(threads=list(threads), page=page)
        self._unfinished[step.part] = unfinished
        return replace(page, oldest=None, cursor=unfinished.cursor)

    def _fetch_replies(self, step: PageRequest, unfinished: _UnfinishedPage) -> BackfillPage:
        thread, token = unfinished.threads.pop(0)
        request = self._client.api.comments().list(
            part="snippet",
            parentId=thread.id,
            maxResults=100,
            textFormat="plainText",
            pageToken=token,
        )
        reader = self._reader(step.part)
        try:
            replies = self._client.fetch(
                request, lambda answer: reader.comments(answer, thread.video)
            )
        except Closed:
            # the comment was deleted after its page was fetched
            replies = comments.AnswerPage()
        if replies.token:
            unfinished.threads.insert(0, (thread, replies.token))
        page = replace(unfinished.page, mentions=replies.mentions, rejected=replies.rejected)
        if unfinished.threads:
            return replace(page, oldest=None, cursor=unfinished.cursor)
        return page

    def _refused(self, part: str, error: Permanent) -> BackfillPage:
        """Skip a closed video or channel and report it; raise when all named ones are closed."""
        if part not in self._named:
            return BackfillPage(mentions=(), ceiling=str(error))
        self._closed.add(part)
        if self._closed == self._named:
            raise error
        refusal = Rejected(where=part, reason=str(error))
        return BackfillPage(mentions=(), rejected=(refusal,), ceiling=str(error))


def _without_followed(batch: Batch) -> Batch:
    """Return the batch without the coverage of followed videos.

    These come and go; coverage counts the parts that every poll reads.
    """
    return replace(
        batch,
        seen=tuple(seen for seen in batch.seen if not seen.part.startswith(_FOLLOWED)),
        gaps=tuple(gap for gap in batch.gaps if not gap.part.startswith(_FOLLOWED)),
    )


def _page(answer: comments.AnswerPage) -> BackfillPage:
    return BackfillPage(
        mentions=answer.mentions,
        rejected=answer.rejected,
        oldest=answer.oldest,
        newest=answer.newest,
        cursor=answer.token,
    )


def _bare(term: str) -> str:
    return " ".join(term.replace('"', " ").replace("|", " ").split()).lstrip("@#")


def _zulu(instant: datetime) -> str:
    return f"{instant:%Y-%m-%dT%H:%M:%SZ}"
