"""Whatever a platform answers, a poll ends with what can be stored or with an edge error."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import fields, is_dataclass, replace
from datetime import datetime
from enum import Enum
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from loopback import Asked, Reply
from world import HttpWorld, World
from worlds import WORLDS

import listeners
from earful.contracts import EdgeError
from listeners.bluesky import client

WEB = sorted(source for source, world in WORLDS.items() if issubclass(world, HttpWorld))
DEEP, LONG = "@deep@", "@long@"  # what json.dumps cannot write: put in afterwards
HOSTILE: list[Any] = [
    None,
    True,
    7,
    -1,
    0.5,
    float("nan"),
    float("inf"),
    10**400,
    2**63,
    "",
    "\ud800",
    "\x00",
    "a\x00b\ud800\n\u202e",
    "9" * 5000,
    "1" * 12,
    "0001-01-01T00:00:00+23:59",
    "Mon, 20 May 2024 10:00:00 +99999999",
    "http://[",
    "at://did:plc:x/app.bsky.feed.post/",
    [],
    {},
    [[]],
    [None],
    [{}],
    {"label": {}},
    {"id": []},
    DEEP,
    LONG,
]
Changes = list[tuple[int, Any]]
CHANGES = st.lists(
    st.tuples(st.integers(0, 10_000), st.sampled_from(HOSTILE)), min_size=1, max_size=4
)
FEW = settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container in ``value`` with every key or index in it."""
    keys: Any = value if isinstance(value, dict) else range(len(value))
    for key in list(keys):
        yield value, key
        if isinstance(value[key], (dict, list)):
            yield from _places(value[key])


def _spoiled(body: bytes, changes: Changes) -> bytes:
    """A JSON answer with some of its values replaced; of any other text some bytes."""
    try:
        whole = [json.loads(body)]
    except ValueError:
        return _spoiled_text(body, changes)
    for number, hostile in changes:
        places = list(_places(whole))
        container, key = places[number % len(places)]
        container[key] = deepcopy(hostile)
    text = json.dumps(whole[0])
    text = text.replace(f'"{DEEP}"', "[" * 100_000 + "]" * 100_000)
    return text.replace(f'"{LONG}"', "9" * 1_000_000).encode()


def _spoiled_text(body: bytes, changes: Changes) -> bytes:
    for number, hostile in changes:
        at = number * 7919 % max(len(body), 1)
        said = f"{hostile}"[:9000].encode("utf-8", "surrogatepass")
        body = body[:at] + said + body[at + number % 40 :]
    return body


def _strings(thing: Any) -> Iterator[str]:
    if isinstance(thing, str) and not isinstance(thing, Enum):
        yield thing
    elif isinstance(thing, tuple):
        for one in thing:
            yield from _strings(one)
    elif isinstance(thing, Mapping):
        yield from _strings((*thing.keys(), *thing.values()))
    elif is_dataclass(thing):
        for one in fields(thing):
            yield from _strings(getattr(thing, one.name))
    elif isinstance(thing, int):
        assert abs(thing) < 2**63, "no database holds it"
    else:
        assert thing is None or isinstance(thing, (datetime, Enum)), type(thing)


def _poll(world: World, position: str | None = None) -> str | None:
    """Poll; gives the last position. Fails when anything comes that cannot be stored."""
    listener = listeners.get(world.source, clock=world.clock)
    try:
        for batch in listener.poll(world.query(), position):
            for text in _strings(batch):
                text.encode()  # no half of a surrogate pair
                assert "\x00" not in text, "PostgreSQL takes no NUL"
            position = batch.position
    except EdgeError as error:
        str(error).encode()
        assert len(str(error)) < 2000
    return position


@pytest.mark.parametrize("source", WEB)
@FEW
@given(changes=CHANGES, spoil_from=st.integers(0, 2))
def test_any_answer(
    source: str,
    make_world: Callable[[str], HttpWorld],
    changes: Changes,
    spoil_from: int,
) -> None:
    client._LOGINS.clear()  # a login that was spoiled is kept for as long as the process
    world = make_world(source)
    world.add(4)
    begun = len(world.site.asked)

    def script(asked: Asked) -> Reply:
        reply = world.serve(asked)
        if len(world.site.asked) - begun <= spoil_from or reply.status != 200:
            return reply
        return replace(reply, body=_spoiled(reply.body, changes))

    world.site.script = script
    _poll(world)
    client._LOGINS.clear()


@pytest.mark.parametrize("source", sorted(WORLDS))
@FEW
@given(changes=CHANGES)
def test_any_position(
    source: str,
    make_world: Callable[[str], World],
    tmp_path_factory: pytest.TempPathFactory,
    changes: Changes,
) -> None:
    """A damaged position costs a second reading at most: never a bug, never a post."""
    world = make_world(source)
    world.folder = tmp_path_factory.mktemp(source)
    world.add(4)
    position = _poll(world)
    assert position is not None
    _poll(world, _spoiled(position.encode(), changes).decode())
