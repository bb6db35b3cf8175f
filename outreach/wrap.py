"""Fit text into lines of a terminal: count columns, wrap, pad, and isolate right-to-left text."""

from __future__ import annotations

import unicodedata

from earful.untrusted import is_attached

WIDTH = 80
_FSI, _PDI = "\u2068", "\u2069"
_RIGHT_TO_LEFT = {"R", "AL", "AN"}


def columns(text: str) -> int:
    """Count terminal columns: two for an East Asian wide character, none for a combining one."""
    return sum(_column(char) for char in text)


def _column(char: str) -> int:
    if is_attached(char) or char in {_FSI, _PDI}:
        return 0
    return 2 if unicodedata.east_asian_width(char) in {"W", "F"} else 1


def wrap(text: str, indent: str = "", width: int = WIDTH, *, foreign: bool = False) -> list[str]:
    """Break ``text`` into lines of at most ``width`` columns, each after ``indent``.

    Words stay whole, unless a word alone is wider than a line. ``foreign`` isolates each line of a
    stranger's text.
    """
    room = width - columns(indent)
    lines = [""]
    for word in text.split():
        joined = f"{lines[-1]} {word}" if lines[-1] else word
        if columns(joined) <= room:
            lines[-1] = joined
            continue
        lines += _pieces(word, room)
    # each line alone: it is a paragraph to the bidi rules, and isolation ends with its paragraph
    # (https://www.unicode.org/reports/tr9/, X8)
    return [indent + (isolate(line) if foreign else line) for line in lines if line]


def _pieces(word: str, room: int) -> list[str]:
    """Cut a word into pieces that fit, never before a character that clings to the last."""
    pieces, wide = [""], 0
    for char in word:
        if wide + _column(char) > room and not is_attached(char):
            pieces.append("")
            wide = 0
        pieces[-1] += char
        wide += _column(char)
    return pieces


def isolate(text: str) -> str:
    """Isolate ``text``, so that its right-to-left letters cannot reorder the text beside it.

    Only then: terminals without bidi support show the isolating characters as boxes.
    """
    if any(unicodedata.bidirectional(char) in _RIGHT_TO_LEFT for char in text):
        return f"{_FSI}{text}{_PDI}"
    return text


def pad(text: str, width: int) -> str:
    """Return ``text`` in exactly ``width`` columns, filled with spaces or cut with a "…"."""
    if columns(text) > width:
        text = _pieces(text, width - 1)[0] + "…"
    return text + " " * (width - columns(text))
