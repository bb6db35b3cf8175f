"""Positions as they come back from storage: JSON that each listener wrote itself.

A damaged one costs a second reading, never a post: what cannot be read of it is left out.
"""

from __future__ import annotations

import json
from typing import Any, TypeGuard

_LATEST = 1 << 37  # seconds since 1970; the year 6325


def kept(position: str | None) -> dict[str, Any]:
    """What a position holds; nothing for None and for what is no JSON object."""
    try:
        found = json.loads(position) if position else {}
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def is_instant(value: object) -> TypeGuard[int]:
    """True for whole seconds since 1970 that a calendar has."""
    return type(value) is int and 0 <= value < _LATEST
