"""Serve Bluesky's XRPC on loopback, with all of its rules.

Newest first; `since` inclusive, `until` exclusive; a cursor is a number of hits and comes with the
last page too; no cursor without a login; logins run out; a login may be made `logins` times.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from loopback import Asked, Reply

HANDLE, PASSWORD = "shop.bsky.example", "abcd-efgh"
POST = "app.bsky.feed.post"


class Network:
    """The network: ``posts`` are postViews; no cursor leads beyond ``deepest`` hits."""

    def __init__(self) -> None:
        self.posts: list[Any] = []
        self.notifications: list[Any] = []
        self.logins = 0
        self.renewals = 0
        self.valid = 0  # the number of the access token that is accepted
        self.deepest = 10_000
        self.stuck = False  # the same cursor for ever
        self.ignores_reasons = False  # sends notifications of every kind

    def post(self, number: int, at: float, text: str = "kestrova is late", **overrides: Any) -> Any:
        """Index a post; ``overrides`` replace fields of its postView."""
        author_did = f"did:plc:author{number % 7}"
        view = {
            "uri": f"at://{author_did}/{POST}/{number}",
            "cid": "bafyreidfayvfuwqa7qlnopdjiqrxzs6blmoeu4rujcjtnci5beludirz2a",
            "author": {"did": author_did, "handle": f"author{number % 7}.bsky.example"},
            "record": {"$type": POST, "text": text, "createdAt": iso(at), "langs": ["en"]},
            "replyCount": 1,
            "repostCount": 2,
            "likeCount": 3,
            "quoteCount": 4,
            "indexedAt": iso(at),
        } | overrides
        self.posts.append(view)
        return view

    def notify(self, number: int, at: float, reason: str = "mention", **overrides: Any) -> Any:
        """Add a notification about a new post."""
        view = self.post(number, at, **overrides)
        self.posts.pop()
        fields = {key: view[key] for key in ("uri", "cid", "author", "record", "indexedAt")}
        self.notifications.append(fields | {"reason": reason, "isRead": False})
        return view

    def __call__(self, request: Asked) -> Reply:
        name = request.path.rpartition("/")[2]
        token = (request.headers.get("Authorization") or "").removeprefix("Bearer ")
        if name == "com.atproto.server.createSession":
            return self._create(json.loads(request.body))
        if name == "com.atproto.server.refreshSession":
            return self._refresh(token)
        if name == "app.bsky.feed.getPosts":
            assert len(request.every["uris"]) <= 25
            return answer(
                posts=[post for post in self.posts if post["uri"] in request.every["uris"]]
            )
        if name == "app.bsky.actor.getProfiles":
            return answer(profiles=[profile(actor) for actor in request.every["actors"]])
        if token and token != f"access-{self.valid}":
            return refusal(400, "ExpiredToken")
        if not token and "cursor" in request.query:
            return refusal(403, "Forbidden")
        if name == "app.bsky.feed.searchPosts":
            return self._search(request.query)
        if name == "app.bsky.notification.listNotifications":
            reasons = request.every.get("reasons", [])
            matches = [
                notification
                for notification in self.notifications
                if self.ignores_reasons or notification["reason"] in reasons
            ]
            matches.sort(key=lambda item: item["indexedAt"], reverse=True)
            return self._page(matches, request.query, "notifications")
        return refusal(404, "MethodNotImplemented")

    def _create(self, body: dict[str, str]) -> Reply:
        if (body["identifier"], body["password"]) != (HANDLE, PASSWORD):
            return refusal(401, "AuthenticationRequired")
        self.logins += 1
        return self._tokens()

    def _refresh(self, token: str) -> Reply:
        if token != f"refresh-{self.valid}":
            return refusal(400, "ExpiredToken")
        self.renewals += 1
        return self._tokens()

    def _tokens(self) -> Reply:
        self.valid += 1
        tokens = {"accessJwt": f"access-{self.valid}", "refreshJwt": f"refresh-{self.valid}"}
        return answer(**tokens, did="did:plc:shop", handle=HANDLE)

    def _search(self, query: dict[str, str]) -> Reply:
        assert query["sort"] == "latest"
        term = query["q"].strip('"').lower()
        low, high = query.get("since", ""), query.get("until", "9")
        matches = [
            post
            for post in self.posts
            if broken(post)
            or (term in post["record"]["text"].lower() and low <= sort_at(post) < high)
        ]
        matches.sort(key=sort_at, reverse=True)
        return self._page(matches, query, "posts")

    def _page(self, items: list[Any], query: dict[str, str], key: str) -> Reply:
        skip, size = int(query.get("cursor", 0)), int(query["limit"])
        assert size <= 100
        if skip >= self.deepest:
            return refusal(400, "InvalidRequest")
        page = items[:size] if self.stuck else items[skip : skip + size]
        return answer(cursor="7" if self.stuck else str(skip + len(page)), **{key: page})


def broken(view: Any) -> bool:
    """Return whether a test put this item among the posts, which the network cannot sort."""
    return not isinstance(view, dict) or "broken" in view


def sort_at(view: Any) -> str:
    """Return the network's sort key: createdAt, but at most indexedAt."""
    if broken(view):
        return "9"
    return min(view["record"]["createdAt"], view["indexedAt"])


def profile(author_did: str) -> dict[str, Any]:
    """Return the profile of an account."""
    name = author_did.rpartition(":")[2]
    return {"did": author_did, "handle": f"{name}.bsky.example", "followersCount": 12}


def iso(at: float) -> str:
    """Write an instant as the network does."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def answer(**body: Any) -> Reply:
    """Return a JSON answer."""
    return Reply(body=json.dumps(body).encode(), headers={"Content-Type": "application/json"})


def refusal(status: int, error: str) -> Reply:
    """Return a refusal as XRPC writes it."""
    body = json.dumps({"error": error, "message": "no"}).encode()
    return Reply(status=status, body=body, headers={"Content-Type": "application/json"})
