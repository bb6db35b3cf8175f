from __future__ import annotations

import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path

# the loopback server and the worlds are the contract suite's
sys.path.insert(0, str(Path(__file__).parents[1] / "contract"))

import pytest
from loopback import Site, serve


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A server on loopback that no proxy of this machine stands before."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    with serve() as one:
        yield one


@pytest.fixture
def seed() -> int:
    """Another one at every run; SEED=… gives the one of a run that failed."""
    chosen = int(os.environ.get("SEED") or random.randrange(10**6))
    print(f"SEED={chosen}")
    return chosen
