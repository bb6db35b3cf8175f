"""The world of "reddit": a subreddit whose listing ends after 1,000 posts."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import ClassVar

from loopback import Asked, Reply, Site
from reddit_server import CLIENT, SECRET, RedditServer
from world import PATIENT, HttpWorld


class TheWorld(HttpWorld):
    source = "reddit"
    env: ClassVar = {"EARFUL_REDDIT_CLIENT_ID": CLIENT, "EARFUL_REDDIT_CLIENT_SECRET": SECRET}
    deepest = 1000
    tokens = True

    def __init__(self, folder: Path, site: Site) -> None:
        super().__init__(folder, site)
        self.reddit = RedditServer()

    def options(self) -> dict[str, object]:
        return {
            "contact": "earful_tests",
            "kinds": ("submissions",),
            "subreddits": ("trains",),
            "since": "7d",
            "reddit_url": self.site.url,
            "oauth_url": self.site.url,
            **PATIENT,
        }

    def serve(self, asked: Asked) -> Reply:
        self.reddit.stuck = self.repeating
        return self.reddit(asked)

    def put(self, number: int, at: datetime) -> str:
        return self.reddit.submit(at)

    def put_bad(self) -> None:
        self.reddit.submit(self.now - timedelta(days=2), name="kestrova?", broken=True)
