"""Small steps that several formats share: text in pieces, addresses, links."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from listeners.common.authors import NOTHING
from listeners.common.json_fields import value_at
from listeners.files.pieces import join_columns
from listeners.files.platforms import post_id
from listeners.files.presets.types import LeftOut, Row

NO_WORDS = LeftOut("an entry without words")
AGENT_REPLY = LeftOut("an agent's reply")
INTERNAL_NOTE = LeftOut("an internal note")
SERVICE_MESSAGE = LeftOut("a service message")
RATING_ONLY = LeftOut("a rating without words")
OWN_MESSAGE = LeftOut("our own message")
# who writes for the company, in the words of helpdesks
AGENTS = {"agent", "admin", "staff", "owner", "team", "team_member", "teammate", "operator", "bot"}
AGENTS |= {"light agent", "system", "automation", "agente", "mitarbeiter", "opérateur"}


def first_value(row: Mapping[str, Any], *paths: str) -> Any:
    """Return the first value that is not nothing."""
    for path in paths:
        value = value_at(row, path)
        if not is_nothing(value):
            return value
    return None


def is_nothing(value: Any) -> bool:
    """Return whether a cell is empty, or holds a program's word for an empty cell."""
    if isinstance(value, str):
        return value.strip().lower() in NOTHING
    # NaN is the value that differs from itself
    return value is None or value != value


def text_of(value: Any) -> str:
    """Return a cell as text; "" for nothing."""
    return "" if is_nothing(value) else str(value).strip()


def is_no(value: Any) -> bool:
    """Return whether a cell says no, as in a column "Public"."""
    return value is False or text_of(value).lower() in {"false", "no", "0", "f", "private"}


def is_yes(value: Any) -> bool:
    """Return whether a cell says yes, as in a column "Private"."""
    return value is True or text_of(value).lower() in {"true", "yes", "1", "t"}


def objects(value: Any) -> Iterator[dict[str, Any]]:
    """Yield the objects of a list, or the object itself."""
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, dict):
            yield item


def joined(*parts: Any) -> str:
    """Join a title and further texts, as the columns of a map are joined."""
    return join_columns([text_of(part) for part in parts])


def merged(*parts: Any) -> str:
    """Join excerpts of one text; an excerpt that another one holds already is left out."""
    lines: list[str] = []
    for part in map(text_of, parts):
        if part and not any(_plain(part) in _plain(line) for line in lines):
            lines = [line for line in lines if _plain(line) not in _plain(part)] + [part]
    return "\n".join(lines)


def _plain(text: str) -> str:
    return " ".join(text.replace("…", " ").replace("...", " ").split()).casefold()


def native_id(source: str, url: Any) -> str | None:
    """Return the id under which the live listener knows the post at this address, or None."""
    return post_id(source, None, {"url": url})


def with_fields(**fields: Any) -> Row:
    """Return a row of the fields that have a value."""
    return {name: value for name, value in fields.items() if not is_nothing(value)}
