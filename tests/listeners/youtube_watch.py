"""A query of YouTube that is polled again and again, as the poll stage would."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from loopback import Site
from youtube_server import CHANNEL, KEY, YoutubeServer

from earful.limits import UnlimitedMeter
from earful.types import Batch, Gap, Mention, Query
from listeners.youtube.listener import Youtube

NOW = datetime(2024, 5, 20, 12, 0, tzinfo=UTC)


class Watch:
    """Polls one YouTube, remembering position and everything that arrived."""

    def __init__(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("EARFUL_YOUTUBE_API_KEY", KEY)
        self.now = NOW
        self.site = site
        self.server = YoutubeServer()
        site.script = self.server
        self.meter = UnlimitedMeter()
        self.position: str | None = None
        self.options: dict[str, object] = {
            "channels": [CHANNEL],
            "endpoint": site.url,
            "timeout": 60,
            "deadline": 120,
        }
        self.seen: dict[str, Mention] = {}
        self.batches: list[Batch] = []

    @property
    def query(self) -> Query:
        return Query(
            id="youtube/kestrova",
            brand_id="kestrova",
            source="youtube",
            any_of=("Kestrova", '@kes"trova'),
            options=self.options,
        )

    def listener(self) -> Youtube:
        return Youtube(clock=lambda: self.now, meter=self.meter)

    def poll(self) -> set[str]:
        """One poll; gives the ids that it brought for the first time."""
        self.batches = []
        before = set(self.seen)
        for batch in self.listener().poll(self.query, self.position):
            self.take(batch)
        return set(self.seen) - before

    def take(self, batch: Batch) -> None:
        self.batches.append(batch)
        self.position = batch.position
        self.seen |= {one.external_id: one for one in batch.mentions}

    def later(self, **time: float) -> None:
        self.now += timedelta(**time)

    def publish(self, count: int, **more: object) -> set[str]:
        last = self.now - timedelta(seconds=1)
        return {
            self.server.comment(last - timedelta(seconds=count - number), **more)
            for number in range(count)
        }

    def asked(self, place: str) -> int:
        return len([one for one in self.site.asked if one.path.endswith(f"/{place}")])

    @property
    def gaps(self) -> list[Gap]:
        return [one for batch in self.batches for one in batch.gaps]
