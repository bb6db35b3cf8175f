"""The world of "appstore": Apple's feed of customer reviews, ten pages of fifty."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

from loopback import Asked, Reply, Site
from world import PATIENT, HttpWorld

PAGE = 50
PAGES = 10


def label(text: str) -> dict[str, str]:
    return {"label": text}


def review(number: int, at: datetime | str, **more: Any) -> dict[str, Any]:
    """An entry as the feed has it."""
    author = {"uri": label(f"https://itunes.apple.com/gr/reviews/id{1000 + number % 9}")}
    made = {
        "author": author | {"name": label(f"user{number % 9}"), "label": ""},
        "updated": label(at if isinstance(at, str) else at.isoformat()),
        "im:rating": label(str(1 + number % 5)),
        "im:version": label("4.2"),
        "id": label(str(number)),
        "title": label("Late again"),
        "content": {"label": "kestrova is late", "attributes": {"type": "text"}},
        "im:voteSum": label("3"),
        "im:voteCount": label("4"),
    }
    return made | more


def feed(entries: Any, pages: int, url: str = "https://itunes.apple.com") -> dict[str, Any]:
    """A page of the feed, which names the last one."""
    last = f"{url}/gr/rss/customerreviews/page={pages}/id=7/sortby=mostrecent/xml?urlDesc=/x"
    links = [{"attributes": {"rel": "first", "href": "x"}}]
    links.append({"attributes": {"rel": "last", "href": last}})
    return {
        "feed": {"link": links, "updated": label("x")} | ({"entry": entries} if entries else {})
    }


class TheWorld(HttpWorld):
    source = "appstore"
    deepest: ClassVar[int | None] = PAGE * PAGES
    deep = 5 * PAGE

    def __init__(self, folder: Path, site: Site) -> None:
        super().__init__(folder, site)
        self.reviews: list[tuple[datetime, dict[str, Any]]] = []

    def options(self) -> dict[str, object]:
        return {
            "apps": ["7"],
            "countries": ["gr"],
            "endpoint": self.site.url,
            **PATIENT,
        }

    def serve(self, asked: Asked) -> Reply:
        form = r"/gr/rss/customerreviews/page=(\d+)/id=7/sortby=mostrecent/json"
        found = re.fullmatch(form, asked.path)
        if not found:
            return Reply(status=404)
        number = int(found.group(1))
        if number > PAGES:
            return Reply(status=400, body=b"CustomerReviews RSS page depth is limited to 10")
        shown = sorted(self.reviews, key=lambda pair: pair[0], reverse=True)[: PAGE * PAGES]
        entries = [entry for _, entry in shown][(number - 1) * PAGE : number * PAGE]
        return self.json(feed(entries, -(-len(shown) // PAGE)))

    def put(self, number: int, at: datetime) -> str:
        self.reviews.append((at, review(number, at)))
        return str(number)

    def put_bad(self) -> None:
        self.reviews.append((self.reviews[-1][0], review(99_999_999, "yesterday")))
