"""Measure imported rows a second: Earful's ingest against raw sqlite3 inserts of the same rows.

    python benchmarks/ingest.py [--rows 100000]
    python benchmarks/ingest.py --file FILE --map text=body,… --brand-from COLUMN

Prints both and their ratio from one run, by processor time, which a busy machine changes least.
The baseline writes one bare table in one transaction with ``executemany``; Earful parses the file,
stores authors, mentions, matches, brands, counts and positions, and commits every batch.
"""

from __future__ import annotations

import argparse
import json
import resource
import sqlite3
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import SecretStr

from commands.importing.column_map import parse_map
from commands.importing.order import ImportOrder
from commands.importing.store import import_file
from earful.settings.load import Settings
from pipeline.app import open_app

_WORDS = ("parcel", "late", "again", "nobody", "answers", "refund", "please", "thanks", "great")
_MAP = "text=text,author=author,id=id,published_at=created_at,shares=shares"


def make_rows(path: Path, number: int) -> None:
    """Write ``number`` invented mentions as JSON Lines, one author for every four of them."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    with path.open("w", encoding="utf-8") as file:
        for at in range(number):
            words = [_WORDS[(at * 7 + step * step) % len(_WORDS)] for step in range(14)]
            row = {
                "id": str(at),
                "author": f"customer{at // 4}",
                "text": f"@kestrova {' '.join(words)} {at}",
                "created_at": (start + timedelta(seconds=7 * at)).isoformat(),
                "shares": at % 5,
                "brand": ("Kestrova", "Pellwick", "Ondaro")[at % 3],
            }
            print(json.dumps(row), file=file)


def insert_raw(path: Path, folder: Path) -> tuple[int, float]:
    """Insert the file's rows with sqlite3 alone; return their number and the seconds."""
    import gzip

    opener = gzip.open if path.suffix == ".gz" else open
    started = time.process_time()
    with opener(path, "rt", encoding="utf-8") as file:
        rows = [
            (row["id"], row["author"], row["text"], row["created_at"], row["shares"])
            for row in map(json.loads, file)
        ]
    connection = sqlite3.connect(folder / "raw.db")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE mention (id PRIMARY KEY, author, text, created_at, shares)")
    with connection:
        connection.executemany("INSERT INTO mention VALUES (?, ?, ?, ?, ?)", rows)
    connection.close()
    return len(rows), time.process_time() - started


def import_twice(
    path: Path, folder: Path, columns: str, brand_from: str
) -> tuple[int, float, float]:
    """Import the file twice; return the new rows, and the seconds of each import."""
    url = SecretStr(f"sqlite:///{folder / 'earful.db'}")
    app = open_app(Settings(database_url=url))
    order = ImportOrder(
        file=path,
        source="bench",
        brand_from=brand_from,
        columns=parse_map(columns),
        rejects=folder / "rejects.jsonl",
    )
    seconds = []
    new = []
    for _ in range(2):
        started = time.process_time()
        new.append(import_file(app, order, progress=lambda _stored: None).new)
        seconds.append(time.process_time() - started)
    app.db.close()
    if new[1]:
        raise SystemExit(f"the second import added {new[1]} rows; it must add none")
    return new[0], seconds[0], seconds[1]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--file", type=Path)
    parser.add_argument("--map", default=_MAP)
    parser.add_argument("--brand-from", default="brand")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = args.file or folder / "mentions.jsonl"
        if args.file is None:
            make_rows(path, args.rows)
        rows, base = insert_raw(path, folder)
        new, first, repeated = import_twice(path, folder, args.map, args.brand_from)
    print(f"raw sqlite3.executemany: {rows / base:>9,.0f} rows/s ({rows:,} rows)")
    print(f"earful import:           {new / first:>9,.0f} rows/s ({new:,} rows)")
    print(f"  again, nothing new:    {rows / repeated:>9,.0f} rows/s")
    print(f"ratio: {first / base:.1f} times the raw insert's time")
    print(f"peak memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB")


if __name__ == "__main__":
    main()
