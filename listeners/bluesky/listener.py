"""The source "bluesky": its search and what is addressed to our account, or the whole stream of
posts filtered here.

Platform rules, from the lexicons app.bsky.feed.searchPosts and
app.bsky.notification.listNotifications: both answer newest first, up to 100 a page, and give a
cursor with the last page too; without a login the search turns no pages. The search cuts by
`since` (inclusive) and `until` (exclusive), which hold for createdAt, or for when the network got
the post where that was earlier.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, Field, model_validator

from earful import clock as wall
from earful.contracts import BadItem, Permanent, SpendMeter
from earful.limits import UnlimitedMeter
from earful.settings.load import Duration
from earful.types import Batch, Gone, Mention, Query, Rejected
from listeners.backfill.walk import Page, Rules, StaleCursor, Step, walk
from listeners.bluesky import posts
from listeners.bluesky.client import HINTS, AccountClient, XrpcClient, list_field
from listeners.bluesky.jetstream import JetstreamPoll
from listeners.common.json_fields import string
from listeners.common.options import SafeAddress, WebOptions, account_secret, read
from listeners.common.position import Position
from listeners.common.rechecks import changed, trusted
from listeners.common.rejects import rejected
from listeners.common.search_terms import search_terms
from listeners.http.errors import Refused
from listeners.http.session import GuardedSession

_PAGE = 100
_PASSWORD = "APP_PASSWORD"  # noqa: S105  (the name of the variable)
_HINT = "make an app password (Settings, Privacy and security, App passwords)"
_ADDRESSED = ["mention", "reply", "quote"]


class BlueskyOptions(WebOptions):
    """``options`` of a [[listen]] block with source = "bluesky"; see docs/sources/bluesky.md."""

    mode: Literal["search", "jetstream"] = "search"
    handle: str = ""
    kinds: Annotated[tuple[Literal["search", "mentions"], ...], Field(min_length=1)] = ("search",)
    since: Duration = timedelta(days=7)
    overlap: Duration = timedelta(hours=6)
    max_requests: Annotated[int, Field(ge=8, le=500)] = 60
    service: SafeAddress = "https://bsky.social"
    api: SafeAddress = "https://public.api.bsky.app"
    jetstream: SafeAddress = "wss://jetstream2.us-east.bsky.network/subscribe"
    seconds: Annotated[float, Field(gt=0, le=120)] = 10.0

    @model_validator(mode="after")
    def _somebody(self) -> BlueskyOptions:
        if self.mode == "jetstream" and "mentions" in self.kinds:
            raise ValueError(
                "kinds: the stream has no mentions of an account; give them a [[listen]] block of "
                'their own, with mode = "search"'
            )
        if self.mode == "search" and not self.handle.strip().lstrip("@"):
            raise ValueError(
                'handle: the search wants a login; give the account\'s name, as "shop.bsky.social"'
            )
        return self


class Bluesky:
    """Searches Bluesky, or reads its stream, for a query's terms."""

    name: ClassVar[str] = posts.SOURCE
    Options: ClassVar[type[BaseModel]] = BlueskyOptions

    def __init__(self, *, clock: wall.Clock = wall.now, meter: SpendMeter | None = None) -> None:
        self._clock = clock
        self._meter = meter or UnlimitedMeter()

    def poll(self, query: Query, position: str | None) -> Iterator[Batch]:
        """What was written since ``position``; the first time since ``since`` ago.

        The search makes at most ``max_requests`` requests; the stream is read for at most
        ``seconds`` and begins, the first time, now. Transient: Bluesky is away, or answers what
        cannot be read. Permanent: the login is missing or refused.
        """
        options = read(BlueskyOptions, query)
        with self._session(options) as session:
            if options.mode == "jetstream":
                people = XrpcClient(options.api, session)
                yield from JetstreamPoll(
                    options.jetstream,
                    query=query,
                    clock=self._clock,
                    meter=self._meter,
                    timeout=options.timeout,
                    seconds=options.seconds,
                    profiles=people.profiles,
                ).batches(position)
            else:
                account = self._account(query, options, session)
                yield from _Poll(query, options, account, self._clock()).batches(position)

    def recheck(self, query: Query, mentions: Sequence[Mention]) -> Batch:
        """Which of these posts the network shows to nobody any more. Asked without a login: an
        account that blocks ours has not deleted its posts. Raises Transient and Permanent, and
        Doubtful when it shows none of many."""
        options = read(BlueskyOptions, query)
        wanted = {one.external_id: one for one in mentions if one.external_id.startswith("at://")}
        with self._session(options) as session:
            found = XrpcClient(options.api, session).posts(list(wanted))
        shown = {string(one, "uri"): one for one in found}
        gone = [Gone(source=posts.SOURCE, external_id=uri) for uri in wanted if uri not in shown]
        again: list[Mention] = []
        for uri, one in wanted.items():
            try:
                made = posts.to_mention(shown.get(uri), fetched_at=self._clock(), direct=one.direct)
            except BadItem:
                continue  # it is gone, or there and unreadable: that says nothing of what we have
            if changed(one, made):
                again.append(made)
        batch = Batch(mentions=tuple(again), gone=tuple(gone), position=None)
        return trusted(batch, options.api, asked=len(wanted), shown=len(found))

    def _session(self, options: BlueskyOptions) -> GuardedSession:
        return GuardedSession(
            clock=self._clock, meter=self._meter, limits=options.limits, hints=HINTS
        )

    def _account(
        self, query: Query, options: BlueskyOptions, session: GuardedSession
    ) -> AccountClient:
        password = account_secret(query, _PASSWORD, hint=_HINT)
        handle = options.handle.strip().lstrip("@")
        return AccountClient(
            XrpcClient(options.service, session), options.service, handle, password
        )


class _Position(Position):
    """The positions of both walks, and the walk that comes first."""

    mentions: str | None = None
    search: str | None = None
    turn: str = ""


class _Poll:
    """One look at the search and at what is addressed to us; each is a walk with a position of
    its own inside ours."""

    def __init__(
        self, query: Query, options: BlueskyOptions, account: AccountClient, now: datetime
    ) -> None:
        self._options = options
        self._account = account
        self._now = now
        terms = search_terms(query.any_of) if "search" in options.kinds else []
        self._terms = {f'"{term}"': term for term in terms}  # by the part that is told
        if "search" in options.kinds and not self._terms:
            raise Permanent(
                f"{query.id}: any_of is empty", hint="Name at least one term to search for."
            )

    def batches(self, position: str | None) -> Iterator[Batch]:
        reached = _Position.load(position)
        walks = []
        if "mentions" in self._options.kinds:
            walks.append(("mentions", ["mentions"], self._addressed, False))
        if self._terms:
            walks.append(("search", list(self._terms), self._found, True))
        most = max(self._options.max_requests // len(walks), 1)
        if reached.turn == walks[-1][0]:
            walks.reverse()
        more = False
        for name, parts, ask, timed in walks:
            # should an error end it, the next poll begins with the other
            reached.turn = walks[-1][0]
            rules = Rules(
                first=self._options.since,
                overlap=self._options.overlap,
                most=most,
                addressed=timed,
            )
            last = False
            at = getattr(reached, name)
            for batch in walk(at, parts=parts, ask=ask, rules=rules, now=self._now):
                setattr(reached, name, batch.position)
                last = batch.more
                yield replace(batch, position=reached.dump(), more=True)
            more = more or last
        yield Batch(mentions=(), position=reached.dump(), more=more)

    def _found(self, step: Step) -> Page:
        """A page of the search for one term."""
        term = self._terms[step.part]
        params: dict[str, str | int | Sequence[str]] = {
            "q": f'"{term}"' if " " in term else term,
            "sort": "latest",
            "since": _iso(step.since),
            "limit": _PAGE,
        }
        if step.until is not None:
            params["until"] = _iso(step.until)
        answer = self._ask("app.bsky.feed.searchPosts", params, step)
        views = list_field(answer, "posts")
        return self._page(step, views, answer, posts.sort_instant, direct=False)

    def _addressed(self, step: Step) -> Page:
        """A page of the notifications: posts that name us, answer us or quote us."""
        params: dict[str, str | int | Sequence[str]] = {"reasons": _ADDRESSED, "limit": _PAGE}
        answer = self._ask("app.bsky.notification.listNotifications", params, step)
        views = [one for one in list_field(answer, "notifications") if _wanted(one)]
        return self._page(step, views, answer, posts.indexed_at, direct=True)

    def _ask(
        self, name: str, params: dict[str, str | int | Sequence[str]], step: Step
    ) -> Mapping[str, Any]:
        if step.cursor is None:
            return self._account.get(name, params)
        try:
            return self._account.get(name, params | {"cursor": step.cursor})
        except Refused as error:
            if error.status != 400:
                raise
            raise StaleCursor(str(error)) from error

    def _page(
        self,
        step: Step,
        views: Sequence[object],
        answer: Mapping[str, Any],
        when: Callable[[object], datetime | None],
        *,
        direct: bool,
    ) -> Page:
        mentions: list[Mention] = []
        bad: list[Rejected] = []
        for view in views:
            try:
                made = posts.to_mention(view, fetched_at=self._now, direct=direct)
            except BadItem as error:
                bad.append(rejected(f"{step.part}: a post", error, view))
                continue
            mentions.append(made)
        at = [found for one in views if (found := when(one)) is not None]
        cursor = answer.get("cursor")
        return Page(
            mentions=tuple(mentions),
            rejected=tuple(bad),
            oldest=min(at, default=None),
            newest=max(at, default=None),
            # the last page carries a cursor too: only an empty one is the end
            cursor=cursor if isinstance(cursor, str) and cursor and views else None,
        )


def _wanted(notification: object) -> bool:
    """A server that does not know the parameter reasons sends likes and follows too."""
    reason = notification.get("reason") if isinstance(notification, Mapping) else None
    return reason is None or reason in _ADDRESSED


def _iso(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")
