"""Write the rows that could not be read, with the reasons, into a file of their own."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from earful.contracts import Permanent
from earful.types import Rejected


def write_rejects(path: Path, rejected: Iterable[Rejected]) -> None:
    """Append the unreadable rows, one JSON object a line.

    After a crash some rows occur twice, and a row cut in the middle stays on a line of its own.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        is_torn = _is_torn(path)
        with path.open("a", encoding="utf-8") as file:
            file.write("\n" if is_torn else "")
            file.writelines(json.dumps(asdict(row), ensure_ascii=False) + "\n" for row in rejected)
    except OSError as error:
        raise Permanent(f"{path}: {error.strerror}", hint="Check the option rejects.") from error


def _is_torn(path: Path) -> bool:
    """Return whether a kill or a full disk cut the file's last line."""
    if not path.is_file() or not path.stat().st_size:
        return False
    with path.open("rb") as file:
        file.seek(-1, io.SEEK_END)
        return file.read(1) != b"\n"
