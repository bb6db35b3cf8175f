"""The command starts without the libraries that only some files need."""

from __future__ import annotations

import subprocess
import sys

_HEAVY = ("openpyxl", "numpy", "ftfy", "ijson", "streamlit")


def test_a_command_loads_no_library_of_a_rare_file() -> None:
    code = f"import sys, commands.main; print([n for n in {_HEAVY!r} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
