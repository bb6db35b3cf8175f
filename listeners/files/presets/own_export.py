"""Earful's own export, CSV or JSON Lines, which comes back whole."""

from __future__ import annotations

from collections.abc import Iterator

from earful.untrusted import formula_exact
from listeners.files.presets.types import LeftOut, Preset, Row

# our field -> the export's column
_COLUMNS = {
    **{name: name for name in ("source", "url", "author", "author_id", "text", "lang")},
    **{name: name for name in ("published_at", "followers", "reply_to", "repost_of")},
    **{name: name for name in ("shares", "likes", "replies")},
    "id": "external_id",
    "name": "author_name",
    "brands": "brand",
}
_NAMELESS = "anonymous"
_RATING = ("kind", "value", "lowest", "highest")


def _earful(row: Row) -> Iterator[Row | LeftOut]:
    # JSON keeps texts exact; only the CSV writes "true" as text and guards formulas
    is_table = not isinstance(row.get("flagged"), bool)
    fields: Row = {}
    for name, column in _COLUMNS.items():
        value = row.get(column)
        if value is not None and value != "":
            fields[name] = formula_exact(value) if is_table and isinstance(value, str) else value
    fields.setdefault("text", "")
    if "author_id" not in fields and fields.get("author") == _NAMELESS:
        # an export from before authors had ids; each nameless post has an author of its own
        del fields["author"]
    if row.get("rating_kind"):
        fields["rating"] = {name: row.get(f"rating_{name}") for name in _RATING}
    yield fields


EARFUL = Preset(
    name="earful",
    title="Earful's own export",
    source="replay",
    columns={
        **{name: (column,) for name, column in _COLUMNS.items()},
        "rating": ("rating_value",),
        "sentiment": ("sentiment",),
        "readings": ("language_found", "could_not_tell", "model_id", "toward", "intent", "reason"),
    },
    signature=(("id", "source", "text", "published_at", "sentiment"),),
    assumptions=("Ids, sources and brands are those of the export; sentiment is read again.",),
    timezone="UTC",
    adapt=_earful,
    reads_record=True,
    may_lack_words=True,
)
