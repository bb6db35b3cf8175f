"""Which language a text is written in, and whether a model has evidence for that language.

A script that one language alone is written in decides by itself. All other texts are judged by
py3langid among ``CANDIDATES``. Nothing here remembers a text: what is found depends on the text
alone, and threads may share it.
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

LANGUAGE_VERSION = 1
"""Raise it with any change to what ``identify`` finds; see ``Description.model_id``."""

CANDIDATES = frozenset(
    code
    for some in (
        "af az ca cs da de en es et eu fi fr ga ha hr hu id ig is it lt lv ms mt nl no pl pt ro rw",
        "sk sl so sq sv sw tl tr uz vi yo zu",  # to here in Latin letters
        "be bg kk mk mn ru sr uk",
        "am ar bn fa hi ja mr ne ur zh",
    )
    for code in some.split()
)
"""What py3langid may answer: the languages that customers of brands write to them in.

It knows more. Each one more takes answers from its neighbours in short and careless posts, so
those are left out that few such posts are written in (Latin, Esperanto) or that a post does not
tell from a larger neighbour (Bosnian, Galician). A text in a language that is missing here is
found to be its nearest neighbour's, or nobody's.
"""

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
"""Scripts, by the first word of Unicode's character names, and the language they stand for."""

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
"""Languages so near each other that evidence for one is evidence for the others."""

MOST = 500
"""Characters looked at: enough to tell, and a long text must not cost more."""

FEWEST = 10
"""Letters under which py3langid is not asked, and nothing is sure."""

FEWEST_OF_A_SCRIPT = 3
"""Letters under which a script decides nothing: they may be a formula or a decoration."""

FLOOR = 0.7
"""Probability under which no language is named."""

SURE = 0.8
"""Probability of a language and those close to it from which on its evidence is asked for.

FEWEST, FLOOR and SURE were chosen on validation posts: ``python benchmarks/language.py``.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What was found.

    ``language`` is an ISO 639-1 code, None when the text does not say it clearly. ``nearest`` is
    the most likely one all the same; ``sure`` that it is this or one ``CLOSE`` to it.
    """

    language: str | None = None
    nearest: str | None = None
    sure: bool = False

    def outside(self, evidence: Collection[str]) -> bool:
        """True when this is surely a language that ``evidence``, made by ``covered``, lacks."""
        return self.sure and self.nearest not in evidence


def identify(prepared: str) -> Found:
    """Return the language of what ``prepare`` returned; total, and safe to call from threads.

    The first call reads py3langid's model, which takes about a second.
    """
    words = words_of(prepared)
    letters = [c for c in words if c.isalpha()]
    by_script = None if words.isascii() else _by_script(letters)
    if by_script is not None:
        return Found(language=by_script, nearest=by_script, sure=len(letters) >= FEWEST)
    if len(letters) < FEWEST:
        return _NOTHING
    return _by_letters(words)


def covered(languages: Collection[str]) -> frozenset[str]:
    """Return ``languages`` and those ``CLOSE`` to any of them."""
    return frozenset(languages).union(*map(_close, languages))


def words_of(prepared: str) -> str:
    """Return what of a prepared text is language: no links, handles, digits, emoji."""
    return " ".join(_NOISE.sub(" ", prepared).split())[:MOST]


@lru_cache(maxsize=4096)
def script_of(letter: str) -> str:
    """Return the first word of the character's name in Unicode, such as GREEK; "" for none."""
    return unicodedata.name(letter, "").split(" ", 1)[0]


def _by_script(letters: Sequence[str]) -> str | None:
    """Return the language that most of the letters stand for by themselves, if any."""
    counts = Counter(map(script_of, letters))
    kana = counts["HIRAGANA"] + counts["KATAKANA"]
    if kana >= _KANA_SHARE * len(letters):
        # Japanese mixes kana and Chinese characters; a Chinese post has a decorative one at most
        counts["HIRAGANA"] += counts.pop("CJK", 0) + counts.pop("KATAKANA", 0)
    script, number = counts.most_common(1)[0] if counts else ("", 0)
    if number < max(FEWEST_OF_A_SCRIPT, len(letters) / 2):
        return None
    return ONE_LANGUAGE.get(script)


def _by_letters(words: str) -> Found:
    ranked = _identifier().rank(words)
    language, probability = ranked[0]
    group = _close(language)
    return Found(
        language=language if probability >= FLOOR else None,
        nearest=language,
        sure=sum(share for near, share in ranked if near in group) >= SURE,
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
_NOTHING = Found()
_KANA_SHARE = 0.1
_NOISE = re.compile(
    rf"{HANDLE}|(?<!\w){LINK}(?!\w)|[#\d_]|[\u2190-\u21ff\u2300-\u27bf\u2b00-\u2bff]"
    r"|[\U0001f000-\U0001fbff]|\u200d"
)
