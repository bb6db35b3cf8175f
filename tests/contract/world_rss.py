"""The world of "rss": a feed that shows its newest 1,000 entries."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar
from xml.sax.saxutils import escape

from loopback import Asked, Reply
from world import PATIENT, HttpWorld

from earful.contracts import EdgeError, Permanent

WINDOW = 1000


class TheWorld(HttpWorld):
    source = "rss"
    deepest: ClassVar[int | None] = WINDOW
    # an address that has never given a feed is wrong; a person has to look
    verdicts: ClassVar[Mapping[str, type[EdgeError] | None]] = dict.fromkeys(
        ("HTML with 200", "nothing with 200", "cut JSON"), Permanent
    )

    def __init__(self, folder, site) -> None:  # type: ignore[no-untyped-def]
        super().__init__(folder, site)
        self.items: list[str] = []

    def options(self) -> dict[str, object]:
        return {"url": f"{self.site.url}/feed.xml", **PATIENT}

    def serve(self, asked: Asked) -> Reply:
        shown = "".join(self.items[:WINDOW])
        body = f"<rss version='2.0'><channel><title>T</title>{shown}</channel></rss>"
        return Reply(body=body.encode(), headers={"Content-Type": "application/rss+xml"})

    def put(self, number: int, at: datetime) -> str:
        identity = f"https://news.example/{number}"
        self.items.insert(
            0,
            f"<item><guid>{identity}</guid><title>{escape('Kestrova & co')} {number}</title>"
            f"<pubDate>{at:%a, %d %b %Y %H:%M:%S} GMT</pubDate></item>",
        )
        return identity

    def put_bad(self) -> None:
        self.items.insert(0, "<item><guid>https://news.example/empty</guid></item>")
