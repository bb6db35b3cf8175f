"""The source "x": posts on X (formerly Twitter), through the paid API v2, by tweepy.

Platform rules, from the X API documentation (docs.x.com) and OpenAPI 2.166: recent search covers
the last 7 days, answers newest first, at most 100 posts a page, and without end_time ends 30
seconds ago ("Recent search pagination"); end_time has to be 10 seconds old; both times are whole
seconds. The mentions timeline shows the 800 newest posts that name an account ("Timelines").

A stretch is asked for by its times, not by since_id: a post that is indexed late has an older id
than those met before it, and since_id would hide it for ever.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, Field, model_validator

from earful import clock as wall
from earful.contracts import SpendMeter
from earful.limits import UnlimitedMeter
from earful.settings.load import Duration
from earful.types import Batch, Mention, Query
from listeners.backfill.walk import Page, Rules, Step, walk
from listeners.common.options import SafeAddress, WebOptions, account_secret, read
from listeners.common.rechecks import changed
from listeners.x import posts as x_posts
from listeners.x import query as x_query
from listeners.x.client import SMALLEST, Desk

_WEEK = timedelta(days=7)
_KEEPS = _WEEK - timedelta(minutes=15)  # a start_time that is too old by a second is refused
_NOT_YET = timedelta(seconds=30)  # what is newer is not searched
_TIMELINE = 800
_NEARLY = 780  # posts that X hides are missing from its 800
_HINT = "make an app in X's developer console (https://console.x.com) and copy its Bearer Token"


class XOptions(WebOptions):
    """``options`` of a [[listen]] block with source = "x"; docs/sources/x.md explains each."""

    kind: Literal["search", "mentions"] = "search"
    user_ids: tuple[
        Annotated[
            str, Field(pattern=r"^[0-9]{1,19}$", description="an account's number, not its handle")
        ],
        ...,
    ] = ()
    since: Annotated[Duration, Field(ge=timedelta(minutes=1), le=_WEEK)] = timedelta(days=1)
    overlap: Annotated[Duration, Field(ge=timedelta(minutes=1), le=_WEEK)] = timedelta(minutes=5)
    max_requests: Annotated[int, Field(ge=4, le=500)] = 20
    max_results: Annotated[int, Field(ge=SMALLEST, le=100)] = 100
    max_query: Annotated[int, Field(ge=64, le=4096)] = 512
    endpoint: SafeAddress = "https://api.x.com"

    @model_validator(mode="after")
    def _whose(self) -> XOptions:
        if self.kind == "mentions" and not self.user_ids:
            raise ValueError('user_ids: kind "mentions" needs the number of an account of yours')
        return self


class X:
    """Searches X for a query's terms, or reads the timelines of posts that name our accounts."""

    name: ClassVar[str] = "x"
    Options: ClassVar[type[BaseModel]] = XOptions

    def __init__(self, *, clock: wall.Clock = wall.now, meter: SpendMeter | None = None) -> None:
        self._clock = clock
        self._meter = meter or UnlimitedMeter()

    def poll(self, query: Query, position: str | None) -> Iterator[Batch]:
        """What was written, or indexed, since ``position``; the first time since ``since`` ago.

        Every post is asked of the purse before it is read. Gaps: what a limit, the budget or an
        outage cut off, until it is 7 days old; in a timeline, what is behind 800 newer posts.
        Transient: X is away, busy, or its answer is no page. Spent: the purse is empty.
        Permanent: there is no token, X refuses it, or the credits are used up.
        """
        options = read(XOptions, query)
        walks = _Timelines if options.kind == "mentions" else _Searches
        yield from walks(self._desk(query, options), query, options).batches(position)

    def recheck(self, query: Query, mentions: Sequence[Mention]) -> Batch:
        """Posts that were edited or whose counts moved, as mentions, and those that are gone.

        Ids that X cannot have given (rows of an imported file) are left alone. Raises as poll().
        """
        stored = {one.external_id: one for one in mentions if x_posts.written_at(one.external_id)}
        if not stored:
            return Batch(mentions=(), position=None)
        desk = self._desk(query, read(XOptions, query))
        posts, answer = desk.look_up(list(stored))
        found = {one.external_id: one for one in posts.mentions}
        if posts.newer:  # asked for by its first id, a post is shown as it was at first
            latest, _ = desk.look_up(list(posts.newer.values()))
            found |= {one.external_id: one for one in latest.mentions}
        gone = x_posts.vanished(answer)
        return Batch(
            mentions=tuple(
                replace(one, direct=before.direct, brands=before.brands)
                for number, one in found.items()
                if (before := stored.get(number)) and changed(before, one)
            ),
            position=None,
            gone=tuple(gone[number] for number in stored if number in gone),
        )

    def forecast(self, query: Query) -> float | None:
        """How many posts a day polling reads, by the last 7 days: what the searches find, and what
        the overlap reads again: at every poll the newest known post, and what was written in the
        overlap before it. None for a timeline, which X does not count. Costs one read for each
        search. Raises as poll()."""
        options = read(XOptions, query)
        if options.kind == "mentions":
            return None
        desk = self._desk(query, options)
        found = [desk.count(one) for one in x_query.searches(query, options.max_query)]
        polls = timedelta(days=1) / timedelta(seconds=query.every)
        before_it = sum(found) * (options.overlap / _WEEK)
        return sum(found) / _WEEK.days + polls * (sum(map(bool, found)) + before_it)

    def _desk(self, query: Query, options: XOptions) -> Desk:
        token = account_secret(query, "BEARER_TOKEN", hint=_HINT)
        return Desk(
            token,
            endpoint=options.endpoint,
            limits=options.limits,
            clock=self._clock,
            meter=self._meter,
        )


class _Searches:
    """Recent search: any stretch of the last 7 days can be asked for."""

    def __init__(self, desk: Desk, query: Query, options: XOptions) -> None:
        self._desk = desk
        self._options = options
        found = x_query.searches(query, options.max_query)
        self._searches = {x_query.label(one): one for one in found}

    def batches(self, position: str | None) -> Iterator[Batch]:
        """The walk over every search."""
        rules = Rules(
            first=min(self._options.since, _KEEPS),
            overlap=self._options.overlap,
            most=self._options.max_requests,
            keeps=_KEEPS,
        )
        parts, now = list(self._searches), self._desk.now - _NOT_YET
        yield from walk(position, parts=parts, ask=self._ask, rules=rules, now=now)

    def _ask(self, step: Step) -> Page:
        posts = self._desk.page(
            self._desk.client.search_recent_tweets,
            most=self._options.max_results,
            direct=False,
            query=self._searches[step.part],
            start_time=_start(step, self._desk.now),
            end_time=_end(step, self._desk.now),
            next_token=step.cursor,
        )
        return _page(posts)


class _Timelines:
    """The timelines of posts that name our accounts. Their 800 posts are counted from the newest
    one, whatever stretch is asked for, so every walk begins there."""

    def __init__(self, desk: Desk, query: Query, options: XOptions) -> None:
        self._desk = desk
        self._options = options
        self._languages = {one.partition("-")[0].lower() for one in query.languages}
        self._accounts = {f"mentions of {one}": one for one in options.user_ids}
        self._shown: dict[str, int] = {}

    def batches(self, position: str | None) -> Iterator[Batch]:
        """The walk over every account."""
        rules = Rules(
            first=self._options.since,
            overlap=self._options.overlap,
            most=self._options.max_requests,
            addressed=False,
        )
        parts, now = list(self._accounts), self._desk.now - _NOT_YET
        yield from walk(position, parts=parts, ask=self._ask, rules=rules, now=now)

    def _ask(self, step: Step) -> Page:
        posts = self._desk.page(
            self._desk.client.get_users_mentions,
            most=self._options.max_results,
            direct=True,
            id=self._accounts[step.part],
            start_time=_start(step, self._desk.now),
            pagination_token=step.cursor,
        )
        before = self._shown.get(step.part, 0) if step.cursor else 0
        self._shown[step.part] = before + posts.count
        all_shown = posts.token is None and self._shown[step.part] >= _NEARLY
        ceiling = f"X shows the {_TIMELINE} newest posts of a timeline" if all_shown else ""
        page = _page(posts)
        wanted = tuple(filter(self._wanted, page.mentions))
        return replace(page, mentions=wanted, ceiling=ceiling)

    def _wanted(self, mention: Mention) -> bool:
        return not self._languages or mention.lang is None or mention.lang in self._languages


def _start(step: Step, now: datetime) -> datetime:
    """X refuses a start in the future; a clock that was set back would ask for one."""
    return min(step.since, now - _NOT_YET)


def _end(step: Step, now: datetime) -> datetime | None:
    """X refuses an end that is nearly now; without one it ends where it can."""
    return None if step.until is None or step.until > now - _NOT_YET else step.until


def _page(posts: x_posts.Posts) -> Page:
    return Page(
        mentions=posts.mentions,
        rejected=posts.rejected,
        oldest=posts.oldest,
        newest=posts.newest,
        cursor=posts.token,
    )
