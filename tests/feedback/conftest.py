from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from front_world import HOOK_KEY, KEY, Front, serving, settings_in


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setenv("EARFUL_FEEDBACK_SECRET", KEY)
    monkeypatch.setenv("EARFUL_HOOK_HELP_DESK_SECRET", HOOK_KEY)


@pytest.fixture
def front(tmp_path: Path, _secrets: None) -> Iterator[Front]:
    """The service, on a clock that stands still."""
    with serving(Front(settings_in(tmp_path))) as found:
        yield found
