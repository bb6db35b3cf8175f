"""Fields of JSON that a stranger's server sent: as they should be, or as if they were not there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeGuard

LATEST_INSTANT = 1 << 37  # seconds since 1970; the year 6325, which every calendar here has


def string(thing: object, key: str) -> str:
    """The text under a key; "" where there is none."""
    value = thing.get(key) if isinstance(thing, Mapping) else None
    return value if isinstance(value, str) else ""


def nested(thing: object, key: str) -> Mapping[str, Any]:
    """The object under a key; an empty one where there is none."""
    value = thing.get(key) if isinstance(thing, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def objects(thing: object, key: str) -> list[Mapping[str, Any]]:
    """The objects in the list under a key."""
    value = thing.get(key) if isinstance(thing, Mapping) else None
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def json_object(position: str | None) -> dict[str, Any]:
    """What a position holds; nothing for None and for what is no JSON object."""
    try:
        found = json.loads(position) if position else {}
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def is_instant(value: object) -> TypeGuard[int]:
    """True for whole seconds since 1970 that a calendar has."""
    return type(value) is int and 0 <= value < LATEST_INSTANT
