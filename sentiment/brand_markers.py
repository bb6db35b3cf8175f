"""Put a marker in the place of each brand's name, before the model reads a text.

The model sees which words are the brand, and never learns that some name is good or bad: any two
brands in the same sentence get the same answer. A second marker stands for every other known
brand, so that "leaving Rival for Acme" differs from "leaving Acme for Rival".
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from earful.folding import is_word_boundary, without_entities

# Raise it with any change to the results of ``mark``; it is part of every ``model_id``.
MARKER_VERSION = 1

# Single pieces of the vocabulary that people hardly write.
OURS = "◆"
OTHERS = "■"

# A stranger must not speak for a brand by writing a marker.
_FORGED = str.maketrans({OURS: "●", OTHERS: "●"})

_SIGNS = r"[\s\-'’.&_]{0,2}"
_WORD = re.compile(r"[^\W_]+")
# Letters; as in earful.spellings, the letters of so short a name may be those of other words.
_SHORT_NAME = 4


# What ``mark`` writes before a text that does not name the brand.
START = f"{OURS}:"


def mark(text: str, names: Sequence[str], other_brands: Sequence[str] = ()) -> str:
    """Return ``text`` with markers for ``names`` and for ``other_brands``.

    Case and accents are ignored. A text that names none of ``names`` is marked at its start: it is
    about the brand all the same, as a review on its page is. A name in small letters only that the
    text lacks is a topic ("service", "price") and is written beside the marker. Without names
    nothing is marked but ``other_brands``. A hashtag that begins with a name, as #KestrovaFail, is
    split. Raises TypeError for anything that is not text.
    """
    if not isinstance(text, str):
        raise TypeError(f"a text is needed, not {type(text).__name__}: {text!r:.40}")
    text = without_entities(text).translate(_FORGED)
    pieces: list[str] = []
    end, is_named = 0, False
    pattern = _pattern(tuple(names), tuple(other_brands))
    folded = _folded(text) if pattern else ""
    for match in pattern.finditer(folded) if pattern else ():
        if not _is_name(folded, match):
            continue
        ours = match["ours"] is not None
        is_named = is_named or ours
        pieces += [text[end : match.start()], f" {OURS if ours else OTHERS} "]
        end = match.end()
    text = "".join((*pieces, text[end:]))
    return text if is_named or not any(names) else f"{_prefix(names)} {text}"


def _prefix(names: Sequence[str]) -> str:
    topic = names[0] if all(name == name.lower() and name[:1].isalpha() for name in names) else ""
    return f"{OURS} {topic}:" if topic else START


def _is_name(folded: str, match: re.Match[str]) -> bool:
    begin, end = match.span()
    tag = folded[begin] == "#"
    is_start = folded[begin] in "@#" or is_word_boundary(folded[begin - 1 : begin], folded[begin])
    return is_start and (tag or is_word_boundary(folded[end - 1], folded[end : end + 1]))


@lru_cache(maxsize=512)
def _pattern(names: tuple[str, ...], other_brands: tuple[str, ...]) -> re.Pattern[str] | None:
    ours = {form for name in names if (form := _form(name))}
    theirs = {form for name in other_brands if (form := _form(name))} - ours
    groups = [
        f"(?P<{group}>[@#]?(?:{'|'.join(sorted(forms, key=len, reverse=True))}))"
        for group, forms in (("ours", ours), ("theirs", theirs))
        if forms
    ]
    if not groups:
        return None
    # match["ours"] has to exist also when only other brands are known
    return re.compile("|".join(groups) if ours else f"(?P<ours>(?!))|{groups[0]}")


def _form(name: str) -> str:
    """Return the pattern of a name: its words, with or without signs and blanks between them.

    A short name keeps its signs: "at t" is not AT&T.
    """
    folded = _folded(name).lstrip("@#").strip()
    words = _WORD.findall(folded)
    if len(words) > 1 and sum(map(len, words)) <= _SHORT_NAME:
        return re.escape(folded)
    return _SIGNS.join(map(re.escape, words))


def _folded(text: str) -> str:
    """Return ``text`` in lower case without accents, character by character of the same number."""
    if text.isascii():
        return text.lower()
    return "".join(map(_folded_character, text))


@lru_cache(maxsize=8192)
def _folded_character(c: str) -> str:
    bare = unicodedata.normalize("NFD", c)[0].lower()
    return bare if len(bare) == 1 else c
