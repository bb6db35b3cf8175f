"""The texts that ``throughput.py`` reads: from a file, or put together here."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterator
from itertools import cycle, islice, product
from pathlib import Path
from typing import TextIO

OPENINGS = (
    "Honestly,",
    "Third day:",
    "Για άλλη μια φορά",
    "Update:",
    "@northwind",
    "Kwa kweli",
    "",
)
MIDDLES = (
    "the app crashed right when I wanted to pay",
    "the driver waited for us in the rain and smiled",
    "η παράδοση άργησε τέσσερις μέρες και κανείς δεν απαντά",
    "nimepokea kifurushi changu mapema, huduma nzuri",
    "la app va de maravilla desde el último cambio",
    "der Zug fährt heute von Gleis sieben",
    "le colis est arrivé ouvert et il manque deux articles",
    "o atendimento resolveu tudo em cinco minutos",
)
ENDINGS = (
    "",
    "!!!",
    "and I have the receipts to show for it",
    "https://example.org/p/1",
    "😡",
    "🙏",
)
TIMES = ("", "this morning", "on Tuesday", "for the second time", "since the update")


def built_in() -> list[str]:
    """Return 1,680 texts put together here, no two the same, between 5 and 35 words."""
    made = product(TIMES, OPENINGS, MIDDLES, ENDINGS)
    return [f"{opening} {middle} {time} {ending}" for time, opening, middle, ending in made]


def read(path: Path | None, rows: int, split: str | None = None) -> list[str]:
    """Return the first ``rows`` texts of the file (or the built-in list); fewer if it has fewer.

    ``split`` takes those rows only whose column ``split`` says so.
    """
    if path is None:
        return built_in()[:rows]
    with _opened(path) as lines:
        return list(islice(_texts(path, lines, split), rows))


def stream(path: Path | None, rows: int, split: str | None = None) -> Iterator[str]:
    """Yield ``rows`` texts, all different: the file's again and again with a number at the end."""
    some = read(path, 100_000, split)
    for number, text in enumerate(islice(cycle(some), rows)):
        yield f"{text} {number}"


def _opened(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8")
    return path.open(encoding="utf-8")


def _texts(path: Path, lines: TextIO, split: str | None) -> Iterator[str]:
    if ".jsonl" in path.name:
        rows: Iterator[dict[str, str]] = (json.loads(line) for line in lines)
    else:
        rows = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
    for row in rows:
        if split is None or row.get("split") == split:
            yield row["text"]
