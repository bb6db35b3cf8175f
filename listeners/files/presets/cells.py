"""Small steps that several formats share: nested values, text in pieces, addresses, links."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs, urlsplit

from listeners.files.presets.types import LeftOut, Row

NO_WORDS = LeftOut("an entry without words")
AGENT_REPLY = LeftOut("an agent's reply")
INTERNAL_NOTE = LeftOut("an internal note")
SERVICE_MESSAGE = LeftOut("a service message")
RATING_ONLY = LeftOut("a rating without words")
OWN_MESSAGE = LeftOut("our own message")

# pandas and spreadsheets write nothing as one of these words
_NOTHING = {"", "nan", "none", "null", "n/a", "-"}
_X_POST = re.compile(r"/(?:[^/]+|i/web)/status(?:es)?/(\d+)")
_REDDIT_POST = re.compile(r"/comments/([0-9a-z]+)(?:/[^/]*/([0-9a-z]+))?", re.IGNORECASE)


def value_at(row: Mapping[str, Any], path: str) -> Any:
    """Return the value of a column, or behind a dotted path; None without one."""
    if path in row:
        return row[path]
    value: Any = row
    for step in path.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


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
        return value.strip().lower() in _NOTHING
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
    """Join the texts with line breaks; a text that another one holds already is left out."""
    lines: list[str] = []
    for part in map(text_of, parts):
        if part and not any(_plain(part) in _plain(line) for line in lines):
            lines = [line for line in lines if _plain(line) not in _plain(part)] + [part]
    return "\n".join(lines)


def _plain(text: str) -> str:
    return " ".join(text.replace("…", " ").replace("...", " ").split()).casefold()


def join_pieces(value: Any) -> str:
    """Return a text that is stored in pieces: strings, and objects that hold a ``text``.

    Telegram and YouTube write so, YouTube as JSON inside a cell, with or without brackets.
    """
    if isinstance(value, str):
        stripped = value.strip()
        if stripped.startswith(("{", "[{", '["')):
            with suppress(ValueError, RecursionError):
                pieces = json.loads(stripped if stripped[0] == "[" else f"[{stripped}]")
                if text := join_pieces(pieces):
                    return text
        return value
    if isinstance(value, list):
        return "".join(join_pieces(piece) for piece in value)
    if isinstance(value, Mapping):
        segments = value.get("takeoutSegments")
        return join_pieces(segments if isinstance(segments, list) else value.get("text"))
    return ""


def native_id(source: str, url: Any) -> str | None:
    """Return the id under which the live listener knows the post at this address, or None."""
    if not isinstance(url, str) or "/" not in url:
        return None
    with suppress(ValueError):
        parts = urlsplit(html.unescape(url.strip()))
        arguments = parse_qs(parts.query)
        if source == "x" and (post := _X_POST.search(parts.path)):
            return post[1]
        if source == "reddit" and (post := _REDDIT_POST.search(parts.path)):
            return f"t1_{post[2]}" if post[2] else f"t3_{post[1]}"
        if source == "youtube" and (comment := arguments.get("lc")):
            return comment[0]
        if source == "hackernews" and (item := arguments.get("id")):
            return item[0]
        if source == "googleplay" and (review := arguments.get("reviewId")):
            return review[0]
    return None


def with_fields(**fields: Any) -> Row:
    """Return a row of the fields that have a value."""
    return {name: value for name, value in fields.items() if not is_nothing(value)}
