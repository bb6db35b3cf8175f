"""What a commit promises."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_ASKS = """
import sys
from storage.database.engine import connect
with connect(sys.argv[1]).read() as connection:
    print(*(connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in sys.argv[2:]))
"""


def test_a_commit_outlives_a_power_cut(tmp_path: Path) -> None:
    """Asked in a process of its own: the tests themselves do not wait for the disk."""
    asked = [sys.executable, "-c", _ASKS, f"sqlite:///{tmp_path / 'earful.db'}"]
    said = subprocess.run(
        [*asked, "journal_mode", "synchronous"], capture_output=True, text=True, check=True
    )
    assert said.stdout.split() == ["wal", "2"], "2 is FULL: https://sqlite.org/pragma.html"
