"""The option ``map``: which column of a file is which field, and whether the file has it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from earful.contracts import Permanent
from earful.settings.errors import closest, nearest
from listeners.common.options import ListenerOptions

_MAX_DEPTH = 6  # of objects in objects


class ColumnMap(ListenerOptions):
    """The option ``map``: the column for each field; a dot reads an object, as in user.name.

    Several columns are joined by "+": "Title+Body" for ``text``, "Date+Time" for ``published_at``.
    """

    text: str = "text"
    author: str = "author"
    author_id: str = "author_id"
    id: str = "id"
    published_at: str = "published_at"
    url: str = "url"
    lang: str = "lang"
    shares: str = "shares"
    likes: str = "likes"
    replies: str = "replies"
    followers: str = "followers"
    name: str = "name"
    reply_to: str = "reply_to"
    repost_of: str = "repost_of"
    rating: str = "rating"
    # no default: in exports of X the column `source` holds the app that wrote the post
    source: str | None = None
    brands: str | None = None

    def required(self) -> dict[str, str]:
        """Return the columns that must exist: those of the settings, text and time."""
        chosen = {field: getattr(self, field) for field in self.model_fields_set}
        always = {"text": self.text, "published_at": self.published_at}
        return {field: column for field, column in (chosen | always).items() if column}


def check_columns(
    path: object,
    columns: Mapping[str, str],
    header: Sequence[str],
    rows: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Raise Permanent when a column of ``columns`` (by field) is not in the file, or is ambiguous.

    ``header``: the names of the columns, or the keys of the first objects; an empty one passes.
    ``rows``: the first objects of a JSON file, whose nested names count too.
    """
    if not header:
        return
    sample = rows or [dict.fromkeys(header, "")]
    for field, column in missing_columns(columns, sample):
        raise Permanent(
            f"{path}: there is no column {column!r} for {field}"
            f"{nearest(column, nested_names(sample))}",
            hint=f'Say which it is, as in map = {{ {field} = "{_suggest(column, sample)}" }}. '
            f"The columns are {', '.join(header)[:500]}.",
        )
    for field, column in columns.items():
        for part in [column] if column in header else column_parts(field, column):
            if header.count(part) > 1:
                raise Permanent(
                    f"{path}: {header.count(part)} columns are called {part!r}; "
                    f"rename all but the one that holds {field}"
                )


def _suggest(column: str, sample: Sequence[Mapping[str, Any]]) -> str:
    """Return the name of the column that was probably meant; "…" when none is near."""
    name = closest(column, nested_names(sample))
    # in a quoted value these would need escapes
    return "…" if name is None or set(name) & set('"\\\n') else name


def nested_names(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the names of all values of the rows, those in objects with dots: "user.name"."""
    return list(_kinds(rows))


def missing_columns(
    columns: Mapping[str, str], rows: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[str, str]]:
    """Yield (field, column) for each column that none of these first rows has.

    An object that is empty in these rows may be filled in a later one, as a repost's original is.
    An object that is there and lacks the key does not have it.
    """
    kinds = _kinds(rows)
    for field, column in columns.items():
        for part in [column] if column in kinds else column_parts(field, column):
            parent = part.rpartition(".")[0]
            while parent and parent not in kinds:
                parent = parent.rpartition(".")[0]
            if part not in kinds and kinds.get(parent) is not type(None):
                yield field, part


def column_parts(field: str, column: str) -> list[str]:
    """Return the columns that are joined: "Title+Body" for a text, "Date+Time" for a time."""
    if field not in ("text", "published_at") or "+" not in column:
        return [column]
    return [part.strip() for part in column.split("+") if part.strip()]


def _kinds(rows: Iterable[Mapping[str, Any]]) -> dict[str, type]:
    """Return the type of the values under each name; NoneType where all are null."""
    kinds: dict[str, type] = {}
    for row in rows:
        for name, value in _values_in(row, "", 0):
            if value is not None or name not in kinds:
                kinds[name] = type(value)
    return kinds


def _values_in(value: Mapping[str, Any], prefix: str, depth: int) -> Iterator[tuple[str, Any]]:
    for key, inner in value.items():
        name = f"{prefix}{key}"
        yield name, inner
        if isinstance(inner, dict) and depth < _MAX_DEPTH:
            yield from _values_in(inner, f"{name}.", depth + 1)
