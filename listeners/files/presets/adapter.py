"""Turn the rows of a format into rows with Earful's own field names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from listeners.common.json_fields import value_at
from listeners.files.presets.cells import NO_WORDS, is_nothing, joined, text_of
from listeners.files.presets.headers import by_folded_name, fold
from listeners.files.presets.types import LeftOut, Preset, Row

# JSON Lines may have a set of keys for every row; tables have one
_MAX_KEY_SETS = 500
FIELDS = (
    *("text", "author", "author_id", "id", "published_at", "url", "lang", "shares", "likes"),
    *("replies", "followers", "name", "reply_to", "repost_of", "source", "rating", "brands"),
)
_FIELDS = frozenset(FIELDS)


class RowAdapter:
    """Read rows by a preset; ``overrides`` names columns that a person chose, by field.

    1. Find the column of each field, once for each set of keys.
    2. Add the fields to the row, and let the preset's ``adapt`` make mentions of it.
    3. Put the values of the person's own choice last, so that they win.
    """

    def __init__(self, preset: Preset, overrides: Mapping[str, str] | None = None) -> None:
        self._preset = preset
        self._overrides = dict(overrides or {})
        self._columns: dict[tuple[str, ...], tuple[tuple[str, tuple[str, ...]], ...]] = {}

    def read(self, row: Row) -> Iterator[Row | LeftOut]:
        """Yield the mentions of a row as rows of FIELDS, or the reason why it is none."""
        preset = self._preset
        if preset.adapt is None:
            fields = self._fields(row)
            yield self._chosen(row, {name: fields[name] for name in fields if name in _FIELDS})
            return
        for outcome in preset.adapt(row if preset.reads_record else {**row, **self._fields(row)}):
            if isinstance(outcome, LeftOut):
                yield outcome
                continue
            fields = {name: outcome[name] for name in outcome if name in _FIELDS}
            fields = self._chosen(row, fields)
            yield fields if fields.get("text") or preset.may_lack_words else NO_WORDS

    def _chosen(self, row: Row, fields: Row) -> Row:
        for field, column in self._overrides.items():
            value = column_value(row, column, field)
            if not is_nothing(value):
                fields[field] = value
        return fields

    def _fields(self, row: Row) -> Row:
        keys = tuple(row)
        columns = self._columns.get(keys)
        if columns is None:
            columns = self._find_columns(row)
            if len(self._columns) >= _MAX_KEY_SETS:
                self._columns.clear()
            self._columns[keys] = columns
        fields: Row = {}
        for field, paths in columns:
            for path in paths:
                value = value_at(row, path)
                if not is_nothing(value):
                    fields[field] = value
                    break
        return fields

    def _find_columns(self, row: Row) -> tuple[tuple[str, tuple[str, ...]], ...]:
        folded = by_folded_name(row)
        chosen = []
        for field, synonyms in self._preset.columns.items():
            names: dict[str, None] = {}
            for synonym in synonyms:
                if (column := folded.get(fold(synonym))) is not None:
                    names[column] = None
                elif "." in synonym and synonym.partition(".")[0] in row:
                    names[synonym] = None
            if names:
                chosen.append((field, tuple(names)))
        return tuple(chosen)


def column_value(row: Mapping[str, Any], column: str, field: str = "text") -> Any:
    """Return the value of a column, or the joined values of several, as in "Title+Body"."""
    if column in row or "+" not in column:
        return value_at(row, column)
    cells = [value_at(row, part.strip()) for part in column.split("+")]
    if field == "published_at":
        return " ".join(filter(None, map(text_of, cells))) or None
    return joined(*cells) or None
