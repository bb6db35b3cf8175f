"""Every source behind HTTP, collected through a storm that mitmproxy makes on the way (slow)."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import mitm
import pytest
from collecting import Collection, Killed
from factories import check_all, rows
from loopback import Asked, Site
from world import HttpWorld
from worlds import WORLDS

from storage.database.engine import Database

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

WEB = sorted(source for source, world in WORLDS.items() if issubclass(world, HttpWorld))
ONE_REQUEST = {"rss"}  # a poll of it has no middle
POSTS, MOST_POSTS = 450, 850
MOST_POLLS = 300
SIZES = {"hitsPerPage", "limit", "maxResults", "max_results"}


@pytest.fixture
def storm(site: Site, seed: int, tmp_path: Path) -> Iterator[mitm.Storm]:
    folder = tmp_path / "proxy"
    folder.mkdir()
    try:
        with mitm.before(site, folder, seed) as one:
            yield one
    except mitm.NoMitmproxy as why:
        pytest.skip(str(why))


@pytest.mark.parametrize("source", WEB)
def test_collecting_through_a_storm(
    source: str,
    storm: mitm.Storm,
    site: Site,
    seed: int,
    sqlite: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in WORLDS[source].env.items():
        monkeypatch.setenv(name, value)
    world = WORLDS[source](tmp_path, site)
    assert isinstance(world, HttpWorld)
    site.script = lambda asked: world.serve(of_small_pages(asked))
    here, dice = Collection(sqlite, world), random.Random(seed)
    weather = Weather(here, storm, dice)
    storm.begin()
    weather.pass_by()
    storm.end()
    print(weather)
    world.now += timedelta(hours=7)  # whatever was put off is due
    here.collect()
    assert here.error is None
    assert here.stored() == set(world.expected)
    assert not here.gaps("open") and not here.gaps("lost")
    if world.covers:
        assert here.covered(max(world.expected.values()))
    assert rows(sqlite, "SELECT sum(stored) FROM query") == rows(
        sqlite, "SELECT count(*) FROM mention"
    )
    check_all(sqlite)


def of_small_pages(asked: Asked) -> Asked:
    """The same request for at most 30 posts, as a platform may answer it: long walks."""
    small = {name: str(min(int(asked.query[name]), 30)) for name in SIZES & asked.query.keys()}
    return replace(asked, query=asked.query | small)


@dataclass
class Weather:
    """Life goes on in the storm: posts are written, polls fail, and now and then the process dies.

    ``noted`` counts polls that kept something, failed, and left a gap that says so.
    """

    here: Collection
    storm: mitm.Storm
    dice: random.Random
    killed: int = 0
    failed: int = 0
    noted: int = 0

    def __str__(self) -> str:
        polls = f"{self.killed} polls were killed, {self.failed} failed, {self.noted} of them noted"
        return f"{polls}; {dict(self.storm.faults())}"

    def pass_by(self) -> None:
        """Until there was enough of it; raises AssertionError when that does not come."""
        world = self.here.world
        world.add(200)
        most = min(MOST_POSTS, (world.deepest or MOST_POSTS) * 9 // 10)  # all of it can be had
        for _ in range(MOST_POLLS):
            self._poll()
            assert not self._made_up(), "the ledger says that it has seen what is not stored"
            if self._enough():
                return
            world.now += timedelta(minutes=self.dice.randint(5, 20))
            if len(world.expected) < POSTS or not self.noted:
                world.add(min(self.dice.choice((0, 3, 25, 150)), most - len(world.expected)))
        raise AssertionError(f"{MOST_POLLS} polls are not enough: {self}")

    def _enough(self) -> bool:
        """Every fault came twice, processes were killed, and outages were written down that came
        in the middle of a walk."""
        faults, world = self.storm.faults(), self.here.world
        every = all(faults[one] >= 2 for one in mitm.FAULTS)
        noted = self.noted or world.source in ONE_REQUEST
        return bool(every and self.killed and noted) and len(world.expected) >= POSTS

    def _poll(self) -> None:
        before = len(self.here.stored())
        dies_at = self.dice.randint(1, 3) if self.dice.random() < 0.25 else None
        try:
            self.here.poll(dies_at=dies_at)
        except Killed:
            self.killed += 1
            return
        if self.here.error is None:
            return
        self.failed += 1
        kinds = {kind for _, _, kind in self.here.gaps("open")}
        self.noted += "outage" in kinds and len(self.here.stored()) > before

    def _made_up(self) -> set[str]:
        here = self.here
        return {one for one in here.missing() if here.covered(here.world.expected[one])}
