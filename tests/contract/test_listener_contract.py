"""The law of listeners, held over every name in the register."""

from __future__ import annotations

import socket
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from loopback import Site
from products import two_of_each
from world import FAULTS, HttpWorld, World, patience
from worlds import WORLDS

import listeners
from earful.contracts import EdgeError, Permanent, Transient
from earful.settings.errors import SettingsError
from earful.types import Batch, Query


def test_every_source_has_a_world() -> None:
    """A new listener needs a class TheWorld in tests/contract/world_<source>.py."""
    assert set(WORLDS) == set(listeners.names())


@pytest.fixture(params=sorted(WORLDS))
def world(request: pytest.FixtureRequest, make_world: Callable[[str], World]) -> World:
    return make_world(request.param)


def poll(world: World, position: str | None = None, **options: object) -> list[Batch]:
    listener = listeners.get(world.source, clock=world.clock)
    return list(listener.poll(world.query(**options), position))


def poll_on(world: World, position: str | None) -> list[Batch]:
    """Polls, one behind the other, until the source has no more for now."""
    batches: list[Batch] = []
    for _ in range(80):
        found = poll(world, position)
        batches += found
        if not found or not found[-1].more:
            return batches
        position = found[-1].position
    raise AssertionError("80 polls, and still more")


def ids(batches: list[Batch]) -> list[str]:
    return [mention.external_id for batch in batches for mention in batch.mentions]


def test_name_is_the_registers(world: World) -> None:
    assert listeners.get(world.source).name == world.source


def test_constructor_does_no_io(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    listeners.get(world.source)  # imports

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a constructor must not do I/O")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(Path, "open", refuse)
    monkeypatch.setattr("builtins.open", refuse)
    listeners.get(world.source)


def test_everything_arrives_once_in_each_poll(world: World) -> None:
    world.add(450)
    found = ids(poll(world))
    assert set(found) == set(world.expected)
    assert len(found) == len(world.expected)


def test_polling_twice_brings_the_same_ids(world: World) -> None:
    world.add(450)
    first, second = poll(world), poll(world)
    assert sorted(ids(first)) == sorted(ids(second))
    keys = {(one.source, one.external_id) for batch in first for one in batch.mentions}
    assert keys == {(one.source, one.external_id) for batch in second for one in batch.mentions}


def test_resuming_from_any_position_loses_none(world: World) -> None:
    world.add(world.deep)
    batches = poll(world)
    assert batches[-1].position is not None
    for crash_after in range(0, len(batches), max(1, len(batches) // 8)):
        kept = set(ids(batches[: crash_after + 1]))
        rest = ids(poll_on(world, batches[crash_after].position))
        assert kept | set(rest) == set(world.expected), f"lost some after batch {crash_after}"


def test_what_comes_between_crash_and_resume_is_not_lost(world: World) -> None:
    world.add(world.deep - 120)
    first = next(iter(poll(world)))
    world.add(120)
    world.now += timedelta(minutes=15)
    again = poll(world, first.position)
    seen = set(ids([first])) | set(ids(again)) | set(ids(poll_on(world, again[-1].position)))
    assert seen == set(world.expected)


def test_new_posts_arrive_at_the_next_poll(world: World) -> None:
    world.add(30)
    position = poll(world)[-1].position
    before = set(world.expected)
    world.now += timedelta(minutes=15)
    world.add(30)
    assert set(world.expected) - before <= set(ids(poll(world, position)))


def test_nothing_new_is_no_error(world: World) -> None:
    world.add(30)
    position = poll(world)[-1].position
    assert not set(ids(poll(world, position))) - set(world.expected)


def test_a_damaged_position_begins_again(world: World) -> None:
    world.add(30)
    for damaged in ("", "{", "[]", "null", '{"line": "x"}', '{"feeds": 3, "terms": 4}', "7"):
        assert set(ids(poll(world, damaged))) == set(world.expected)


def test_one_bad_item_is_told_and_the_rest_is_kept(world: World) -> None:
    world.add(10)
    world.put_bad()
    world.add(10)
    batches = poll(world)
    rejected = [one for batch in batches for one in batch.rejected]
    assert set(ids(batches)) == set(world.expected)
    assert len(rejected) == 1
    assert rejected[0].reason and rejected[0].where


def test_mentions_are_whole(world: World) -> None:
    world.add(10)
    for mention in (one for batch in poll(world) for one in batch.mentions):
        assert mention.source == mention.author.source == world.source
        assert mention.text and mention.author.handle
        assert mention.fetched_at == world.now
        assert mention.published_at < world.now


def _cases(which: str) -> list[object]:
    """What a source's own world can bring about, beside the faults of HTTP."""
    found = []
    for source in WORLDS:
        for case in getattr(WORLDS[source](Path(), Site(0)), which)():
            found.append(pytest.param(source, case, id=f"{source}-{case}"))
    return found


@pytest.mark.parametrize(("source", "case"), _cases("transient"))
def test_transient(source: str, case: str, make_world: Callable[[str], World]) -> None:
    world = make_world(source)
    world.add(300)
    world.transient()[case]()
    with pytest.raises(Transient) as error:
        poll(world, **patience(case))
    assert world.place in str(error.value)


@pytest.mark.parametrize(("source", "case"), _cases("permanent"))
def test_permanent(source: str, case: str, make_world: Callable[[str], World]) -> None:
    world = make_world(source)
    world.add(3)
    world.permanent()[case]()
    with pytest.raises(Permanent) as error:
        poll(world)
    assert world.place in str(error.value)


WEB = [source for source, world in WORLDS.items() if issubclass(world, HttpWorld)]


@pytest.mark.parametrize(("source", "fault"), two_of_each(WEB, list(FAULTS)))
def test_a_server_that_always_fails(
    source: str, fault: str, make_world: Callable[[str], World]
) -> None:
    world = make_world(source)
    assert isinstance(world, HttpWorld)
    world.add(30)
    reply, usual = FAULTS[fault]
    expected = world.verdicts.get(fault, usual)
    world.site.script = lambda _asked: reply
    with pytest.raises(EdgeError) as error:
        poll(world, **patience(fault))
    assert isinstance(error.value, expected or EdgeError)
    assert world.place in str(error.value) or world.source in str(error.value)
    if fault == "429 with a reset":
        assert getattr(error.value, "retry_after", None) == 17
    assert len(world.site.asked) < 8, "nobody may try again by itself inside a poll"


def test_wrong_options_are_permanent_at_the_latest(world: World) -> None:
    with pytest.raises(Permanent, match="unknown key 'ulr'"):
        poll(world, ulr="x")


def test_wrong_options_are_found_with_the_settings(world: World) -> None:
    listeners.check_query(world.query())
    with pytest.raises(SettingsError) as error:
        listeners.check_query(world.query(tiemout=3, ptah="x"))
    assert f"[[listen]] {world.source}/kestrova options: unknown key 'tiemout'" in str(error.value)


def test_unknown_source_names_the_nearest() -> None:
    with pytest.raises(ValueError, match="did you mean 'hackernews'"):
        listeners.get("hakernews")
    with pytest.raises(SettingsError, match=r"'rsss'.*did you mean 'rss'"):
        listeners.check_query(Query(id="a", brand_id="a", source="rsss"))
