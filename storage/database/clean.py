"""Clean strangers' text one last time before it is stored."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

_LONGEST_TEXT = 20_000  # characters; the longest post of any platform we read is shorter
_LONGEST_ID = 500  # characters; PostgreSQL's indexes end at about 2,700 bytes
_LARGEST = 2**63 - 1  # what a BIGINT holds


def storable(text: str, longest: int = _LONGEST_TEXT) -> str:
    """Remove characters that a database refuses (NUL, lone surrogates); cut to ``longest``."""
    cleaned = text.replace("\0", "")[:longest]
    try:
        cleaned.encode("utf-8")
    except UnicodeEncodeError:
        return cleaned.encode("utf-8", "replace").decode("utf-8")
    return cleaned


def identity(external_id: str) -> str:
    """Return ``external_id``, or its hash when a database could not store it or tell it apart."""
    if external_id == storable(external_id, _LONGEST_ID):
        return external_id
    return hashlib.sha256(external_id.encode("utf-8", "surrogatepass")).hexdigest()


def countable(number: int) -> int:
    """Limit a number of people or clicks to the range of a column; never below 0."""
    return max(0, min(number, _LARGEST))


def names_one(text: str, names: Iterable[str]) -> bool:
    """True when one of ``names`` stands in ``text`` as a word of its own: "al" is not in "also"."""
    pattern = "|".join(re.escape(name) for name in names if name)
    return (
        bool(pattern) and re.search(rf"(?<!\w)(?:{pattern})(?!\w)", text, re.IGNORECASE) is not None
    )
