"""Asking Reddit through praw: requests go out under the guard, and nothing sleeps.

praw's own listings make objects of a whole page and lose it for one that is malformed, so it is
asked for the JSON. Its pace keeper would sleep up to ten seconds between requests, by headers that
the purse is told of already: it does not see them. Rules of access, and of the User-Agent:
https://github.com/reddit-archive/reddit/wiki/API and .../OAuth2; errors' ``reason``: praw's own
handling and https://www.reddit.com/dev/api.
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
from listeners.http.errors import Refused, inside, our_version, shown
from listeners.http.session import GuardedSession, Limits
from listeners.reddit import posts
from listeners.reddit.posts import Posts

CLOSED = {302, 403, 404, 451}  # statuses that say no to one subreddit and nothing of the others
_HINT = "ask Reddit for access and make an app (docs/sources/reddit.md says how)"
_MEND_INBOX = (
    "let your own account allow the app to read its inbox (docs/sources/reddit.md says how)"
)
_PACE = ("x-ratelimit-remaining", "x-ratelimit-used", "x-ratelimit-reset")
_WHY = {
    "private": "the subreddit is private; take it out of subreddits, or ask its moderators",
    "banned": "Reddit has closed the subreddit; take it out of subreddits",
    "quarantined": "the subreddit is quarantined; Reddit shows it to people only",
    "gold_only": "the subreddit is for premium members; take it out of subreddits",
}


class Desk:
    """One poll's way to Reddit. ``as_user`` asks as the account that the refresh token is of."""

    def __init__(
        self,
        query: Query,
        *,
        contact: str,
        addresses: tuple[str, str],
        limits: Limits,
        clock: Clock,
        meter: SpendMeter,
        as_user: bool,
    ) -> None:
        reddit_url, oauth_url = addresses
        self.now = clock()
        self._account = f"EARFUL_{secret_prefix(query)}_"
        self._oauth_url = oauth_url
        session = GuardedSession(
            clock=clock, meter=meter, limits=limits, hints=self._mends(), explain=_explain
        )
        self._reddit = praw.Reddit(
            "DEFAULT",  # every setting is given here: a praw.ini lying about changes nothing
            client_id=account_secret(query, "CLIENT_ID", hint=_HINT),
            client_secret=account_secret(query, "CLIENT_SECRET", hint=_HINT),
            refresh_token=(
                account_secret(query, "REFRESH_TOKEN", hint=_MEND_INBOX) if as_user else None
            ),
            username=None,
            password=None,
            redirect_uri=None,
            user_agent=f"server:earful:{our_version()} (by /u/{contact})",
            check_for_updates=False,
            check_for_async=False,
            reddit_url=reddit_url.rstrip("/"),
            oauth_url=oauth_url.rstrip("/"),
            requestor_class=_Requestor,
            requestor_kwargs={"session": session},
        )

    def posts(
        self,
        path: str,
        params: Mapping[str, str | int],
        *,
        direct: bool = False,
        wanted: Matcher | None = None,
    ) -> Posts:
        """What a listing holds. Transient when the answer is none; Refused with a status of CLOSED
        when this one place is closed to us; Permanent when the login is wrong; what the guard
        raises."""
        where = shown(f"{self._oauth_url.rstrip('/')}/{path}")
        answer = self._get(path, params, where)
        try:
            return posts.read(answer, fetched_at=self.now, direct=direct, wanted=wanted)
        except posts.NoListing as error:
            raise _strange(where, str(error)) from error

    def _get(self, path: str, params: Mapping[str, str | int], where: str) -> object:
        try:
            return self._reddit.request(method="GET", path=path, params=dict(params))
        except Redirect as error:
            raise Refused(
                f"{where}: there is no such place, Reddit answers with a search; check the "
                "spelling in subreddits",
                status=302,
            ) from error
        except OAuthException as error:
            raise Permanent(f"{where}: Reddit says {error.error!r}; {self._login()}") from error
        # what is no answer shows itself in many ways inside praw: all of them mean the same
        except (PrawcoreException, PRAWException) as error:
            raise _strange(where, type(error).__name__) from error
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise _strange(where, type(error).__name__) from error

    def close(self) -> None:
        """Let go of the connections."""
        self._reddit.__exit__()

    def _login(self) -> str:
        return (
            f"check {self._account}CLIENT_ID, {self._account}CLIENT_SECRET and, where it is used, "
            f"{self._account}REFRESH_TOKEN against https://www.reddit.com/prefs/apps"
        )

    def _mends(self) -> dict[int, str]:
        return {
            400: f"Reddit does not understand it; {self._login()}",
            401: f"Reddit does not know the app or its secret; {self._login()}",
            403: "Reddit refuses the app; see on https://www.reddit.com/prefs/apps whether it is "
            "still allowed, and check contact",
            404: "Reddit has nothing there; check subreddits",
        }


class _Requestor(prawcore.Requestor):
    """Hands on the guard's errors as they are: wrapped, praw would try again and sleep."""

    def request(self, *args: Any, timeout: float | None = None, **given: Any) -> requests.Response:
        try:
            response = super().request(*args, timeout=timeout, **given)
        except RequestException as error:
            found = inside(error)
            if isinstance(found, Refused) and "post" in args:  # the login: it is no subreddit's
                raise Permanent(str(found)) from None
            raise found or error from None
        for name in _PACE:
            response.headers.pop(name, None)
        return response


def _explain(status: int, said: Mapping[str, Any]) -> EdgeError | None:
    if status == 403 and not said:  # a closed subreddit is refused in JSON
        return Permanent(
            "Reddit answered 403 and no reason, as it does to programs and networks that it "
            "blocks; check contact, and see on https://www.reddit.com/prefs/apps whether the app "
            "is still allowed"
        )
    reason = said.get("reason")
    why = _WHY.get(reason) if isinstance(reason, str) else None
    return Refused(f"Reddit answered {status}: {why}", status=status) if why else None


def _strange(where: str, what: str) -> Transient:
    return Transient(
        f"{where}: the answer is not what Reddit answers with ({what}); it will be "
        "tried again, and if it stays so check the options reddit_url and oauth_url"
    )
