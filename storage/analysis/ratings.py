"""Ratings as four columns of a mention."""

from __future__ import annotations

from typing import Any

from earful.types import Rating
from storage.database.clean import storable
from storage.database.upsert import table_of
from storage.tables import MentionRow

_MENTION = table_of(MentionRow)
COLUMNS: tuple[Any, ...] = (
    _MENTION.c.rating_kind,
    _MENTION.c.rating_value,
    _MENTION.c.rating_lowest,
    _MENTION.c.rating_highest,
)


def to_columns(rating: Rating | None) -> dict[str, Any]:
    """Return the values of the four columns; all None without a rating."""
    return {
        "rating_kind": rating and storable(rating.kind, 20),
        "rating_value": rating and rating.value,
        "rating_lowest": rating and rating.lowest,
        "rating_highest": rating and rating.highest,
    }


def from_row(row: Any) -> Rating | None:
    """Return the rating of a row that has the four columns; None without one."""
    if row.rating_kind is None:
        return None
    return Rating(
        kind=row.rating_kind,
        value=row.rating_value,
        lowest=row.rating_lowest,
        highest=row.rating_highest,
    )
