"""The world of "bluesky": its search, with a login."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from bluesky_server import HANDLE, PASSWORD, Network
from loopback import Asked, Reply, Site
from world import PATIENT, HttpWorld


class TheWorld(HttpWorld):
    source = "bluesky"
    tokens = True
    env: ClassVar[Mapping[str, str]] = {"EARFUL_BLUESKY_APP_PASSWORD": PASSWORD}

    def __init__(self, folder: Path, site: Site) -> None:
        super().__init__(folder, site)
        self.network = Network()

    def options(self) -> dict[str, object]:
        return {
            "service": self.site.url,
            "api": self.site.url,
            "handle": HANDLE,
            "overlap": "24h",
            **PATIENT,
        }

    def serve(self, asked: Asked) -> Reply:
        self.network.stuck = self.repeating
        return self.network(asked)

    def put(self, number: int, at: datetime) -> str:
        return str(self.network.post(number, at.timestamp())["uri"])

    def put_bad(self) -> None:
        view = self.network.post(999, self.now.timestamp() - 5)
        view["uri"] = "at://nobody"
