"""The shipped model, loaded once, and the folder of shared data where there is one."""

from __future__ import annotations

from pathlib import Path

import pytest

from earful.contracts import Classifier
from sentiment import load

SHARED = Path(__file__).resolve().parents[3] / "shared"


@pytest.fixture(scope="session")
def classifier() -> Classifier:
    return load()


@pytest.fixture(scope="session")
def shared() -> Path:
    if not SHARED.is_dir():
        pytest.skip("no ../shared beside the project: it holds the data that this test reads")
    return SHARED
