"""The listener in docs/add-a-source.md passes the contract suite as it stands there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "add-a-source.md").read_text(encoding="utf-8")
LISTENER, WORLD = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)

# A plug-in of pytest: registers the source before the suite collects its worlds.
PLUGIN = """
import sys

import listeners

listeners._REGISTER["plaza"] = "plaza_listener:Plaza"
sys.path.insert(0, {contract!r})
import worlds
from plaza_world import TheWorld

worlds.WORLDS.clear()
worlds.WORLDS["plaza"] = TheWorld
"""


def test_the_listener_is_small() -> None:
    assert len(LISTENER.strip().splitlines()) < 80


def test_the_contract_suite_passes(tmp_path: Path) -> None:
    contract = ROOT / "tests" / "contract"
    (tmp_path / "plaza_listener.py").write_text(LISTENER, encoding="utf-8")
    (tmp_path / "plaza_world.py").write_text(WORLD, encoding="utf-8")
    plugin = PLUGIN.format(contract=str(contract))
    (tmp_path / "plaza_plugin.py").write_text(plugin, encoding="utf-8")
    files = [contract / f"test_listener_{name}.py" for name in ("contract", "coverage", "waits")]
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "plaza_plugin", "-p", "no:cacheprovider"]
        + ["-o", "addopts=", "-k", "plaza"]
        + [str(file) for file in files],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-2000:]
    passed = re.search(r"(\d+) passed", run.stdout)
    assert passed and int(passed.group(1)) > 40
