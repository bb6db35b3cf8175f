"""Ids of posts and people in files, where spreadsheets may have wrapped or rounded them."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from typing import Any

from earful.contracts import BadItem
from listeners.common.authors import NOTHING
from listeners.common.plain_text import clean

MAX_ID = 200
AS_WRITTEN = "Import the export as Earful wrote it, before a spreadsheet saved it."
# above it a float has lost digits
_EXACT_FLOATS_BELOW = 2**53
# how people keep Excel from reading an id as a number: ="123", '123, or quotes that stayed
# possessive: a cell of quotes alone must not take quadratic time
_WRAPPED = re.compile(
    r"(?:=\s*+(?:T|TEXT)?\(?\s*+)?[\"\u201c\u201d]++([^\"\u201c\u201d]*+)[\"\u201c\u201d]++\)?"
    r"|['\u2018\u2019\u00b4`](.*)"
)
_WRAPPING = frozenset("='\"\u2018\u2019\u201c")
# #NAME?, #REF!, and #ZAHL! or #VALEUR! where Excel speaks another language
_ERROR = re.compile(r"#[^\W\da-z_]{2,9}(?:/[^\W\da-z_0]{1,3}|/0)?[!?]|#N/?[ADV]")
# 5.67588E+17, and 5,67588E+17 where the decimal sign is a comma
_EXPONENT = re.compile(r"-?\d+(?:[.,\u066b]\d+ ?[eE] ?\+?|[eE]\+)\d+")
# as spreadsheets write a long number; "1E+20" alone may be an id
_ROUNDED = re.compile(r"\d[.,\u066b]\d+[eE]\+\d\d")
# not three zeros: "1,000" may be a thousand
_FLOAT = re.compile(r"(\d+)[.,]0{1,2}")
# thousands with signs: a program took the id for a number, and may have rounded it
_GROUPED = re.compile(r"\d{1,3}(?:[., '\u2019\u00a0\u202f]\d{3}){4,}")
_EXACT_DIGITS = 15  # of a spreadsheet's number; the digits behind them become zeros
_LONG_ID = 18  # digits; ids of posts are as long, and chance ends 1 in 1,000 with the zeros
_LONGEST_WORD = 10  # characters of a program's word for an empty cell
_INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060\ufeff\t]")


def read_id(value: object) -> str | None:
    """Return an id as text; None without one, or when a spreadsheet has cut its digits."""
    if isinstance(value, str):
        text = value.strip()
        if text.isdecimal() and len(text) < _LONG_ID and text.isascii():  # most ids
            return text
        if not (text.isascii() and text.isalnum()):
            text = _unwrapped(text)
        return shortened(text) if text and not is_eaten(text) and _is_id(text) else None
    if value is None or isinstance(value, (bool, dict, list)):
        return "True" if value is True else None
    if isinstance(value, float):
        if not value.is_integer() or abs(value) >= _EXACT_FLOATS_BELOW:
            return None  # it has lost digits
        value = int(value)
    text = str(value)
    return None if is_eaten(text) else shortened(clean(text, 4096)) or None


def exact_id(value: object) -> str | None:
    """Return an id of Earful's own export as it stands; None without one.

    Raises BadItem for one that a spreadsheet has rounded: under any other id the post would be
    stored twice.
    """
    if value is None or value == "":
        return None
    text = str(value)
    if text[:1].isdecimal() and _ROUNDED.fullmatch(text):
        raise BadItem(f"{text!r} is an id that a spreadsheet has rounded", hint=AS_WRITTEN)
    return text


def unwrapped(cell: Any) -> Any:
    """Return a cell without the wrapping that keeps Excel from reading it: ="12", '@name."""
    if isinstance(cell, str) and cell[:1] in _WRAPPING and (match := _WRAPPED.fullmatch(cell)):
        return match[1] or match[2] or ""
    return cell


def is_eaten(text: str) -> bool:
    """Tell whether a spreadsheet has turned this id into a number and lost its last digits."""
    if not text[:1].isdecimal() and not text.startswith("-"):
        return False
    if text.isdecimal():
        zeros = len(text) - len(text.rstrip("0"))
        return len(text) >= _LONG_ID and zeros >= len(text) - _EXACT_DIGITS
    return bool(_EXPONENT.fullmatch(text) or _GROUPED.fullmatch(text))


def shortened(identity: str) -> str:
    """Return an id that storage can hold: the hash of a long one."""
    if len(identity) <= MAX_ID:
        return identity
    return hashlib.sha256(identity.encode("utf-8", "replace")).hexdigest()


def content_id(author: object, published_at: datetime, text: str) -> str:
    """Return an id for a row without one, the same for the same author, time and text."""
    parts = "\0".join((str(author or ""), published_at.isoformat(), text))
    return "row-" + hashlib.sha256(parts.encode("utf-8", "replace")).hexdigest()[:24]


def _unwrapped(text: str) -> str:
    """Return the id inside a spreadsheet's wrapping."""
    text = clean(_INVISIBLE.sub("", text), 4096)
    if text.isdecimal():  # digits of another script
        return str(int(text)).rjust(len(text), "0") if len(text) <= MAX_ID else text
    if match := _WRAPPED.fullmatch(text):
        text = (match[1] or match[2] or "").strip().strip("'\"")
    if (match := _FLOAT.fullmatch(text)) is not None:
        # "123.0" is a table's number; a longer one has been rounded already
        return match[1] if int(match[1][:20]) < _EXACT_FLOATS_BELOW else ""
    return text


def _is_id(text: str) -> bool:
    if len(text) > _LONGEST_WORD:
        return True
    is_empty = not text.strip("=\"' ")
    return not (is_empty or text.lower() in NOTHING or _ERROR.fullmatch(text))
