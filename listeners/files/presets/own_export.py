"""Earful's own export, CSV or JSON Lines, which comes back whole."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from listeners.files.presets.cells import text_of, with_fields
from listeners.files.presets.types import LeftOut, Preset, Row

# the beginnings before which the CSV export puts an apostrophe: docs/export.md, Spreadsheets
_ESCAPED = re.compile(r"'(?=[\s'\u200b-\u200f\ufeff]*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20])")


def _earful(row: Row) -> Iterator[Row | LeftOut]:
    # JSON keeps texts exact; only the CSV writes "true" as text and guards formulas
    is_table = isinstance(row.get("flagged"), str) or "flagged" not in row
    fields = {name: _exact(row.get(name), is_table) for name in ("text", "author", "name")}
    yield with_fields(
        **fields,
        **{name: row.get(name) for name in ("id", "source", "url", "lang", "published_at")},
        **{name: row.get(name) for name in ("author_id", "rating", "brands")},
    )


def _exact(value: Any, is_table: bool) -> Any:
    """Take away the apostrophe that guards a spreadsheet from a formula."""
    return _ESCAPED.sub("", value, count=1) if is_table and _is_guarded(value) else value


def _is_guarded(value: Any) -> bool:
    return isinstance(value, str) and _ESCAPED.match(text_of(value)) is not None


EARFUL = Preset(
    name="earful",
    title="Earful's own export",
    source="replay",
    columns={
        "id": ("external_id",),
        "source": ("source",),
        "url": ("url",),
        "author": ("author",),
        "author_id": ("author_id",),
        "name": ("author_name",),
        "text": ("text",),
        "lang": ("lang",),
        "published_at": ("published_at",),
        "brands": ("brand",),
        "rating": ("rating_value",),
        "sentiment": ("sentiment",),
        "found": ("language_found", "could_not_tell", "model_id"),
    },
    signature=(("id", "source", "text", "published_at", "sentiment"),),
    assumptions=("Ids, sources and brands are those of the export; sentiment is read anew.",),
    timezone="UTC",
    adapt=_earful,
)
