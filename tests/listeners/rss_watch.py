"""Polling feeds of a site on loopback, for the tests of the source "rss"."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from loopback import Reply, Site

from earful.types import Batch, Gap, Mention, Query
from listeners.feeds.listener import Rss

NOW = datetime(2024, 5, 20, 12, 0, tzinfo=UTC)


class Watch:
    """Polls feeds of one site, remembering the position."""

    def __init__(self, site: Site, **options: object) -> None:
        self.site = site
        self.now = NOW
        self.position: str | None = None
        self.options: dict[str, object] = {"url": f"{site.url}/feed.xml", "all": True}
        self.options |= {"timeout": 60, "deadline": 120} | options
        self.more: dict[str, object] = {}
        self.batches: list[Batch] = []
        self.pages: dict[str, Reply] = {}
        site.script = lambda asked: self.pages.get(asked.path, Reply(status=404))

    def show(self, items: str, path: str = "/feed.xml", head: str = "", **headers: str) -> None:
        body = f"<rss version='2.0'><channel><title>The News</title>{head}{items}</channel></rss>"
        self.pages[path] = Reply(body=body.encode(), headers=headers)

    def serve(self, body: bytes, path: str = "/feed.xml", **headers: str) -> None:
        self.pages[path] = Reply(body=body, headers=headers)

    def poll(self) -> list[Mention]:
        query = Query(
            id="rss/kestrova",
            brand_id="kestrova",
            source="rss",
            options=self.options,
            **({"any_of": ("Kestrova",)} | self.more),  # type: ignore[arg-type]
        )
        self.batches = []
        for batch in Rss(clock=lambda: self.now).poll(query, self.position):
            self.batches.append(batch)
            self.position = batch.position
        self.now += timedelta(minutes=15)
        return [one for batch in self.batches for one in batch.mentions]

    def gaps(self) -> list[Gap]:
        return [gap for batch in self.batches for gap in batch.gaps]

    def reasons(self) -> list[str]:
        return [one.reason for batch in self.batches for one in batch.rejected]


def item(number: int, hours_ago: float = 1.0, title: str = "Kestrova") -> str:
    at = NOW - timedelta(hours=hours_ago)
    return (
        f"<item><guid>https://n.example/{number}</guid><title>{title} {number}</title>"
        f"<pubDate>{at:%a, %d %b %Y %H:%M:%S} GMT</pubDate></item>"
    )
