"""The world of "mastodon": a server that keeps Mastodon's rules, read by hashtag."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from loopback import Asked, Reply, Site
from mastodon_server import Instance
from world import PATIENT, HttpWorld


class TheWorld(HttpWorld):
    source = "mastodon"
    deep = 200  # five pages
    tokens = True

    def __init__(self, folder: Path, site: Site) -> None:
        super().__init__(folder, site)
        self.instance = Instance(site.url)

    def options(self) -> dict[str, object]:
        return {"instances": [self.site.url], "overlap": "24h", **PATIENT}

    def serve(self, asked: Asked) -> Reply:
        self.instance.stuck = self.repeating
        return self.instance(asked)

    def put(self, number: int, at: datetime) -> str:
        return str(self.instance.toot(at.timestamp())["uri"])

    def put_bad(self) -> None:
        self.instance.toot((self.now.timestamp() // 1) - 5, created_at="yesterday")
