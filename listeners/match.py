"""Does a text name what a query looks for? For sources that search loosely or not at all.

Upper and lower case, accents and full-width letters are folded. A term is found only as whole
words, so "ola" is not found in "cola"; in scripts written without spaces (Chinese, Japanese,
Thai and others) and in Korean, where particles hang on to nouns, it is found anywhere.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

# Latin, Greek and Cyrillic accents, Hebrew points, Arabic harakat. Not the vowel signs and
# viramas of Indian scripts: without them different words become one.
_ACCENTS = re.compile("[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4-\u05c7\u064b-\u0652]")
_NO_SPACES = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U000323af]"
)
_IGNORED = re.compile("[\u200b\u200e\u200f\u2060\u00ad\ufeff]")  # invisible; they only hide words


def fold(text: str) -> str:
    """``text`` as it is compared: case, accents, widths and white space made alike."""
    if text.isascii():
        return " ".join(text.lower().split())
    # taken apart twice: a mathematical bold A has a case only once it is an A
    plain = unicodedata.normalize("NFKD", _IGNORED.sub("", text)).casefold()
    bare = _ACCENTS.sub("", unicodedata.normalize("NFKD", plain))
    return " ".join(unicodedata.normalize("NFC", bare).split())


class Matcher:
    """Tells which texts a query is about: at least one of ``any_of``, none of ``none_of``.

    Empty ``any_of`` lets every text through that ``none_of`` does not stop.
    """

    def __init__(self, any_of: Iterable[str], none_of: Iterable[str] = ()) -> None:
        self._any = [folded for term in any_of if (folded := fold(term))]
        self._none = [folded for term in none_of if (folded := fold(term))]

    def matches(self, text: str) -> bool:
        """True when the query is about ``text``."""
        folded = fold(text)
        if self._any and not any(_holds(folded, term) for term in self._any):
            return False
        return not any(_holds(folded, term) for term in self._none)


def _holds(text: str, term: str) -> bool:
    at = text.find(term)
    while at != -1:
        end = at + len(term)
        before = text[at - 1] if at else ""
        after = text[end] if end < len(text) else ""
        # the handle @shop is not in the address me@shop.example
        address = term[0] == "@" and before and _wordy(before)
        if not address and _parted(before, term[0]) and _parted(term[-1], after):
            return True
        at = text.find(term, at + 1)
    return False


def _parted(left: str, right: str) -> bool:
    """True when a word may end between these two neighbours."""
    if left == "" or right == "":
        return True
    if _NO_SPACES.match(left) or _NO_SPACES.match(right):
        return True
    return not (_wordy(left) and _wordy(right))


def _wordy(char: str) -> bool:
    return char.isalnum() or char == "_" or unicodedata.category(char).startswith("M")
