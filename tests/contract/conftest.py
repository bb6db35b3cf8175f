from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from loopback import Site, serve
from world import World
from worlds import WORLDS


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A server on loopback that no proxy of this machine stands before."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    with serve() as one:
        yield one


@pytest.fixture
def make_world(
    tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], World]:
    """Makes a source's world, with the secrets that it needs."""

    def make(source: str) -> World:
        assert source in WORLDS, f"a listener needs a world: tests/contract/world_{source}.py"
        for name, value in WORLDS[source].env.items():
            monkeypatch.setenv(name, value)
        return WORLDS[source](tmp_path, site)

    return make
