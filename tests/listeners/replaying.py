"""What the tests of files share: a query, a poll, rows, and a file of rows in any format."""

from __future__ import annotations

import csv
import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

from earful.types import Batch, Mention, Query, Rejected
from listeners.files.replay import Replay

NOW = datetime(2024, 5, 20, 12, 0, tzinfo=UTC)
AT = "2024-05-19T10:00:00Z"


def query(path: Path, **options: object) -> Query:
    return Query(
        id="replay/kestrova",
        brand_id="kestrova",
        source="replay",
        options={"path": str(path)} | options,
    )


def poll(path: Path, position: str | None = None, **options: object) -> list[Batch]:
    return list(Replay(clock=lambda: NOW).poll(query(path, **options), position))


def mentions(batches: list[Batch]) -> list[Mention]:
    return [one for batch in batches for one in batch.mentions]


def rejected(batches: list[Batch]) -> list[Rejected]:
    return [one for batch in batches for one in batch.rejected]


def row(number: int = 1, **more: object) -> dict[str, object]:
    made = {"id": f"p{number}", "author": "ann", "text": f"post {number}", "published_at": AT}
    return made | more


def write(path: Path, rows: list[dict[str, object]]) -> Path:
    """The rows in the format that the name says."""
    names = path.name.removesuffix(".gz")
    opener = gzip.open if path.name.endswith(".gz") else open
    with opener(path, "wt", encoding="utf-8", newline="") as file:  # type: ignore[operator]
        if names.endswith("jsonl"):
            file.writelines(json.dumps(one) + "\n" for one in rows)
        else:
            columns = list(dict.fromkeys(key for one in rows for key in one))
            table = csv.DictWriter(file, columns, delimiter="\t" if "tsv" in names else ",")
            table.writeheader()
            table.writerows(rows)
    return path
