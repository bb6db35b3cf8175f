"""Plain text from untrusted text: no markup, no control characters, no broken Unicode.

The result is not safe to paste into HTML or a spreadsheet; the code that shows it escapes it.
"""

from __future__ import annotations

import html
import re

from earful import untrusted
from earful.untrusted import clean_text

MAX_TEXT = 40_000  # characters; the longest post of any platform read here fits

# Combining marks on one character (UAX #15 section 13): sorting more takes quadratic time.
_MAX_MARKS = 30
_SURROGATES = re.compile("[\ud800-\udfff]")  # PostgreSQL refuses them, as it refuses NUL
_TOKEN = re.compile(r"<!--|-->|<[a-zA-Z/!?][^<>]*>")
_TAG_NAME = re.compile(r"</?([a-zA-Z][a-zA-Z0-9]*)")
_SILENT = {"script", "style", "noscript", "template", "svg", "iframe", "object"}
# these elements stand for no white space: half a word can be bold
_INLINE = {"a", "abbr", "b", "bdi", "cite", "code", "em", "font", "i", "ins", "del", "mark", "q"}
_INLINE |= {"s", "small", "span", "strong", "sub", "sup", "time", "u", "var", "wbr"}
_SPACES = re.compile(r"[^\S\n]+")
_BREAKS = re.compile(r" ?\n[ \n]*")
_ENTITY = re.compile(r"&(?:[a-zA-Z][a-zA-Z0-9]{1,31}|#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6});")
_MARKUP = re.compile(
    r"</(?:a|b|blockquote|code|div|em|i|li|p|pre|span|strong|u|ul)\s*>|<br\s*/?>|<p>", re.IGNORECASE
)
_MAX_HTML = 8 * MAX_TEXT


def clean(text: str, limit: int = MAX_TEXT) -> str:
    """Clean text for storage, cut to ``limit`` characters; see ``earful.untrusted.clean_text``.

    More marks stay on a character than a page shows, so that the author's spelling is stored.
    """
    if not text.isprintable():
        text = _SURROGATES.sub("", text)
    return clean_text(text, max_marks=_MAX_MARKS)[:limit].rstrip()


def one_line(text: str, limit: int = 200) -> str:
    """Clean ``text``, collapse its white space and cut it: for names, titles and reasons."""
    return " ".join(clean(text, 4 * limit).split())[:limit]


def from_html(markup: str, limit: int = MAX_TEXT) -> str:
    """Return the words of an HTML fragment, without tags, scripts, styles and comments.

    Reads the text once: html.parser takes quadratic time on unclosed tags (8 s for 30 kB
    on Python 3.11), and feeds are untrusted. An unclosed comment or script hides the
    text after it, as in a browser. Markup longer than 8 times MAX_TEXT is cut before it is read.
    """
    markup = markup[:_MAX_HTML]
    if "<" not in markup and "-->" not in markup:  # most posts
        return _spaced(clean(html.unescape(markup), limit))
    parts: list[str] = []
    hidden_by = ""  # "" or the element (or "!--") that hides the text until its end
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


def unescape(text: str) -> str:
    """Replace HTML entities once, as "&amp;" by "&"; a lone "&copy" without its end stays."""
    return _ENTITY.sub(lambda entity: html.unescape(entity.group()), text) if "&" in text else text


def is_html(text: str) -> bool:
    """Tell whether a text is surely HTML: it has an entity, or ends an element or a line by one."""
    return (_MARKUP.search(text) or _ENTITY.search(text)) is not None


def _spaced(text: str) -> str:
    return _BREAKS.sub("\n", _SPACES.sub(" ", text)).strip()


def _after(tag: str, hidden_by: str) -> tuple[str, str]:
    """Return the element that hides the text after this tag, and the tag's white space."""
    if tag == "<!--":
        return hidden_by or "!--", ""
    if tag == "-->":
        return ("", "") if hidden_by == "!--" else (hidden_by, "" if hidden_by else tag)
    match = _TAG_NAME.match(tag)
    name = match.group(1).lower() if match else ""
    closing = tag.startswith("</")
    if hidden_by:
        return ("", "\n") if closing and name == hidden_by else (hidden_by, "")
    if name in _SILENT and not closing and not tag.endswith("/>"):
        return name, ""
    return "", "" if name in _INLINE else "\n"


def web_link(value: object) -> str | None:
    """Return a link from a platform's answer if it may be linked, else None.

    Feeds put line ends around their links, so the white space outside is stripped.
    """
    return untrusted.web_link(value.strip()) if isinstance(value, str) else None
