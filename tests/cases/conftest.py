"""The cases beside the checkout, and `earful` in a folder with them."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

# the command's workspace and the loopback server are shared with other suites
sys.path.insert(0, str(Path(__file__).parents[1] / "commands"))
sys.path.insert(0, str(Path(__file__).parents[1] / "contract"))

import cli_workspace
import pytest
from case_world import Cases, CaseWorld
from cli_workspace import workspace
from factories import FrozenClock

__all__ = ["workspace"]

_FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data" / "cases"


@pytest.fixture(autouse=True)
def _at_the_time_of_the_cases(monkeypatch: pytest.MonkeyPatch) -> None:
    """All cases are older than this evening, and the newest by a few hours only."""
    clock = FrozenClock(datetime(2026, 11, 28, 22, 0, tzinfo=UTC))
    monkeypatch.setattr(cli_workspace, "FrozenClock", lambda: clock)


@pytest.fixture
def cases() -> Cases:
    """The folder of the cases; skips without it."""
    if not _FOLDER.is_dir():
        pytest.skip("no ../shared/data/cases beside the project: it holds the inputs that failed")
    return Cases(_FOLDER)


@pytest.fixture
def world(cases: Cases, workspace: object) -> Iterator[CaseWorld]:
    """`earful` with the brand Kestrova, in a folder that holds copies of the cases."""
    made = CaseWorld(workspace)  # type: ignore[arg-type]
    for path in cases.folder.iterdir():
        if path.is_file() and not path.name.endswith(".expect.md"):
            shutil.copy(path, made.folder / path.name)
    made.start()
    yield made
