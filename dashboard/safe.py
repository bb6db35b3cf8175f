"""What strangers wrote, made fit to show: plain text, no markup, no trick with direction or length.

Show such text with ``st.text(clean(...))``. Where Streamlit takes only Markdown (labels, titles,
messages), put it through ``label(...)`` first. Links go through ``web_link(...)``.
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import urlsplit

from outreach.words import called

_LONGEST_LINK = 2000
_MARKS_IN_A_ROW = 4
# Embeddings, overrides and isolates can reorder what stands around them; the plain marks (LRM, RLM,
# ALM) stay, because right-to-left text needs them. Also invisible annotation and BOM characters.
_TRICKS = re.compile("[\u202a-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb]")
_LINE_ENDS = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
# Streamlit looks for :emoji:, bare links, addresses and arrows in the finished text, after escapes
# are gone; an invisible WORD JOINER keeps those patterns from meeting.
_JOINED_LATE = frozenset(":.@-<>=~/")
_JOINER = "\u2060"


def clean(text: str, longest: int = 20_000) -> str:
    """``text`` without control characters, direction tricks, surrogates and towers of marks."""
    text = _LINE_ENDS.sub("\n", text[: longest + 1])
    text = _TRICKS.sub("", text)
    text = "".join(_character(char) for char in text)
    return cut(_lower_towers(text), longest).strip()


def one_line(text: str, longest: int = 200) -> str:
    """Cleaned text on a single line, cut at a word near ``longest``."""
    return cut(" ".join(clean(text, max(longest * 4, 400)).split()), longest)


def cut(text: str, longest: int) -> str:
    """``text``, or its beginning with an ellipsis, at most ``longest`` characters."""
    if len(text) <= longest:
        return text
    head = text[: longest - 1]
    space = head.rfind(" ")
    # a long word is cut in its middle rather than lost
    return (head[:space] if space > longest * 0.7 else head).rstrip() + "…"


def label(text: str, longest: int = 80) -> str:
    """``text`` for a place that reads Markdown: one line in which nothing means anything."""
    return _PUNCTUATION.sub(_escaped, one_line(text, longest))


def web_link(url: str | None) -> str | None:
    """``url`` when it is http or https with a host and hides nothing; else None."""
    if not url or len(url) > _LONGEST_LINK or "\\" in url or url != clean(url):
        return None
    if any(char.isspace() for char in url):
        return None
    try:
        parts = urlsplit(url)
        hidden = parts.username is not None or parts.password is not None
        _ = parts.port  # raises for a port that is no number
    except ValueError:
        return None
    # https://bank.example@evil.example reads like the bank and goes elsewhere
    return url if parts.scheme in ("http", "https") and parts.hostname and not hidden else None


def handle(name: str, source: str) -> str:
    """How a person is called on their platform: with the @ where people have one."""
    return called(one_line(name, 60) or "somebody", source)


def _escaped(match: re.Match[str]) -> str:
    char = match.group(1)
    joint = _JOINER if char in _JOINED_LATE else ""
    return f"{joint}\\{char}{joint}"


def _character(char: str) -> str:
    if char in "\n\t":
        return char
    category = unicodedata.category(char)
    if category == "Cc":
        return ""
    return "\ufffd" if category == "Cs" else char


def _lower_towers(text: str) -> str:
    """At most four combining marks on one letter: enough for every script, too few to smear."""
    kept: list[str] = []
    marks = 0
    for char in text:
        marks = marks + 1 if unicodedata.category(char) in ("Mn", "Me") else 0
        if marks <= _MARKS_IN_A_ROW:
            kept.append(char)
    return "".join(kept)
