"""Measure how files of each format are read: rows a second, and peak memory at two sizes.

    python benchmarks/files.py [--megabytes 200] [--formats jsonl,json,csv,csv.gz]

Every measurement runs in a process of its own. Memory is flat when a file of ten times the size
takes no more of it. Nothing is stored.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import json
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from listeners.files.replay import ReplayOptions, read_rows

_NOW = datetime(2026, 6, 1, tzinfo=UTC)
_WORDS = "the parcel is late again and the phone rings on, " * 40
_COLUMNS = ("id", "author", "text", "published_at")


def rows(megabytes: int) -> Iterator[tuple[str, ...]]:
    """Yield invented posts of about 2 kB each."""
    for number in range(megabytes * 1_000_000 // 1900):
        yield str(number), f"customer{number // 4}", f"{_WORDS}{number}", "2026-05-19T10:00:00Z"


def write(path: Path, megabytes: int) -> None:
    """Write a file of the format that its name says."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "wt", encoding="utf-8", newline="") as file:
        assert isinstance(file, io.TextIOBase)
        if ".csv" in path.name:
            csv.writer(file).writerow(_COLUMNS)
            csv.writer(file).writerows(rows(megabytes))
            return
        is_array = path.suffix == ".json"
        file.write("[\n" if is_array else "")
        for number, cells in enumerate(rows(megabytes)):
            file.write(",\n" if is_array and number else "")
            file.write(json.dumps(dict(zip(_COLUMNS, cells, strict=True))))
            file.write("" if is_array else "\n")
        file.write("]" if is_array else "")


def measure(path: Path, results: multiprocessing.Queue[tuple[int, float, int]]) -> None:
    """Put the number of rows, the seconds of processor time, and the peak memory in kB."""
    started = time.process_time()
    number = sum(len(batch.mentions) for batch in read_rows(ReplayOptions(path=path), _NOW, None))
    seconds = time.process_time() - started
    results.put((number, seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=200)
    parser.add_argument("--formats", default="jsonl,json,csv,csv.gz")
    args = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    for name in args.formats.split(","):
        for megabytes in (args.megabytes // 10, args.megabytes):
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / f"posts.{name}"
                write(path, megabytes)
                results = context.Queue()
                process = context.Process(target=measure, args=(path, results))
                process.start()
                number, seconds, peak = results.get()
                process.join()
            print(
                f"{name:>8} {megabytes:>6,} MB: {number / seconds:>8,.0f} rows/s, "
                f"{megabytes / seconds:>5,.0f} MB/s, peak memory {peak / 1024:,.0f} MB"
            )


if __name__ == "__main__":
    main()
