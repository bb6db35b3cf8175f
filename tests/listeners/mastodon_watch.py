"""A query of Mastodon that is polled again and again, as the poll stage would."""

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
    """Polls, remembering position and everything that arrived."""

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

    def poll(self, most: int | None = None) -> set[str]:
        """The ids that are new; ``most`` batches are stored, then the process is killed."""
        before = set(self.seen)
        self.batches = []
        listener = Mastodon(clock=lambda: self.now, meter=self.meter)
        for batch in listener.poll(self.query(), self.position):
            if most is not None and len(self.batches) >= most:
                break
            self.batches.append(batch)
            self.position = batch.position
            self.seen |= {one.external_id: one.text for one in batch.mentions}
        return set(self.seen) - before

    def gaps(self) -> list[tuple[datetime, datetime, GapKind]]:
        return [(one.since, one.until, one.kind) for batch in self.batches for one in batch.gaps]

    def told(self) -> tuple[datetime, datetime]:
        """The outermost instants that were told as seen."""
        seen = [one for batch in self.batches for one in batch.seen]
        return min(one.since for one in seen), max(one.until for one in seen)

    def later(self, **by: int) -> None:
        self.now += timedelta(**by)

    def toots(self, count: int, start: int, apart: int = 1) -> set[str]:
        return {self.instance.toot(start + n * apart)["uri"] for n in range(count)}
