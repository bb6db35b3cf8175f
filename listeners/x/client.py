"""Asking X's API v2 through tweepy: requests go out under the guard, posts are paid from the purse.

tweepy would parse whole pages itself and lose one for a single malformed date, sleep when X is
busy, and wait without an end: it is given the guard's session and hands over raw answers.
Price rules: X API documentation, "Usage and billing": posts that are given count, failed requests
do not. Where an answer broke off on its way to us, X may have given them: they are counted.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import requests
import tweepy

from earful.clock import Clock
from earful.contracts import TRIED_AGAIN, EdgeError, Permanent, SpendMeter, Spent, Transient
from earful.enums import GapKind
from listeners.common.json_fields import string
from listeners.common.plain_text import one_line
from listeners.http.errors import Broken, TooBig, inside, shown, user_agent
from listeners.http.session import GuardedSession, Limits
from listeners.x import posts as x_posts

SMALLEST = 10  # posts of a page
_TWEEPYS_HOST = "https://api.twitter.com"
_HINTS = {
    400: "X does not understand the search; check any_of, none_of, languages and max_query",
    401: "X does not know the bearer token; make a new one in X's developer console",
    402: "the credits of the X account are used up; buy some in X's developer console",
    403: "the X account may not use this; see in X's developer console what the app may do",
    404: "X does not know the account in user_ids; give its number, not its handle",
}
_CAPPED_WAIT = 3600.0  # seconds: a limit ends with X's month, or when somebody raises it
_HIDDEN = {"resource-not-found", "not-authorized-for-resource", "resource-unavailable"}
_FIELDS: dict[str, Any] = {
    "tweet_fields": list(x_posts.TWEET_FIELDS),
    "user_fields": list(x_posts.USER_FIELDS),
    "expansions": list(x_posts.EXPANSIONS),
}


class Desk:
    """One poll's way to X. ``client`` is tweepy's; its methods are what page() asks with."""

    def __init__(
        self, token: str, *, endpoint: str, limits: Limits, clock: Clock, meter: SpendMeter
    ) -> None:
        self._meter = meter
        self.now = clock()
        logging.getLogger("tweepy").setLevel(logging.INFO)  # its debug lines hold the token
        self.client = tweepy.Client(token, return_type=requests.Response)
        self.client.user_agent = user_agent()
        self.client.session = _Session(
            endpoint, clock=clock, meter=meter, limits=limits, hints=_HINTS, explain=_explain
        )

    def page(
        self, ask: Callable[..., Any], *, most: int, direct: bool, **wanted: Any
    ) -> x_posts.Posts:
        """A page of at most ``most`` posts; of fewer when the purse has not enough for it.

        Raises Transient when what comes is no page, Permanent when X hides the account, Spent when
        the purse is empty, and what the guard raises.
        """
        size = self._affordable(most)
        with self._paid(size) as bill:
            answer, url = _fetch(ask, max_results=size, **_FIELDS, **wanted)
            if not x_posts.has_page(answer):
                raise _no_page(answer, url)
            posts = self._read(answer, url, direct=direct)
            bill.used = posts.count
        return posts

    def look_up(self, ids: list[str]) -> tuple[x_posts.Posts, object]:
        """Posts by their ids, at most 100, and the answer itself: it says what became of others."""
        self._meter.reserve(reads=len(ids))
        with self._paid(len(ids)) as bill:
            answer, url = _fetch(self.client.get_tweets, ids=ids, **_FIELDS)
            posts = self._read(answer, url, direct=False)
            bill.used = posts.count
        return posts, answer

    def count(self, search: str) -> int:
        """How many posts of the last 7 days a search finds. X bills a count like a post."""
        self._meter.reserve(reads=1)
        with self._paid(1) as bill:
            answer, url = _fetch(
                self.client.get_recent_tweets_count, query=search, granularity="day"
            )
            bill.used = 1
        try:
            return x_posts.posts_counted(answer)
        except x_posts.NoAnswer as error:
            raise _strange(url, str(error)) from error

    def _affordable(self, most: int) -> int:
        """What the purse lets us have: a page as wanted, else X's smallest."""
        try:
            self._meter.reserve(reads=most)
        except Spent:
            if most <= SMALLEST:
                raise
            self._meter.reserve(reads=SMALLEST)
            return SMALLEST
        return most

    @contextmanager
    def _paid(self, asked: int) -> Iterator[_Bill]:
        """Give back what was asked of the purse and not used. Refused, or not even sent, nothing
        was; of what broke off nobody can know, and it stays counted: too much, never too little."""
        bill = _Bill(used=asked)
        try:
            yield bill
        except EdgeError as error:
            bill.used = asked if isinstance(error, (Broken, TooBig)) else 0
            raise
        finally:
            self._meter.reconcile(reads=bill.used - asked)

    def _read(self, answer: object, url: str, *, direct: bool) -> x_posts.Posts:
        try:
            return x_posts.read(answer, fetched_at=self.now, direct=direct)
        except x_posts.NoAnswer as error:
            raise _strange(url, str(error)) from error


@dataclass(slots=True)
class _Bill:
    used: int


class _Session(GuardedSession):
    """The guard's session; tweepy's fixed host is replaced by the one that X documents."""

    def __init__(self, endpoint: str, **kept: Any) -> None:
        super().__init__(**kept)
        self._endpoint = endpoint.rstrip("/")

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **options: Any) -> Any:
        """As in requests."""
        if isinstance(url, str) and url.startswith(_TWEEPYS_HOST):
            url = self._endpoint + url.removeprefix(_TWEEPYS_HOST)
        return super().request(method, url, *args, **options)


def _fetch(ask: Callable[..., Any], **wanted: Any) -> tuple[object, str]:
    """The decoded answer, and the address that it came from."""
    given = {key: value for key, value in wanted.items() if value is not None}
    try:
        response = ask(**given)
    except tweepy.TweepyException as error:
        raise inside(error) or Transient(f"X: {error}", hint=TRIED_AGAIN) from error
    url = shown(response.url)
    try:
        return json.loads(response.content), url
    except (ValueError, RecursionError) as error:
        cut = response.content.lstrip().startswith(b"{")  # else it is no answer of X's at all
        kind = Broken if cut else Transient
        raise _strange(url, type(error).__name__, kind) from error


def _explain(status: int, said: Mapping[str, Any]) -> EdgeError | None:
    """A limit on what X gives or takes in a month is no trouble of the token: it ends by itself."""
    capped = x_posts.problem_type(said) == "usage-capped"
    if not capped and string(said, "title") != "SpendCapReached":
        return None
    why = one_line(string(said, "detail") or string(said, "title"), 200)
    return Spent(
        f"X answered {status}: {why}; it is asked again every hour, and goes on when X's month is "
        "over or the limit is raised in X's developer console",
        kind=GapKind.BUDGET,
        retry_after=_CAPPED_WAIT,
    )


def _no_page(answer: object, url: str) -> Transient | Permanent:
    """Why an answer without a page came: the account cannot be seen, or something that passes."""
    problems = x_posts.problems(answer)
    said = "; ".join(one_line(string(one, "detail") or string(one, "title")) for one in problems)
    if problems and all(x_posts.problem_type(one) in _HIDDEN for one in problems):
        return Permanent(f"{url}: X says: {said}; check user_ids")
    return _strange(url, f"X says: {said}" if said else "no meta")


def _strange(url: str, what: str, kind: type[Transient] = Transient) -> Transient:
    return kind(
        f"{url}: the answer is not what X answers with ({what}); it will be tried again, and if it "
        "stays so check the option endpoint"
    )
