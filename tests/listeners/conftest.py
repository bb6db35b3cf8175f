from __future__ import annotations

import sys
from pathlib import Path

# the loopback server and the worlds are shared with the contract suite
sys.path.insert(0, str(Path(__file__).parents[1] / "contract"))

import pytest
from loopback import Site, serve


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch):
    """A server on loopback that no proxy of this machine stands before."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    with serve() as one:
        assert isinstance(one, Site)
        yield one
