"""One server that speaks the Mastodon API, asked through Mastodon.py without surprises.

The library would wait for rate limits, ask for the server's version and its settings before the
question itself, and hand on whatever it could not read. Here a question is one request, and its
answer a list or one of the three errors.
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

from earful.contracts import Transient
from earful.loopback import is_loopback
from listeners.http.errors import inside, user_agent
from listeners.http.session import GuardedSession

LARGEST_PAGE = 40  # https://docs.joinmastodon.org/methods/timelines/: "max 40 statuses"
_MOST_IDS = 20  # of one question for several statuses (StatusesController, Mastodon 4.3)
_VERSION = "4.3.0"  # what we speak; told to the library so that it does not ask
_TOKEN = "an access token (Preferences, Development, New application)"  # noqa: S105
HINTS = {
    401: f"the server wants {_TOKEN}, or the one it has was revoked",
    403: f"the server refuses; it may want {_TOKEN} with the scopes read:statuses, read:search "
    "and read:notifications",
    404: "the server has no such thing; check that it speaks the Mastodon API",
    422: f"the server does not accept the question; it may want {_TOKEN}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A page, newest first. ``newer`` and ``older`` are what its Link header gives as ``min_id``
    and ``max_id`` to go on from it."""

    items: Sequence[Any]
    newer: str | None = None
    older: str | None = None


class _Client(Mastodon):
    def timeline_is_available(self, *_: Any, **__: Any) -> bool:
        """As if it were: the library's own answer costs a request, and its refusal says it too."""
        return True


class Server:
    """A server, with a token or without."""

    def __init__(
        self, url: str, *, session: GuardedSession, token: str | None, timeout: float
    ) -> None:
        self.host = host(url)
        self._session = session
        self._client = _Client(
            api_base_url=url.rstrip("/"),
            access_token=token,
            session=session,
            ratelimit_method="throw",
            request_timeout=timeout,
            mastodon_version=_VERSION,
            version_check_mode="created",
            user_agent=user_agent(),
        )

    def hashtag(self, tag: str, **bounds: str | None) -> Answer:
        """Public posts with a hashtag (without its #); ``bounds`` are min_id or max_id."""
        return self._list(lambda: self._client.timeline_hashtag(tag, limit=LARGEST_PAGE, **bounds))

    def mentions(self, **bounds: str | None) -> Answer:
        """Notifications of posts that name the token's account, and some others.

        Also those that the account's settings filter out: by default what strangers write to it
        alone (Api::V1::NotificationsController, since Mastodon 4.3). Asked for mentions and nothing
        else, a server may show the newest of a thread only; so polls, which are rare, come along.
        """
        self._session.params = {"include_filtered": "true"}  # the library has no word for it
        try:
            return self._list(
                lambda: self._client.notifications(
                    types=["mention", "poll"], limit=LARGEST_PAGE, **bounds
                )
            )
        finally:
            self._session.params = {}

    def search(self, term: str, *, after: datetime, before: datetime | None, skip: int) -> Answer:
        """Posts that hold ``term`` as a phrase, written in [after, before), newest first.

        Mastodon makes times of the ids and compares by the second
        (SearchService#convert_deprecated_options!).
        """
        found = self._ask(
            lambda: self._client.search_v2(
                f'"{term}"' if " " in term else term,
                resolve=False,
                result_type="statuses",
                exclude_unreviewed=False,
                min_id=_id_at(after.timestamp() - 1),
                max_id=None if before is None else _id_at(before.timestamp()),
                offset=skip or None,
                limit=LARGEST_PAGE,
            )
        )
        return Answer(items=self._listed(found.get("statuses") if _is_object(found) else None))

    def statuses(self, ids: Sequence[str]) -> list[Mapping[str, Any]]:
        """Those of these posts that the server still shows us."""
        found: list[Mapping[str, Any]] = []
        for start in range(0, len(ids), _MOST_IDS):
            ask = partial(self._client.statuses, list(ids[start : start + _MOST_IDS]))
            found += filter(_is_object, self._list(ask).items)
        return found

    def status(self, number: str) -> Mapping[str, Any]:
        """One post. Raises guard.Refused with the status 404 or 410 when it is gone."""
        found = self._ask(lambda: self._client.status(number))
        if not isinstance(found, Mapping):
            raise self._unreadable("no post")
        return found

    def _list(self, ask: Callable[[], Any]) -> Answer:
        found = self._ask(ask)
        return Answer(
            items=self._listed(found),
            newer=_bound(found, "_pagination_prev", ("since_id", "min_id")),
            older=_bound(found, "_pagination_next", ("max_id",)),
        )

    def _listed(self, found: object) -> Sequence[Any]:
        if not isinstance(found, list):
            raise self._unreadable("no list of posts")
        return found

    def _ask(self, ask: Callable[[], Any]) -> Any:
        try:
            return ask()
        except MastodonError as error:
            edge = inside(error)
            if edge is not None:
                raise edge from None
            raise self._unreadable(f"nothing that can be read ({type(error).__name__})") from None

    def _unreadable(self, what: str) -> Transient:
        return Transient(
            f"{self.host}: the answer is {what}; it will be tried again, and if it stays so check "
            "the option instances"
        )


def host(url: str) -> str:
    """The server's name in a URL, with a port where there is one."""
    return urlsplit(url).netloc.rpartition("@")[2].lower()


def check(url: str) -> str:
    """``url`` when it can be asked: https, or http on this machine. Raises ValueError."""
    parts = urlsplit(url)
    schemes = ("https", "http") if is_loopback(parts.hostname or "") else ("https",)
    if not parts.hostname or parts.scheme not in schemes:
        raise ValueError(f"{url[:100]!r} is no server's address; write it as https://name.example")
    if parts.username or parts.path.strip("/") or parts.query:
        raise ValueError(
            f"{url[:100]!r} must be the server alone, without login or path: "
            f"{parts.scheme}://{host(url)}"
        )
    return url


def _id_at(seconds: float) -> str:
    """The id that a post of this instant has at least (lib/mastodon/snowflake.rb)."""
    return str((int(seconds) * 1000) << 16)


def _bound(found: object, where: str, keys: tuple[str, ...]) -> str | None:
    """What a Link header gives; servers before 2.6 write since_id where later ones say min_id."""
    page = getattr(found, where, None)
    values = [page.get(key) for key in keys] if isinstance(page, Mapping) else []
    return next((str(one)[:200] for one in values if isinstance(one, (str, int)) and one), None)


def _is_object(found: object) -> bool:
    return isinstance(found, Mapping)
