"""Make strangers' text fit for a page of Streamlit.

Show such text with ``st.text(clean(...))``. Where Streamlit takes only Markdown (labels, titles,
messages), use ``label(...)``. Links go through ``earful.untrusted.web_link``.
"""

from __future__ import annotations

import re

import listeners
from earful.untrusted import clean_text, cut
from earful.untrusted import one_line as clean_line
from outreach.words import display_handle

_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
# Streamlit looks for :emoji:, bare links, addresses and arrows in the finished text, after escapes
# are gone; an invisible WORD JOINER keeps those patterns from meeting.
_JOINED_LATE = frozenset(":.@-<>=~/")
_JOINER = "\u2060"


def clean(text: str, limit: int = 20_000) -> str:
    """Clean text of several lines, cut at a word near ``limit`` characters."""
    # what lies far behind the limit need not be read; removed characters make room for it
    return cut(clean_text(text[: limit * 4]), limit)


def one_line(text: str, limit: int = 200) -> str:
    """Clean text on a single line, cut at a word near ``limit`` characters."""
    return clean_line(text[: max(limit * 4, 400)], limit)


def label(text: str, limit: int = 80) -> str:
    """Escape text for a place that reads Markdown: one line in which nothing has a meaning."""
    return _PUNCTUATION.sub(_escape, one_line(text, limit))


def handle(name: str, source: str) -> str:
    """Show a person's handle, with the @ where their platform has one."""
    return display_handle(
        one_line(name, 60) or "somebody", has_at=listeners.handles_have_at(source)
    )


def _escape(match: re.Match[str]) -> str:
    char = match.group(1)
    joint = _JOINER if char in _JOINED_LATE else ""
    return f"{joint}\\{char}{joint}"
