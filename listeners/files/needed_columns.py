"""Match the columns that a file has with those that its reading needs."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

from earful.contracts import Permanent
from listeners.files.columns import check_columns, column_parts, missing_columns
from listeners.files.presets import get_preset
from listeners.files.presets.generic import recognise_columns, vocabulary
from listeners.files.presets.headers import by_folded_name, fold, key_paths, match
from listeners.files.presets.recognition import is_header
from listeners.files.presets.register import PRESETS

_INVISIBLE = re.compile("[\u200b-\u200f\u2060\ufeff\u00ad]")


# characters of a column's name; survey questions are longer, and known by no preset
_LONGEST_NAME = 80


@lru_cache(maxsize=1)
def _vocabulary() -> frozenset[str]:
    synonyms = (name for preset in PRESETS.values() for name in chain(*preset.columns.values()))
    return vocabulary() | {fold(name) for name in synonyms}


def tidy_name(name: str) -> str:
    """Return a column's name without invisible characters, outer quotes and extra blanks."""
    if not name.isascii():
        name = unicodedata.normalize("NFC", _INVISIBLE.sub("", name))
    name = " ".join(name.split())
    if len(name) > 1 and name[0] == name[-1] and name[0] in "\"'":
        name = name[1:-1].strip()
    return name


class NeededColumns:
    """The columns that a reading needs: those of its map, of its preset, or our own names.

    ``required``: field -> column, of those that must exist.
    """

    def __init__(self, required: Mapping[str, str], preset: str | None, *, is_mapped: bool) -> None:
        self.required = dict(required)
        self._preset = get_preset(preset) if preset else None
        self._is_mapped = is_mapped

    def fit(self, names: Sequence[str], rows: Sequence[Mapping[str, Any]] = ()) -> tuple[bool, int]:
        """Return whether the columns can be those of the file, and how many of them are known."""
        missing = missing_columns(self.required, rows or [dict.fromkeys(names, "")])
        present = len(self.required) - len({field for field, _ in missing})
        if present == len(self.required) > 0:
            return True, present + 1
        if self._is_mapped:
            return False, present
        paths = [*names, *key_paths(rows)] if rows else list(names)
        # nearly every row of a table ends here; recognising it would take milliseconds
        if _vocabulary().isdisjoint(fold(name) for name in paths if len(name) <= _LONGEST_NAME):
            return False, 0
        if self._preset is not None:
            folded = by_folded_name(paths)
            fields = {
                field
                for field, synonyms in self._preset.columns.items()
                if match(synonyms, folded) is not None
            }
            groups = self._preset.signature
            return any(fields.issuperset(group) for group in groups), len(fields)
        return is_header(paths), len(recognise_columns(paths).map)

    def fit_rows(self, rows: Sequence[Mapping[str, Any]]) -> tuple[bool, int]:
        """Return ``fit`` of JSON objects."""
        return self.fit(list(dict.fromkeys(key for row in rows for key in row)), rows)

    def spell(self, header: Iterable[str]) -> list[str]:
        """Return the names of a header; a required one is spelled as the map has it."""
        names = [tidy_name(cell) for cell in header]
        for column in self._parts():
            if column not in names:
                names = [column if tidy_name(column) == name else name for name in names]
        return names

    def check(self, names: Sequence[str], rows: Sequence[Mapping[str, Any]], *, hint: str) -> None:
        """Raise Permanent for a required column that is missing, or there twice."""
        try:
            check_columns("", self.required, names, rows)
        except Permanent as error:
            raise Permanent(error.sentence.removeprefix(": "), hint=f"{error.hint}{hint}") from None

    def _parts(self) -> list[str]:
        """Return the required columns, and the parts of those that are joined."""
        columns = list(self.required.items())
        parts = [part for field, column in columns for part in column_parts(field, column)]
        return [column for _, column in columns] + parts
