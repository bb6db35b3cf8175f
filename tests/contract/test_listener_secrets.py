"""A secret that a listener uses stands in no error, log line, position or batch."""

from __future__ import annotations

import base64
import logging
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest
from collecting import failing_at
from loopback import Site
from products import two_of_each
from world import FAULTS, HttpWorld, World, patience
from worlds import WORLDS

import listeners
from earful.contracts import EdgeError
from earful.types import Query

CANARY = "canary-7Qd2"  # what a feed's address holds
WEB = sorted(source for source, world in WORLDS.items() if issubclass(world, HttpWorld))
_CARRY = ("Authorization", "X-Goog-Api-Key", "Cookie")


def query_of(world: World, **options: object) -> Query:
    """The world's query, with a secret wherever its source can be given one."""
    query = world.query(**options)
    if world.source == "rss":
        keyed = f"http://reader:{CANARY}@127.0.0.1:{world.site.port}/feed.xml?key={CANARY}"
        return replace(query, options={**query.options, "url": keyed})
    if world.source == "mastodon":
        return replace(query, account="shop")
    return query


def secrets_of(world: World) -> set[str]:
    """What the source was given, and what its server saw in headers: tokens, and what they hold."""
    found = {CANARY} | {value for name, value in world.env.items() if not name.endswith("_ID")}
    for asked in world.site.asked:
        for value in (asked.headers.get(name) for name in _CARRY):
            kind, _, token = (value or "").rpartition(" ")
            found.add(token)
            if kind == "Basic":
                found.add(base64.b64decode(token).decode().rpartition(":")[2])
    found.discard("")
    return found | {quote(one, safe="") for one in found}


class StoryReach:
    """Everything that a poll lets anybody read."""

    def __init__(self, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
        self._caplog, self._capfd = caplog, capfd
        caplog.set_level(logging.DEBUG)

    def by(self, world: World, query: Query) -> str:
        said: list[str] = []
        try:
            for batch in listeners.get(world.source, clock=world.clock).poll(query, None):
                said.append(repr(batch))
        except EdgeError as error:
            said += [str(error), repr(error), repr(vars(error)), *traceback.format_exception(error)]
        return "\n".join([*said, self._caplog.text, *self._capfd.readouterr()])


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> StoryReach:
    return StoryReach(caplog, capfd)


def check(world: World, said: str) -> None:
    for secret in secrets_of(world):
        at = said.find(secret)
        assert at < 0, f"{secret} is told: …{said[max(at - 300, 0) : at + 60]}"


@pytest.fixture(autouse=True)
def _token_of_mastodon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARFUL_SHOP_ACCESS_TOKEN", CANARY)


@pytest.mark.parametrize(("source", "fault", "nth"), two_of_each(WEB, list(FAULTS), 1, 2))
def test_no_fault_of_a_server_tells_a_secret(
    source: str, fault: str, nth: int, make_world: Callable[[str], World], told: StoryReach
) -> None:
    world = make_world(source)
    assert isinstance(world, HttpWorld)
    world.add(3)
    failing_at(world, nth, FAULTS[fault][0])
    check(world, told.by(world, query_of(world, **patience(fault))))


@pytest.mark.parametrize("source", sorted(WORLDS))
def test_a_poll_that_goes_well_tells_no_secret(
    source: str, make_world: Callable[[str], World], told: StoryReach
) -> None:
    world = make_world(source)
    world.add(3)
    world.put_bad()
    check(world, told.by(world, query_of(world)))
    if world.env:
        assert len(secrets_of(world)) > 1, "the server saw none: this would prove nothing"


def _cases() -> list[object]:
    """What a source's own world can bring about, beside the faults of HTTP."""
    found = []
    for source, world in WORLDS.items():
        one = world(Path(), Site(0))
        for case in (*one.transient(), *one.permanent()):
            found.append(pytest.param(source, case, id=f"{source}-{case}"))
    return found


@pytest.mark.parametrize(("source", "case"), _cases())
def test_no_trouble_of_its_own_tells_a_secret(
    source: str, case: str, make_world: Callable[[str], World], told: StoryReach
) -> None:
    world = make_world(source)
    world.add(3)
    (world.transient() | world.permanent())[case]()
    check(world, told.by(world, query_of(world, **patience(case))))
