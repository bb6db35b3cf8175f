"""The HTML of a mail as plain text, its quoted parts marked with ">" as in a plain mail.

Mail programs put what they quote into blockquotes and into blocks whose class or id tells it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from listeners.common.plain_text import from_html

_MOST = 320_000  # characters; no letter comes near
_TOKEN = re.compile(r"<!--|-->|<[a-zA-Z/][^<>]*>")
_NAME = re.compile(r"</?([a-zA-Z][a-zA-Z0-9]*)")
_BODY = re.compile(r"<body\b[^<>]*>", re.IGNORECASE)
_MARKS = re.compile(r"\b(?:class|id)\s*=\s*(?:\"([^\"<>]*)\"|'([^'<>]*)'|([^\s\"'<>]+))", re.I)
_HIDDEN = {"script", "style", "title"}
_QUOTES = {
    "gmail_quote",
    "gmail_quote_container",
    "gmail_attr",
    "yahoo_quoted",
    "protonmail_quote",
    "tutanota_quote",
    "moz-cite-prefix",
    "mail-editor-reference-message-container",
}
_SIGNATURES = {
    "gmail_signature",
    "gmail_signature_prefix",
    "moz-signature",
    "protonmail_signature_block",
    "applemailsignature",
    "ms-outlook-mobile-signature",
}
_ALL_BELOW = {"divrplyfwdmsg", "appendonsend", "outlookmessageheader"}
_EMPTY = {"br", "hr", "img", "meta", "link", "input", "wbr", "col", "area", "base"}


def to_text(markup: str) -> str:
    """``markup`` as text in lines; quoted ones begin with "> ", signatures are left out."""
    body = _BODY.search(markup[:_MOST])
    scan = _Scan(markup[body.end() if body else 0 :][:_MOST])
    return "\n".join(scan.lines())


@dataclass(slots=True)
class _Scan:
    """One pass over the markup: stretches of it, each own, quoted or left out."""

    markup: str
    kind: str = "own"
    _inside: str = ""  # the element that the present stretch is the content of
    _depth: int = 0
    _for_good: bool = False
    _hidden_by: str = ""
    _lines: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        start = 0
        for token in _TOKEN.finditer(self.markup):
            turn = self._after(token.group())
            if turn is not None:
                self._take(self.markup[start : token.start()])
                self.kind, start = turn, token.end()
        self._take(self.markup[start:])
        return self._lines

    def _take(self, stretch: str) -> None:
        text = from_html(stretch)
        if not text or self.kind == "signature":
            return
        sign = "> " if self.kind == "quoted" else ""
        self._lines += [sign + line for line in text.split("\n")]

    def _after(self, tag: str) -> str | None:
        """The kind of what follows this tag, when that is another than before."""
        found = _NAME.match(tag)
        name = found.group(1).lower() if found else tag
        closing = tag.startswith("</")
        if self._hidden_by:
            if (closing and name == self._hidden_by) or tag == "-->":
                self._hidden_by = ""
            return None
        if name in _HIDDEN or tag == "<!--":
            self._hidden_by = "" if closing else name
            return None
        if self._for_good or name in _EMPTY or tag.endswith("/>"):
            return None
        return self._nested(name, closing) if self._inside else self._begins(name, closing, tag)

    def _nested(self, name: str, closing: bool) -> str | None:
        if name != self._inside:
            return None
        self._depth += -1 if closing else 1
        if self._depth:
            return None
        self._inside = ""
        return "own"

    def _begins(self, name: str, closing: bool, tag: str) -> str | None:
        if closing:
            return None
        marks = _marks(tag)
        if marks & _ALL_BELOW:
            self._for_good = True
            return "quoted"
        quoted = name == "blockquote" or bool(marks & _QUOTES)
        if not quoted and not marks & _SIGNATURES:
            return None
        self._inside, self._depth = name, 1
        return "quoted" if quoted else "signature"


def _marks(tag: str) -> set[str]:
    """The classes and ids of a tag; Outlook puts x_ before those of others."""
    if "class" not in tag.lower() and "id" not in tag.lower():
        return set()
    values = [one for found in _MARKS.findall(tag) for one in found if one]
    return {word.removeprefix("x_") for value in values for word in value.lower().split()}
