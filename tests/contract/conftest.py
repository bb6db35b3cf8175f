from __future__ import annotations

from collections.abc import Iterator

import pytest
from loopback import Site, serve


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A server on loopback that no proxy of this machine stands before."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    with serve() as one:
        yield one
