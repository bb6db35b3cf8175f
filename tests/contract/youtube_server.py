"""The YouTube Data API v3 on loopback as far as Earful speaks it: newest threads first, 5 replies
beside a thread, page tokens, and a quota in units."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from loopback import Asked, Reply

KEY = "an-api-key-for-tests"
VIDEO, CHANNEL = "vid-KESTRO1", "UC" + "k" * 22
_SHOWN_REPLIES = 5


@dataclass(kw_only=True)
class Thread:
    """A comment with its replies."""

    video: str
    top: dict[str, Any]
    replies: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class YoutubeServer:
    """``refuse``: status and reason by video or channel. ``stuck``: the same page token for ever.
    ``stale_once``: the next token is not known any more. ``units``: what is left of the day's.
    ``searches``: the same of searches, which Google counts apart too. ``pinned``: the comment that
    is shown first."""

    threads: list[Thread] = field(default_factory=list)
    videos: list[dict[str, Any]] = field(default_factory=list)
    refuse: dict[str, tuple[int, str]] = field(default_factory=dict)
    stuck: bool = False
    stale_once: bool = False
    units: int = 10_000
    searches: int = 100
    pinned: str = ""
    number: int = 0

    def comment(self, at: datetime, text: str = "Kestrova is late again", **more: Any) -> str:
        """Publish a comment under ``video``; ``more`` overrides what YouTube would say of it."""
        video = more.pop("video", VIDEO)
        top = self._comment(at, text, f"Ug{self._next():020d}AaABAg", video, more)
        self.threads.append(Thread(video=video, top=top))
        return top["id"]

    def reply(self, parent: str, at: datetime, text: str = "Kestrova never answers") -> str:
        """Publish a reply."""
        thread = next(one for one in self.threads if one.top["id"] == parent)
        one = self._comment(at, text, f"{parent}.{self._next():020d}", "", {"parentId": parent})
        thread.replies.append(one)
        return one["id"]

    def film(self, at: datetime, number: str, title: str = "Kestrova &amp; me") -> str:
        """Publish a video that search finds."""
        snippet = {
            "publishedAt": _iso(at),
            "title": title,
            "description": "a film",
            "channelId": "UC" + "m" * 22,
            "channelTitle": "Mo films",
        }
        self.videos.append({"id": {"kind": "youtube#video", "videoId": number}, "snippet": snippet})
        return number

    def snippet(self, number: str) -> dict[str, Any]:
        """What YouTube says of a comment: tests change it."""
        return next(one["snippet"] for one in self._every() if one["id"] == number)

    def delete(self, number: str) -> None:
        """A comment is gone, with its replies."""
        self.threads = [one for one in self.threads if one.top["id"] != number]
        for thread in self.threads:
            thread.replies = [one for one in thread.replies if one["id"] != number]

    def __call__(self, asked: Asked) -> Reply:
        if asked.headers.get("X-Goog-Api-Key") != KEY or "key" in asked.query:
            return refusal(400, "badRequest", "API_KEY_INVALID")
        place = asked.path.removeprefix("/youtube/v3/")
        cost = 100 if place == "search" else 1
        if self.units < cost:
            return refusal(403, "quotaExceeded")
        self.units -= cost
        if place == "search":
            self.searches -= 1
            if self.searches < 0:
                return used_up("Search Queries")
        if self.stale_once and "pageToken" in asked.query:
            self.stale_once = False
            return refusal(400, "invalidPageToken")
        answer = {
            "commentThreads": self._threads,
            "comments": self._comments,
            "search": self._search,
            "videos": self._videos,
        }
        return answer[place](asked.query)

    def _threads(self, query: dict[str, str]) -> Reply:
        assert query["order"] == "time" and query["textFormat"] == "plainText"
        where = query.get("videoId") or query["allThreadsRelatedToChannelId"]
        if where in self.refuse:
            return refusal(*self.refuse[where])
        found = [one for one in self.threads if "videoId" not in query or one.video == where]
        found.sort(key=lambda one: str(one.top["snippet"]["publishedAt"]), reverse=True)
        found.sort(key=lambda one: one.top["id"] != self.pinned)
        return self._page(found, query, _thread)

    def _comments(self, query: dict[str, str]) -> Reply:
        if "parentId" not in query:
            wanted = query["id"].split(",")
            assert len(wanted) <= 50
            return self._page([one for one in self._every() if one["id"] in wanted], {})
        for thread in self.threads:
            if thread.top["id"] == query["parentId"]:
                return self._page(thread.replies, query)
        return refusal(404, "commentNotFound")

    def _search(self, query: dict[str, str]) -> Reply:
        since, until = query["publishedAfter"], query.get("publishedBefore", "9")
        found = [one for one in self.videos if since <= one["snippet"]["publishedAt"] < until]
        found.sort(key=lambda one: one["snippet"]["publishedAt"], reverse=True)
        return self._page(found, query)

    def _videos(self, query: dict[str, str]) -> Reply:
        wanted = query["id"].split(",")
        found = [one["id"]["videoId"] for one in self.videos]
        return self._page([{"id": one} for one in found if one in wanted], {})

    def _page(
        self,
        found: list[Any],
        query: dict[str, str],
        shown: Callable[[Any], object] = lambda one: one,
    ) -> Reply:
        size = min(int(query.get("maxResults", 100)), 100)
        start = int(query.get("pageToken", "at 0").removeprefix("at "))
        items = [shown(one) for one in found[start : start + size]]
        answer: dict[str, Any] = {
            "kind": "youtube#listResponse",
            "items": items,
        }
        if start + size < len(found):
            answer["nextPageToken"] = f"at {size if self.stuck else start + size}"
        return _json(answer)

    def _every(self) -> list[dict[str, Any]]:
        return [one for thread in self.threads for one in (thread.top, *thread.replies)]

    def _comment(
        self, at: datetime, text: str, number: str, video: str, more: dict[str, Any]
    ) -> dict[str, Any]:
        snippet = {
            "textDisplay": text,
            "authorDisplayName": f"@user{self.number % 7}",
            "authorChannelId": {"value": f"UC{self.number % 7:022d}"},
            "likeCount": 2,
            "publishedAt": _iso(at),
            "updatedAt": _iso(at),
        }
        snippet |= {"videoId": video} if video else {}
        return {"kind": "youtube#comment", "id": number, "snippet": snippet | more}

    def _next(self) -> int:
        self.number += 1
        return self.number


def refusal(status: int, reason: str, detail: str = "") -> Reply:
    """An error as the API writes it."""
    error: dict[str, Any] = {"code": status, "message": "no", "errors": [{"reason": reason}]}
    if detail:
        error["details"] = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": detail}]
    return _json({"error": error}, status)


def used_up(what: str) -> Reply:
    """How Google refuses when a quota of a day is used up that it counts apart from the units."""
    limit = f"Quota exceeded for quota metric '{what}' and limit '{what} per day' of service"
    error = {
        "code": 429,
        "message": f"{limit} 'youtube.googleapis.com' for consumer 'project_number:1'.",
        "errors": [{"domain": "global", "reason": "rateLimitExceeded"}],
        "status": "RESOURCE_EXHAUSTED",
    }
    return _json({"error": error}, 429)


def _thread(one: Thread) -> object:
    snippet = {
        "videoId": one.video,
        "topLevelComment": one.top,
        "totalReplyCount": len(one.replies),
    }
    item: dict[str, Any] = {
        "kind": "youtube#commentThread",
        "id": one.top["id"],
        "snippet": snippet,
    }
    if one.replies:
        item["replies"] = {"comments": one.replies[-_SHOWN_REPLIES:]}
    return item


def _iso(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _json(value: object, status: int = 200) -> Reply:
    kind = {"Content-Type": "application/json; charset=UTF-8"}
    return Reply(status=status, body=json.dumps(value).encode(), headers=kind)
