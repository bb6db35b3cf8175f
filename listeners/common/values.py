"""Language codes and counts from untrusted files, as a mention needs them."""

from __future__ import annotations

import re

_MAX_COUNT = 2**53  # above it a float has lost digits; no count of people comes near
_LANG = re.compile(r"([a-zA-Z]{2,3})(?:[-_][a-zA-Z0-9]+)*$")
# codes of ISO 639-2 for no single language; "nan" is an empty cell in an export
_NO_LANG = {"und", "mul", "zxx", "nan"}


def language(value: object) -> str | None:
    """Return the short code of a language in lower case ("pt-BR" gives "pt"), or None."""
    match = _LANG.match(value.strip()) if isinstance(value, str) else None
    code = match.group(1).lower() if match else None
    return None if code in _NO_LANG else code


def count(value: object) -> int:
    """Read a number of people or clicks; an unreadable one is 0, so that it loses no post."""
    if type(value) is int:  # the usual case, and this runs for every row of an import
        return value if 0 < value < _MAX_COUNT else 0
    if isinstance(value, str):
        value = value.strip().replace(",", "").replace("\u00a0", "") or 0
    try:
        number = float(value)  # type: ignore[arg-type]  # the except covers every other type
    except (TypeError, ValueError, OverflowError):
        return 0
    return int(number) if 0 < number < _MAX_COUNT else 0
