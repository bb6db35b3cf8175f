"""A server of the Mastodon API on loopback that keeps Mastodon's rules, the inconvenient ones too.

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
    """``toots`` in the order of their ids, oldest first; ``letters`` are notifications."""

    def __init__(self, url: str, host: str = "") -> None:
        self.url = url
        self.host = host or url.partition("://")[2]
        self.toots: list[Any] = []
        self.letters: list[dict[str, Any]] = []
        self.token = ""
        self.several = True  # knows the question for several posts (Mastodon 4.3)
        self.stuck = False  # the newest page for ever
        self.knows_types = True  # of notifications (Mastodon 3.5)

    def toot(self, at: float, text: str = "kestrova is late again", **more: Any) -> dict[str, Any]:
        """Publish a post; ``more`` overrides what the server would say of it."""
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
        } | more
        self.toots.append(post)
        self.toots.sort(key=_order)
        return post

    def letter(
        self, at: float, *, thread: str = "", filtered: bool = False, **more: Any
    ) -> dict[str, Any]:
        """A post that names our account, as a notification; ``filtered`` by its settings."""
        post = self.toot(at, **({"visibility": "direct", "tags": []} | more))
        self.notify(at, "mention", post, thread=thread, filtered=filtered)
        return post

    def notify(self, at: float, kind: str, post: dict[str, Any], **more: Any) -> None:
        """Any notification about a post."""
        note = {"id": str(len(self.letters) + 1), "type": kind, "created_at": _iso(at)}
        self.letters.append(note | {"status": post} | more)

    def _told(self, asked: Asked) -> list[dict[str, Any]]:
        kinds = asked.every["types[]"]
        found = [
            one
            for one in self.letters
            if (one["type"] in kinds or not self.knows_types)
            and (not one.get("filtered") or asked.query.get("include_filtered") == "true")
        ]
        if kinds != ["mention"]:
            return found
        newest = {one.get("thread") or one["id"]: one for one in found}  # one of a thread
        return list(newest.values())

    def __call__(self, asked: Asked) -> Reply:
        if self.token and asked.headers.get("Authorization") != f"Bearer {self.token}":
            return Reply(status=401, body=b'{"error": "The access token is invalid"}')
        path, query = asked.path, asked.query
        if path.startswith("/api/v1/timelines/tag/"):
            tag = path.rpartition("/")[2].lower()
            return self._list(path, [one for one in self._open() if _tagged(one, tag)], query)
        if path == "/api/v1/notifications":
            return self._list(path, self._told(asked), query)
        if path == "/api/v2/search":
            return _json({"accounts": [], "hashtags": [], "statuses": self._search(query)})
        if path == "/api/v1/statuses" and self.several:
            return _json([one for one in self.toots if one["id"] in asked.every["id[]"]])
        if path.startswith("/api/v1/statuses/"):
            found = [one for one in self.toots if one["id"] == path.rpartition("/")[2]]
            return _json(found[0]) if found else Reply(status=404, body=b'{"error": "not found"}')
        return Reply(status=404, body=b'{"error": "not found"}')

    def _open(self) -> list[Any]:
        return [one for one in self.toots if one.get("visibility") in ("public", "unlisted")]

    def _list(self, path: str, items: list[Any], query: dict[str, str]) -> Reply:
        size = min(int(query.get("limit", 20)), PAGE)
        found = [one for one in items if self.stuck or _within(one, query)]
        page = found[:size] if "min_id" in query else found[-size:]
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
        found = [
            one
            for one in self._open()
            if term in one["content"].lower()
            and (not low or _when(one) > low)
            and (not high or _when(one) < high)
        ]
        skip = int(query.get("offset", 0))
        return found[::-1][skip : skip + min(int(query.get("limit", 20)), PAGE)]


def _order(one: Any) -> int:
    return int(one.get("order", one["id"]))


def _within(one: Any, query: dict[str, str]) -> bool:
    number = _order(one)
    above = max(int(query.get("min_id", 0)), int(query.get("since_id", 0)))
    return above < number < int(query.get("max_id", 1 << 70))


def _tagged(one: Any, tag: str) -> bool:
    return tag in [each["name"].lower() for each in one["tags"]]


def _when(one: Any) -> float:
    return (int(one["id"]) >> 16) / 1


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _json(answer: object, headers: dict[str, str] | None = None) -> Reply:
    kind = {"Content-Type": "application/json; charset=utf-8"}
    return Reply(body=json.dumps(answer).encode(), headers=kind | (headers or {}))
