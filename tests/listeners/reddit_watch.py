"""A query of Reddit that is polled again and again, as the poll stage would."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from loopback import Asked, Site
from reddit_server import CLIENT, SECRET, RedditServer

from earful.enums import GapKind
from earful.limits import UnlimitedMeter
from earful.types import Batch, Mention, Query
from listeners.reddit.listener import Reddit

NOW = datetime(2024, 5, 20, 12, 0, tzinfo=UTC)


class Watch:
    """Polls one Reddit, remembering position and everything that arrived."""

    def __init__(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("EARFUL_REDDIT_CLIENT_ID", CLIENT)
        monkeypatch.setenv("EARFUL_REDDIT_CLIENT_SECRET", SECRET)
        self.monkeypatch = monkeypatch
        self.now = NOW
        self.site = site
        self.server = RedditServer()
        site.script = self.server
        self.meter = UnlimitedMeter()
        self.position: str | None = None
        self.options: dict[str, object] = {
            "contact": "earful_tests",
            "kinds": ["submissions"],
            "subreddits": ["trains"],
            "since": "7d",
            "reddit_url": site.url,
            "oauth_url": site.url,
            "timeout": 60,
            "deadline": 120,
        }
        self.seen: dict[str, Mention] = {}
        self.batches: list[Batch] = []

    def query(self, any_of: tuple[str, ...] = ("Kestrova",)) -> Query:
        return Query(
            id="reddit/kestrova",
            brand_id="kestrova",
            source="reddit",
            any_of=any_of,
            options=self.options,
        )

    def listener(self) -> Reddit:
        return Reddit(clock=lambda: self.now, meter=self.meter)

    def poll(self) -> set[str]:
        """One poll; gives the ids that it brought for the first time."""
        self.batches = []
        before = set(self.seen)
        for batch in self.listener().poll(self.query(), self.position):
            self.take(batch)
        return set(self.seen) - before

    def take(self, batch: Batch) -> None:
        self.batches.append(batch)
        self.position = batch.position
        self.seen |= {one.external_id: one for one in batch.mentions}

    def later(self, **time: float) -> None:
        self.now += timedelta(**time)

    def publish(self, count: int, *, until: datetime | None = None) -> set[str]:
        """Posts a second apart, the newest a second ago."""
        last = (until or self.now) - timedelta(seconds=1)
        return {
            self.server.submit(last - timedelta(seconds=count - number)) for number in range(count)
        }

    def asked(self, word: str) -> list[Asked]:
        return [one for one in self.site.asked if word in one.path]

    @property
    def gaps(self) -> list[tuple[GapKind, bool]]:
        return [(one.kind, one.lost) for batch in self.batches for one in batch.gaps]
