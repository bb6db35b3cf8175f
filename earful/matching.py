"""Decide whether a text names the terms of a query, and if not, say why.

Upper and lower case, accents, full-width letters, dashes and apostrophes are folded, and so are
letters of the Arabic script that people type one for another. A term is found only as whole words,
so "ola" is not found in "cola"; in scripts written without spaces (Chinese, Japanese, Thai and
others) and in Korean, where particles hang on to nouns, it is found anywhere. A hashtag holds the
words that it is run together from: #KestrovaFail and #kestrova_fail name Kestrova, #acmeair names
"Acme Air". A term that begins with @ is found as a handle only, and not in a mail address.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

# Latin, Greek and Cyrillic accents, Hebrew points, Arabic harakat and hamza. Not the vowel signs
# and viramas of Indian scripts: without them different words become one.
_ACCENTS = re.compile("[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4-\u05c7\u064b-\u0655]")
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U000323af"
)
_NO_SPACES = re.compile(f"[{_UNSPACED}]")
# a term is found at no other place than where its first word, and no longer one, stands in a text
_WORD = re.compile(rf"[^\W{_UNSPACED}]+")
_PIECE = re.compile(rf"{_WORD.pattern}|\S")
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
_TAG = re.compile(r"[#\uff03]([^\s#\uff03]+)")
# Of one text; more is spam, which must not cost time.
_MAX_TAGS = 100


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


class Words:
    """A text folded once, to be searched for many terms."""

    def __init__(self, text: str) -> None:
        self._text = fold(text)
        tags = _TAG.findall(text)[:_MAX_TAGS] if "#" in self._text else []
        # behind a character that no term holds: the words of two tags are not one phrase
        self._tags = "\0".join(fold(words) for tag in tags if (words := _apart(tag)))

    @cached_property
    def pieces(self) -> frozenset[str]:
        """Its words in scripts with spaces, its other characters one by one, and so its tags'."""
        return frozenset(_PIECE.findall(f"{self._text}\0{self._tags}"))

    def hold(self, term: str) -> bool:
        """True when ``term``, folded already, is in the text or in a hashtag's words."""
        if _holds(self._text, term) or (self._tags and _holds(self._tags, term)):
            return True
        return "#" in self._text and " " in term and _holds(self._text, _as_tag(term))


def _as_tag(term: str) -> str:
    return "#" + "".join(char for char in term if _is_word_character(char))


def _apart(tag: str) -> str:
    """Split a hashtag into its words; "" when it is one word."""
    tag = unicodedata.normalize("NFC", tag)
    apart = "".join(_spaced(tag))
    return apart if " " in apart else ""


def _spaced(tag: str) -> Iterator[str]:
    """Put a blank where a word begins: rail_fail, railFail, rail2026, A320Late, B2BFail."""
    for at, char in enumerate(tag):
        before = tag[at - 1] if at else ""
        after = tag[at + 1] if at + 1 < len(tag) else ""
        if before.islower():
            starts = char.isupper() or char.isdigit()
        else:
            starts = char.isupper() and after.islower() and before.isalnum()
        yield " " if char == "_" else f" {char}" if starts else char


class Matcher:
    """Match texts that hold at least one of ``any_of`` and none of ``none_of``.

    With empty ``any_of`` every text matches that ``none_of`` does not exclude.
    """

    def __init__(self, any_of: Iterable[str], none_of: Iterable[str] = ()) -> None:
        self._any = _folded(any_of)
        self._none = _folded(none_of)

    @property
    def pieces(self) -> frozenset[str]:
        """Pieces of which a matching text has at least one; empty: any text may match."""
        tags = (_as_tag(term) for term in self._any if " " in term)
        return frozenset(_first_piece(term) for term in (*self._any, *tags))

    def matches(self, text: str | Words) -> bool:
        """True when ``text`` matches; pass Words to match one text several times."""
        return not self.why_not(text)

    def why_not(self, text: str | Words) -> str:
        """Return the reason why ``text`` does not match, in words; "" when it does."""
        words = Words(text) if isinstance(text, str) else text
        if self._any and not any(words.hold(term) for term in self._any):
            return f"names none of: {', '.join(self._any.values())}"
        for term, phrase in self._none.items():
            if words.hold(term):
                return f"holds the excluded phrase {phrase!r}"
        return ""


class Matchers:
    """Many matchers by name, searched together in one text.

    Only matchers with a first word in the text are tried, so their number costs next to nothing.
    """

    def __init__(self, matchers: Mapping[str, Matcher]) -> None:
        self._matchers = matchers
        self._order = {name: at for at, name in enumerate(matchers)}
        self._of_any: set[str] = set()
        self._by_piece: dict[str, set[str]] = defaultdict(set)
        for name, matcher in matchers.items():
            for piece in matcher.pieces:
                self._by_piece[piece].add(name)
            if not matcher.pieces:
                self._of_any.add(name)

    def matching(self, words: Words) -> list[str]:
        """Return the names of the matchers that match, in the order of construction."""
        candidates = set(self._of_any)
        pieces = words.pieces & self._by_piece.keys() if self._by_piece else ()
        for piece in pieces:
            candidates |= self._by_piece[piece]
        matching = (name for name in candidates if self._matchers[name].matches(words))
        return sorted(matching, key=self._order.__getitem__)


def _first_piece(term: str) -> str:
    word = _WORD.search(term)
    return word.group() if word else term[0]


def _folded(terms: Iterable[str]) -> dict[str, str]:
    """Return each term by its folded form."""
    return {folded: term.strip() for term in terms if (folded := fold(term))}


def _holds(text: str, term: str) -> bool:
    at = text.find(term)
    while at != -1:
        end = at + len(term)
        before = text[at - 1] if at else ""
        after = text[end] if end < len(text) else ""
        # the handle @shop is not in the address me@shop.example
        address = term[0] == "@" and before and _is_word_character(before)
        if (
            not address
            and _is_word_boundary(before, term[0])
            and _is_word_boundary(term[-1], after)
        ):
            return True
        at = text.find(term, at + 1)
    return False


def _is_word_boundary(before: str, after: str) -> bool:
    """True when a word may end between these two characters."""
    if before == "" or after == "":
        return True
    if _NO_SPACES.match(before) or _NO_SPACES.match(after):
        return True
    return not (_is_word_character(before) and _is_word_character(after))


def _is_word_character(char: str) -> bool:
    return char.isalnum() or char == "_" or unicodedata.category(char).startswith("M")
