"""Text that strangers wrote, made plain: no markup, no control characters, no broken Unicode.

Nothing here makes text safe to paste into HTML or a spreadsheet; whoever shows it escapes it.
"""

from __future__ import annotations

import html
import re
import unicodedata

MAX_TEXT = 40_000  # characters; the longest post of any platform read here fits

_CARRIAGE = re.compile("\r\n?|[\u2028\u2029]")
# C0 and C1 controls but tab and newline; lone surrogates; the bidi overrides and isolates, which
# turn the text around them inside out on a page (the plain marks U+200E/F stay: they are spelling)
_UNWANTED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069\ufeff]")
_MOST_MARKS = 30  # accents and the like on one character
_MARKED = re.compile(rf"[^\w\s\x00-\x7f]{{{_MOST_MARKS},}}")
_TOKEN = re.compile(r"<!--|-->|<[a-zA-Z/!?][^<>]*>")
_TAG_NAME = re.compile(r"</?([a-zA-Z][a-zA-Z0-9]*)")
_SILENT = {"script", "style", "noscript", "template", "svg", "iframe", "object"}
_INLINE = {"a", "abbr", "b", "bdi", "cite", "code", "em", "font", "i", "ins", "del", "mark", "q"}
_INLINE |= {"s", "small", "span", "strong", "sub", "sup", "time", "u", "var", "wbr"}
_SPACES = re.compile(r"[^\S\n]+")
_BREAKS = re.compile(r" ?\n[ \n]*")
_MAX_HTML = 8 * MAX_TEXT


def clean(text: str, limit: int = MAX_TEXT) -> str:
    """``text`` without control characters and lone surrogates, cut to ``limit`` characters.

    Line ends become ``\\n``. Lone surrogates and NUL cannot be stored (PostgreSQL refuses both).
    """
    if not text.isprintable():  # most posts are: this is the fast way out
        text = _UNWANTED.sub("", _CARRIAGE.sub("\n", text))
    if not text.isascii():
        text = _MARKED.sub(_fewer_marks, text)
    return text.strip()[:limit]


def _fewer_marks(run: re.Match[str]) -> str:
    """A character cannot carry more marks than this; sorting them takes quadratic time.

    UAX #15 section 13, Stream-Safe Text Format.
    """
    kept, marks = [], 0
    for char in run.group():
        marks = marks + 1 if unicodedata.combining(char) else 0
        if marks <= _MOST_MARKS:
            kept.append(char)
    return "".join(kept)


def one_line(text: str, limit: int = 200) -> str:
    """``text`` cleaned, its white space collapsed, cut: for names, titles and reasons."""
    return " ".join(clean(text, 4 * limit).split())[:limit]


def from_html(markup: str, limit: int = MAX_TEXT) -> str:
    """The words of an HTML fragment as plain text; tags, scripts, styles and comments dropped.

    Walks once over the text: html.parser takes quadratic time on unclosed tags (8 s for 30 kB
    on Python 3.11), and feeds are written by strangers. An unclosed comment or script hides what
    follows it, as in a browser. Markup longer than 8 times MAX_TEXT is cut before it is read.
    """
    markup = markup[:_MAX_HTML]
    if "<" not in markup and "-->" not in markup:  # most posts
        return _spaced(clean(html.unescape(markup), limit))
    parts: list[str] = []
    hidden_by = ""  # "" or the element (or "!--") whose end we wait for
    at = 0
    for token in _TOKEN.finditer(markup):
        if not hidden_by:
            parts.append(markup[at : token.start()])
        at = token.end()
        hidden_by, gap = _after(token.group(), hidden_by)
        parts.append(gap)
    if not hidden_by:
        parts.append(markup[at:])
    return _spaced(clean(html.unescape("".join(parts)), limit))


def _spaced(text: str) -> str:
    return _BREAKS.sub("\n", _SPACES.sub(" ", text)).strip()


def _after(tag: str, hidden_by: str) -> tuple[str, str]:
    """What hides the text after this tag, and the white space that the tag stands for."""
    if tag == "<!--":
        return hidden_by or "!--", ""
    if tag == "-->":
        return ("", "") if hidden_by == "!--" else (hidden_by, "" if hidden_by else tag)
    found = _TAG_NAME.match(tag)
    name = found.group(1).lower() if found else ""
    closing = tag.startswith("</")
    if hidden_by:
        return ("", "\n") if closing and name == hidden_by else (hidden_by, "")
    if name in _SILENT and not closing and not tag.endswith("/>"):
        return name, ""
    return "", "" if name in _INLINE else "\n"


def web_link(url: object, limit: int = 2000) -> str | None:
    """``url`` when it is a plain http(s) link that can be shown; None for everything else."""
    if not isinstance(url, str):
        return None
    link = url.strip()
    if len(link) > limit or not link.lower().startswith(("http://", "https://")):
        return None
    return None if re.search(r"[\s\"<>\\]", link) or _UNWANTED.search(link) else link
