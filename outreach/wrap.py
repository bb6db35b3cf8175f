"""What a stranger wrote, made fit to be shown: cleaned, cut, wrapped, and links told truly."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, urlsplit

WIDTH = 80
_JOINERS = {"\u200c", "\u200d"}  # Persian and Hindi spell with them, emoji are built with them
_FSI, _PDI = "\u2068", "\u2069"
_RIGHT_TO_LEFT = {"R", "AL", "AN"}
_LONGEST_URL = 2000
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?\Z")


def clean(text: str, most: int | None = None) -> str:
    """One line without control characters, bidi controls or invisible ones; cut to ``most``.

    Line ends become spaces, so that a mention cannot fake a line of ours. Lone surrogates, which
    no encoding carries, become U+FFFD.
    """
    kept = []
    for char in text:
        category = unicodedata.category(char)
        if category in {"Cc", "Zl", "Zp"}:
            kept.append(" ")
        elif category == "Cs":
            kept.append("\ufffd")
        elif category != "Cf" or char in _JOINERS:
            kept.append(char)
    line = " ".join("".join(kept).split())
    return line if most is None else cut(line, most)


def cut(text: str, most: int) -> str:
    """At most ``most`` characters with the "…" that says something is missing, at a word's end.

    Scripts without spaces are cut between characters, never inside a composed one.
    """
    if len(text) <= most:
        return text
    head = text[:most]  # one more than fits, to see whether a word ends there
    space = head.rfind(" ")
    # a single endless word must not swallow all that could be shown
    end = space if space >= most // 2 else most - 1
    while end > 0 and _clings(text[end]):
        end -= 1
    return text[:end].rstrip() + "…"


def _clings(char: str) -> bool:
    """True for a character that belongs to the one before it."""
    return unicodedata.category(char) in {"Mn", "Mc", "Me"} or char in _JOINERS


def columns(text: str) -> int:
    """How many terminal columns ``text`` takes: East Asian wide ones two, combining ones none."""
    return sum(_column(char) for char in text)


def _column(char: str) -> int:
    if _clings(char) or char in {_FSI, _PDI}:
        return 0
    return 2 if unicodedata.east_asian_width(char) in {"W", "F"} else 1


def wrap(text: str, indent: str = "", width: int = WIDTH, *, foreign: bool = False) -> list[str]:
    """``text`` in lines of at most ``width`` columns, each after ``indent``; words stay whole
    unless one alone is wider than a line. ``foreign`` isolates each line of a stranger's text:
    a line is a paragraph to the bidi rules, so one isolation around them all would not hold."""
    room = width - columns(indent)
    lines = [""]
    for word in text.split():
        joined = f"{lines[-1]} {word}" if lines[-1] else word
        if columns(joined) <= room:
            lines[-1] = joined
            continue
        lines += _pieces(word, room)
    return [indent + (isolate(line) if foreign else line) for line in lines if line]


def _pieces(word: str, room: int) -> list[str]:
    """A word cut into pieces that fit, never before a character that clings to the last."""
    pieces, wide = [""], 0
    for char in word:
        if wide + _column(char) > room and not _clings(char):
            pieces.append("")
            wide = 0
        pieces[-1] += char
        wide += _column(char)
    return pieces


def isolate(text: str) -> str:
    """``text`` so that its right-to-left letters cannot reorder what stands beside it.

    Only then: terminals without bidi support show the isolating characters as boxes.
    """
    if any(unicodedata.bidirectional(char) in _RIGHT_TO_LEFT for char in text):
        return f"{_FSI}{text}{_PDI}"
    return text


def pad(text: str, width: int) -> str:
    """``text`` in exactly ``width`` columns: filled up with spaces, or cut with a "…"."""
    if columns(text) > width:
        text = _pieces(text, width - 1)[0] + "…"
    return text + " " * (width - columns(text))


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """An address fit to be clicked: where it leads, and the host to show for it."""

    url: str
    host: str


def link(url: str | None) -> Link | None:
    """The link that a stranger's ``url`` stands for, or None for one not to be clicked.

    Only http and https. Whatever could make the host read as another is refused: a login before
    the host, backslashes, spaces. A host beyond ASCII is written in its xn-- form, so that
    look-alike letters show.
    """
    if not url or len(url) > _LONGEST_URL or "\\" in url or clean(url) != url or " " in url:
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
        host = _host(parts)
    except ValueError:  # not an address at all: shown without a link
        return None
    if parts.scheme not in {"http", "https"} or host is None or "@" in parts.netloc:
        return None
    place = host if port is None else f"{host}:{port}"
    rest = quote(parts.path, safe="/%:=~+!$,;@()*-._")
    rest += "?" + quote(parts.query, safe="/%:=&?~+!$,;@()*-._") if parts.query else ""
    rest += "#" + quote(parts.fragment, safe="/%:=&?~+!$,;@()*-._") if parts.fragment else ""
    return Link(url=f"{parts.scheme}://{place}{rest}", host=place)


def _host(parts: SplitResult) -> str | None:
    name = parts.hostname or ""
    if ":" in name and "%" not in name:
        return f"[{ipaddress.IPv6Address(name)}]"
    name = name if name.isascii() else name.encode("idna").decode("ascii")
    return name if _HOST.match(name) and ".." not in name else None
