"""Bluesky's XRPC on loopback, with its rules, the inconvenient ones too.

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
    """``posts`` are postViews, ``letters`` notifications; ``deepest``: no cursor leads beyond."""

    def __init__(self) -> None:
        self.posts: list[Any] = []
        self.letters: list[Any] = []
        self.logins = 0
        self.renewals = 0
        self.valid = 0  # the number of the access token that is accepted
        self.deepest = 10_000
        self.stuck = False  # the same cursor for ever

    def post(self, number: int, at: float, text: str = "kestrova is late", **more: Any) -> Any:
        """Index a post; ``more`` overrides what the network would say of it."""
        did = f"did:plc:author{number % 7}"
        view = {
            "uri": f"at://{did}/{POST}/{number}",
            "cid": "bafyreidfayvfuwqa7qlnopdjiqrxzs6blmoeu4rujcjtnci5beludirz2a",
            "author": {"did": did, "handle": f"author{number % 7}.bsky.example"},
            "record": {"$type": POST, "text": text, "createdAt": iso(at), "langs": ["en"]},
            "replyCount": 1,
            "repostCount": 2,
            "likeCount": 3,
            "quoteCount": 4,
            "indexedAt": iso(at),
        } | more
        self.posts.append(view)
        return view

    def letter(self, number: int, at: float, reason: str = "mention", **more: Any) -> Any:
        """A notification."""
        view = self.post(number, at, **more)
        self.posts.pop()
        kept = {key: view[key] for key in ("uri", "cid", "author", "record", "indexedAt")}
        self.letters.append(kept | {"reason": reason, "isRead": False})
        return view

    def __call__(self, asked: Asked) -> Reply:
        name = asked.path.rpartition("/")[2]
        token = (asked.headers.get("Authorization") or "").removeprefix("Bearer ")
        if name == "com.atproto.server.createSession":
            return self._create(json.loads(asked.body))
        if name == "com.atproto.server.refreshSession":
            return self._refresh(token)
        if name == "app.bsky.feed.getPosts":
            assert len(asked.every["uris"]) <= 25
            return answer(posts=[one for one in self.posts if one["uri"] in asked.every["uris"]])
        if name == "app.bsky.actor.getProfiles":
            return answer(profiles=[profile(did) for did in asked.every["actors"]])
        if token and token != f"access-{self.valid}":
            return refusal(400, "ExpiredToken")
        if not token and "cursor" in asked.query:
            return refusal(403, "Forbidden")
        if name == "app.bsky.feed.searchPosts":
            return self._search(asked.query)
        if name == "app.bsky.notification.listNotifications":
            wanted = asked.every.get("reasons", [])
            found = [one for one in self.letters if one["reason"] in wanted]
            found.sort(key=lambda one: one["indexedAt"], reverse=True)
            return self._page(found, asked.query, "notifications")
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
        found = [
            one
            for one in self.posts
            if broken(one) or (term in one["record"]["text"].lower() and low <= sort_at(one) < high)
        ]
        found.sort(key=sort_at, reverse=True)
        return self._page(found, query, "posts")

    def _page(self, found: list[Any], query: dict[str, str], key: str) -> Reply:
        skip, size = int(query.get("cursor", 0)), int(query["limit"])
        assert size <= 100
        if skip >= self.deepest:
            return refusal(400, "InvalidRequest")
        page = found[:size] if self.stuck else found[skip : skip + size]
        return answer(cursor="7" if self.stuck else str(skip + len(page)), **{key: page})


def broken(view: Any) -> bool:
    """What the tests put among the posts, and the network cannot sort."""
    return not isinstance(view, dict) or "broken" in view


def sort_at(view: Any) -> str:
    """As the network: createdAt, but never later than when it got the post."""
    if broken(view):
        return "9"
    return min(view["record"]["createdAt"], view["indexedAt"])


def profile(did: str) -> dict[str, Any]:
    """Who somebody is."""
    name = did.rpartition(":")[2]
    return {"did": did, "handle": f"{name}.bsky.example", "followersCount": 12}


def iso(at: float) -> str:
    """An instant as the network writes it."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def answer(**body: Any) -> Reply:
    """A JSON answer."""
    return Reply(body=json.dumps(body).encode(), headers={"Content-Type": "application/json"})


def refusal(status: int, error: str) -> Reply:
    """A refusal as XRPC writes it."""
    body = json.dumps({"error": error, "message": "no"}).encode()
    return Reply(status=status, body=body, headers={"Content-Type": "application/json"})
