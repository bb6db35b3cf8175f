"""Poll Bluesky's search and an account's notifications, both newest first.

Rules, from the lexicons app.bsky.feed.searchPosts and app.bsky.notification.listNotifications: up
to 100 posts a page, and a cursor comes with the last page too. Without a login the search has one
page only. The search is bounded by `since` (inclusive) and `until` (exclusive), which hold for
createdAt, or for when the network received the post, if that was earlier.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from pydantic import ConfigDict, Field

from earful.contracts import BadItem, Permanent
from earful.types import Batch, Mention, Query, Rejected
from listeners.backfill.page_request import BackfillPage, BackfillRules, PageRequest, StaleCursor
from listeners.backfill.walk import backfill
from listeners.bluesky import posts
from listeners.bluesky.client import AccountClient, list_field
from listeners.bluesky.options import BlueskyOptions
from listeners.common.position import Position
from listeners.common.rejects import reject
from listeners.common.search_terms import search_terms
from listeners.http.errors import HttpRefusal

_PAGE_SIZE = 100
_MENTION_REASONS = ["mention", "reply", "quote"]


class _Position(Position):
    """The backfill positions of mentions and search, and the one that is read first."""

    # The alias is the key of positions that are stored already: it must stay.
    model_config = ConfigDict(populate_by_name=True)

    mentions: str | None = None
    search: str | None = None
    next_kind: str = Field(default="", alias="turn")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """One backfill of a poll: the search, or the account's notifications.

    ``has_bounds``: the platform can be asked for a time window that ends before now.
    """

    kind: Literal["mentions", "search"]
    parts: list[str]
    fetch: Callable[[PageRequest], BackfillPage]
    has_bounds: bool


class BlueskyPoll:
    """One poll of the search and of the account's notifications.

    1. Both share the requests equally.
    2. Each is a backfill with a position of its own inside ours.
    3. When an error ends the poll, the next one begins with the other.
    """

    def __init__(
        self, query: Query, options: BlueskyOptions, account: AccountClient, now: datetime
    ) -> None:
        self._options = options
        self._account = account
        self._now = now
        terms = search_terms(query.any_of) if "search" in options.kinds else []
        self._terms = {f'"{term}"': term for term in terms}  # by the name of the part
        if "search" in options.kinds and not self._terms:
            raise Permanent(
                f"{query.id}: any_of is empty", hint="Name at least one term to search for."
            )

    def batches(self, position: str | None) -> Iterator[Batch]:
        stored = _Position.load(position)
        sources = self._sources()
        limit = max(self._options.max_requests // len(sources), 1)
        if stored.next_kind == sources[-1].kind:
            sources.reverse()
        has_more = False
        for source in sources:
            stored.next_kind = sources[-1].kind
            rules = BackfillRules(
                first_lookback=self._options.since,
                overlap=self._options.overlap,
                max_requests=limit,
                can_seek=source.has_bounds,
            )
            source_has_more = False
            stored_position = getattr(stored, source.kind)
            for batch in backfill(
                stored_position, parts=source.parts, fetch=source.fetch, rules=rules, now=self._now
            ):
                setattr(stored, source.kind, batch.position)
                source_has_more = batch.more
                yield replace(batch, position=stored.dump(), more=True)
            has_more = has_more or source_has_more
        yield Batch(mentions=(), position=stored.dump(), more=has_more)

    def _sources(self) -> list[_Source]:
        sources = []
        if "mentions" in self._options.kinds:
            sources.append(
                _Source(
                    kind="mentions",
                    parts=["mentions"],
                    fetch=self._notifications_page,
                    has_bounds=False,
                )
            )
        if self._terms:
            sources.append(
                _Source(
                    kind="search",
                    parts=list(self._terms),
                    fetch=self._search_page,
                    has_bounds=True,
                )
            )
        return sources

    def _search_page(self, step: PageRequest) -> BackfillPage:
        """Fetch a page of the search for one term."""
        term = self._terms[step.part]
        params: dict[str, str | int | Sequence[str]] = {
            "q": f'"{term}"' if " " in term else term,
            "sort": "latest",
            "since": _iso(step.since),
            "limit": _PAGE_SIZE,
        }
        if step.until is not None:
            params["until"] = _iso(step.until)
        response = self._get("app.bsky.feed.searchPosts", params, step)
        views = list_field(response, "posts")
        return self._page(step, views, response, posts.sort_instant, direct=False)

    def _notifications_page(self, step: PageRequest) -> BackfillPage:
        """Fetch a page of the notifications: posts that mention, answer or quote us."""
        params: dict[str, str | int | Sequence[str]] = {
            "reasons": _MENTION_REASONS,
            "limit": _PAGE_SIZE,
        }
        response = self._get("app.bsky.notification.listNotifications", params, step)
        notifications = list_field(response, "notifications")
        return self._page(step, notifications, response, posts.indexed_at, direct=True)

    def _get(
        self, name: str, params: dict[str, str | int | Sequence[str]], step: PageRequest
    ) -> Mapping[str, Any]:
        if step.cursor is None:
            return self._account.get(name, params)
        try:
            return self._account.get(name, params | {"cursor": step.cursor})
        except HttpRefusal as error:
            if error.status != 400:
                raise
            raise StaleCursor(str(error)) from error

    def _page(
        self,
        step: PageRequest,
        views: Sequence[object],
        response: Mapping[str, Any],
        sort_key: Callable[[object], datetime | None],
        *,
        direct: bool,
    ) -> BackfillPage:
        """Parse a page of posts or, with ``direct``, of notifications of every kind."""
        mentions: list[Mention] = []
        rejects: list[Rejected] = []
        for view in views:
            if direct and not _is_mention(view):
                continue
            try:
                mention = posts.to_mention(view, fetched_at=self._now, direct=direct)
            except BadItem as error:
                rejects.append(reject(f"{step.part}: a post", error, view))
                continue
            mentions.append(mention)
        # Likes count here: a page of them alone is neither the last one nor without a time
        # (test_a_page_of_likes_does_not_end_the_notifications).
        instants = [instant for view in views if (instant := sort_key(view)) is not None]
        cursor = response.get("cursor")
        return BackfillPage(
            mentions=tuple(mentions),
            rejected=tuple(rejects),
            oldest=min(instants, default=None),
            newest=max(instants, default=None),
            # The last page has a cursor too: only an empty page is the end.
            cursor=cursor if isinstance(cursor, str) and cursor and views else None,
        )


def _is_mention(notification: object) -> bool:
    """Return whether a notification mentions, answers or quotes us."""
    # A server that does not know the parameter reasons sends likes and follows too.
    reason = notification.get("reason") if isinstance(notification, Mapping) else None
    return reason is None or reason in _MENTION_REASONS


def _iso(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")
