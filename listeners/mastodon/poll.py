"""Poll every part of a Mastodon query: hashtags, mentions and the search of each server.

A part is one hashtag, the mentions, or the search of one server. timeline.py reads hashtags and
mentions forwards. The search answers newest first, and is read by listeners/backfill.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from earful.contracts import BadItem, EdgeError, Permanent, Spent, Transient, gap_reason
from earful.enums import GapKind
from earful.types import Batch, Gap, Mention, Query, Rejected
from listeners.backfill.page_request import BackfillPage, BackfillRules, PageRequest
from listeners.backfill.walk import backfill
from listeners.common import times
from listeners.common.cooldown import cooldown_until, is_cooling_down
from listeners.common.rejects import read_items
from listeners.common.search_terms import hashtags, search_terms
from listeners.http.errors import combine_errors
from listeners.mastodon import posts
from listeners.mastodon.checkpoints import Checkpoints, MastodonPosition
from listeners.mastodon.client import MastodonClient, TimelinePage
from listeners.mastodon.options import MastodonOptions
from listeners.mastodon.timeline import FetchPage, RequestBudget, Timeline

# Search results requested twice: the pages shift when a post is deleted meanwhile.
_PAGE_OVERLAP = 4


@dataclass(frozen=True, slots=True)
class _Part:
    """One part of a poll; ``read`` takes a number of requests, and yields batches."""

    name: str
    host: str
    read: Callable[[int], Iterator[Batch]]


class MastodonPoll:
    """One poll of all parts.

    1. List the parts, beginning with the one at which the last poll ran out of requests. Parts
       that failed lately are left out until their cooldown is over.
    2. Read each part with an equal share of the requests that are left.
    3. A part that fails reports a gap, and the others go on. After a Transient error, no other part
       of the same server is read. A Spent error ends the poll.
    4. Parts for which no request is left report a gap, and come first in the next poll.
    5. When all parts fail, raise. Otherwise report the failed parts as Rejected, and let them rest.
    """

    def __init__(
        self,
        query: Query,
        options: MastodonOptions,
        clients: Sequence[MastodonClient],
        now: datetime,
    ) -> None:
        self._options = options
        self._clients = clients
        self._now = now
        self._position = MastodonPosition()
        self._requests_left = options.max_requests
        self._has_more = False
        self._tags = hashtags(query.any_of) if "hashtag" in options.kinds else []
        self._terms = search_terms(query.any_of) if "search" in options.kinds else []
        self._timelines: dict[str, Timeline] = {}
        self._unreachable: dict[str, Transient] = {}  # by host
        self._last_page: dict[str, set[str]] = {}  # uris, by part of a search
        if not self._tags and not self._terms and "mentions" not in options.kinds:
            raise Permanent(
                f"{query.id}: any_of has no term that can be a hashtag", hint="Name such a term."
            )

    def batches(self, position: str | None) -> Iterator[Batch]:
        """Yield the batches of all parts. Raises the three errors."""
        self._position = MastodonPosition.load(position)
        parts = self._due_parts()
        errors: dict[str, EdgeError] = {}
        polled = 0
        for index, part in enumerate(parts):
            if self._requests_left <= 0:
                yield self._postpone(parts[index:])
                break
            polled += 1
            error = yield from self._read_part(part, share=len(parts) - index)
            if isinstance(error, Spent):
                yield self._failure(parts[index:], error)
                raise error
            if error is not None:
                errors[part.name] = error
                yield self._failure([part], error)
        if errors and len(errors) == polled:
            raise combine_errors(list(errors.values()))
        yield self._final_batch(errors)

    def _due_parts(self) -> list[_Part]:
        parts: list[_Part] = []
        for client in self._clients:
            parts += [self._hashtag_part(client, tag) for tag in self._tags]
            if "mentions" in self._options.kinds:
                parts.append(self._mentions_part(client))
            if self._terms:
                name = f"{client.host} search"
                parts.append(_Part(name, client.host, partial(self._read_search, client)))
        names = [part.name for part in parts]
        next_part = self._position.next_part
        first = names.index(next_part) if next_part in names else 0
        self._position.next_part = ""
        now, position = times.to_epoch(self._now), self._position

        def is_waiting(name: str) -> bool:
            until, failed_at = position.cooldowns.get(name, 0), position.failed_at.get(name, 0)
            return is_cooling_down(until, now, failed_at)

        return [part for part in parts[first:] + parts[:first] if not is_waiting(part.name)]

    def _read_part(self, part: _Part, *, share: int) -> Generator[Batch, None, EdgeError | None]:
        """Yield a part's batches, read with 1/``share`` of the requests; return its error."""
        if part.host in self._unreachable:
            return self._unreachable[part.host]
        has_more = False
        try:
            for batch in part.read(max(self._requests_left // share, 1)):
                has_more = batch.more
                yield replace(batch, position=self._position.dump(), more=True)
        except EdgeError as error:
            # A refusal may concern this part only; a failure concerns the server.
            if isinstance(error, Transient):
                self._unreachable[part.host] = error
            return error
        self._has_more = self._has_more or has_more
        return None

    def _hashtag_part(self, client: MastodonClient, tag: str) -> _Part:
        def fetch(*, min_id: str | None = None, max_id: str | None = None) -> TimelinePage:
            self._requests_left -= 1
            return client.hashtag(tag, min_id=min_id, max_id=max_id)

        def parse(status: object) -> Mention | None:
            return posts.to_mention(status, host=client.host, fetched_at=self._now, direct=False)

        return self._timeline_part(client.host, f"#{tag}", fetch, parse)

    def _mentions_part(self, client: MastodonClient) -> _Part:
        def fetch(*, min_id: str | None = None, max_id: str | None = None) -> TimelinePage:
            self._requests_left -= 1
            return client.mentions(min_id=min_id, max_id=max_id)

        def parse(notification: object) -> Mention | None:
            if not isinstance(notification, Mapping):
                raise BadItem("it is not an object")
            if notification.get("type", "mention") != "mention":
                # A like or a poll holds our own post.
                return None
            status = notification.get("status")
            return posts.to_mention(status, host=client.host, fetched_at=self._now, direct=True)

        return self._timeline_part(client.host, "mentions", fetch, parse)

    def _timeline_part(
        self, host: str, label: str, fetch: FetchPage, parse: Callable[[Any], Mention | None]
    ) -> _Part:
        name = f"{host} {label}"
        now = times.to_epoch(self._now)
        timeline = Timeline(
            part=name,
            fetch=fetch,
            parse=parse,
            since=now - int(self._options.since.total_seconds()),
            overlap=int(self._options.overlap.total_seconds()),
            now=now,
        )
        checkpoints = self._position.timelines.setdefault(name, Checkpoints())
        self._timelines[name] = timeline
        return _Part(name, host, lambda limit: timeline.read(checkpoints, RequestBudget(limit)))

    def _read_search(self, client: MastodonClient, limit: int) -> Iterator[Batch]:
        """Read a server's search; its backfill has a position of its own inside ours."""
        rules = BackfillRules(
            first_lookback=self._options.since, overlap=self._options.overlap, max_requests=limit
        )
        terms = {f'{client.host} "{term}"': term for term in self._terms}
        position = self._position.searches.get(client.host)

        def fetch(step: PageRequest) -> BackfillPage:
            self._requests_left -= 1
            return self._search_page(client, terms[step.part], step)

        for batch in backfill(position, parts=list(terms), fetch=fetch, rules=rules, now=self._now):
            self._position.searches[client.host] = batch.position or ""
            yield batch

    def _search_page(self, client: MastodonClient, term: str, step: PageRequest) -> BackfillPage:
        skip = int(step.cursor or 0)
        page = client.search(term, after=step.since, before=step.until, skip=skip)
        mentions, rejected = read_items(
            page.items,
            lambda status: posts.to_mention(
                status, host=client.host, fetched_at=self._now, direct=False
            ),
            where=lambda _: f"{step.part}: a post",
        )
        instants = posts.creation_times(page.items)
        is_repeated = self._is_repeated(step, page)
        is_full = len(page.items) > _PAGE_OVERLAP
        next_skip = skip + len(page.items) - _PAGE_OVERLAP
        return BackfillPage(
            mentions=mentions,
            rejected=rejected,
            oldest=min(instants, default=None),
            newest=max(instants, default=None),
            cursor=str(next_skip) if is_full and not is_repeated else None,
            ceiling="the server shows one page of a search" if is_full and is_repeated else "",
        )

    def _is_repeated(self, step: PageRequest, page: TimelinePage) -> bool:
        """Return whether this page repeats the last one: the server has no more pages."""
        statuses = [status for status in page.items if isinstance(status, Mapping)]
        uris = {posts.text_field(status, "uri") for status in statuses}
        last_page = self._last_page.get(step.part, set()) if step.cursor else set()
        self._last_page[step.part] = uris
        return bool(last_page) and uris <= last_page

    def _failure(self, parts: Sequence[_Part], error: EdgeError) -> Batch:
        kind = error.kind if isinstance(error, Spent) else GapKind.OUTAGE
        return self._gap_batch(parts, gap_reason(error), kind)

    def _postpone(self, parts: Sequence[_Part]) -> Batch:
        """Report the parts for which no request is left; the next poll begins with them."""
        self._position.next_part, self._has_more = parts[0].name, True
        reason = f"one poll makes {self._options.max_requests} requests at most"
        return self._gap_batch(parts, reason, GapKind.LIMIT)

    def _gap_batch(self, parts: Sequence[_Part], reason: str, kind: GapKind) -> Batch:
        gaps = [gap for part in parts for gap in self._open_gaps(part.name, reason, kind)]
        return Batch(mentions=(), position=self._position.dump(), gaps=tuple(gaps), more=True)

    def _open_gaps(self, name: str, reason: str, kind: GapKind) -> tuple[Gap, ...]:
        # The search has no timeline: its backfill reports its own gaps.
        timeline = self._timelines.get(name)
        if timeline is None:
            return ()
        return timeline.open_gaps(self._position.timelines[name], reason, kind)

    def _final_batch(self, errors: Mapping[str, EdgeError]) -> Batch:
        now = times.to_epoch(self._now)
        for name, error in errors.items():
            self._position.cooldowns[name] = cooldown_until(error, now)
            self._position.failed_at[name] = now
        rejects = [Rejected(where=name, reason=str(error)) for name, error in errors.items()]
        return Batch(
            mentions=(),
            position=self._position.dump(),
            rejected=tuple(rejects),
            more=self._has_more,
        )
