"""A week of random life, collected by processes that are killed at random (slow)."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from collecting import Collection, polling_rows
from factories import check_all, rows
from killed_workers import Workers, workers
from life import Life
from loopback import Site
from sqlalchemy import select
from world import HttpWorld
from world_hackernews import TheWorld as HackerNewsWorld
from world_x import TheWorld as XWorld
from worlds import WORLDS

from earful import intervals
from storage.database.engine import Database
from storage.database.upsert import table_of
from storage.tables import CoverageRow

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

WORKER = Path(__file__).with_name("poll_worker.py")
NEWEST_FIRST = ("bluesky", "hackernews", "x")
WEEK, OVERLAP = timedelta(days=7), timedelta(hours=6)
MOST_POLLS = 4000
KILLS = (0, 1, 1, 1, 2, 4)  # batches that are stored before it: most polls have two or three


@dataclass(slots=True)
class Poller:
    """Polls in worker processes, of which it kills some; remembers how they ended."""

    workers: Workers
    url: str
    ended: Counter[str] = field(default_factory=Counter)

    def poll(self, here: Collection, *, kill_after: int | None, requests: int) -> None:
        """One poll, done or killed once it has stored so many batches and a moment."""
        query = asdict(replace(here.query, options={})) | {"options": dict(here.query.options)}
        job = {"url": self.url, "query": query, "now": here.world.now.isoformat()}
        job |= {"requests": requests}
        how, _ = self.workers.do(job, kill_after=kill_after, within=0.015)
        self.ended[how] += 1


@pytest.fixture(params=NEWEST_FIRST)
def world(
    request: pytest.FixtureRequest, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> HttpWorld:
    kind = WORLDS[request.param]
    for name, value in kind.env.items():
        monkeypatch.setenv(name, value)
    world = kind(tmp_path, site)
    assert isinstance(world, HttpWorld)
    if isinstance(world, HackerNewsWorld):
        world.algolia.largest_page = 50
    if isinstance(world, XWorld):
        world.x.limit = 10**6  # no new window ever opens there; the purse's limits do the same
    return world


@pytest.fixture
def poller(world: HttpWorld, sqlite_url: str, seed: int) -> Iterator[Poller]:
    with workers(WORKER, world.source, dice=random.Random(seed)) as these:
        yield Poller(these, sqlite_url)


def test_a_week_of_life(world: HttpWorld, poller: Poller, sqlite: Database, seed: int) -> None:
    here = Collection(sqlite, world)
    options = dict(here.query.options) | {"overlap": "6h", "max_requests": 8, "since": "1d"}
    here.query = replace(here.query, options=options)
    life = Life(world, random.Random(seed + 1), latest=OVERLAP / 2)
    begun = world.now
    _live(here, life, poller, until=begun + WEEK)
    life.stop()
    _live(here, life, poller, until=begun + WEEK + 3 * OVERLAP)
    lost = here.gaps("lost")
    print(len(world.expected), "posts", len(life.late), "late", dict(poller.ended), "lost:", lost)

    assert here.error is None and not here.gaps("open") and not life.waiting
    assert here.stored() <= set(world.expected)
    unsaid = {
        one
        for one in here.missing()
        if not any(since <= world.expected[one] < until for since, until, _ in lost)
    }
    assert not unsaid
    assert len(here.missing()) < len(world.expected) / 50
    told = [*_covered(sqlite), *((since, until) for since, until, _ in lost)]
    assert not intervals.subtract([(begun - timedelta(days=1), begun + WEEK)], intervals.add(told))
    assert rows(sqlite, "SELECT sum(stored) FROM query") == rows(
        sqlite, "SELECT count(*) FROM mention"
    )
    assert rows(sqlite, "PRAGMA integrity_check") == [("ok",)]
    check_all(sqlite)
    assert poller.ended["killed in the middle"] >= 10 and life.late


def _live(here: Collection, life: Life, poller: Poller, *, until: datetime) -> None:
    """Poll whenever it is due; now and then the process is killed, or nobody is there for hours."""
    world, dice = here.world, poller.workers.dice
    for number in range(MOST_POLLS):
        if world.now >= until:
            return
        life.go_on()
        kill = dice.choice(KILLS) if not life.calm and dice.random() < 0.25 else None
        limited = not life.calm and dice.random() < 0.1
        poller.poll(here, kill_after=kill, requests=dice.randint(2, 6) if limited else 1000)
        if number % 20 == 0:
            assert not _made_up(here, life)
        due = next(row.due_at for row in polling_rows(here.db) if row.id == here.query.id)
        soon = world.now + timedelta(seconds=20)
        world.now = max(due or soon, soon) + timedelta(seconds=dice.randint(0, 60))
        if not life.calm and dice.random() < 0.01:
            world.now += timedelta(minutes=dice.randint(30, 800))
    raise AssertionError(f"{MOST_POLLS} polls, and it is not over")


def _made_up(here: Collection, life: Life) -> set[str]:
    """What the ledger says was seen, and is not stored although it showed in time."""
    seen = _covered(here.db)
    return {
        one
        for one in here.missing() - life.late
        if any(since <= here.world.expected[one] < until for since, until in seen)
    }


def _covered(db: Database) -> list[intervals.Interval]:
    coverage = table_of(CoverageRow)
    with db.read() as connection:
        found = connection.execute(select(coverage.c.since, coverage.c.until)).all()
    return [(row.since, row.until) for row in found]
