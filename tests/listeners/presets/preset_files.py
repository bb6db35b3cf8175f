"""Read rows through a preset, as an import does."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from earful.types import Mention, Rejected
from listeners.files.inspect import inspect
from listeners.files.presets import recognise
from listeners.files.replay import ReplayOptions, read_rows

NOW = datetime(2026, 11, 28, tzinfo=UTC)


@dataclass
class Result:
    """The outcomes of a file."""

    mentions: list[Mention] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)


def table(rows: list[dict[str, Any]], delimiter: str = ",") -> str:
    """Write the rows as CSV, with the columns of all rows."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    target = io.StringIO()
    writer = csv.DictWriter(target, columns, delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return target.getvalue()


def json_lines(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def read_file(path: Path, **options: Any) -> Result:
    """Read a file with these options of the source "replay"."""
    result = Result()
    for batch in read_rows(ReplayOptions(path=path, **options), NOW, None):
        result.mentions += batch.mentions
        result.rejected += batch.rejected
        result.left_out.update(batch.left_out)
    return result


def recognised_file(path: Path, content: str | bytes, **options: Any) -> tuple[str, Result]:
    """Write a file, recognise it as the import does, and read it; return its preset's name too."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    inspection = inspect(ReplayOptions(path=path, **options))
    reading = recognise(inspection.columns, inspection.sample_rows)
    assert not reading.questions, reading.questions
    chosen = {"timezone": "Europe/Athens"} | dict(reading.options) | options
    name = reading.preset.name if reading.preset else ""
    if reading.preset is None:
        chosen["map"] = dict(reading.map)
    return name, read_file(path, **chosen)


def at(mention: Mention) -> str:
    """Return the time of a mention in ISO 8601."""
    return mention.published_at.isoformat()
