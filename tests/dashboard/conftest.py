"""What the dashboard's tests start from: a world on disk, and a server's environment."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dashboard_world as made
import pytest
import streamlit as st
from streamlit import config
from streamlit.testing.v1 import AppTest

APP = Path(made.__file__).parents[2] / "dashboard" / "app.py"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[made.World]:
    """A database with its tables, and settings beside it; nobody has said anything yet."""
    fresh = made.make(tmp_path)
    yield fresh
    fresh.db.close()


@pytest.fixture
def visit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[made.Visit]:
    """Opens the dashboard as a visitor on loopback would find it."""
    for name in ("EARFUL_DATABASE_URL", "EARFUL_DASHBOARD_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("EARFUL_SETTINGS", str(tmp_path / "settings.toml"))
    config.set_option("server.address", "127.0.0.1")
    st.cache_resource.clear()

    def come() -> AppTest:
        return AppTest.from_file(str(APP), default_timeout=120)

    yield come
    config.set_option("server.address", None)
    st.cache_resource.clear()
