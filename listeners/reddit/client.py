"""Call Reddit through praw, in the bounded HTTP session, without any sleep.

praw's own listings turn a whole page into objects and lose the page for one malformed object, so
the client asks praw for the JSON. praw's rate limiter would sleep up to ten seconds between
requests, by headers that the spend meter reads already, so the client hides them from it.
Rules of access, and of the User-Agent: https://github.com/reddit-archive/reddit/wiki/API and
.../OAuth2; errors' ``reason``: praw's own handling and https://www.reddit.com/dev/api.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import praw
import prawcore
import requests
from praw.exceptions import PRAWException
from prawcore.exceptions import OAuthException, PrawcoreException, Redirect, RequestException

from earful.clock import Clock
from earful.contracts import EdgeError, Permanent, SpendMeter, Transient
from earful.matching import Matcher
from earful.types import Query
from listeners.common.options import account_secret, secret_prefix
from listeners.http.errors import HttpRefusal, earful_version, find_edge_error, safe_url
from listeners.http.session import Hints, HttpSession, SessionLimits
from listeners.reddit import posts
from listeners.reddit.posts import ListingPage

# statuses that refuse one subreddit, and say nothing of the others
CLOSED = {302, 403, 404, 451}
_HINT = "Ask Reddit for access and make an app (docs/sources/reddit.md says how)."
_INBOX_HINT = (
    "Let your own account allow the app to read its inbox (docs/sources/reddit.md says how)."
)
_PACE_HEADERS = ("x-ratelimit-remaining", "x-ratelimit-used", "x-ratelimit-reset")
_TAKE_OUT = "Take it out of subreddits"
# by Reddit's reason: its sentence and its fix
_CLOSED_REASONS = {
    "private": ("the subreddit is private", f"{_TAKE_OUT}, or ask its moderators."),
    "banned": ("Reddit has closed the subreddit", f"{_TAKE_OUT}."),
    "quarantined": ("the subreddit is quarantined", "Reddit shows it to people only."),
    "gold_only": ("the subreddit is for premium members", f"{_TAKE_OUT}."),
}


class RedditClient:
    """Read listings from Reddit for one poll.

    ``as_user``: ask as the account of the refresh token. ``now``: the time at which the poll began.
    """

    def __init__(
        self,
        query: Query,
        *,
        contact: str,
        addresses: tuple[str, str],
        limits: SessionLimits,
        clock: Clock,
        meter: SpendMeter,
        as_user: bool,
    ) -> None:
        reddit_url, oauth_url = addresses
        self.now = clock()
        self._account = f"EARFUL_{secret_prefix(query)}_"
        self._oauth_url = oauth_url
        session = HttpSession(
            clock=clock, meter=meter, limits=limits, hints=self._hints(), explain=_explain
        )
        self._reddit = praw.Reddit(
            "DEFAULT",  # every setting is passed here, so that a praw.ini changes nothing
            client_id=account_secret(query, "CLIENT_ID", hint=_HINT),
            client_secret=account_secret(query, "CLIENT_SECRET", hint=_HINT),
            refresh_token=(
                account_secret(query, "REFRESH_TOKEN", hint=_INBOX_HINT) if as_user else None
            ),
            username=None,
            password=None,
            redirect_uri=None,
            user_agent=f"server:earful:{earful_version()} (by /u/{contact})",
            check_for_updates=False,
            check_for_async=False,
            reddit_url=reddit_url.rstrip("/"),
            oauth_url=oauth_url.rstrip("/"),
            requestor_class=_Requestor,
            requestor_kwargs={"session": session},
        )

    def fetch_listing(
        self,
        path: str,
        params: Mapping[str, str | int],
        *,
        direct: bool = False,
        matcher: Matcher | None = None,
    ) -> ListingPage:
        """Fetch a page of a listing, with the posts that ``matcher`` matches, or all without one.

        Raises Transient when the response is no listing, Refused with a status of CLOSED when
        this listing is closed to us, Permanent when the login is wrong, and the errors of the HTTP
        session.
        """
        url = safe_url(f"{self._oauth_url.rstrip('/')}/{path}")
        answer = self._get(path, params, url)
        try:
            return posts.parse_listing(answer, fetched_at=self.now, direct=direct, matcher=matcher)
        except posts.InvalidListing as error:
            raise _invalid_answer(url, str(error)) from error

    def _get(self, path: str, params: Mapping[str, str | int], url: str) -> object:
        try:
            return self._reddit.request(method="GET", path=path, params=dict(params))
        except Redirect as error:
            raise HttpRefusal(
                f"{url}: there is no such subreddit, Reddit answers with a search",
                status=302,
                hint="Check the spelling in subreddits.",
            ) from error
        except OAuthException as error:
            raise Permanent(
                f"{url}: Reddit says {error.error!r}", hint=self._login_hint()
            ) from error
        # praw reports an invalid response by many kinds of error
        except (PrawcoreException, PRAWException) as error:
            raise _invalid_answer(url, type(error).__name__) from error
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise _invalid_answer(url, type(error).__name__) from error

    def close(self) -> None:
        """Close the connections."""
        self._reddit.__exit__()

    def _login_hint(self) -> str:
        return (
            f"Check {self._account}CLIENT_ID, {self._account}CLIENT_SECRET and, where it is used, "
            f"{self._account}REFRESH_TOKEN against https://www.reddit.com/prefs/apps."
        )

    def _hints(self) -> Hints:
        return {
            400: ("Reddit does not understand it", self._login_hint()),
            401: ("Reddit does not know the app or its secret", self._login_hint()),
            403: (
                "Reddit refuses the app",
                "Check contact, and at https://www.reddit.com/prefs/apps that it is still allowed.",
            ),
            404: ("Reddit has nothing there", "Check subreddits."),
        }


class _Requestor(prawcore.Requestor):
    """Raise the HTTP session's errors unwrapped; praw would retry wrapped ones, and sleep."""

    def request(
        self, *args: Any, timeout: float | None = None, **options: Any
    ) -> requests.Response:
        try:
            response = super().request(*args, timeout=timeout, **options)
        except RequestException as error:
            edge_error = find_edge_error(error)
            # praw posts for its token only: a refused login closes every subreddit, not one
            if isinstance(edge_error, HttpRefusal) and "post" in args:
                raise Permanent(str(edge_error)) from None
            raise edge_error or error from None
        # prawcore reads these headers to sleep (prawcore/rate_limit.py); the meter has read them
        for name in _PACE_HEADERS:
            response.headers.pop(name, None)
        return response


def _explain(status: int, body: Mapping[str, Any]) -> EdgeError | None:
    """Return a more exact error than the status alone gives; None when there is none."""
    # Reddit refuses a closed subreddit in JSON, and a blocked network without any
    if status == 403 and not body:
        return Permanent(
            "Reddit answered 403 and no reason, as it does to programs and networks that it blocks",
            hint="Check contact, and at https://www.reddit.com/prefs/apps that the app is still "
            "allowed.",
        )
    reason = body.get("reason")
    if not isinstance(reason, str) or reason not in _CLOSED_REASONS:
        return None
    sentence, hint = _CLOSED_REASONS[reason]
    return HttpRefusal(f"Reddit answered {status}: {sentence}", status=status, hint=hint)


def _invalid_answer(url: str, fault: str) -> Transient:
    return Transient(
        f"{url}: the response is not in Reddit's format ({fault})",
        hint="It will be tried again. If this goes on, check the options reddit_url and oauth_url.",
    )
