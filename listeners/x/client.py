"""Call X's API v2 through tweepy, in the bounded HTTP session, and pay posts from the spend meter.

tweepy would parse whole pages itself and lose a page for a single malformed date, sleep when X is
busy, and wait without an end. So it gets the bounded session and returns raw responses.
Price rules: X API documentation, "Usage and billing": posts in a response count, failed requests do
not. X may have billed a response that broke off on its way, so its posts stay counted.
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
from listeners.http.errors import (
    BrokenResponse,
    ResponseTooBig,
    find_edge_error,
    safe_url,
    user_agent,
)
from listeners.http.session import HttpSession, SessionLimits
from listeners.x import posts as x_posts
from listeners.x import problems as x_problems

MIN_PAGE = 10  # posts of a page
_TWEEPY_HOST = "https://api.twitter.com"
_HINTS = {
    400: (
        "X does not understand the search",
        "Check any_of, none_of, languages and max_query.",
    ),
    401: ("X does not know the bearer token", "Make a new one in X's developer console."),
    402: ("the credits of the X account are used up", "Buy some in X's developer console."),
    403: (
        "the X account may not use this",
        "X's developer console shows the rights of the app.",
    ),
    404: ("X does not know the account in user_ids", "Give its number, not its handle."),
}
# seconds: a cap ends with X's month, or when the customer raises it
_MONTHLY_CAP_WAIT = 3600.0
_HIDDEN_PROBLEMS = {"resource-not-found", "not-authorized-for-resource", "resource-unavailable"}
_FIELDS: dict[str, Any] = {
    "tweet_fields": list(x_posts.TWEET_FIELDS),
    "user_fields": list(x_posts.USER_FIELDS),
    "expansions": list(x_posts.EXPANSIONS),
}


class XClient:
    """Read posts and counts from X for one poll.

    ``api``: tweepy's client; callers pass one of its methods to ``fetch_page``. ``now``: the time
    at which the poll began.
    """

    def __init__(
        self, token: str, *, endpoint: str, limits: SessionLimits, clock: Clock, meter: SpendMeter
    ) -> None:
        self._meter = meter
        self.now = clock()
        # tweepy's debug lines hold the token (test_the_token_is_in_no_log_line)
        logging.getLogger("tweepy").setLevel(logging.INFO)
        self.api = tweepy.Client(token, return_type=requests.Response)
        self.api.user_agent = user_agent()
        self.api.session = _Session(
            endpoint, clock=clock, meter=meter, limits=limits, hints=_HINTS, explain=_explain
        )

    def fetch_page(
        self, method: Callable[..., Any], *, limit: int, direct: bool, **parameters: Any
    ) -> x_posts.PostsPage:
        """Fetch a page of at most ``limit`` posts, or of fewer when the budget is short.

        1. Reserve the page's posts, or X's smallest page.
        2. Call ``method`` of tweepy with ``parameters`` and decode the response.
        3. Check that it is a page, and parse its posts.
        4. Give back the reserved posts that X did not bill.

        Raises Transient when the response is no page, Permanent when X hides the account, Spent
        when the budget is used up, and the errors of the HTTP session.
        """
        size = self._reserve_page(limit)
        with self._billed(size) as bill:
            answer, url = _fetch(method, max_results=size, **_FIELDS, **parameters)
            # X answers 200 with errors alone when an account is hidden
            # (test_an_account_that_x_hides_is_said)
            if not x_posts.has_page(answer):
                raise _no_page(answer, url)
            page = self._parse(answer, url, direct=direct)
            bill.posts = page.count
        return page

    def look_up(self, ids: list[str]) -> tuple[x_posts.PostsPage, object]:
        """Fetch at most 100 posts by id; return them and the answer, which names missing posts."""
        self._meter.reserve(reads=len(ids))
        with self._billed(len(ids)) as bill:
            answer, url = _fetch(self.api.get_tweets, ids=ids, **_FIELDS)
            page = self._parse(answer, url, direct=False)
            bill.posts = page.count
        return page, answer

    def count_posts(self, search: str) -> int:
        """Return the number of posts of the last 7 days that a search finds.

        X bills a count like a post.
        """
        self._meter.reserve(reads=1)
        with self._billed(1) as bill:
            answer, url = _fetch(self.api.get_recent_tweets_count, query=search, granularity="day")
            # X bills the request, not the posts that it counts
            bill.posts = 1
        try:
            return x_posts.total_count(answer)
        except x_posts.InvalidAnswer as error:
            raise _invalid_answer(url, str(error)) from error

    def _reserve_page(self, limit: int) -> int:
        """Reserve a page of ``limit`` posts, or X's smallest page; return the reserved size."""
        try:
            self._meter.reserve(reads=limit)
        except Spent:
            if limit <= MIN_PAGE:
                raise
            self._meter.reserve(reads=MIN_PAGE)
            return MIN_PAGE
        return limit

    @contextmanager
    def _billed(self, reserved: int) -> Iterator[_Bill]:
        """Give back the reserved posts that X did not bill.

        A refused or unsent request costs nothing. A broken response may have been billed, so the
        charge stays: too much is counted, never too little.
        """
        bill = _Bill(posts=reserved)
        try:
            yield bill
        except EdgeError as error:
            bill.posts = reserved if isinstance(error, (BrokenResponse, ResponseTooBig)) else 0
            raise
        finally:
            self._meter.reconcile(reads=bill.posts - reserved)

    def _parse(self, answer: object, url: str, *, direct: bool) -> x_posts.PostsPage:
        try:
            return x_posts.parse_page(answer, fetched_at=self.now, direct=direct)
        except x_posts.InvalidAnswer as error:
            raise _invalid_answer(url, str(error)) from error


@dataclass(slots=True)
class _Bill:
    """The posts that X bills for one request."""

    posts: int


class _Session(HttpSession):
    """The bounded HTTP session, with the host that X documents instead of tweepy's."""

    def __init__(self, endpoint: str, **settings: Any) -> None:
        super().__init__(**settings)
        self._endpoint = endpoint.rstrip("/")

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **options: Any) -> Any:
        """Send a request as requests.Session does, to X's documented host."""
        # tweepy 4 has its host in the code; the documented one is a setting, for tests and proxies
        if isinstance(url, str) and url.startswith(_TWEEPY_HOST):
            url = self._endpoint + url.removeprefix(_TWEEPY_HOST)
        return super().request(method, url, *args, **options)


def _fetch(method: Callable[..., Any], **parameters: Any) -> tuple[object, str]:
    """Call a method of tweepy; return the decoded answer and the address, without parameters."""
    arguments = {key: value for key, value in parameters.items() if value is not None}
    try:
        response = method(**arguments)
    except tweepy.TweepyException as error:
        raise find_edge_error(error) or Transient(f"X: {error}", hint=TRIED_AGAIN) from error
    url = safe_url(response.url)
    try:
        return json.loads(response.content), url
    except (ValueError, RecursionError) as error:
        # X answers with objects: other content comes from a proxy, and X bills nothing for it
        cut = response.content.lstrip().startswith(b"{")
        kind = BrokenResponse if cut else Transient
        raise _invalid_answer(url, type(error).__name__, kind) from error


def _explain(status: int, problem: Mapping[str, Any]) -> EdgeError | None:
    """Return Spent for a monthly cap, which ends by itself; None for other refusals."""
    capped = x_problems.problem_type(problem) == "usage-capped"
    if not capped and string(problem, "title") != "SpendCapReached":
        return None
    reason = one_line(string(problem, "detail") or string(problem, "title"), 200)
    return Spent(
        f"X answered {status}: {reason}",
        hint="It is asked again every hour, and goes on when X's month is over or when you raise "
        "the limit in X's developer console.",
        kind=GapKind.BUDGET,
        retry_after=_MONTHLY_CAP_WAIT,
    )


def _no_page(answer: object, url: str) -> Transient | Permanent:
    """Return Permanent when X hides the account, else Transient, for an answer without a page."""
    problems = x_problems.problems(answer)
    details = "; ".join(
        one_line(string(problem, "detail") or string(problem, "title")) for problem in problems
    )
    types = [x_problems.problem_type(problem) for problem in problems]
    if types and all(problem_type in _HIDDEN_PROBLEMS for problem_type in types):
        return Permanent(f"{url}: X says: {details}", hint="Check user_ids.")
    return _invalid_answer(url, f"X says: {details}" if details else "no meta")


def _invalid_answer(url: str, fault: str, kind: type[Transient] = Transient) -> Transient:
    hint = "It will be tried again. If this goes on, check the option endpoint."
    return kind(f"{url}: the response is not in X's format ({fault})", hint=hint)
