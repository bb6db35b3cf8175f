"""The law of listeners, held over every name in the register."""

from __future__ import annotations

import socket
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from loopback import Site
from worlds import WORLDS, World

import listeners
from earful.contracts import Permanent, Transient
from earful.settings_errors import SettingsError
from earful.types import Batch, Query


@pytest.fixture(params=listeners.names())
def world(request: pytest.FixtureRequest, tmp_path: Path, site: Site) -> World:
    assert request.param in WORLDS, "a new listener needs a world in tests/contract/worlds.py"
    return WORLDS[request.param](tmp_path, site)


def poll(world: World, position: str | None = None, **options: object) -> list[Batch]:
    listener = listeners.get(world.source, clock=world.clock)
    return list(listener.poll(world.query(**options), position))


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
    assert set(found) == world.expected
    assert len(found) == len(world.expected)


def test_polling_twice_brings_the_same_ids(world: World) -> None:
    world.add(450)
    first, second = poll(world), poll(world)
    assert sorted(ids(first)) == sorted(ids(second))
    keys = {(one.source, one.external_id) for batch in first for one in batch.mentions}
    assert keys == {(one.source, one.external_id) for batch in second for one in batch.mentions}


def test_resuming_from_any_position_loses_none(world: World) -> None:
    world.add(2500 if world.source == "hackernews" else 950)
    batches = poll(world)
    assert batches[-1].position is not None
    for crash_after in range(len(batches)):
        kept = set(ids(batches[: crash_after + 1]))
        rest = ids(poll(world, batches[crash_after].position))
        assert kept | set(rest) == world.expected, f"lost some after batch {crash_after}"


def test_what_comes_between_crash_and_resume_is_not_lost(world: World) -> None:
    world.add(1500 if world.source == "hackernews" else 500)
    first = next(iter(poll(world)))
    world.add(120)
    world.now += timedelta(minutes=15)
    again = poll(world, first.position)
    seen = set(ids([first])) | set(ids(again)) | set(ids(poll(world, again[-1].position)))
    assert seen == world.expected


def test_new_posts_arrive_at_the_next_poll(world: World) -> None:
    world.add(30)
    position = poll(world)[-1].position
    before = set(world.expected)
    world.add(30)
    world.now += timedelta(minutes=15)
    assert world.expected - before <= set(ids(poll(world, position)))


def test_nothing_new_is_no_error(world: World) -> None:
    world.add(30)
    position = poll(world)[-1].position
    assert not set(ids(poll(world, position))) - world.expected


def test_a_damaged_position_begins_again(world: World) -> None:
    world.add(30)
    for damaged in ("", "{", "[]", "null", '{"line": "x"}', '{"feeds": 3, "terms": 4}', "7"):
        assert set(ids(poll(world, damaged))) == world.expected


def test_one_bad_item_is_told_and_the_rest_is_kept(world: World) -> None:
    world.add(10)
    world.add_bad()
    world.add(10)
    batches = poll(world)
    rejected = [one for batch in batches for one in batch.rejected]
    assert set(ids(batches)) == world.expected
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
    found = []
    for source in listeners.names():
        world = WORLDS[source]
        for case in getattr(world, which)(world(Path(), Site(0))):
            found.append(pytest.param(source, case, id=f"{source}-{case}"))
    return found


def _bring_about(cases: dict[str, Callable[[], None]], case: str) -> None:
    cases[case]()


@pytest.mark.parametrize(("source", "case"), _cases("transient"))
def test_transient(source: str, case: str, tmp_path: Path, site: Site) -> None:
    world = WORLDS[source](tmp_path, site)
    world.add(300)
    _bring_about(world.transient(), case)
    with pytest.raises(Transient) as error:
        poll(world)
    assert str(world.folder if source == "replay" else site.port) in str(error.value)
    assert error.value.retry_after == (17 if case == "429" else None)


@pytest.mark.parametrize(("source", "case"), _cases("permanent"))
def test_permanent(source: str, case: str, tmp_path: Path, site: Site) -> None:
    world = WORLDS[source](tmp_path, site)
    world.add(3)
    _bring_about(world.permanent(), case)
    with pytest.raises(Permanent) as error:
        poll(world)
    assert str(world.folder if source == "replay" else site.port) in str(error.value)


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
