"""Ratings of files, on the scale that the file has."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from earful.types import Rating
from listeners.common.authors import NOTHING

# the scales that Earful has names for; others are called a score
_KINDS = {(1, 5): "stars", (0, 10): "nps"}
# platforms with five stars, and columns that say so
_FIVE_STARS = {"appstore", "googleplay", "trustpilot", "google", "amazon", "yelp", "tripadvisor"}
_STAR_COLUMN = re.compile(r"(?<![a-z])(?:stars?|sterne?|étoiles?|estrellas?|stelle)(?![a-z])")
_SCALE = re.compile(r"(\d{1,3})\s*(?:-|–|to|\.\.)\s*(\d{1,3})")
_NUMBER = re.compile(r"(\d{1,3})(?:[.,]0+)?(?:\s*(?:/|of|out of)\s*(\d{1,3}))?(?:\s*stars?)?")
_FULL, _EMPTY = "★⭐🌟", "☆✩"
_STARS = re.compile(rf"[{_FULL}{_EMPTY}\ufe0f\s]+")


def check_scale(value: str) -> str:
    """Return the option ``rating_scale`` as "1-5"; ValueError when it is no scale."""
    match = _SCALE.fullmatch(value.strip())
    if match is None or int(match[1]) >= int(match[2]):
        raise ValueError("should be the lowest and the highest rating, as 1-5 or 0-10")
    return f"{int(match[1])}-{int(match[2])}"


def scale_of(option: str | None, column: str, source: str) -> tuple[int, int] | None:
    """Return the lowest and highest rating; None when nothing says them.

    Without the option, the name of the column ("Review Stars") or the platform says five stars.
    """
    if option is not None:
        lowest, _, highest = option.partition("-")
        return int(lowest), int(highest)
    is_stars = source in _FIVE_STARS or _STAR_COLUMN.search(column.lower())
    return (1, 5) if is_stars else None


def read_rating(value: object, scale: tuple[int, int] | None) -> Rating | None:
    """Return a rating; None for an empty cell. ValueError when it is none on the scale.

    Reads 1, "1.0", "4/5", "★★☆☆☆" and "5 stars". Without a scale only "★★☆☆☆" says its own, and
    a rating of Earful's export: {"kind": "stars", "value": 1, "lowest": 1, "highest": 5}.
    """
    if isinstance(value, Mapping):
        return _exported(value)
    if value is None or value != value or value is False:
        return None
    if isinstance(value, str):
        text = value.strip()
        if text.lower() in NOTHING:
            return None
        if _STARS.fullmatch(text):
            return _counted_stars(text, scale)
    else:
        text = str(value)
    match = _NUMBER.fullmatch(text.lower())
    if match is None or scale is None or (match[2] and int(match[2]) != scale[1]):
        raise ValueError(text)
    return _rating(int(match[1]), scale)


def _exported(fields: Mapping[str, Any]) -> Rating | None:
    if not fields.get("kind"):
        return None
    try:
        value, lowest, highest = (int(fields[name]) for name in ("value", "lowest", "highest"))
    except (KeyError, TypeError) as error:
        raise ValueError(str(dict(fields))[:80]) from error
    return Rating(kind=str(fields["kind"])[:20], value=value, lowest=lowest, highest=highest)


def _counted_stars(text: str, scale: tuple[int, int] | None) -> Rating:
    full = sum(text.count(star) for star in _FULL)
    empty = sum(text.count(star) for star in _EMPTY)
    if scale is None and full + empty != 5:
        raise ValueError(text)
    if empty and scale is not None and full + empty != scale[1]:
        raise ValueError(text)
    return _rating(full, scale or (1, 5))


def _rating(value: int, scale: tuple[int, int]) -> Rating:
    lowest, highest = scale
    kind = _KINDS.get(scale, "score")
    return Rating(kind=kind, value=value, lowest=lowest, highest=highest)
