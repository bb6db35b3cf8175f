"""A Hacker News search on loopback that keeps Algolia's rules, the inconvenient ones too."""

from __future__ import annotations

import json
import re
from typing import Any

from loopback import Asked, Reply

CEILING = 1000


class Algolia:
    """Newest first, hitsPerPage, page, numericFilters, tags, phrases; 1,000 hits and no more."""

    def __init__(self, largest_page: int = 1000) -> None:
        self.posts: list[dict[str, Any]] = []
        self.largest_page = largest_page

    def post(self, number: int, at: int, text: str = "kestrova is late again", **more: Any) -> None:
        """Index a comment; ``more`` overrides what Algolia would say of it."""
        hit = {
            "objectID": str(number),
            "author": f"user{number % 7}",
            "comment_text": text,
            "story_text": None,
            "title": None,
            "url": None,
            "points": None,
            "num_comments": None,
            "parent_id": 1,
            "created_at": None,
            "created_at_i": at,
            "_tags": ["comment"],
        }
        self.posts.append(hit | more)

    def __call__(self, asked: Asked) -> Reply:
        if not asked.path.endswith("/search_by_date"):
            return Reply(status=404)
        found = [hit for hit in self.posts if self._fits(hit, asked.query)]
        found.sort(key=_when, reverse=True)
        size = min(int(asked.query.get("hitsPerPage", 20)), self.largest_page)
        start = int(asked.query.get("page", 0)) * size
        hits = found[start : min(start + size, CEILING)]
        answer = {"hits": hits, "nbHits": len(found), "hitsPerPage": size}
        return Reply(body=json.dumps(answer).encode(), headers={"Content-Type": "application/json"})

    def _fits(self, hit: Any, query: dict[str, str]) -> bool:
        if not isinstance(hit, dict) or hit.get("broken"):
            return True
        tags = query.get("tags", "").strip("()").split(",")
        if not set(tags) & set(hit["_tags"]):
            return False
        words = " ".join(str(hit.get(key) or "") for key in ("title", "story_text", "comment_text"))
        term = query["query"].strip('"').lower()
        if not re.search(rf"\b{re.escape(term)}", f"{words} {hit['url']} {hit['author']}".lower()):
            return False
        return all(_holds(_when(hit), one) for one in query["numericFilters"].split(","))


def _when(hit: Any) -> int:
    at = hit.get("created_at_i") if isinstance(hit, dict) else None
    return at if isinstance(at, int) else 0


def _holds(at: int, condition: str) -> bool:
    name, sign, bound = re.fullmatch(r"(\w+)(>=|<=|>|<)(\d+)", condition).groups()  # type: ignore[union-attr]
    assert name == "created_at_i"
    number = int(bound)
    return {">=": at >= number, "<=": at <= number, ">": at > number, "<": at < number}[sign]
