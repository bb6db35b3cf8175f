"""Take a few of many, from all over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

Item = TypeVar("Item")


def spread(items: Sequence[Item], limit: int | None) -> Sequence[Item]:
    """Return at most ``limit`` items (None: all), evenly from the first to the last.

    A labelled file may be sorted, so that its beginning holds one label alone.
    """
    if limit is None or len(items) <= limit:
        return items
    return [items[at * len(items) // limit] for at in range(limit)]
