"""The world of "hackernews": a search that keeps Algolia's rules."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from algolia import Algolia
from loopback import Asked, Reply, Site
from world import PATIENT, HttpWorld


class TheWorld(HttpWorld):
    source = "hackernews"
    deep = 1200  # two pages

    def __init__(self, folder: Path, site: Site) -> None:
        super().__init__(folder, site)
        self.algolia = Algolia()

    def options(self) -> dict[str, object]:
        return {"endpoint": f"{self.site.url}/api/v1", **PATIENT}

    def serve(self, asked: Asked) -> Reply:
        return self.algolia(asked)

    def put(self, number: int, at: datetime) -> str:
        self.algolia.post(number, int(at.timestamp()))
        return str(number)

    def put_bad(self) -> None:
        self.algolia.post(999_999_999, 0, created_at_i=None, created_at="yesterday", broken=True)
