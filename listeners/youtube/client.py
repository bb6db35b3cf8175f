"""Call the YouTube Data API through Google's client, in the bounded HTTP session.

Costs: https://developers.google.com/youtube/v3/determine_quota_cost (read in November 2026): a list
call is 1 unit of 10,000 a day. A search has a quota of its own, 100 a day. Before, it was 100 units
of the 10,000; Earful counts it so, and overdraws neither. Days end at midnight Pacific time.
Reasons of refusals: https://developers.google.com/youtube/v3/docs/errors, and for the key and the
newer quotas https://cloud.google.com/apis/design/errors (ErrorInfo beside a "forbidden" or a
"rateLimitExceeded" that says less). The key travels in a header
(https://cloud.google.com/docs/authentication/api-keys-use), because addresses get into logs.
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
from listeners.common.json_fields import nested, string
from listeners.http.errors import HttpRefusal, safe_url
from listeners.http.session import HttpSession, SessionLimits
from listeners.youtube.comments import InvalidAnswer

T = TypeVar("T")

SEARCH_UNITS = 100
_PACIFIC = ZoneInfo("America/Los_Angeles")
_CREDENTIALS = "https://console.cloud.google.com/apis/credentials"
_HINTS = {
    400: ("YouTube does not understand it", "Check videos, channels and the API key."),
    401: ("YouTube does not know the API key", f"Copy it from {_CREDENTIALS} again."),
    403: ("YouTube refuses the API key", f"Its rights are listed at {_CREDENTIALS}."),
    404: ("YouTube has nothing there", "Check videos, channels and endpoint."),
}
_QUOTA_REASONS = {"quotaExceeded", "dailyLimitExceeded", "dailyLimitExceededUnreg"}
_BUSY_REASONS = {"rateLimitExceeded", "userRateLimitExceeded", "RATE_LIMIT_EXCEEDED"}
_ADDRESS_BLOCKED = (
    "the key may not be used from this address",
    f"Change its restrictions at {_CREDENTIALS}.",
)
_INVALID_KEY = ("the API key is not valid", f"Copy it from {_CREDENTIALS} again.")
# by Google's reason: its sentence and its fix
_KEY_REASONS = {
    "keyInvalid": _INVALID_KEY,
    "API_KEY_INVALID": _INVALID_KEY,
    "keyExpired": ("the API key is no longer valid", f"Make a new one at {_CREDENTIALS}."),
    "accessNotConfigured": (
        "the key's project may not use it yet",
        "Switch on the YouTube Data API v3 at "
        "https://console.cloud.google.com/apis/library/youtube.googleapis.com.",
    ),
    "ipRefererBlocked": _ADDRESS_BLOCKED,
    "API_KEY_IP_ADDRESS_BLOCKED": _ADDRESS_BLOCKED,
    "API_KEY_HTTP_REFERRER_BLOCKED": _ADDRESS_BLOCKED,
    "API_KEY_ANDROID_APP_BLOCKED": _ADDRESS_BLOCKED,
    "API_KEY_IOS_APP_BLOCKED": _ADDRESS_BLOCKED,
    "API_KEY_SERVICE_BLOCKED": (
        "the key is restricted to other APIs",
        f"Allow it the YouTube Data API v3 at {_CREDENTIALS}.",
    ),
    "CONSUMER_SUSPENDED": (
        "Google has suspended the key's project",
        f"The reason is given at {_CREDENTIALS}.",
    ),
}
_CLOSED_REASONS = {
    "commentsDisabled": ("comments are switched off there", ""),
    "videoNotFound": ("there is no such video, or it is private", "Check videos."),
    "channelNotFound": ("there is no such channel", "Check channels."),
    "commentNotFound": ("the comment is gone", ""),
    "forbidden": ("YouTube does not show its comments to others", ""),
}


class Closed(HttpRefusal):
    """A refusal of one video, channel or comment that says nothing of the others."""


class StalePageToken(HttpRefusal):
    """YouTube no longer knows a page's token."""


class YoutubeClient:
    """Read from YouTube for one poll.

    ``api``: Google's client, which builds requests. ``now``: the time at which the poll began.
    """

    def __init__(
        self, key: str, *, endpoint: str, limits: SessionLimits, clock: Clock, meter: SpendMeter
    ) -> None:
        self.now = clock()
        self._meter = meter
        self._session = HttpSession(
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

    def fetch(self, request: Any, parse: Callable[[object], T], *, units: int = 1) -> T:
        """Reserve the units, send ``request`` and return its answer as ``parse`` reads it.

        Raises Closed, StalePageToken, Spent when the units are used up, Transient when the response
        is not in YouTube's format, and the errors of the HTTP session.
        """
        self._meter.reserve(units=units)
        try:
            answer: object = request.execute(num_retries=0)
        # Google's client reports an invalid response by several kinds of error
        except (GoogleError, ValueError, RecursionError, TypeError) as error:
            raise _invalid_answer(request, type(error).__name__) from error
        try:
            return parse(answer)
        except InvalidAnswer as error:
            raise _invalid_answer(request, str(error)) from error

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _explain(self, status: int, body: Mapping[str, Any]) -> EdgeError | None:
        """Return the error of a refusal by its reasons; None when they are unknown."""
        reasons = _reasons(body)
        if reasons & _QUOTA_REASONS or (reasons & _BUSY_REASONS and _is_daily(body)):
            wait = until_next_day(self.now)
            return Spent(
                "the key has used up YouTube's quota of the day",
                hint="It begins anew at midnight Pacific time.",
                kind=GapKind.BUDGET,
                retry_after=wait.total_seconds(),
            )
        if reasons & _BUSY_REASONS:
            return Spent("YouTube asks us to be slower", kind=GapKind.LIMIT, retry_after=60.0)
        if "processingFailure" in reasons:
            return Transient(f"YouTube answered {status}, processingFailure", hint=TRIED_AGAIN)
        if "invalidPageToken" in reasons:
            return StalePageToken("YouTube no longer knows the page token", status=status)
        # first the key's own reason: a general "forbidden" comes beside it
        for reason in sorted(reasons & _KEY_REASONS.keys()):
            sentence, hint = _KEY_REASONS[reason]
            return Permanent(f"YouTube answered {status}: {sentence}", hint=hint)
        for reason in sorted(reasons & _CLOSED_REASONS.keys()):
            sentence, hint = _CLOSED_REASONS[reason]
            return Closed(f"YouTube answered {status}: {sentence}", status=status, hint=hint)
        return None


class _Http:
    """Send the requests of Google's client, in place of httplib2.Http."""

    def __init__(self, session: HttpSession) -> None:
        self._session = session

    def request(
        self,
        uri: str,
        method: str = "GET",
        body: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
        **_: Any,
    ) -> tuple[Any, bytes]:
        """Send a request as httplib2.Http does, with the User-Agent of our session."""
        # the session sets these itself; a second value would contradict it
        dropped = {"user-agent", "accept-encoding", "content-length"}
        sent = {
            name: value for name, value in (headers or {}).items() if name.lower() not in dropped
        }
        response = self._session.request(method, uri, data=body, headers=sent)
        received = {name.lower(): value for name, value in response.headers.items()}
        return httplib2.Response(received | {"status": str(response.status_code)}), response.content

    def close(self) -> None:
        """Do nothing: YoutubeClient closes the session."""


def until_next_day(now: datetime) -> timedelta:
    """Return the time until the quota's next day."""
    pacific = now.astimezone(_PACIFIC)
    midnight = datetime.combine(pacific.date() + timedelta(days=1), time(), _PACIFIC)
    return midnight.astimezone(now.tzinfo) - now


def _reasons(body: Mapping[str, Any]) -> set[str]:
    """Return the reasons of a refusal, from the older errors and the newer details."""
    error = body.get("error")
    error = error if isinstance(error, dict) else {}
    lists = [error.get("errors"), error.get("details")]
    details = [detail for part in lists if isinstance(part, list) for detail in part]
    reasons = [detail.get("reason") for detail in details if isinstance(detail, dict)]
    return {reason for reason in reasons if isinstance(reason, str)}


def _is_daily(body: Mapping[str, Any]) -> bool:
    """Return whether the exceeded limit is daily: "... and limit 'Queries per day' of ..."."""
    return "per day" in string(nested(body, "error"), "message").lower()


def _invalid_answer(request: Any, fault: str) -> Transient:
    return Transient(
        f"{safe_url(str(request.uri))}: the response is not in YouTube's format ({fault})",
        hint="It will be tried again. If this goes on, check the option endpoint.",
    )
