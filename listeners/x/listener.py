"""The source "x": posts on X (formerly Twitter), through the paid API v2, by tweepy.

Platform rules, from the X API documentation (docs.x.com) and OpenAPI 2.166: recent search covers
the last 7 days, answers newest first, at most 100 posts a page, and without end_time ends 30
seconds ago ("Recent search pagination"); end_time has to be 10 seconds old; both times are whole
seconds. The mentions timeline shows the 800 newest posts that name an account ("Timelines").

An open window is requested by its times, not by since_id: a post that is indexed late has an older
id than posts seen before it, and since_id would hide it for ever.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, Field, model_validator

from earful.settings.load import Duration
from earful.types import Batch, Mention, Query
from listeners.backfill.page_request import BackfillPage, BackfillRules, PageRequest
from listeners.backfill.walk import backfill
from listeners.common.base import SourceListener
from listeners.common.options import SafeAddress, WebOptions, account_secret, read_options
from listeners.common.rechecks import has_changed
from listeners.x import posts as x_posts
from listeners.x import query as x_query
from listeners.x.client import MIN_PAGE, XClient
from listeners.x.post_ids import time_of_id
from listeners.x.problems import find_gone

_WINDOW = timedelta(days=7)
# X refuses a start_time that is a second too old
_RETENTION = _WINDOW - timedelta(minutes=15)
_SEARCH_DELAY = timedelta(seconds=30)  # X does not search newer posts
_TIMELINE = 800
_TIMELINE_NEARLY_FULL = 780  # posts that X hides are missing from its 800
_HINT = "Make an app in X's developer console (https://console.x.com) and copy its Bearer Token."


class XOptions(WebOptions):
    """The ``options`` of a [[listen]] block with source = "x", explained in docs/sources/x.md."""

    kind: Literal["search", "mentions"] = "search"
    user_ids: tuple[
        Annotated[
            str, Field(pattern=r"^[0-9]{1,19}$", description="an account's number, not its handle")
        ],
        ...,
    ] = ()
    since: Annotated[Duration, Field(ge=timedelta(minutes=1), le=_WINDOW)] = timedelta(days=1)
    overlap: Annotated[Duration, Field(ge=timedelta(minutes=1), le=_WINDOW)] = timedelta(minutes=5)
    max_requests: Annotated[int, Field(ge=4, le=500)] = 20
    max_results: Annotated[int, Field(ge=MIN_PAGE, le=100)] = 100
    max_query: Annotated[int, Field(ge=64, le=4096)] = 512
    endpoint: SafeAddress = "https://api.x.com"

    @model_validator(mode="after")
    def _require_account(self) -> XOptions:
        if self.kind == "mentions" and not self.user_ids:
            raise ValueError('user_ids: kind "mentions" needs the number of an account of yours')
        return self


class X(SourceListener):
    """Search X for a query's terms, or read the timelines of posts that name our accounts."""

    name: ClassVar[str] = "x"
    Options: ClassVar[type[BaseModel]] = XOptions

    def poll(self, query: Query, position: str | None) -> Iterator[Batch]:
        """Yield posts written, or indexed, since ``position``; the first poll starts ``since`` ago.

        Every post is reserved in the spend meter before it is read. Gaps: posts that a limit, the
        budget or an outage cut off, until they are 7 days old; in a timeline, posts behind 800
        newer ones. Transient: X is away, busy, or its response is no page. Spent: the budget is
        used up. Permanent: there is no token, X refuses it, or the credits are used up.
        """
        options = read_options(XOptions, query)
        backfill_of = _Timelines if options.kind == "mentions" else _Searches
        yield from backfill_of(self._client(query, options), query, options).batches(position)

    def recheck(self, query: Query, mentions: Sequence[Mention]) -> Batch:
        """Return posts with a new text or new counts as mentions, and those that are gone.

        Ids that X cannot have given (rows of an imported file) are skipped. Raises as poll().
        """
        stored = {
            mention.external_id: mention for mention in mentions if time_of_id(mention.external_id)
        }
        if not stored:
            return Batch(mentions=(), position=None)
        client = self._client(query, read_options(XOptions, query))
        page, answer = client.look_up(list(stored))
        current = {mention.external_id: mention for mention in page.mentions}
        # X shows the first version of a post that is looked up by its first id
        if page.newer:
            latest, _ = client.look_up(list(page.newer.values()))
            current |= {mention.external_id: mention for mention in latest.mentions}
        gone = find_gone(answer)
        return Batch(
            mentions=tuple(
                replace(mention, direct=before.direct, brands=before.brands)
                for number, mention in current.items()
                if (before := stored.get(number)) and has_changed(before, mention)
            ),
            position=None,
            gone=tuple(gone[number] for number in stored if number in gone),
        )

    def forecast(self, query: Query) -> float | None:
        """Return the posts a day that polling reads, by the last 7 days.

        It adds up the results of the searches and the posts that the overlap reads again: at every
        poll the newest stored post, and the posts of the overlap before it. None for a timeline,
        which X does not count. Costs one read for each search. Raises as poll().
        """
        options = read_options(XOptions, query)
        if options.kind == "mentions":
            return None
        client = self._client(query, options)
        searches = x_query.searches(query, options.max_query)
        counts = [client.count_posts(search) for search in searches]
        polls = timedelta(days=1) / timedelta(seconds=query.every)
        # an empty search costs a poll nothing: it has no newest post to read again
        in_overlap = sum(counts) * (options.overlap / _WINDOW)
        return sum(counts) / _WINDOW.days + polls * (sum(map(bool, counts)) + in_overlap)

    def _client(self, query: Query, options: XOptions) -> XClient:
        token = account_secret(query, "BEARER_TOKEN", hint=_HINT)
        return XClient(
            token,
            endpoint=options.endpoint,
            limits=options.limits,
            clock=self._clock,
            meter=self._meter,
        )


class _Searches:
    """Backfill recent search, which answers for any window of the last 7 days."""

    def __init__(self, client: XClient, query: Query, options: XOptions) -> None:
        self._client = client
        self._options = options
        searches = x_query.searches(query, options.max_query)
        self._searches = {x_query.label(search): search for search in searches}

    def batches(self, position: str | None) -> Iterator[Batch]:
        """Yield the batches of the backfill over every search."""
        rules = BackfillRules(
            first_lookback=min(self._options.since, _RETENTION),
            overlap=self._options.overlap,
            max_requests=self._options.max_requests,
            retention=_RETENTION,
        )
        parts, now = list(self._searches), self._client.now - _SEARCH_DELAY
        yield from backfill(position, parts=parts, fetch=self._fetch, rules=rules, now=now)

    def _fetch(self, step: PageRequest) -> BackfillPage:
        page = self._client.fetch_page(
            self._client.api.search_recent_tweets,
            limit=self._options.max_results,
            direct=False,
            query=self._searches[step.part],
            start_time=_start(step, self._client.now),
            end_time=_end(step, self._client.now),
            next_token=step.cursor,
        )
        return _page(page)


class _Timelines:
    """Backfill the timelines of posts that name our accounts.

    X counts their 800 posts from the newest one for any window, so every backfill begins there.
    """

    def __init__(self, client: XClient, query: Query, options: XOptions) -> None:
        self._client = client
        self._options = options
        self._languages = {code.partition("-")[0].lower() for code in query.languages}
        self._accounts = {f"mentions of {number}": number for number in options.user_ids}
        self._counts: dict[str, int] = {}

    def batches(self, position: str | None) -> Iterator[Batch]:
        """Yield the batches of the backfill over every account."""
        rules = BackfillRules(
            first_lookback=self._options.since,
            overlap=self._options.overlap,
            max_requests=self._options.max_requests,
            can_seek=False,
        )
        parts, now = list(self._accounts), self._client.now - _SEARCH_DELAY
        yield from backfill(position, parts=parts, fetch=self._fetch, rules=rules, now=now)

    def _fetch(self, step: PageRequest) -> BackfillPage:
        posts = self._client.fetch_page(
            self._client.api.get_users_mentions,
            limit=self._options.max_results,
            direct=True,
            id=self._accounts[step.part],
            start_time=_start(step, self._client.now),
            pagination_token=step.cursor,
        )
        before = self._counts.get(step.part, 0) if step.cursor else 0
        self._counts[step.part] = before + posts.count
        # the end of a full timeline is X's ceiling, not the oldest post that names us
        at_end = posts.token is None and self._counts[step.part] >= _TIMELINE_NEARLY_FULL
        ceiling = f"X shows the {_TIMELINE} newest posts of a timeline" if at_end else ""
        page = _page(posts)
        mentions = tuple(filter(self._is_in_languages, page.mentions))
        return replace(page, mentions=mentions, ceiling=ceiling)

    def _is_in_languages(self, mention: Mention) -> bool:
        return not self._languages or mention.lang is None or mention.lang in self._languages


def _start(step: PageRequest, now: datetime) -> datetime:
    """Return the window's start; X refuses one in the future, as after a clock was set back."""
    return min(step.since, now - _SEARCH_DELAY)


def _end(step: PageRequest, now: datetime) -> datetime | None:
    """Return the window's end, or None for one near now, which X refuses."""
    return None if step.until is None or step.until > now - _SEARCH_DELAY else step.until


def _page(posts: x_posts.PostsPage) -> BackfillPage:
    return BackfillPage(
        mentions=posts.mentions,
        rejected=posts.rejected,
        oldest=posts.oldest,
        newest=posts.newest,
        cursor=posts.token,
    )
