"""Read how often the model takes one sentiment for another, by language.

Counting labels gives a wrong share when one label is mistaken more often than another. With these
counts a share can be corrected. They come from labelled posts that the model never learned from,
and lie beside its weights; ``benchmarks/quality.py --confusion FILE`` writes them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sentiment.shipped import SHIPPED

FILE = "confusion.json"

_LABELS = 3
_HINT = "write it again with benchmarks/quality.py --split val --confusion FILE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Confusion:
    """The answers to the labelled posts of one language, in the order negative, neutral, positive.

    ``counts`` is [actual][answered]. ``could_not_tell`` counts the posts without an answer by their
    actual label; they are not in ``counts``. ``sets``: the number of posts by set, both together.
    """

    counts: tuple[tuple[int, ...], ...]
    could_not_tell: tuple[int, ...]
    sets: Mapping[str, int]

    def __post_init__(self) -> None:
        rows = (*self.counts, self.could_not_tell)
        if len(rows) != _LABELS + 1 or any(len(row) != _LABELS for row in rows):
            raise ValueError("counts need three rows of three numbers, could_not_tell three")
        if any(not isinstance(count, int) or count < 0 for row in rows for count in row):
            raise ValueError("a count is no whole number from 0 on")
        if sum(map(sum, rows)) != self.rows:
            raise ValueError(f"the counts sum to {sum(map(sum, rows))}, the sets to {self.rows}")

    @property
    def rows(self) -> int:
        """Return the number of labelled posts."""
        return sum(self.sets.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfusionTable:
    """A model's confusions by language (ISO 639-1, else 639-3); ``split`` names the posts' part."""

    model_id: str
    split: str
    languages: Mapping[str, Confusion]

    def of(self, language: str | None) -> Confusion | None:
        """Return the confusion in one language; None when no post of it was judged."""
        return self.languages.get(language or "")

    def together(self) -> Confusion:
        """Return the sum over all languages, for a language without enough posts of its own."""
        return add_up(self.languages.values())

    def as_json(self) -> str:
        """Return the content of ``confusion.json``."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n"


def add_up(parts: Iterable[Confusion]) -> Confusion:
    """Return the sum of several confusions; zeros when there are none."""
    counts = [[0] * _LABELS for _ in range(_LABELS)]
    could_not_tell = [0] * _LABELS
    sets: Counter[str] = Counter()
    for part in parts:
        for actual in range(_LABELS):
            could_not_tell[actual] += part.could_not_tell[actual]
            for answered in range(_LABELS):
                counts[actual][answered] += part.counts[actual][answered]
        sets.update(part.sets)
    return Confusion(
        counts=tuple(map(tuple, counts)), could_not_tell=tuple(could_not_tell), sets=dict(sets)
    )


def read(directory: Path | None = None) -> ConfusionTable:
    """Read the table beside a model's weights; ``directory`` None means the shipped model.

    Raises FileNotFoundError for a missing file and ValueError for one that is no such table.
    """
    path = (SHIPPED if directory is None else directory) / FILE
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no confusion table; {_HINT}")
    try:
        return _parse(json.loads(path.read_bytes()))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path}: it is no confusion table ({error}); {_HINT}") from error


def _parse(content: Any) -> ConfusionTable:
    languages = {
        str(code): Confusion(
            counts=tuple(tuple(row) for row in entry["counts"]),
            could_not_tell=tuple(entry["could_not_tell"]),
            sets=dict(entry["sets"]),
        )
        for code, entry in content["languages"].items()
    }
    return ConfusionTable(
        model_id=str(content["model_id"]), split=str(content["split"]), languages=languages
    )
