"""Turn a mail's HTML into plain text, with ">" before quoted lines.

Mail programs put quotations into blockquotes, or into blocks with a telling class or id.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from listeners.common.plain_text import from_html

# Characters. No personal mail comes near, and newsletters are skipped anyway.
_MAX_MARKUP = 320_000
_TOKEN = re.compile(r"<!--|-->|<[a-zA-Z/][^<>]*>")
_NAME = re.compile(r"</?([a-zA-Z][a-zA-Z0-9]*)")
_BODY = re.compile(r"<body\b[^<>]*>", re.IGNORECASE)
_CLASS_OR_ID = re.compile(
    r"\b(?:class|id)\s*=\s*(?:\"([^\"<>]*)\"|'([^'<>]*)'|([^\s\"'<>]+))", re.I
)
_HIDDEN_ELEMENTS = {"script", "style", "title"}
_QUOTE_CLASSES = {
    "gmail_quote",
    "gmail_quote_container",
    "gmail_attr",
    "yahoo_quoted",
    "protonmail_quote",
    "tutanota_quote",
    "moz-cite-prefix",
    "mail-editor-reference-message-container",
}
_SIGNATURE_CLASSES = {
    "gmail_signature",
    "gmail_signature_prefix",
    "moz-signature",
    "protonmail_signature_block",
    "applemailsignature",
    "ms-outlook-mobile-signature",
}
# Outlook puts these above a quotation and wraps nothing around it: the quotation runs to the end.
_QUOTE_HEADINGS = {"divrplyfwdmsg", "appendonsend", "outlookmessageheader"}
_VOID_ELEMENTS = {"br", "hr", "img", "meta", "link", "input", "wbr", "col", "area", "base"}


def to_text(markup: str) -> str:
    """Return ``markup`` as lines of text; quoted lines begin with "> ", signatures are dropped."""
    body = _BODY.search(markup[:_MAX_MARKUP])
    scan = _Scan(markup[body.end() if body else 0 :][:_MAX_MARKUP])
    return "\n".join(scan.lines())


@dataclass(slots=True)
class _Scan:
    """One pass over the markup, which cuts it into own, quoted and signature sections.

    1. A tag that opens a quotation or a signature ends the section before it.
    2. Elements of the same name are counted until the opening one closes.
    3. Then the writer's own section goes on, except below Outlook's headings.
    4. Comments, scripts and styles hide every tag inside them.
    """

    markup: str
    section: str = "own"
    _element: str = ""  # the name of the element that opened this section
    _depth: int = 0  # of nested elements of that name
    _is_quoted_to_end: bool = False
    _hidden_by: str = ""
    _lines: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        start = 0
        for token in _TOKEN.finditer(self.markup):
            next_section = self._section_after(token.group())
            if next_section is not None:
                self._add(self.markup[start : token.start()])
                self.section, start = next_section, token.end()
        self._add(self.markup[start:])
        return self._lines

    def _add(self, fragment: str) -> None:
        text = from_html(fragment)
        if not text or self.section == "signature":
            return
        prefix = "> " if self.section == "quoted" else ""
        self._lines += [prefix + line for line in text.split("\n")]

    def _section_after(self, tag: str) -> str | None:
        """Return the section that begins behind this tag; None when the section goes on."""
        match = _NAME.match(tag)
        name = match.group(1).lower() if match else tag
        is_closing = tag.startswith("</")
        if self._hidden_by:
            if (is_closing and name == self._hidden_by) or tag == "-->":
                self._hidden_by = ""
            return None
        if name in _HIDDEN_ELEMENTS or tag == "<!--":
            self._hidden_by = "" if is_closing else name
            return None
        if self._is_quoted_to_end or name in _VOID_ELEMENTS or tag.endswith("/>"):
            return None
        if self._element:
            return self._count_nested(name, is_closing)
        return None if is_closing else self._open_section(name, tag)

    def _count_nested(self, name: str, is_closing: bool) -> str | None:
        if name != self._element:
            return None
        self._depth += -1 if is_closing else 1
        if self._depth:
            return None
        self._element = ""
        return "own"

    def _open_section(self, name: str, tag: str) -> str | None:
        classes = _classes_and_ids(tag)
        if classes & _QUOTE_HEADINGS:
            self._is_quoted_to_end = True
            return "quoted"
        is_quoted = name == "blockquote" or bool(classes & _QUOTE_CLASSES)
        if not is_quoted and not classes & _SIGNATURE_CLASSES:
            return None
        self._element, self._depth = name, 1
        return "quoted" if is_quoted else "signature"


def _classes_and_ids(tag: str) -> set[str]:
    """Return the classes and ids of a tag, without the "x_" that Outlook adds."""
    if "class" not in tag.lower() and "id" not in tag.lower():
        return set()
    values = [value for groups in _CLASS_OR_ID.findall(tag) for value in groups if value]
    return {word.removeprefix("x_") for value in values for word in value.lower().split()}
