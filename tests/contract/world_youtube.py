"""The world of "youtube": a channel with comments under its videos."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import ClassVar

from loopback import Asked, Reply, Site
from world import PATIENT, HttpWorld
from youtube_server import CHANNEL, KEY, YoutubeServer


class TheWorld(HttpWorld):
    source = "youtube"
    env: ClassVar = {"EARFUL_YOUTUBE_API_KEY": KEY}
    tokens = True

    def __init__(self, folder: Path, site: Site) -> None:
        super().__init__(folder, site)
        self.youtube = YoutubeServer()

    def options(self) -> dict[str, object]:
        return {
            "channels": [CHANNEL],
            "since": "7d",
            "endpoint": self.site.url,
            **PATIENT,
        }

    def serve(self, asked: Asked) -> Reply:
        self.youtube.stuck = self.repeating
        return self.youtube(asked)

    def put(self, number: int, at: datetime) -> str:
        return self.youtube.comment(at)

    def put_bad(self) -> None:
        self.youtube.comment(self.now - timedelta(days=2), publishedAt="yesterday")
