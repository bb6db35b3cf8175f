"""Values that strangers write into a file: language codes and counts, as a mention needs them."""

from __future__ import annotations

import re

_MOST = 2**53  # above it a float has lost digits; no count of people comes near
_LANG = re.compile(r"([a-zA-Z]{2,3})(?:[-_][a-zA-Z0-9]+)*$")
_NO_LANG = {"und", "mul", "zxx", "nan"}


def language(value: object) -> str | None:
    """The language's short code in lower case ("pt-BR" gives "pt"); None when there is none."""
    found = _LANG.match(value.strip()) if isinstance(value, str) else None
    code = found.group(1).lower() if found else None
    return None if code in _NO_LANG else code


def count(value: object) -> int:
    """A number of people or clicks. What cannot be read as one counts as 0: it loses no post."""
    if type(value) is int:  # the usual case, and this runs for every row of an import
        return value if 0 < value < _MOST else 0
    if isinstance(value, str):
        value = value.strip().replace(",", "").replace("\u00a0", "") or 0
    try:
        number = float(value)  # type: ignore[arg-type]  # the except is for whatever it is
    except (TypeError, ValueError, OverflowError):
        return 0
    return int(number) if 0 < number < _MOST else 0
