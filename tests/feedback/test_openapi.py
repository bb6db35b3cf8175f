"""openapi.json is true: schemathesis sends the live service all that it says may be sent."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from front_world import Front, environment, process, settings_in


def test_the_service_is_what_it_says(tmp_path: Path) -> None:
    if importlib.util.find_spec("schemathesis") is None:
        pytest.skip("schemathesis is not installed: uv pip install schemathesis")
    many = {"per_minute": 100_000, "per_hour": 100_000, "form_per_hour": 1_000_000}
    front = Front(settings_in(tmp_path, **many))
    line = [str(Path(sys.executable).with_name("schemathesis")), "run"]
    line += [f"{front.base}/openapi.json", "--wait-for-schema", "30", "--no-color"]
    line += ["--seed", "1", "--max-examples", "10", "--continue-on-failure"]
    # our client signs whatever it is told to send: test_hooks.py has those who cannot
    line += ["--exclude-checks", "ignored_auth"]
    client = {"SCHEMATHESIS_HOOKS": "knowing_client", "PYTHONPATH": str(Path(__file__).parent)}
    with process(front, tmp_path):
        found = subprocess.run(
            line,
            env=environment(tmp_path) | client | {"NO_PROXY": "127.0.0.1"},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=280,
        )
    assert found.returncode == 0, found.stdout[-6000:] + found.stderr[-2000:]
    assert front.lines() and front.lines("hook-help-desk")  # it got as far as the inbox
