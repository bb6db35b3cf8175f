"""What could not be read, told so that a person can look into it: short, whatever it is."""

from __future__ import annotations

import reprlib

from earful.contracts import BadItem
from earful.types import Rejected
from listeners.common.plain_text import clean

_RAW = 500  # characters of an item that are kept to show

_SHORT = reprlib.Repr()  # repr() goes down a level of Python's stack for each level of the JSON
_SHORT.maxlevel, _SHORT.maxdict, _SHORT.maxlist, _SHORT.maxstring = 6, 30, 10, 300


def glimpse(value: object, limit: int = 40) -> str:
    """The beginning of a value as Python writes it, for an error's sentence."""
    return clean(repr(value[:limit]) if isinstance(value, str) else _SHORT.repr(value)[: 2 * limit])


def rejected(where: str, error: BadItem, item: object) -> Rejected:
    """That an item of a platform's answer cannot be read, and how it looked."""
    raw = clean(_SHORT.repr(item)[: 2 * _RAW], _RAW)
    return Rejected(where=clean(where, 200), reason=str(error), raw=raw)
