"""Fold texts for comparison: letters that people type one for another become the same.

Case, accents, full-width letters, dashes and apostrophes are folded, and so are letters of the
Arabic script. This module also knows where a word may end.
"""

from __future__ import annotations

import html
import re
import unicodedata

# Latin, Greek and Cyrillic accents, Hebrew points, Arabic harakat and hamza. Not the vowel signs
# and viramas of Indian scripts: without them different words become one.
_ACCENTS = re.compile("[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4-\u05c7\u064b-\u0655]")
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U000323af"
)
_NO_SPACES = re.compile(f"[{_UNSPACED}]")
# a word in a script with spaces
WORD = re.compile(rf"[^\W{_UNSPACED}]+")
# invisible; they only hide words, or shape letters that are the same without them
_IGNORED = re.compile("[\u200b-\u200f\u2060\u00ad\ufe00-\ufe0f\ufeff]")
_QUOTES = "\u2018\u2019\u201b\u02b9\u02bb\u02bc\u2032\u00b4`"
_DASHES = "\u2010\u2011\u2012\u2013\u2212"
# Trade and service mark: NFKD makes "acmetm" of Acme™.
_MARKS = "\u2122\u2120"
# McDonald’s, McDonald´s and McDonald's, Coca‑Cola and Coca-Cola: keyboards differ, names do not
_ALIKE = str.maketrans(
    dict.fromkeys(_QUOTES, "'") | dict.fromkeys(_DASHES, "-") | dict.fromkeys(_MARKS, " ")
)
# What no decomposition brings together. A stroke is an accent to Unicode's collation too (UTS #10,
# DUCET). The capital of the Turkish dotless i is an I like any other. Arabic script as Lucene's
# ArabicNormalizer and PersianNormalizer have it; tatweel only makes a word longer.
_LETTERS = _ALIKE | str.maketrans(
    {"\u0131": "i", "ł": "l", "đ": "d", "ø": "o", "æ": "ae", "œ": "oe"}
    | {"\u0649": "\u064a", "\u06cc": "\u064a", "\u06a9": "\u0643", "\u0629": "\u0647"}
    | {"\u0640": ""}
)
# The usual spellings of letters on keyboards without them. A doubled vowel in ASCII is also how
# passports write them (ICAO Doc 9303-3, section 6).
_SPELT_OUT = {"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe", "þ": "th", "ð": "d"}
_LETTERS_IN_FULL = str.maketrans(
    _SPELT_OUT | {letter.upper(): pair.capitalize() for letter, pair in _SPELT_OUT.items()}
)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")


def fold(text: str) -> str:
    """Fold ``text`` for comparison: case, accents, widths and white space."""
    if text.isascii():
        return " ".join(text.lower().replace("`", "'").split())
    # taken apart twice: a mathematical bold A has a case only once it is an A
    plain = unicodedata.normalize("NFKD", _IGNORED.sub("", text).translate(_ALIKE)).casefold()
    bare = _ACCENTS.sub("", unicodedata.normalize("NFKD", plain))
    return " ".join(unicodedata.normalize("NFC", bare).translate(_LETTERS).split())


def unspaced(text: str) -> int:
    """Count the characters of ``text`` in scripts written without spaces, or Korean."""
    return len(_NO_SPACES.findall(text))


def spell_out(text: str) -> str:
    """Write ``text`` without umlauts, as people do on other keyboards: "Müller" is "Mueller"."""
    return unicodedata.normalize("NFC", text).translate(_LETTERS_IN_FULL)


def without_entities(text: str) -> str:
    """Read the HTML entities that a platform left in ``text``, also doubled ones: "at&amp;t"."""
    for _ in range(2):
        if "&" not in text or ";" not in text:
            return text
        text = _ENTITY.sub(lambda entity: html.unescape(entity.group()), text)
    return text


def is_unspaced(char: str) -> bool:
    """Tell whether ``char`` is of a script written without spaces, or Korean."""
    return _NO_SPACES.match(char) is not None


def is_word_character(char: str) -> bool:
    """Tell whether ``char`` is part of a word: a letter, digit, underscore or mark on a letter."""
    return char.isalnum() or char == "_" or unicodedata.category(char).startswith("M")


def is_word_boundary(before: str, after: str) -> bool:
    """Tell whether a word may end between these two characters; "" is the end of the text."""
    if before == "" or after == "":
        return True
    if is_unspaced(before) or is_unspaced(after):
        return True
    return not (is_word_character(before) and is_word_character(after))
