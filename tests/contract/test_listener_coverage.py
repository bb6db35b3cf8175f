"""Nothing is lost, nothing is doubled, and the ledger says what happened: over every source."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from collecting import Collection, Killed, failing_at
from products import two_of_each
from world import FAULTS, HttpWorld, World, patience
from worlds import WORLDS

from storage.database.engine import Database

WEB = sorted(source for source, world in WORLDS.items() if issubclass(world, HttpWorld))
TOKENS = [source for source in WEB if getattr(WORLDS[source], "tokens", False)]
LATE = sorted(source for source, world in WORLDS.items() if world.late)
COVERING = sorted(source for source, world in WORLDS.items() if world.covers)
SKEW = sorted(source for source, world in WORLDS.items() if world.skew)


@pytest.fixture
def collection(sqlite: Database, make_world: Callable[[str], World]) -> Callable[[str], Collection]:
    return lambda source: Collection(sqlite, make_world(source))


@pytest.mark.parametrize("source", sorted(WORLDS))
def test_a_burst_of_1200_between_two_polls(
    source: str, collection: Callable[[str], Collection]
) -> None:
    here = collection(source)
    here.world.add(10)
    here.collect()
    here.world.now += timedelta(hours=1)
    here.world.add(1200)
    here.collect()
    assert here.error is None
    assert not here.silently_missing()
    assert not here.gaps("open")
    deepest = here.world.deepest
    if deepest is None or deepest >= 1200:
        assert not here.missing()
    else:
        assert len(here.missing()) == 1200 - deepest
        assert {kind for _, _, kind in here.gaps("lost")} <= {"ceiling", "window"}


@pytest.mark.parametrize("source", COVERING)
def test_the_ledger_says_what_was_seen(
    source: str, collection: Callable[[str], Collection]
) -> None:
    here = collection(source)
    here.world.add(30)
    here.collect()
    here.world.now += timedelta(minutes=15)
    here.world.add(5)
    here.collect()
    assert not here.missing()
    newest = max(here.world.expected.values())
    assert here.covered(newest)
    assert not here.gaps("open") and not here.gaps("lost")


@pytest.mark.parametrize("source", WEB)
def test_killed_after_any_request_and_resumed(
    source: str, collection: Callable[[str], Collection]
) -> None:
    here = collection(source)
    assert isinstance(here.world, HttpWorld)
    here.world.add(here.world.deep)
    kills = 0
    for nth in range(1, 15):
        begun = len(here.world.site.asked)
        try:
            here.poll(dies_at=nth)
        except (Killed, BaseExceptionGroup):
            kills += 1
        if len(here.world.site.asked) - begun < nth:
            break
    assert kills
    here.collect()
    assert here.error is None
    assert not here.missing() and not here.gaps("open") and not here.gaps("lost")


@pytest.mark.parametrize(("source", "fault"), two_of_each(WEB, list(FAULTS)))
def test_a_fault_in_the_middle_of_a_walk(
    source: str, fault: str, collection: Callable[[str], Collection]
) -> None:
    here = collection(source)
    assert isinstance(here.world, HttpWorld)
    here.world.add(here.world.deep // 2)
    hint = failing_at(here.world, 2, FAULTS[fault][0])
    here.poll(**patience(fault))
    failed = here.error
    assert not here.silently_missing() or failed, "a fault that nobody is told of"
    hint()
    here.world.now += timedelta(minutes=15)
    here.collect()
    assert here.error is None
    assert not here.missing() and not here.gaps("open") and not here.gaps("lost")


@pytest.mark.parametrize("source", WEB)
def test_a_platform_that_is_away_at_first(
    source: str, collection: Callable[[str], Collection]
) -> None:
    here = collection(source)
    assert isinstance(here.world, HttpWorld)
    here.world.add(30)
    hint = failing_at(here.world, 1, FAULTS["500"][0])
    here.poll()
    assert here.error
    hint()
    here.world.now += timedelta(minutes=15)
    here.collect()
    assert here.error is None
    assert not here.missing() and not here.gaps("open") and not here.gaps("lost")


@pytest.mark.parametrize("source", LATE)
def test_a_post_that_is_indexed_late(source: str, collection: Callable[[str], Collection]) -> None:
    here = collection(source)
    here.world.add(30)
    here.collect()
    here.world.now += timedelta(minutes=15)
    here.world.add(30)
    here.collect()
    newest = max(here.world.expected.values())
    here.world.publish(newest - timedelta(minutes=2))
    here.world.now += timedelta(minutes=1)
    here.collect()
    assert not here.missing()


@pytest.mark.parametrize("minutes", [-7, 7])
@pytest.mark.parametrize("source", SKEW)
def test_a_platform_whose_clock_differs(
    source: str, minutes: int, collection: Callable[[str], Collection]
) -> None:
    here = collection(source)
    world = here.world
    for _ in range(4):
        for number in range(12):
            world.publish(world.now + timedelta(minutes=minutes, seconds=number - 12))
        here.collect()
        world.now += timedelta(minutes=15)
    here.collect()
    assert not here.missing()


@pytest.mark.parametrize("source", TOKENS)
def test_the_same_page_token_for_ever(source: str, collection: Callable[[str], Collection]) -> None:
    here = collection(source)
    assert isinstance(here.world, HttpWorld)
    here.world.add(450)
    here.world.repeating = True
    here.poll()
    assert len(here.world.site.asked) < 12, "the walk has to end"
    assert not here.silently_missing()
    here.world.repeating = False
    here.world.now += timedelta(minutes=15)
    here.collect()
    assert not here.missing() and not here.gaps("open") and not here.gaps("lost")


@pytest.mark.parametrize("source", sorted(WORLDS))
def test_one_malformed_item_does_not_lose_its_page(
    source: str, collection: Callable[[str], Collection]
) -> None:
    here = collection(source)
    here.world.add(20)
    here.world.put_bad()
    here.world.add(20)
    here.collect()
    assert here.error is None
    assert not here.missing()
