"""Read texts for ``throughput.py`` from a file, or combine them from parts."""

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
    """Return 1,680 different texts of 5 to 35 words, combined from the parts above."""
    combinations = product(TIMES, OPENINGS, MIDDLES, ENDINGS)
    return [f"{opening} {middle} {time} {ending}" for time, opening, middle, ending in combinations]


def read(path: Path | None, rows: int, split: str | None = None) -> list[str]:
    """Return the first ``rows`` texts of the file (or the built-in list); fewer if it has fewer.

    ``split``: only rows with this value in the column ``split``.
    """
    if path is None:
        return built_in()[:rows]
    with _opened(path) as lines:
        return list(islice(_texts(path, lines, split), rows))


def stream(path: Path | None, rows: int, split: str | None = None) -> Iterator[str]:
    """Yield ``rows`` different texts: the file's, repeated with a number at the end."""
    texts = read(path, 100_000, split)
    for number, text in enumerate(islice(cycle(texts), rows)):
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
