"""Choose the texts for visitors, in their language."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

_FILE = Path(__file__).with_name("texts.json")
_RIGHT_TO_LEFT = {"ar"}
_MAX_LANGUAGES = 20  # of one Accept-Language header


@cache
def _texts() -> dict[str, dict[str, Any]]:
    texts_by_language: dict[str, dict[str, Any]] = json.loads(_FILE.read_text(encoding="utf-8"))
    return texts_by_language


def languages() -> tuple[str, ...]:
    """Return the languages of the texts, as ISO 639-1 codes."""
    return tuple(_texts())


def choose(requested: str, accepted: str) -> str:
    """Return the requested language, else the best of an Accept-Language header."""
    wished = []
    for part in accepted[:1000].split(",")[:_MAX_LANGUAGES]:
        name, _, weight = part.partition(";")
        wished.append((-_weight(weight), name))
    for name in (requested, *(name for _, name in sorted(wished, key=lambda pair: pair[0]))):
        short = name.strip().lower().partition("-")[0]
        if short in _texts():
            return short
    return "en"


def _weight(text: str) -> float:
    try:
        return float(text.strip().removeprefix("q=")) if text.strip() else 1.0
    except ValueError:
        return 0.0


def texts(language: str, *, brand: str, scale: str) -> dict[str, Any]:
    """Return the texts of a form.

    ``ask`` is its question, and ``options`` are the values with their labels. ``low`` and ``high``
    explain the ends of a row of bare numbers; they are "" for faces.
    """
    words = dict(_texts()[language])
    faces = words.pop("faces")
    asks = {"nps": words.pop("ask_nps"), "csat": words.pop("ask_csat")}
    options: list[tuple[int, str, str]] = [(value, str(value), str(value)) for value in range(11)]
    if scale == "csat":
        options = [(at, face, faces[at - 1]) for at, face in enumerate("😡🙁😐🙂😀", 1)]
        words |= {"low": "", "high": ""}
    return {
        **words,
        "ask": asks[scale].replace("{brand}", brand),
        "options": [{"value": v, "shown": text, "label": label} for v, text, label in options],
        "lang": language,
        "dir": "rtl" if language in _RIGHT_TO_LEFT else "ltr",
    }
