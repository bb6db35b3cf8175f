"""The world of "x": recent search, whose clock may differ from ours."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import ClassVar

from loopback import Asked, Reply, Site
from world import PATIENT, HttpWorld
from x_server import TOKEN, XServer

BEHIND = timedelta(seconds=31)  # what is newer, X does not show yet


class TheWorld(HttpWorld):
    source = "x"
    env: ClassVar = {"EARFUL_X_BEARER_TOKEN": TOKEN}
    tokens = True

    def __init__(self, folder: Path, site: Site) -> None:
        super().__init__(folder, site)
        self.x = XServer(self.clock_of_x)

    def clock_of_x(self) -> datetime:
        """Ours, or ahead of it: its newest post is old enough to be shown."""
        return max([self.now, *(at + BEHIND for at in self.expected.values())])

    def options(self) -> dict[str, object]:
        return {"endpoint": self.site.url, "since": "3d", **PATIENT}

    def add(self, count: int) -> None:
        last = self.now - (timedelta(days=2) if not self.expected else BEHIND)
        for number in range(count):
            self.publish(last - timedelta(seconds=count - 1 - number))

    def serve(self, asked: Asked) -> Reply:
        self.x.stuck = self.repeating
        return self.x(asked)

    def put(self, number: int, at: datetime) -> str:
        return self.x.post(f"Kestrova is late again, {number}", at)

    def put_bad(self) -> None:
        raw = {"id": "seven", "text": "Kestrova"}
        self.x.post("Kestrova", self.now - timedelta(days=2), raw=raw)
