"""Vary a prepared text as if it had been written in more haste. Labels never change."""

from __future__ import annotations

import random
import unicodedata

from sentiment.prepare import HANDLE, LINK

_ACCENTED = frozenset(
    {"el", "es", "fr", "pt", "it", "de", "hu", "ro", "cs", "pl", "tr", "vi", "da", "sv"}
)


def drop_accents(text: str) -> str:
    """Return ``text`` without the marks on its letters (Greek tonos, French accents ...)."""
    apart = unicodedata.normalize("NFD", text)
    return unicodedata.normalize("NFC", "".join(c for c in apart if not 768 <= ord(c) <= 879))


def augment(text: str, lang: str, rng: random.Random) -> str:
    """Return a variant of ``text``; about half of all texts come back unchanged."""
    if rng.random() < (0.4 if lang == "el" else 0.08) and lang in _ACCENTED:
        text = drop_accents(text)
    case = rng.random()
    if case < 0.08:
        text = text.lower()
    elif case < 0.10:
        text = text.upper()
    if rng.random() < 0.05:
        text = _typo(text, rng)
    if rng.random() < 0.03:
        text = _elongate(text, rng)
    if rng.random() < 0.06 and HANDLE not in text:
        text = f"{HANDLE} {text}"
    if rng.random() < 0.05 and LINK not in text:
        text = f"{text} {LINK}"
    if rng.random() < 0.04:
        text = _drop_emoji(text) or text
    if rng.random() < 0.05:
        text = text.rstrip(".!?") or text
    return text


def _typo(text: str, rng: random.Random) -> str:
    if len(text) < 4:
        return text
    at = rng.randrange(1, len(text) - 2)
    if not (text[at].isalpha() and text[at + 1].isalpha()):
        return text
    return text[:at] + text[at + 1] + text[at] + text[at + 2 :]


def _drop_emoji(text: str) -> str:
    return "".join(c for c in text if unicodedata.category(c) != "So").strip()


def _elongate(text: str, rng: random.Random) -> str:
    at = rng.randrange(len(text))
    return text[:at] + text[at] * 2 + text[at:] if text[at].isalpha() else text
