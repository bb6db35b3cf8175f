"""Parse a record of a file into mentions, rejects and rows that are no mentions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from earful.contracts import BadItem
from earful.types import Mention, Rejected
from listeners.common.plain_text import clean
from listeners.files.lines import Record
from listeners.files.presets import LeftOut, RowAdapter, get_preset
from listeners.files.rows import ColumnMap, RowReader

# characters of an unreadable row that are kept to show
_RAW_LENGTH = 500

Outcome = Mention | Rejected | LeftOut


class RecordParser:
    """Read each record by the column map, after the preset of its format where one is named."""

    def __init__(self, reader: RowReader, adapter: RowAdapter | None = None) -> None:
        self._reader = reader
        self._adapter = adapter

    def parse(self, record: Record) -> list[Outcome]:
        """Return the outcomes of a record: one, or several for a page or a ticket."""
        if record.values is None:
            return [_reject(record, record.reason)]
        if self._adapter is None:
            return [self._read(record, record.values)]
        return list(self._adapted(self._adapter, record, record.values)) or [
            LeftOut("an entry without posts")
        ]

    def _adapted(
        self, adapter: RowAdapter, record: Record, values: dict[str, Any]
    ) -> Iterator[Outcome]:
        try:
            for row in adapter.read(values):
                yield row if isinstance(row, LeftOut) else self._read(record, row)
        except BadItem as error:
            yield _reject(record, str(error))

    def _read(self, record: Record, row: dict[str, Any]) -> Outcome:
        try:
            return self._reader.read(row)
        except BadItem as error:
            return _reject(record, str(error))


def _reject(record: Record, reason: str) -> Rejected:
    raw = clean(record.first.data[: 4 * _RAW_LENGTH].decode(errors="replace"), _RAW_LENGTH)
    return Rejected(where=f"line {record.first.number}", reason=reason, raw=raw)


def preset_columns(columns: ColumnMap, preset: str | None) -> tuple[ColumnMap, RowAdapter | None]:
    """Return the map of the adapted rows, and their adapter; both as they are without a preset.

    A preset gives its rows our field names. The columns that a person named win over its own.
    """
    if preset is None:
        return columns, None
    overrides = {field: getattr(columns, field) for field in columns.model_fields_set}
    chosen: Mapping[str, str] = {field: column for field, column in overrides.items() if column}
    brands = "brands" if "brands" in chosen else None
    return ColumnMap(source="source", brands=brands), RowAdapter(get_preset(preset), chosen)
