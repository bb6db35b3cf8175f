"""X's API v2 as far as Earful speaks it, kept to the rules that its documentation names."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from loopback import Asked, Reply

TOKEN = "a-bearer-token-for-tests"
_EPOCH = datetime.fromtimestamp(1288834974.657, UTC)
_WEEK = timedelta(days=7)
_PROBLEMS = "https://api.twitter.com/2/problems"
_ONE = r'-?(?:"[^"]*"|@\w+|#\w+|lang:[\w-]+|is:retweet)(?![^\s)])'
_TERM = re.compile(_ONE)
_GROUP = re.compile(rf"\s*(?:{_ONE}|\({_ONE}(?: OR {_ONE})*\)(?!\S))")


def snowflake(at: datetime, sequence: int = 0) -> str:
    """The id that X gives to what is written at ``at``."""
    return str(((at - _EPOCH) // timedelta(milliseconds=1)) << 22 | sequence)


@dataclass(kw_only=True)
class Post:
    """A post as X keeps it; ``indexed_at`` is when search begins to show it."""

    id: str
    text: str
    at: datetime
    author: str
    indexed_at: datetime
    fields: dict[str, Any] = field(default_factory=dict)
    raw: object = None  # given instead of all that, as it is


class XServer:
    """Answers search, counts, timelines and lookup. ``most`` is how many posts a page has at most,
    ``stuck`` gives the same page token for ever, ``limit`` is requests per endpoint and window."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now
        self.posts: list[Post] = []
        self.users: dict[str, dict[str, Any]] = {}
        self.hidden_users: set[str] = set()
        self.deleted: set[str] = set()
        self.given: list[str] = []  # ids of posts in answers: what X would bill
        self.limit = 450
        self.used: dict[str, int] = {}
        self.most = 100
        self.stuck = False

    def post(
        self,
        text: str,
        at: datetime,
        *,
        author: str = "77",
        indexed_at: datetime | None = None,
        raw: object = None,
        **fields: Any,
    ) -> str:
        """Publish a post; gives its id."""
        number = snowflake(at, len(self.posts) % 4096)
        self.posts.append(
            Post(
                id=number,
                text=text,
                at=at,
                author=author,
                indexed_at=indexed_at or at,
                fields=fields,
                raw=raw,
            )
        )
        self.users.setdefault(
            author,
            {
                "id": author,
                "name": f"Person {author}",
                "username": f"person_{author}"[:15],
                "verified": False,
                "public_metrics": {
                    "followers_count": 12,
                    "following_count": 3,
                    "tweet_count": 40,
                    "listed_count": 0,
                },
            },
        )
        return number

    def __call__(self, asked: Asked) -> Reply:
        if asked.headers.get("Authorization") != f"Bearer {TOKEN}":
            return _problem(401, "about:blank", "Unauthorized", "Unauthorized")
        path = asked.path.partition("?")[0]
        endpoint = re.sub(r"\d{2,}", ":id", path)
        self.used[endpoint] = self.used.get(endpoint, 0) + 1
        if self.used[endpoint] > self.limit:
            return _problem(429, "about:blank", "Too Many Requests", "slow down")
        reply = self._answer(path, asked.query)
        reset = int((self.now() + timedelta(minutes=15)).timestamp())
        limits = {
            "x-rate-limit-limit": str(self.limit),
            "x-rate-limit-remaining": str(self.limit - self.used[endpoint]),
            "x-rate-limit-reset": str(reset),
        }
        return Reply(status=reply.status, body=reply.body, headers=reply.headers | limits)

    def _answer(self, path: str, query: dict[str, str]) -> Reply:
        if path == "/2/tweets":
            return self._look_up(query)
        refused = self._refuse(path, query)
        if refused:
            return _problem(400, f"{_PROBLEMS}/invalid-request", "Invalid Request", refused)
        if timeline := re.fullmatch(r"/2/users/(\d+)/mentions", path):
            return self._page(query, list(self._naming(timeline[1]))[:800])
        found = list(self._found(query["query"]))
        if path == "/2/tweets/search/recent":
            return self._page(query, found)
        if path == "/2/tweets/counts/recent":
            return self._counts(found)
        return _problem(404, "about:blank", "Not Found", "Not Found")

    def _refuse(self, path: str, query: dict[str, str]) -> str:
        """What X would not accept of a search, in its words."""
        now = self.now()
        start, end = _time(query.get("start_time")), _time(query.get("end_time"))
        if "/search/" in path and start and start < now - _WEEK:
            return "Invalid 'start_time': must be on or after the last 7 days"
        if start and start > now - timedelta(seconds=10):
            return "'start_time' must be a minimum of 10 seconds prior to the request time"
        if end and end > now - timedelta(seconds=10):
            return "'end_time' must be a minimum of 10 seconds prior to the request time"
        if start and end and start >= end:
            return "'start_time' must be before 'end_time'"
        if "query" in query and len(query["query"]) > 512:
            return "the query is too long"
        if not 10 <= int(query.get("max_results", 10)) <= 100:
            return "max_results is not between 10 and 100"
        return "" if "mentions" in path or matcher(query["query"]) else "the query has an error"

    def _visible(self) -> Iterator[Post]:
        """Newest first, by id as X pages."""
        now = self.now() - timedelta(seconds=30)
        for post in sorted(self.posts, key=lambda one: int(one.id), reverse=True):
            if post.indexed_at <= now and post.at <= now and post.id not in self.deleted:
                yield post

    def _found(self, query: str) -> Iterator[Post]:
        fits = matcher(query)
        assert fits is not None
        oldest = self.now() - _WEEK
        return (post for post in self._visible() if post.at >= oldest and fits(post))

    def _naming(self, account: str) -> Iterator[Post]:
        name = self.users[account]["username"]
        return (post for post in self._visible() if re.search(rf"@{name}\b", post.text, re.I))

    def _page(self, query: dict[str, str], found: list[Post]) -> Reply:
        start, end = _time(query.get("start_time")), _time(query.get("end_time"))
        token = query.get("next_token") or query.get("pagination_token")
        below = int(token, 36) if token and not self.stuck else 1 << 64
        posts = [
            post
            for post in found
            if (not start or post.at >= start)
            and (not end or post.at < end)
            and int(post.id) < below
        ]
        page = posts[: min(int(query.get("max_results", 10)), self.most)]
        answer = self._shown(page, query)
        meta: dict[str, Any] = {"result_count": len(page)}
        if page:
            meta |= {"newest_id": page[0].id, "oldest_id": page[-1].id}
        if len(posts) > len(page):
            meta["next_token"] = _base36(int(page[-1].id))
        return _json(answer | {"meta": meta})

    def _look_up(self, query: dict[str, str]) -> Reply:
        known = {post.id: post for post in self.posts}
        page, errors = [], []
        for number in query["ids"].split(","):
            post = known.get(number)
            if post is None or number in self.deleted:
                errors.append(_missing(number, "resource-not-found", "Not Found Error"))
            elif post.author in self.hidden_users:
                errors.append(
                    _missing(number, "not-authorized-for-resource", "Authorization Error")
                )
            else:
                page.append(post)
        return _json(self._shown(page, query) | ({"errors": errors} if errors else {}))

    def _counts(self, found: list[Post]) -> Reply:
        now = self.now()
        days = []
        for back in range(7, 0, -1):
            start, end = now - timedelta(days=back), now - timedelta(days=back - 1)
            number = sum(start <= post.at < end for post in found)
            days.append({"start": _iso(start), "end": _iso(end), "tweet_count": number})
        return _json({"data": days, "meta": {"total_tweet_count": len(found)}})

    def _shown(self, page: list[Post], query: dict[str, str]) -> dict[str, Any]:
        wanted = set(query.get("tweet.fields", "").split(","))
        wanted |= {"id", "text", "edit_history_tweet_ids"}
        self.given += [post.id for post in page]
        if not page:
            return {}
        answer: dict[str, Any] = {
            "data": [_shown(post, wanted) if post.raw is None else post.raw for post in page]
        }
        if "author_id" in query.get("expansions", ""):
            people = {post.author: None for post in page if post.author not in self.hidden_users}
            fields = {"id", "name", "username", *query.get("user.fields", "").split(",")}
            users = [
                {key: value for key, value in self.users[one].items() if key in fields}
                for one in people
            ]
            answer |= {"includes": {"users": users}} if users else {}
        return answer


def _shown(post: Post, wanted: set[str]) -> dict[str, Any]:
    whole = {
        "id": post.id,
        "text": post.text,
        "edit_history_tweet_ids": [post.id],
        "author_id": post.author,
        "conversation_id": post.id,
        "created_at": _iso(post.at),
        "lang": "en",
        "public_metrics": {
            "retweet_count": 0,
            "reply_count": 0,
            "like_count": 0,
            "quote_count": 0,
            "bookmark_count": 0,
            "impression_count": 9,
        },
    }
    return {key: value for key, value in (whole | post.fields).items() if key in wanted}


def matcher(query: str) -> Callable[[Post], bool] | None:
    """The posts that a query finds, as far as Earful writes queries; None for anything else."""
    groups, at = [], 0
    while query[at:].strip():
        found = _GROUP.match(query, at)
        if found is None:
            return None
        groups.append(_TERM.findall(found[0]))
        at = found.end()
    if not groups or all(_conjunction(one) for group in groups for one in group):
        return None
    return lambda post: all(any(_holds(one, post) for one in group) for group in groups)


def _conjunction(term: str) -> bool:
    return term.startswith(("-", "lang:", "is:"))


def _holds(term: str, post: Post) -> bool:
    if term.startswith("-"):
        return not _holds(term[1:], post)
    if term.startswith("lang:"):
        return post.fields.get("lang", "en") == term.removeprefix("lang:")
    if term == "is:retweet":
        return any(one["type"] == "retweeted" for one in post.fields.get("referenced_tweets", []))
    if term.startswith(("@", "#")):
        return re.search(rf"{term}\b", post.text, re.IGNORECASE) is not None
    words, phrase = _tokens(post.text), _tokens(term)
    return any(words[at : at + len(phrase)] == phrase for at in range(len(words)))


def _tokens(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def _missing(number: str, kind: str, title: str) -> dict[str, Any]:
    return {
        "value": number,
        "detail": f"Could not find tweet with ids: [{number}].",
        "title": title,
        "resource_type": "tweet",
        "parameter": "ids",
        "resource_id": number,
        "section": "data",
        "type": f"{_PROBLEMS}/{kind}",
    }


def _problem(status: int, kind: str, title: str, detail: str) -> Reply:
    body = {"title": title, "type": kind, "detail": detail, "status": status}
    return Reply(
        status=status,
        body=json.dumps(body).encode(),
        headers={"Content-Type": "application/problem+json"},
    )


def _json(answer: dict[str, Any]) -> Reply:
    return Reply(body=json.dumps(answer).encode(), headers={"Content-Type": "application/json"})


def _time(text: str | None) -> datetime | None:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC) if text else None


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return digits
