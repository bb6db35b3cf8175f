"""The source "mastodon": hashtags, full-text search and mentions of our account, on any number of
servers that speak the Mastodon API.

Platform rules: https://docs.joinmastodon.org/methods/timelines/#tag, .../methods/search/,
.../methods/notifications/, .../api/rate-limits/ (300 requests in 5 minutes). How timelines are read
without loss stands in mastodon_timeline.py; the search answers newest first and is walked by
listeners/backfill/walk.py.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, Field, field_validator, model_validator

from earful import clock as wall
from earful.contracts import BadItem, EdgeError, Permanent, SpendMeter, Spent, Transient, gap_reason
from earful.enums import GapKind
from earful.limits import UnlimitedMeter
from earful.settings.load import Duration
from earful.types import Batch, Gap, Gone, Mention, Query, Rejected
from listeners.backfill.walk import Page, Rules, Step, walk
from listeners.common import times
from listeners.common.cooldown import is_waiting, wait_until
from listeners.common.options import WebOptions, account_secret, read
from listeners.common.rejects import rejected
from listeners.common.search_terms import hashtags, search_terms
from listeners.http.errors import worst
from listeners.http.session import GuardedSession
from listeners.mastodon import posts
from listeners.mastodon.checkpoints import Checkpoints, MastodonPosition
from listeners.mastodon.client import HINTS, MastodonClient, TimelinePage, check_address
from listeners.mastodon.recheck import recheck
from listeners.mastodon.timeline import FetchPage, RequestBudget, Timeline

_SHIFT = 4  # posts that are asked for twice: the pages move when one is deleted meanwhile
_TOKEN = "ACCESS_TOKEN"  # noqa: S105  (the name of the variable)
_HINT = "make an access token on your server (Preferences, Development, New application)"


class MastodonOptions(WebOptions):
    """``options`` of a [[listen]] block with source = "mastodon"; see docs/sources/mastodon.md."""

    instances: Annotated[tuple[str, ...], Field(min_length=1)]
    kinds: Annotated[tuple[Literal["hashtag", "search", "mentions"], ...], Field(min_length=1)] = (
        "hashtag",
    )
    since: Duration = timedelta(days=7)
    overlap: Duration = timedelta(hours=1)
    max_requests: Annotated[int, Field(ge=1, le=250)] = 60

    @field_validator("instances")
    @classmethod
    def _addresses(cls, instances: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(check_address(one).rstrip("/") for one in instances))

    @model_validator(mode="after")
    def _one_token(self) -> MastodonOptions:
        if self.wants_token and len(self.instances) > 1:
            raise ValueError(
                "instances: search and mentions need an access token, which belongs to one server; "
                "give each server a [[listen]] block with an account of its own"
            )
        return self

    @property
    def wants_token(self) -> bool:
        """True when what is asked for is shown to members only."""
        return self.kinds != ("hashtag",)


class Mastodon:
    """Reads servers of the Mastodon API for a query's terms."""

    name: ClassVar[str] = posts.SOURCE
    Options: ClassVar[type[BaseModel]] = MastodonOptions

    def __init__(self, *, clock: wall.Clock = wall.now, meter: SpendMeter | None = None) -> None:
        self._clock = clock
        self._meter = meter or UnlimitedMeter()

    def poll(self, query: Query, position: str | None) -> Iterator[Batch]:
        """What the servers got since ``position``; the first time since ``since`` ago.

        Makes at most ``max_requests`` requests. What fails of several servers or kinds is told of
        as Rejected and as a Gap, and the others go on; when all fail the error is raised:
        Transient, Spent, or Permanent when a token is missing or a server refuses.
        """
        options = read(MastodonOptions, query)
        with self._session(options) as session:
            servers = self._servers(query, options, session)
            yield from _Poll(query, options, servers, self._clock()).batches(position)

    def recheck(self, query: Query, mentions: Sequence[Mention]) -> Batch:
        """Which of these were changed or deleted, as far as they were written on one of the
        query's servers: of others no server says under which id it knows them."""
        options = read(MastodonOptions, query)
        changed: list[Mention] = []
        gone: list[Gone] = []
        with self._session(options) as session:
            for server in self._servers(query, options, session).values():
                recheck(server, mentions, changed, gone, self._clock())
        return Batch(mentions=tuple(changed), gone=tuple(gone), position=None)

    def _session(self, options: MastodonOptions) -> GuardedSession:
        return GuardedSession(
            clock=self._clock, meter=self._meter, limits=options.limits, hints=HINTS
        )

    def _servers(
        self, query: Query, options: MastodonOptions, session: GuardedSession
    ) -> dict[str, MastodonClient]:
        # a token goes to its own server only: blocks without an account read as strangers
        personal = options.wants_token or (query.account and len(options.instances) == 1)
        token = account_secret(query, _TOKEN, hint=_HINT) if personal else None
        found = [
            MastodonClient(url, session=session, token=token, timeout=options.timeout)
            for url in options.instances
        ]
        return {server.host: server for server in found}


Walk = Callable[[int], Iterator[Batch]]


class _Poll:
    """One look at every part: a hashtag, the mentions, or the search of a server."""

    def __init__(
        self,
        query: Query,
        options: MastodonOptions,
        servers: dict[str, MastodonClient],
        now: datetime,
    ) -> None:
        self._options = options
        self._servers = servers
        self._now = now
        self._position = MastodonPosition()
        self._left = options.max_requests
        self._more = False
        self._tags = hashtags(query.any_of) if "hashtag" in options.kinds else []
        self._terms = search_terms(query.any_of) if "search" in options.kinds else []
        self._timelines: dict[str, Timeline] = {}
        self._away: dict[str, Transient] = {}  # servers
        self._shown: dict[str, set[str]] = {}  # what the last page of a search held
        if not self._tags and not self._terms and "mentions" not in options.kinds:
            raise Permanent(
                f"{query.id}: any_of has no term that can be a hashtag", hint="Name such a term."
            )

    def batches(self, position: str | None) -> Iterator[Batch]:
        self._position = MastodonPosition.load(position)
        walks = self._walks()
        failed: dict[str, EdgeError] = {}
        asked = 0
        for number, (part, one) in enumerate(walks):
            if self._left <= 0:
                yield self._cut(walks[number:])
                break
            asked += 1
            error = yield from self._share(part, one, len(walks) - number)
            if isinstance(error, Spent):
                yield self._failure(walks[number:], error)
                raise error
            if error is not None:
                failed[part] = error
                yield self._failure([(part, one)], error)
        if failed and len(failed) == asked:
            raise worst(list(failed.values()))
        yield self._last(failed)

    def _walks(self) -> list[tuple[str, Walk]]:
        """What is to be asked now, beginning where the last poll's requests ran out."""
        found: list[tuple[str, Walk]] = []
        for server in self._servers.values():
            for tag in self._tags:
                found.append(self._hashtag(server, tag))
            if "mentions" in self._options.kinds:
                found.append(self._mentions(server))
            if self._terms:
                found.append((f"{server.host} search", partial(self._search, server)))
        names = [part for part, _ in found]
        turn = names.index(self._position.next_part) if self._position.next_part in names else 0
        now = times.to_epoch(self._now)
        self._position.next_part = ""
        return [
            one
            for one in found[turn:] + found[:turn]
            if not is_waiting(self._position.cooldowns.get(one[0], 0), now)
        ]

    def _share(
        self, part: str, one: Walk, waiting: int
    ) -> Generator[Batch, None, EdgeError | None]:
        """Walk a part with its share of the requests that are left, and give what went wrong. Of a
        server that is away, nothing else is asked in this poll."""
        server = part.partition(" ")[0]
        if server in self._away:
            return self._away[server]
        more = False
        try:
            for batch in one(max(self._left // waiting, 1)):
                more = batch.more
                yield replace(batch, position=self._position.dump(), more=True)
        except EdgeError as error:
            if isinstance(error, Transient):
                self._away[server] = error
            return error
        self._more = self._more or more
        return None

    def _hashtag(self, server: MastodonClient, tag: str) -> tuple[str, Walk]:
        def ask(*, min_id: str | None = None, max_id: str | None = None) -> TimelinePage:
            self._left -= 1
            return server.hashtag(tag, min_id=min_id, max_id=max_id)

        def make(item: object) -> Mention | None:
            return posts.to_mention(item, host=server.host, fetched_at=self._now, direct=False)

        return self._timeline(f"{server.host} #{tag}", ask, make)

    def _mentions(self, server: MastodonClient) -> tuple[str, Walk]:
        def ask(*, min_id: str | None = None, max_id: str | None = None) -> TimelinePage:
            self._left -= 1
            return server.mentions(min_id=min_id, max_id=max_id)

        def make(item: object) -> Mention | None:
            if not isinstance(item, Mapping):
                raise BadItem("it is not an object")
            if item.get("type", "mention") != "mention":
                return None  # of a like or a poll it shows the post that we wrote
            status = item.get("status")
            return posts.to_mention(status, host=server.host, fetched_at=self._now, direct=True)

        return self._timeline(f"{server.host} mentions", ask, make)

    def _timeline(
        self, part: str, ask: FetchPage, make: Callable[[Any], Mention | None]
    ) -> tuple[str, Walk]:
        now = times.to_epoch(self._now)
        timeline = Timeline(
            part=part,
            fetch=ask,
            parse=make,
            since=now - int(self._options.since.total_seconds()),
            overlap=int(self._options.overlap.total_seconds()),
            now=now,
        )
        checkpoints = self._position.timelines.setdefault(part, Checkpoints())
        self._timelines[part] = timeline
        return part, lambda most: timeline.read(checkpoints, RequestBudget(most))

    def _search(self, server: MastodonClient, most: int) -> Iterator[Batch]:
        """The search's own walk keeps its own position inside ours."""
        rules = Rules(first=self._options.since, overlap=self._options.overlap, most=most)
        parts = {f'{server.host} "{term}"': term for term in self._terms}
        kept = self._position.searches.get(server.host)

        def ask(step: Step) -> Page:
            self._left -= 1
            return self._found(server, parts[step.part], step)

        for batch in walk(kept, parts=list(parts), ask=ask, rules=rules, now=self._now):
            self._position.searches[server.host] = batch.position or ""
            yield batch

    def _found(self, server: MastodonClient, term: str, step: Step) -> Page:
        skip = int(step.cursor or 0)
        answer = server.search(term, after=step.since, before=step.until, skip=skip)
        mentions: list[Mention] = []
        bad: list[Rejected] = []
        for item in answer.items:
            try:
                made = posts.to_mention(item, host=server.host, fetched_at=self._now, direct=False)
            except BadItem as error:
                bad.append(rejected(f"{step.part}: a post", error, item))
                continue
            if made is not None:
                mentions.append(made)
        at = posts.creation_times(answer.items)
        again = self._again(step, answer)
        full = len(answer.items) > _SHIFT
        return Page(
            mentions=tuple(mentions),
            rejected=tuple(bad),
            oldest=min(at, default=None),
            newest=max(at, default=None),
            cursor=str(skip + len(answer.items) - _SHIFT) if full and not again else None,
            ceiling="the server shows one page of a search" if full and again else "",
        )

    def _again(self, step: Step, answer: TimelinePage) -> bool:
        """True when all of this page was on the one before: the server does not turn pages."""
        shown = {posts.text_field(one, "uri") for one in answer.items if isinstance(one, Mapping)}
        before = self._shown.get(step.part, set()) if step.cursor else set()
        self._shown[step.part] = shown
        return bool(before) and shown <= before

    def _failure(self, walks: Sequence[tuple[str, Walk]], error: EdgeError) -> Batch:
        kind = error.kind if isinstance(error, Spent) else GapKind.OUTAGE
        return self._open(walks, gap_reason(error), kind)

    def _cut(self, walks: Sequence[tuple[str, Walk]]) -> Batch:
        """No request is left for these: the next poll begins with them."""
        self._position.next_part, self._more = walks[0][0], True
        why = f"one poll makes {self._options.max_requests} requests at most"
        return self._open(walks, why, GapKind.LIMIT)

    def _open(self, walks: Sequence[tuple[str, Walk]], why: str, kind: GapKind) -> Batch:
        gaps = [gap for part, _ in walks for gap in self._missing(part, why, kind)]
        return Batch(mentions=(), position=self._position.dump(), gaps=tuple(gaps), more=True)

    def _missing(self, part: str, reason: str, kind: GapKind) -> tuple[Gap, ...]:
        timeline = self._timelines.get(part)  # the search's walk tells its gaps itself
        if timeline is None:
            return ()
        return timeline.open_gaps(self._position.timelines[part], reason, kind)

    def _last(self, failed: Mapping[str, EdgeError]) -> Batch:
        """What failed beside what worked is told, and left in peace for a while."""
        for part, error in failed.items():
            self._position.cooldowns[part] = wait_until(error, times.to_epoch(self._now))
        told = [Rejected(where=part, reason=str(error)) for part, error in failed.items()]
        return Batch(
            mentions=(),
            position=self._position.dump(),
            rejected=tuple(told),
            more=self._more,
        )
