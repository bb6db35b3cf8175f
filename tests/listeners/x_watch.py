"""A query of X that is polled again and again, and a purse with a budget."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from loopback import Site
from x_server import TOKEN, XServer

from earful.contracts import Spent
from earful.enums import GapKind
from earful.limits import UnlimitedMeter
from earful.types import Batch, Gap, Mention, Query, Rejected
from listeners.x.listener import X

NOW = datetime(2024, 5, 20, 12, 0, tzinfo=UTC)


@dataclass(slots=True)
class Budget(UnlimitedMeter):
    """Refuses reads over ``most``."""

    most: int = 0

    def reserve(self, *, requests: int = 0, reads: int = 0, units: int = 0) -> None:
        if self.reads + reads > self.most:
            raise Spent("the budget of the day is used up", kind=GapKind.BUDGET, retry_after=3600)
        UnlimitedMeter.reserve(self, requests=requests, reads=reads, units=units)


class Watch:
    """Polls one X server, remembering position and everything that arrived."""

    def __init__(self, site: Site, monkeypatch, **options: object) -> None:
        monkeypatch.setenv("EARFUL_X_BEARER_TOKEN", TOKEN)
        self.now = NOW
        self.site = site
        self.server = XServer(lambda: self.now)
        site.script = self.server
        self.meter: UnlimitedMeter = UnlimitedMeter()
        self.position: str | None = None
        self.query = Query(
            id="x/kestrova",
            brand_id="kestrova",
            source="x",
            any_of=("Kestrova",),
            options={"endpoint": site.url, "timeout": 60, "deadline": 120} | options,
        )
        self.seen: dict[str, Mention] = {}
        self.times: dict[str, int] = {}
        self.batches: list[Batch] = []

    def listener(self) -> X:
        return X(clock=lambda: self.now, meter=self.meter)

    def poll(self) -> set[str]:
        """One poll; gives the ids that it brought for the first time."""
        self.batches = []
        before = set(self.seen)
        for batch in self.listener().poll(self.query, self.position):
            self.keep(batch)
        return set(self.seen) - before

    def keep(self, batch: Batch) -> None:
        self.batches.append(batch)
        self.position = batch.position
        for one in batch.mentions:
            self.seen[one.external_id] = one
            self.times[one.external_id] = self.times.get(one.external_id, 0) + 1

    def later(self, **by: int) -> None:
        self.now += timedelta(**by)

    def ask_for(self, **changes: object) -> None:
        self.query = replace(self.query, **changes)

    @property
    def gaps(self) -> list[Gap]:
        return [gap for batch in self.batches for gap in batch.gaps]

    @property
    def rejected(self) -> list[Rejected]:
        return [one for batch in self.batches for one in batch.rejected]
