"""Compare column names across spellings: case, spaces, punctuation, accents and invisible marks."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

# a record nests no deeper in any format read here; deeper keys are data
_DEPTH = 4
# keys of one record that are compared: an object may hold thousands
_MAX_PATHS = 2000


@lru_cache(maxsize=4096)
def fold(header: str) -> str:
    """Return the letters and digits of a column name, in lower case and without accents.

    "Review Text", "review_text", "\ufeffReviewText" and "REVIEW-TEXT" are the same name.
    """
    decomposed = unicodedata.normalize("NFKD", header).casefold()
    # a second time: casefold composes some letters again (Greek with iota subscript)
    decomposed = unicodedata.normalize("NFKD", decomposed)
    return "".join(letter for letter in decomposed if letter.isalnum())


def match(synonyms: Iterable[str], columns: Mapping[str, str]) -> str | None:
    """Return the column that bears the first of the synonyms; ``columns``: folded -> as written."""
    for synonym in synonyms:
        if (column := columns.get(fold(synonym))) is not None:
            return column
    return None


def by_folded_name(columns: Iterable[str]) -> dict[str, str]:
    """Return the columns by their folded names, also without a last word in parentheses.

    "Created (UTC)" is a column "Created" too. Of two alike, the first one counts.
    """
    folded: dict[str, str] = {}
    names = list(columns)
    for column in names:
        folded.setdefault(fold(column), column)
    for column in names:
        if column.endswith(")") and (bare := fold(column.rpartition("(")[0])):
            folded.setdefault(bare, column)
    return folded


def key_paths(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the dotted paths of all keys of the rows; a list counts as its first objects."""
    paths: dict[str, None] = {}
    for row in rows:
        for path in _paths(row, "", _DEPTH):
            paths[path] = None
            if len(paths) >= _MAX_PATHS:
                return list(paths)
    return list(paths)


def _paths(value: Any, prefix: str, depth: int) -> Iterator[str]:
    if isinstance(value, list):
        for item in value[:3]:
            yield from _paths(item, prefix, depth)
    elif isinstance(value, Mapping) and depth:
        for key, inner in value.items():
            path = f"{prefix}.{key}" if prefix else str(key)
            yield path
            yield from _paths(inner, path, depth - 1)
