"""Fields of untrusted JSON; a field of the wrong type reads as a missing one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeGuard

LATEST_INSTANT = 1 << 37  # seconds since 1970; the year 6325, which every calendar here has


def string(document: object, key: str) -> str:
    """Return the text under a key; "" where there is none."""
    value = document.get(key) if isinstance(document, Mapping) else None
    return value if isinstance(value, str) else ""


def nested(document: object, key: str) -> Mapping[str, Any]:
    """Return the object under a key; an empty one where there is none."""
    value = document.get(key) if isinstance(document, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def objects(document: object, key: str) -> list[Mapping[str, Any]]:
    """Return the objects in the list under a key; other items of the list are left out."""
    value = document.get(key) if isinstance(document, Mapping) else None
    items = value if isinstance(value, list) else []
    return [item for item in items if isinstance(item, Mapping)]


def value_at(row: Mapping[str, Any], path: str) -> Any:
    """Return the value under a key, or behind a dotted path; None without one."""
    if path in row:
        return row[path]
    value: Any = row
    for step in path.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def json_object(position: str | None) -> dict[str, Any]:
    """Read a stored position as a JSON object; {} for None and for any other text."""
    try:
        fields = json.loads(position) if position else {}
    except (ValueError, RecursionError):  # json raises the second on deeply nested text
        return {}
    return fields if isinstance(fields, dict) else {}


def is_instant(value: object) -> TypeGuard[int]:
    """Tell whether ``value`` is whole seconds since 1970 that a calendar has."""
    # type(), not isinstance(): True is an int in Python
    return type(value) is int and 0 <= value < LATEST_INSTANT
