"""Poll a query of Mastodon repeatedly, as the poll stage does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from loopback import Site
from mastodon_server import Instance

from earful.enums import GapKind
from earful.limits import UnlimitedMeter
from earful.types import Batch, Query
from listeners.mastodon.listener import Mastodon

NOW = datetime(2024, 5, 20, 12, 0, tzinfo=UTC)
EPOCH = int(NOW.timestamp())


class Watch:
    """Polls, and remembers the position and all mentions."""

    def __init__(self, site: Site, **options: object) -> None:
        self.site = site
        self.instance = Instance(site.url)
        site.script = self.instance
        self.now = NOW
        self.position: str | None = None
        self.account = ""
        self.any_of: tuple[str, ...] = ("Kestrova",)
        self.options = {"instances": [site.url], "timeout": 60, "deadline": 120} | options
        self.meter = UnlimitedMeter()
        self.batches: list[Batch] = []
        self.seen: dict[str, str] = {}

    def query(self) -> Query:
        return Query(
            id="mastodon/kestrova",
            brand_id="kestrova",
            source="mastodon",
            any_of=self.any_of,
            account=self.account,
            options=self.options,
        )

    def poll(self, max_batches: int | None = None) -> set[str]:
        """Return the new ids; the process is killed after it stored ``max_batches``."""
        before = set(self.seen)
        self.batches = []
        listener = Mastodon(clock=lambda: self.now, meter=self.meter)
        for batch in listener.poll(self.query(), self.position):
            if max_batches is not None and len(self.batches) >= max_batches:
                break
            self.batches.append(batch)
            self.position = batch.position
            self.seen |= {mention.external_id: mention.text for mention in batch.mentions}
        return set(self.seen) - before

    def gaps(self) -> list[tuple[datetime, datetime, GapKind]]:
        return [(gap.since, gap.until, gap.kind) for batch in self.batches for gap in batch.gaps]

    def seen_span(self) -> tuple[datetime, datetime]:
        """Return the first and the last instant that was reported as seen."""
        spans = [span for batch in self.batches for span in batch.seen]
        return min(span.since for span in spans), max(span.until for span in spans)

    def later(self, **by: int) -> None:
        self.now += timedelta(**by)

    def toots(self, count: int, start: int, apart: int = 1) -> set[str]:
        return {self.instance.toot(start + n * apart)["uri"] for n in range(count)}
