"""Write signs that the vocabulary lacks as signs that it has, where they carry a feeling.

The encoder was trained before some emoji existed, so it reads them as "unknown". Each is written
as known ones of the same feeling, not as words, because words would have a language. Stars are
counted: the one filled star of five is easily taken for praise.
"""

from __future__ import annotations

import re

# Checked against the vocabulary by tests/sentiment/test_prepare.py.
KNOWN_BY_UNKNOWN = {
    "🤬": "😡",
    "🤮": "😖👎",
    "🤢": "😖👎",
    "🖕": "😡👎",
    "🤯": "😱",
    "🥱": "😒",
    "🥲": "😢",
    "🥺": "😢",
    "🥴": "😖",
    "🥵": "😓",
    "🥶": "😨",
    "🤕": "😢",
    "🤒": "😢",
    "🤧": "😢",
    "🤥": "👎",
    "🤐": "😶",
    "🫤": "😒",
    "🫥": "😶",
    "🫢": "😲",
    "🫣": "😳",
    "🫠": "🙃",
    "🙎": "😠",
    "🙍": "😞",
    "😾": "😡",
    "😿": "😢",
    "😧": "😨",
    "🚮": "👎",
    "🗑": "👎",
    "🪦": "💀",
    "🥳": "🎉",
    "🥹": "😊",
    "🤠": "😀",
    "🫶": "❤",
    "🤍": "❤",
    "🤎": "❤",
    "🫂": "🤗",
    "🤌": "👌",
    "🫡": "👍",
    "🤸": "😀",
    "😺": "😀",
    "😸": "😁",
    "😼": "😏",
    "😽": "😘",
}

_FILLED = "★⭐🌟✭✮✪"
_EMPTY = "☆✩✰⚝"
# Only a row of five, or one with empty stars, is a rating: "⭐⭐⭐" may be decoration.
_STARS = re.compile(rf"[{_FILLED}]{{5}}(?![{_FILLED}{_EMPTY}])|[{_FILLED}]*[{_EMPTY}]+")
_UNKNOWN = re.compile("|".join(map(re.escape, KNOWN_BY_UNKNOWN)))
_MOST_STARS = 10


def spell(text: str) -> str:
    """Return ``text`` with rows of stars as "1/5 ★" and unknown emoji as known ones."""
    text = _STARS.sub(_rating, text)
    return _UNKNOWN.sub(lambda match: KNOWN_BY_UNKNOWN[match[0]], text)


def _rating(row: re.Match[str]) -> str:
    filled = sum(star in _FILLED for star in row[0])
    if not 1 < len(row[0]) <= _MOST_STARS:
        return row[0]
    return f" {filled}/{len(row[0])} ★ "
