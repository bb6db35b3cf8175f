"""Decide whether a text names the terms of a query, and if not, say why.

Texts are folded (earful/folding.py), and a name is found in its usual spellings: with a hyphen, an
apostrophe, a blank or a sign, or without (earful/spellings.py). A term is found only as whole
words, so "ola" is not found in "cola"; in scripts written without spaces (Chinese, Japanese, Thai
and others) and in Korean, where particles hang on to nouns, it is found anywhere. A hashtag holds
the words that it is run together from: #KestrovaFail and #kestrova_fail name Kestrova, #acmeair
names "Acme Air". A term that begins with @ is found as a handle only, and not in a mail address.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from itertools import accumulate

from earful.folding import (
    WORD,
    fold,
    is_word_boundary,
    is_word_character,
    spell_out,
    without_entities,
)
from earful.spellings import INNER, LIGHT, Name, Spelling, name_of, squeeze

__all__ = ["Matcher", "Matchers", "Words", "fold", "holds_words"]

# A term is found at no other place than where one of its first words stands in a text. Words that
# signs hold together ("l'oreal") are one chunk.
_JOINED = re.escape(INNER.replace("_", ""))
_CHUNK = re.compile(rf"{WORD.pattern}(?:[{_JOINED}]{WORD.pattern})*|\S")
_PART = re.compile(rf"[^{_JOINED}_]+")
_LONGEST_JOIN = 4  # parts of a chunk; as many as Spelling.fits() takes for one word
_LIGHT_RUN = re.compile(f"[{re.escape(LIGHT)}]+")
_TAG = re.compile(r"[#\uff03]([^\s#\uff03]+)")
# Of one text; more is spam, which must not cost time.
_MAX_TAGS = 100


class Words:
    """A text folded once, to be searched for many terms."""

    # Each is made when it is first used: most texts are dropped before (benchmarks/ingest.py).
    _pieces: AbstractSet[str] | None = None
    _squeezed: bytes | None = None
    _seams_by_place: dict[int, str] | None = None

    def __init__(self, text: str) -> None:
        if "&" in text and ";" in text:
            text = without_entities(text)
        self._text = _with_tags(text)
        if not text.isascii() and (spelt_out := spell_out(text)) != text:
            self._text = f"{self._text}\0{_with_tags(spelt_out)}"

    @property
    def pieces(self) -> AbstractSet[str]:
        """Its words in scripts with spaces, its other characters one by one, and so its tags'."""
        if self._pieces is None:
            self._pieces = self._find_pieces()
        return self._pieces

    def _find_pieces(self) -> AbstractSet[str]:
        if self._text.isascii():
            # Three of four tokens of a post are plain words; the pattern takes ten times as long.
            pieces = set(self._text.split())
            signed = " ".join([token for token in pieces if not token.isalnum()])
        else:
            pieces, signed = set(), self._text
        chunks = set(_CHUNK.findall(signed))
        for chunk in chunks:
            if len(chunk) == 1 or chunk.isalnum():
                continue
            pieces.update(chunk)  # its signs
            parts = _PART.findall(chunk)
            pieces.update(parts)
            if "_" in chunk:
                pieces.update(WORD.findall(chunk))
            for begin in range(len(parts) - 1):
                pieces.update(accumulate(parts[begin : begin + _LONGEST_JOIN]))
        return pieces | chunks

    def hold(self, name: Name) -> bool:
        """Tell whether the text, or the words of a hashtag, hold a name in any spelling."""
        text = self._text
        for form in name.folded:
            if form in text and holds_words(text, form):
                return True
        if name.tags and "#" in text:
            for tag in name.tags:
                if tag in text and holds_words(text, tag):
                    return True
        if not name.spellings:
            return False
        squeezed = self._squeezed
        if squeezed is None:
            squeezed = self._squeezed = squeeze(text)
        for spelling in name.spellings:
            if spelling.searched in squeezed and self._holds_spelling(spelling):
                return True
        return False

    @property
    def _seams(self) -> dict[int, str]:
        """The blanks and signs that were squeezed out, by their position in the squeezed text."""
        if self._seams_by_place is None:
            self._seams_by_place = self._find_seams()
        return self._seams_by_place

    def _find_seams(self) -> dict[int, str]:
        seams = {}
        removed = 0
        for run in _LIGHT_RUN.finditer(self._text):
            seams[run.start() - removed] = run.group()
            removed += len(run.group())
        return seams

    def _holds_spelling(self, spelling: Spelling) -> bool:
        text = _LIGHT_RUN.sub("", self._text)
        at = text.find(spelling.key)
        while at != -1:
            end = at + len(spelling.key)
            is_word = self._is_edge(text, at) and self._is_edge(text, end)
            if is_word and spelling.fits(self._seams, at):
                return True
            at = text.find(spelling.key, at + 1)
        return False

    def _is_edge(self, text: str, at: int) -> bool:
        """Tell whether a word begins or ends at a position of the squeezed text."""
        run = self._seams.get(at, "_")
        # an underscore joins: @kestrova_fan is another account than @kestrova
        if run.strip("_"):
            return True
        if at in self._seams:
            return at in (0, len(text))
        return is_word_boundary(text[max(at - 1, 0) : at], text[at : at + 1])


def _with_tags(text: str) -> str:
    folded = fold(text)
    if "#" not in folded:
        return folded
    tags = (fold(words) for tag in _TAG.findall(text)[:_MAX_TAGS] if (words := _apart(tag)))
    # behind a character that no term holds: the words of two tags are not one phrase
    return "\0".join((folded, *tags))


def _apart(tag: str) -> str:
    """Split a hashtag into its words; "" when it is one word."""
    if tag.islower() and tag.isalpha():  # most tags
        return ""
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
        self._any = _names(any_of)
        self._none = _names(none_of)

    @property
    def pieces(self) -> frozenset[str]:
        """Pieces of which a matching text has at least one; empty: any text may match."""
        return frozenset(word for name in self._any for word in name.first_words())

    def matches(self, text: str | Words) -> bool:
        """True when ``text`` matches; pass Words to match one text several times."""
        return not self.why_not(text)

    def why_not(self, text: str | Words) -> str:
        """Return the reason why ``text`` does not match, in words; "" when it does."""
        words = Words(text) if isinstance(text, str) else text
        for name in self._any:
            if words.hold(name):
                break
        else:
            if self._any:
                return f"names none of: {', '.join(name.written for name in self._any)}"
        for name in self._none:
            if words.hold(name):
                return f"holds the excluded phrase {name.written!r}"
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
        self._all_pieces = frozenset(self._by_piece)

    def matching(self, words: Words) -> list[str]:
        """Return the names of the matchers that match, in the order of construction."""
        candidates = set(self._of_any)
        for piece in self._all_pieces & words.pieces if self._all_pieces else ():
            candidates |= self._by_piece[piece]
        if not candidates:
            return []
        matching = (name for name in candidates if self._matchers[name].matches(words))
        return sorted(matching, key=self._order.__getitem__)


def holds_words(text: str, term: str) -> bool:
    """Tell whether a folded text holds a folded term, as it is written, as whole words."""
    at = text.find(term)
    while at != -1:
        end = at + len(term)
        before = text[at - 1] if at else ""
        after = text[end] if end < len(text) else ""
        # the handle @shop is not in the address me@shop.example
        address = term[0] == "@" and before and is_word_character(before)
        if not address and is_word_boundary(before, term[0]) and is_word_boundary(term[-1], after):
            return True
        at = text.find(term, at + 1)
    return False


def _names(terms: Iterable[str]) -> tuple[Name, ...]:
    """Return each term once, by its folded form."""
    names = (name for term in terms if (name := name_of(term)))
    return tuple({name.folded[0]: name for name in names}.values())
