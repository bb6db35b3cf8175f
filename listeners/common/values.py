"""Language codes and counts from untrusted files, as a mention needs them."""

from __future__ import annotations

import re
import unicodedata

_MAX_COUNT = 2**53  # above it a float has lost digits; no count of people comes near
_LANG = re.compile(r"([a-zA-Z]{2,3})(?:[-_][a-zA-Z0-9]+)*$")
# codes of ISO 639-2 for no single language; "nan" is an empty cell in an export
_NO_LANG = {"und", "mul", "zxx", "nan"}

# a count is a whole number: three digits behind a sign are thousands, in every country
_GROUPED = re.compile(r"\d{1,3}(?:([.,'\u2019\u066c ])\d{3})(?:\1\d{3})*|\d{1,2}(?:,\d{2})+,\d{3}")
_NO_FRACTION = re.compile(r"(.*?\d)[.,]0{1,2}")
_GROUPED_NO_FRACTION = re.compile(r"(.*,.*)\.0+|(.*\..*),0+")
_SHORT = re.compile(r"(\d+)(?:[.,](\d{1,2}))? ?([^\W\d_]+)\.?")
_GROUPED_SHORT = re.compile(r"(\d{1,3}(?:,\d{3})+)\.(\d{1,2}) ?([^\W\d_]+)\.?")
_EXPONENT = re.compile(r"(\d)(?:[.,](\d+))?[eE]\+?(\d{1,2})")
_MULTIPLES = {
    **dict.fromkeys(("k", "tsd", "тыс", "χιλ", "천", "thousand", "mille"), 10**3),
    **dict.fromkeys(("m", "mio", "mln", "mn", "млн", "εκ", "εκατ", "million", "millions"), 10**6),
    **dict.fromkeys(("b", "bn", "mrd", "mld", "млрд", "billion"), 10**9),
    **dict.fromkeys(("万", "萬", "만"), 10**4),
    **dict.fromkeys(("亿", "億", "억"), 10**8),
    **{"lakh": 10**5, "crore": 10**7},
}
_BLANKS = dict.fromkeys(map(ord, "\u00a0\u2007\u2009\u202f\t"), " ")


def language(value: object) -> str | None:
    """Return the short code of a language in lower case ("pt-BR" gives "pt"), or None."""
    match = _LANG.match(value.strip()) if isinstance(value, str) else None
    code = match.group(1).lower() if match else None
    return None if code in _NO_LANG else code


def count(value: object) -> int:
    """Read a number of people or clicks; an unreadable one is 0, so that it loses no post."""
    if type(value) is int:  # the usual case, and this runs for every row of an import
        return value if 0 < value < _MAX_COUNT else 0
    return local_count(value) or 0


def local_count(value: object) -> int | None:
    """Read a number of people or clicks in any country's notation; None when it cannot be told.

    "12.345" and "12 345" are 12,345, "1,2M" is 1,200,000. "1,2" alone is no whole number, and
    "1.234K" has two readings: both are None, never a small wrong number.
    """
    if type(value) is int:
        return value if 0 <= value < _MAX_COUNT else None
    if isinstance(value, float):
        # 12.345 may have been twelve thousand before a program read it
        return int(value) if value.is_integer() and 0 <= value < _MAX_COUNT else None
    if not isinstance(value, str):
        return None
    text = value.strip()
    if not (text.isascii() and text.isdecimal()):
        number = _written(text[:40])
    else:
        number = int(text) if len(text) < 20 else None
    return number if number is not None and number < _MAX_COUNT else None


def _written(text: str) -> int | None:
    """Return the count that a text spells with signs or words; None for any other text."""
    text = text.translate(_BLANKS).strip().removeprefix("+")
    if not text.isascii():
        text = "".join(_ascii_digit(char) for char in text)
    if text.isdecimal():
        return int(text)
    if _GROUPED.fullmatch(text):
        return _digits(text)
    if match := _GROUPED_NO_FRACTION.fullmatch(text):
        whole = match[1] or match[2]
        return _digits(whole) if _GROUPED.fullmatch(whole) else None
    if (match := _NO_FRACTION.fullmatch(text)) and match[1].isdecimal():
        return int(match[1])
    if match := _EXPONENT.fullmatch(text):
        return _scaled(match[1], match[2], 10 ** int(match[3]))
    match = _SHORT.fullmatch(text) or _GROUPED_SHORT.fullmatch(text)
    multiple = _MULTIPLES.get(match[3].lower()) if match else None
    return _scaled(match[1], match[2], multiple) if match and multiple else None


def _scaled(whole: str, fraction: str | None, multiple: int) -> int | None:
    fraction = fraction or ""
    number = int(f"{_digits(whole)}{fraction}") * multiple
    return number // 10 ** len(fraction) if number % 10 ** len(fraction) == 0 else None


def _digits(text: str) -> int:
    return int("".join(char for char in text if char.isdecimal()))


def _ascii_digit(char: str) -> str:
    digit = unicodedata.decimal(char, None)
    return char if digit is None else str(digit)
