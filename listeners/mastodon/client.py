"""Ask one server that speaks the Mastodon API, through Mastodon.py, one request at a time.

By itself the library waits for rate limits, first asks for the server's version and settings, and
passes on answers that it could not read. Here a call makes one request, and it returns a list or
raises one of the three errors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from mastodon import Mastodon
from mastodon.errors import MastodonError

from earful.contracts import TRIED_AGAIN, Transient
from earful.loopback import is_loopback
from listeners.http.errors import find_edge_error, user_agent
from listeners.http.session import HttpSession

# https://docs.joinmastodon.org/methods/timelines/: "max 40 statuses"
MAX_PAGE = 40
# Of one request for several statuses (StatusesController, Mastodon 4.3).
_MAX_IDS = 20
# The library is told the version, so that it does not ask the server for it.
_API_VERSION = "4.3.0"
_MAKE_TOKEN = "Make an access token (Preferences, Development, New application)"  # noqa: S105
HINTS = {
    401: ("the server wants an access token, or revoked this one", f"{_MAKE_TOKEN}."),
    403: (
        "the server refuses, perhaps for want of a scope",
        f"{_MAKE_TOKEN} with the scopes read:statuses, read:search and read:notifications.",
    ),
    404: ("the server has no such address", "Check that it speaks the Mastodon API."),
    422: ("the server does not accept the request", f"{_MAKE_TOKEN} if it has none."),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelinePage:
    """A page of statuses or notifications, newest first.

    ``newer`` and ``older`` are the ``min_id`` and ``max_id`` of the neighbouring pages, as the Link
    header gives them.
    """

    items: Sequence[Any]
    newer: str | None = None
    older: str | None = None


class _Library(Mastodon):
    def timeline_is_available(self, *_: Any, **__: Any) -> bool:
        """Always say yes: the library's check costs a request, and a refusal says the same."""
        return True


class MastodonClient:
    """Read one server, with a token or without."""

    def __init__(
        self, url: str, *, session: HttpSession, token: str | None, timeout: float
    ) -> None:
        self.host = host_of(url)
        self._session = session
        self._library = _Library(
            api_base_url=url.rstrip("/"),
            access_token=token,
            session=session,
            ratelimit_method="throw",
            request_timeout=timeout,
            mastodon_version=_API_VERSION,
            version_check_mode="created",
            user_agent=user_agent(),
        )

    def hashtag(self, tag: str, **bounds: str | None) -> TimelinePage:
        """Return public posts with a hashtag (without its #); ``bounds`` are min_id or max_id."""
        return self._page(lambda: self._library.timeline_hashtag(tag, limit=MAX_PAGE, **bounds))

    def mentions(self, **bounds: str | None) -> TimelinePage:
        """Return notifications of posts that name the token's account, and of polls.

        Filtered notifications come too: by default those are private posts of strangers
        (Api::V1::NotificationsController, since Mastodon 4.3). A server that is asked for mentions
        alone may show only the newest of a thread. So we ask for polls too, which are rare.
        """
        # Mastodon.py has no argument for include_filtered.
        self._session.params = {"include_filtered": "true"}
        try:
            return self._page(
                lambda: self._library.notifications(
                    types=["mention", "poll"], limit=MAX_PAGE, **bounds
                )
            )
        finally:
            self._session.params = {}

    def search(
        self, term: str, *, after: datetime, before: datetime | None, skip: int
    ) -> TimelinePage:
        """Return posts that hold ``term`` as a phrase, written in [after, before), newest first.

        Mastodon turns the ids into times and compares by the second
        (SearchService#convert_deprecated_options!).
        """
        response = self._call(
            lambda: self._library.search_v2(
                f'"{term}"' if " " in term else term,
                resolve=False,
                result_type="statuses",
                exclude_unreviewed=False,
                min_id=_lowest_id_at(after.timestamp() - 1),
                max_id=None if before is None else _lowest_id_at(before.timestamp()),
                offset=skip or None,
                limit=MAX_PAGE,
            )
        )
        statuses = response.get("statuses") if _is_object(response) else None
        return TimelinePage(items=self._checked_list(statuses))

    def statuses(self, ids: Sequence[str]) -> list[Mapping[str, Any]]:
        """Return the posts among these that the server still shows us."""
        statuses: list[Mapping[str, Any]] = []
        for start in range(0, len(ids), _MAX_IDS):
            request = partial(self._library.statuses, list(ids[start : start + _MAX_IDS]))
            statuses += filter(_is_object, self._page(request).items)
        return statuses

    def status(self, status_id: str) -> Mapping[str, Any]:
        """Return one post. Raises Refused with the status 404 or 410 when it is gone."""
        status = self._call(lambda: self._library.status(status_id))
        if not isinstance(status, Mapping):
            raise self._unreadable("no post")
        return status

    def _page(self, request: Callable[[], Any]) -> TimelinePage:
        response = self._call(request)
        return TimelinePage(
            items=self._checked_list(response),
            # Servers before 2.6 write since_id where later ones write min_id.
            newer=_link_bound(response, "_pagination_prev", ("since_id", "min_id")),
            older=_link_bound(response, "_pagination_next", ("max_id",)),
        )

    def _checked_list(self, response: object) -> Sequence[Any]:
        if not isinstance(response, list):
            raise self._unreadable("no list of posts")
        return response

    def _call(self, request: Callable[[], Any]) -> Any:
        try:
            return request()
        except MastodonError as error:
            edge = find_edge_error(error)
            if edge is not None:
                raise edge from None
            raise self._unreadable(f"nothing that can be read ({type(error).__name__})") from None

    def _unreadable(self, answer: str) -> Transient:
        return Transient(
            f"{self.host}: the answer is {answer}",
            hint=f"{TRIED_AGAIN} If this repeats, check the option instances.",
        )


def host_of(url: str) -> str:
    """Return the server's name in a URL, with a port where there is one."""
    return urlsplit(url).netloc.rpartition("@")[2].lower()


def check_address(url: str) -> str:
    """Return ``url`` when it may be asked: https, or http on this machine. Raises ValueError."""
    parts = urlsplit(url)
    schemes = ("https", "http") if is_loopback(parts.hostname or "") else ("https",)
    if not parts.hostname or parts.scheme not in schemes:
        raise ValueError(f"{url[:100]!r} is no server's address; write it as https://name.example")
    if parts.username or parts.path.strip("/") or parts.query:
        raise ValueError(
            f"{url[:100]!r} must be the server alone, without login or path: "
            f"{parts.scheme}://{host_of(url)}"
        )
    return url


def _lowest_id_at(seconds: float) -> str:
    """Return the lowest id of posts of this instant (lib/mastodon/snowflake.rb)."""
    return str((int(seconds) * 1000) << 16)


def _link_bound(response: object, attribute: str, keys: tuple[str, ...]) -> str | None:
    """Return an id from the Link header, which the library stores in ``attribute``."""
    link = getattr(response, attribute, None)
    values = [link.get(key) for key in keys] if isinstance(link, Mapping) else []
    ids = (str(value)[:200] for value in values if isinstance(value, (str, int)) and value)
    return next(ids, None)


def _is_object(value: object) -> bool:
    return isinstance(value, Mapping)
