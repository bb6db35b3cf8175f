"""Name the command as its user typed it, so that a suggested command works as printed."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path

# `./run` sets it to its own name; `earful up` to its own for the page's server.
VARIABLE = "EARFUL_COMMAND"
_NAME = "earful"


def command_name() -> str:
    """Return "./run", "earful", or the path of a program that is not on the PATH."""
    if name := os.environ.get(VARIABLE):
        return name
    typed = sys.argv[0] if sys.argv else ""
    if Path(typed).name != _NAME or Path(typed).name == typed:
        return _NAME
    on_path = shutil.which(_NAME)
    if on_path is not None and Path(on_path).resolve() == Path(typed).resolve():
        return _NAME
    return shlex.quote(typed)


def command_line(words: str) -> str:
    """Return a whole command: "./run doctor"."""
    return f"{command_name()} {words}"


def command(words: str) -> str:
    """Return a command in backticks, as sentences quote it: "`./run doctor`"."""
    return f"`{command_line(words)}`"
