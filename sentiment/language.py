"""Detect the language of a text, and whether a model has evidence for that language.

A script that only one language uses decides by itself. py3langid judges all other texts among
``CANDIDATES``. No state is kept between texts: the result depends on the text alone, and threads
may share this module.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from threading import Lock
from typing import Any

import numpy as np
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from sentiment.prepare import HANDLE, LINK

# Raise it with any change to the results of ``identify``; see ``Description.model_id``.
LANGUAGE_VERSION = 1

# The languages that py3langid may answer: those in which customers write to brands.
#
# py3langid can identify more. Each further language takes answers from its neighbours in short and
# careless posts. So the list omits languages with few such posts (Latin, Esperanto), and languages
# that a post does not distinguish from a larger neighbour (Bosnian, Galician). A text in a
# language that is missing here gets its nearest neighbour, or no language.
CANDIDATES = frozenset(
    code
    for codes in (
        "af az ca cs da de en es et eu fi fr ga ha hr hu id ig is it lt lv ms mt nl no pl pt ro rw",
        "sk sl so sq sv sw tl tr uz vi yo zu",  # to here in Latin letters
        "be bg kk mk mn ru sr uk",
        "am ar bn fa hi ja mr ne ur zh",
    )
    for code in codes.split()
)

# Scripts, by the first word of Unicode's character names, and the language they stand for.
ONE_LANGUAGE = {
    "ARMENIAN": "hy",
    "GEORGIAN": "ka",
    "GREEK": "el",
    "GUJARATI": "gu",
    "GURMUKHI": "pa",
    "HANGUL": "ko",
    "HEBREW": "he",
    "HIRAGANA": "ja",
    "KANNADA": "kn",
    "KATAKANA": "ja",
    "KHMER": "km",
    "LAO": "lo",
    "MALAYALAM": "ml",
    "MYANMAR": "my",
    "ORIYA": "or",
    "SINHALA": "si",
    "TAMIL": "ta",
    "TELUGU": "te",
    "THAI": "th",
}

# Groups of languages so near each other that evidence for one is evidence for all.
CLOSE = tuple(
    frozenset(group.split())
    for group in (
        "af nl",
        "ar ary arz arq",
        "bg mk",
        "bs hr sr",
        "cs sk",
        "da nb nn no",
        "en pcm",
        "gl pt",
        "id ms",
    )
)

# Characters that identification reads: enough to decide, and a long text must not cost more.
MAX_CHARACTERS = 500

# With fewer letters than this, py3langid is not called and no result is sure.
MIN_LETTERS = 10

# With fewer letters than this, a script decides nothing: it may be a formula or a decoration.
MIN_LETTERS_OF_A_SCRIPT = 3

# Below this probability no language is named.
MIN_PROBABILITY = 0.7

# From this probability on, of a language and those close to it, the model's evidence counts.
#
# MIN_LETTERS, MIN_PROBABILITY and this were chosen on validation posts:
# ``python benchmarks/language.py``.
SURE_PROBABILITY = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectedLanguage:
    """The language of a text.

    ``language``: an ISO 639-1 code, None when the text is not clear. ``nearest``: the most likely
    language even then. ``is_sure``: the text is surely in ``nearest`` or in a language ``CLOSE``
    to it.
    """

    language: str | None = None
    nearest: str | None = None
    is_sure: bool = False

    def is_outside(self, evidence: Collection[str]) -> bool:
        """Return whether this is surely a language that ``evidence`` (of ``covered``) lacks."""
        return self.is_sure and self.nearest not in evidence


def identify(prepared: str) -> DetectedLanguage:
    """Return the language of a text that ``prepare`` returned.

    Accepts any text, raises no error, and is safe to call from threads. The first call reads
    py3langid's model, which takes about a second.
    """
    words = words_of(prepared)
    letters = [c for c in words if c.isalpha()]
    code = None if words.isascii() else _by_script(letters)
    if code is not None:
        return DetectedLanguage(language=code, nearest=code, is_sure=len(letters) >= MIN_LETTERS)
    if len(letters) < MIN_LETTERS:
        return _NO_LANGUAGE
    return _by_letters(words)


def covered(languages: Collection[str]) -> frozenset[str]:
    """Return ``languages`` and every language that is ``CLOSE`` to one of them."""
    return frozenset(languages).union(*map(_close, languages))


def words_of(prepared: str) -> str:
    """Return a prepared text without links, handles, digits and emoji."""
    return " ".join(_NOISE.sub(" ", prepared).split())[:MAX_CHARACTERS]


@lru_cache(maxsize=4096)
def script_of(letter: str) -> str:
    """Return the first word of a character's Unicode name, such as GREEK; "" without a name."""
    return unicodedata.name(letter, "").split(" ", 1)[0]


def _by_script(letters: Sequence[str]) -> str | None:
    """Return the only language of the script that most letters belong to, if there is one."""
    counts = Counter(map(script_of, letters))
    kana = counts["HIRAGANA"] + counts["KATAKANA"]
    if kana >= _KANA_SHARE * len(letters):
        # Japanese mixes kana and Chinese characters; a Chinese post has a decorative one at most
        counts["HIRAGANA"] += counts.pop("CJK", 0) + counts.pop("KATAKANA", 0)
    script, number = counts.most_common(1)[0] if counts else ("", 0)
    if number < max(MIN_LETTERS_OF_A_SCRIPT, len(letters) / 2):
        return None
    return ONE_LANGUAGE.get(script)


def _by_letters(words: str) -> DetectedLanguage:
    ranked = _identifier().rank(words)
    language, probability = ranked[0]
    group = _close(language)
    return DetectedLanguage(
        language=language if probability >= MIN_PROBABILITY else None,
        nearest=language,
        is_sure=sum(share for near, share in ranked if near in group) >= SURE_PROBABILITY,
    )


def _close(language: str) -> frozenset[str]:
    return next((group for group in CLOSE if language in group), frozenset((language,)))


def _identifier() -> Any:
    with _READING:
        return _read()


@cache
def _read() -> Any:
    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(CANDIDATES)
    # a choice of columns comes transposed: by rows, as it is read, takes half the time
    identifier.nb_ptc = np.ascontiguousarray(identifier.nb_ptc)
    return identifier


_READING = Lock()
_NO_LANGUAGE = DetectedLanguage()
_KANA_SHARE = 0.1
_NOISE = re.compile(
    rf"{HANDLE}|(?<!\w){LINK}(?!\w)|[#\d_]|[\u2190-\u21ff\u2300-\u27bf\u2b00-\u2bff]"
    r"|[\U0001f000-\U0001fbff]|\u200d"
)
