"""Serve the Mastodon API on loopback, with all of Mastodon's rules.

`since_id` gives the newest page, `min_id` the next one; both answer newest first. Ids are text.
The search compares whole seconds of the times in ids, and turns pages by `offset`.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from loopback import Asked, Reply

PAGE = 40


class Instance:
    """A server: ``toots`` in the order of their ids, oldest first, and ``notifications``."""

    def __init__(self, url: str, host: str = "") -> None:
        self.url = url
        self.host = host or url.partition("://")[2]
        self.toots: list[Any] = []
        self.notifications: list[dict[str, Any]] = []
        self.token = ""
        self.knows_batches = True  # answers a request for several posts (Mastodon 4.3)
        self.stuck = False  # the newest page for ever
        self.knows_types = True  # of notifications (Mastodon 3.5)

    def toot(
        self, at: float, text: str = "kestrova is late again", **overrides: Any
    ) -> dict[str, Any]:
        """Publish a post; ``overrides`` replace its fields."""
        number = f"{(int(at) * 1000 << 16) + len(self.toots) % 60_000}"
        name = f"user{len(self.toots) % 7}"
        uri = f"https://{self.host}/users/{name}/statuses/{number}"
        post = {
            "id": number,
            "created_at": _iso(at),
            "visibility": "public",
            "language": "en",
            "uri": uri,
            "url": f"https://{self.host}/@{name}/{number}",
            "content": f'<p>{text} <a class="mention hashtag">#<span>Kestrova</span></a></p>',
            "spoiler_text": "",
            "in_reply_to_id": None,
            "reblog": None,
            "replies_count": 1,
            "reblogs_count": 2,
            "favourites_count": 3,
            "edited_at": None,
            "tags": [{"name": "kestrova"}],
            "mentions": [],
            "media_attachments": [],
            "account": {
                "id": "7",
                "acct": name,
                "uri": f"https://{self.host}/users/{name}",
                "url": f"https://{self.host}/@{name}",
                "display_name": "Kim",
                "followers_count": 12,
            },
        } | overrides
        self.toots.append(post)
        self.toots.sort(key=_order)
        return post

    def mention(
        self, at: float, *, thread: str = "", filtered: bool = False, **overrides: Any
    ) -> dict[str, Any]:
        """Publish a post that names our account, with its notification."""
        post = self.toot(at, **({"visibility": "direct", "tags": []} | overrides))
        self.notify(at, "mention", post, thread=thread, filtered=filtered)
        return post

    def notify(self, at: float, kind: str, post: dict[str, Any], **overrides: Any) -> None:
        """Add a notification about a post."""
        note = {"id": str(len(self.notifications) + 1), "type": kind, "created_at": _iso(at)}
        self.notifications.append(note | {"status": post} | overrides)

    def _filter_notifications(self, request: Asked) -> list[dict[str, Any]]:
        kinds = request.every["types[]"]
        notifications = [
            notification
            for notification in self.notifications
            if (notification["type"] in kinds or not self.knows_types)
            and (
                not notification.get("filtered") or request.query.get("include_filtered") == "true"
            )
        ]
        if kinds != ["mention"]:
            return notifications
        # Asked for mentions alone, Mastodon shows the newest of a thread only.
        newest = {item.get("thread") or item["id"]: item for item in notifications}
        return list(newest.values())

    def __call__(self, request: Asked) -> Reply:
        if self.token and request.headers.get("Authorization") != f"Bearer {self.token}":
            return Reply(status=401, body=b'{"error": "The access token is invalid"}')
        path, query = request.path, request.query
        if path.startswith("/api/v1/timelines/tag/"):
            tag = path.rpartition("/")[2].lower()
            return self._list(path, [post for post in self._open() if _is_tagged(post, tag)], query)
        if path == "/api/v1/notifications":
            return self._list(path, self._filter_notifications(request), query)
        if path == "/api/v2/search":
            return _json({"accounts": [], "hashtags": [], "statuses": self._search(query)})
        if path == "/api/v1/statuses" and self.knows_batches:
            return _json([post for post in self.toots if post["id"] in request.every["id[]"]])
        if path.startswith("/api/v1/statuses/"):
            matches = [post for post in self.toots if post["id"] == path.rpartition("/")[2]]
            return (
                _json(matches[0]) if matches else Reply(status=404, body=b'{"error": "not found"}')
            )
        return Reply(status=404, body=b'{"error": "not found"}')

    def _open(self) -> list[Any]:
        return [post for post in self.toots if post.get("visibility") in ("public", "unlisted")]

    def _list(self, path: str, items: list[Any], query: dict[str, str]) -> Reply:
        size = min(int(query.get("limit", 20)), PAGE)
        matches = [item for item in items if self.stuck or _within(item, query)]
        page = matches[:size] if "min_id" in query else matches[-size:]
        page = page[::-1]
        headers = {}
        if page:
            base = f"{self.url}{path}"
            older, newer = _order(page[-1]), _order(page[0])
            headers["Link"] = (
                f'<{base}?max_id={older}>; rel="next", <{base}?min_id={newer}>; rel="prev"'
            )
        return _json(page, headers)

    def _search(self, query: dict[str, str]) -> list[Any]:
        assert query["type"] == "statuses"
        assert query.get("resolve", "0") == "0"
        term = query["q"].strip('"').lower()
        low, high = (int(query.get(key, 0)) >> 16 for key in ("min_id", "max_id"))
        matches = [
            post
            for post in self._open()
            if term in post["content"].lower()
            and (not low or _creation_seconds(post) > low)
            and (not high or _creation_seconds(post) < high)
        ]
        skip = int(query.get("offset", 0))
        return matches[::-1][skip : skip + min(int(query.get("limit", 20)), PAGE)]


def _order(item: Any) -> int:
    return int(item.get("order", item["id"]))


def _within(item: Any, query: dict[str, str]) -> bool:
    number = _order(item)
    above = max(int(query.get("min_id", 0)), int(query.get("since_id", 0)))
    return above < number < int(query.get("max_id", 1 << 70))


def _is_tagged(post: Any, tag: str) -> bool:
    return tag in [post_tag["name"].lower() for post_tag in post["tags"]]


def _creation_seconds(post: Any) -> float:
    return (int(post["id"]) >> 16) / 1


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _json(answer: object, headers: dict[str, str] | None = None) -> Reply:
    kind = {"Content-Type": "application/json; charset=utf-8"}
    return Reply(body=json.dumps(answer).encode(), headers=kind | (headers or {}))
