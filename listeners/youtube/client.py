"""Asking the YouTube Data API through Google's client: requests go out under the guard.

Costs: https://developers.google.com/youtube/v3/determine_quota_cost (read in November 2026): a list
call is 1 unit of 10,000 a day; a search counts in a bucket of its own, 100 a day (before, 100 units
of the 10,000: it is counted as that, so that neither is overdrawn); days end at midnight Pacific
time. Reasons of refusals: https://developers.google.com/youtube/v3/docs/errors, and for the key and
the newer quotas https://cloud.google.com/apis/design/errors (ErrorInfo beside a "forbidden" or a
"rateLimitExceeded" that says less). The key travels in a header
(https://cloud.google.com/docs/authentication/api-keys-use): addresses get into logs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, time, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import httplib2
from googleapiclient.discovery import build
from googleapiclient.errors import Error as GoogleError

from earful.clock import Clock
from earful.contracts import TRIED_AGAIN, EdgeError, Permanent, SpendMeter, Spent, Transient
from earful.enums import GapKind
from listeners.common.json_fields import inner, string
from listeners.http.errors import Refused, shown
from listeners.http.session import GuardedSession, Limits
from listeners.youtube.comments import NoAnswer

T = TypeVar("T")

SEARCH_UNITS = 100
_PACIFIC = ZoneInfo("America/Los_Angeles")
_CREDENTIALS = "https://console.cloud.google.com/apis/credentials"
_HINTS = {
    400: "YouTube does not understand it; check videos, channels and the API key",
    401: f"YouTube does not know the API key; copy it from {_CREDENTIALS}",
    403: f"YouTube refuses the API key; see at {_CREDENTIALS} what it may do",
    404: "YouTube has nothing there; check videos, channels and endpoint",
}
_QUOTA = {"quotaExceeded", "dailyLimitExceeded", "dailyLimitExceededUnreg"}
_BUSY = {"rateLimitExceeded", "userRateLimitExceeded", "RATE_LIMIT_EXCEEDED"}
_NOT_FROM_HERE = f"the key may not be used from this address; see {_CREDENTIALS}"
_KEY = {
    "keyInvalid": f"the API key is not valid; copy it from {_CREDENTIALS}",
    "API_KEY_INVALID": f"the API key is not valid; copy it from {_CREDENTIALS}",
    "keyExpired": f"the API key is no longer valid; make a new one at {_CREDENTIALS}",
    "accessNotConfigured": "the key's project may not use it yet; switch on the YouTube Data API "
    "v3 at https://console.cloud.google.com/apis/library/youtube.googleapis.com",
    "ipRefererBlocked": _NOT_FROM_HERE,
    "API_KEY_IP_ADDRESS_BLOCKED": _NOT_FROM_HERE,
    "API_KEY_HTTP_REFERRER_BLOCKED": _NOT_FROM_HERE,
    "API_KEY_ANDROID_APP_BLOCKED": _NOT_FROM_HERE,
    "API_KEY_IOS_APP_BLOCKED": _NOT_FROM_HERE,
    "API_KEY_SERVICE_BLOCKED": "the key is restricted to other APIs; allow it the YouTube Data API "
    f"v3 at {_CREDENTIALS}",
    "CONSUMER_SUSPENDED": f"Google has suspended the key's project; see {_CREDENTIALS}",
}
_CLOSED = {
    "commentsDisabled": "comments are switched off there",
    "videoNotFound": "there is no such video, or it is private; check videos",
    "channelNotFound": "there is no such channel; check channels",
    "commentNotFound": "the comment is gone",
    "forbidden": "YouTube does not show its comments to others",
}


class Closed(Refused):
    """A refusal that says no to one video, channel or comment, and nothing of the others."""


class Stale(Refused):
    """YouTube does not know a page's token any more."""


class Desk:
    """One poll's way to YouTube; ``api`` is Google's client."""

    def __init__(
        self, key: str, *, endpoint: str, limits: Limits, clock: Clock, meter: SpendMeter
    ) -> None:
        self.now = clock()
        self._meter = meter
        self._session = GuardedSession(
            clock=clock, meter=meter, limits=limits, hints=_HINTS, explain=self._explain
        )
        self._session.headers["X-Goog-Api-Key"] = key
        self.api = build(
            "youtube",
            "v3",
            http=_Http(self._session),
            static_discovery=True,
            cache_discovery=False,
            client_options={"api_endpoint": endpoint.rstrip("/")},
        )

    def ask(self, request: Any, read: Callable[[object], T], *, units: int = 1) -> T:
        """What ``read`` makes of the answer to ``request``. Raises Closed, Stale, Spent when the
        units are used up, Transient when the answer is none, and what the guard raises."""
        self._meter.reserve(units=units)
        try:
            answer: object = request.execute(num_retries=0)
        # what is no JSON of Google's shows itself in several ways inside its client
        except (GoogleError, ValueError, RecursionError, TypeError) as error:
            raise _strange(request, type(error).__name__) from error
        try:
            return read(answer)
        except NoAnswer as error:
            raise _strange(request, str(error)) from error

    def close(self) -> None:
        """Let go of the connections."""
        self._session.close()

    def _explain(self, status: int, said: Mapping[str, Any]) -> EdgeError | None:
        reasons = _reasons(said)
        if reasons & _QUOTA or (reasons & _BUSY and _of_the_day(said)):
            wait = until_next_day(self.now)
            return Spent(
                "what YouTube allows the key in a day is used up; it begins anew at midnight "
                "Pacific time",
                kind=GapKind.BUDGET,
                retry_after=wait.total_seconds(),
            )
        if reasons & _BUSY:
            return Spent("YouTube asks us to be slower", kind=GapKind.LIMIT, retry_after=60.0)
        if "processingFailure" in reasons:
            return Transient(f"YouTube answered {status}, processingFailure", hint=TRIED_AGAIN)
        if "invalidPageToken" in reasons:
            return Stale("YouTube does not know the page token any more", status=status)
        for reason in sorted(reasons & _KEY.keys()):  # before the "forbidden" that is beside it
            return Permanent(f"YouTube answered {status}: {_KEY[reason]}")
        for reason in sorted(reasons & _CLOSED.keys()):
            return Closed(f"YouTube answered {status}: {_CLOSED[reason]}", status=status)
        return None


class _Http:
    """What Google's client takes for httplib2.Http."""

    def __init__(self, session: GuardedSession) -> None:
        self._session = session

    def request(
        self,
        uri: str,
        method: str = "GET",
        body: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
        **_: Any,
    ) -> tuple[Any, bytes]:
        """As httplib2.Http's; the User-Agent stays ours."""
        ours = {"user-agent", "accept-encoding", "content-length"}
        given = {name: value for name, value in (headers or {}).items() if name.lower() not in ours}
        response = self._session.request(method, uri, data=body, headers=given)
        told = {name.lower(): value for name, value in response.headers.items()}
        return httplib2.Response(told | {"status": str(response.status_code)}), response.content

    def close(self) -> None:
        """Nothing: the session is the desk's."""


def until_next_day(now: datetime) -> timedelta:
    """How long until the quota's next day."""
    there = now.astimezone(_PACIFIC)
    midnight = datetime.combine(there.date() + timedelta(days=1), time(), _PACIFIC)
    return midnight.astimezone(now.tzinfo) - now


def _reasons(said: Mapping[str, Any]) -> set[str]:
    """Why the API refuses: the older errors' and the newer details' reasons."""
    error = said.get("error")
    error = error if isinstance(error, dict) else {}
    listed = [error.get("errors"), error.get("details")]
    every = [one for some in listed if isinstance(some, list) for one in some]
    found = [one.get("reason") for one in every if isinstance(one, dict)]
    return {one for one in found if isinstance(one, str)}


def _of_the_day(said: Mapping[str, Any]) -> bool:
    """True when a limit that was met is one of a day: "... and limit 'Queries per day' of ..."."""
    return "per day" in string(inner(said, "error"), "message").lower()


def _strange(request: Any, what: str) -> Transient:
    return Transient(
        f"{shown(str(request.uri))}: the answer is not what YouTube answers with ({what}); it will "
        "be tried again, and if it stays so check the option endpoint"
    )
