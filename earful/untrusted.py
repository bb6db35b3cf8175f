"""Decide which text and which links from strangers may be stored and shown.

Every edge asks this module and adds only its own step: listeners strip markup, storage removes
bytes that a database refuses, outreach wraps lines, and the dashboard escapes Markdown.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from dataclasses import dataclass
from unicodedata import category, normalize
from urllib.parse import SplitResult, quote, urlsplit

JOINERS = frozenset("\u200c\u200d")  # Persian and Hindi spell with them; emoji are built with them
MAX_LINK = 2000  # characters
MAX_MARKS = 4  # accents on one letter: enough for every script, too few to smear over other lines

_LINE_ENDS = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
# Controls except tab and newline; embeddings, overrides and isolates, which reorder the text around
# them (UAX #9); the byte order mark and interlinear annotation, which are invisible. The marks LRM,
# RLM and ALM stay: right-to-left text is spelled with them.
_REMOVED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb]")
_SURROGATES = re.compile("[\ud800-\udfff]")  # halves of pairs, which no encoding carries
_MAY_HAVE_MARKS = re.compile(rf"[^\w\s\x00-\x7f]{{{MAX_MARKS + 1},}}")
# Nearly every link is like this; ingest checks two of them a mention, so the fast path counts.
_PLAIN_LINK = re.compile(r"https?://[a-z0-9]+(?:[.-][a-z0-9]+)*(?:/[!#-;=?-\[\]-~]*)?")
_NEVER_IN_A_LINK = re.compile(r'[\s"<>\\]')
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?\Z")
_SAFE_IN_PATH = "/%:=~+!$,;@()*-._"
_SAFE_IN_QUERY = "/%:=&?~+!$,;@()*-._"


def clean_text(text: str, *, max_marks: int = MAX_MARKS) -> str:
    """Remove control characters, direction tricks and broken Unicode; keep words and lines.

    Line ends become ``\\n``. A letter keeps at most ``max_marks`` combining marks; a limit below
    MAX_MARKS has no effect on shorter runs. Lone surrogates become U+FFFD. White space around the
    text is stripped.
    """
    if not text.isprintable():  # most posts are printable and skip the patterns
        text = _REMOVED.sub("", _LINE_ENDS.sub("\n", _SURROGATES.sub("\ufffd", text)))
    if not text.isascii():
        text = _MAY_HAVE_MARKS.sub(lambda run: _limit_marks(run.group(), max_marks), text)
    return text.strip()


def one_line(text: str, limit: int | None = None) -> str:
    """Clean text for a single line, without any invisible character; cut to ``limit``.

    Line ends become spaces, so that a mention cannot fake a line of Earful's own.
    """
    if not (text.isascii() and text.isprintable()):
        text = clean_text("".join(char for char in text if not _is_invisible(char)))
    line = " ".join(text.split())
    return line if limit is None else cut(line, limit)


def cut(text: str, limit: int) -> str:
    """Shorten text to ``limit`` characters at the end of a word, with an ellipsis.

    Scripts without spaces are cut between characters, never inside a composed one.
    """
    if len(text) <= limit:
        return text
    head = text[:limit]  # one character more than fits, to see whether a word ends there
    space = head.rfind(" ")
    # a single endless word must not hide everything that could be shown
    end = space if space >= limit // 2 else limit - 1
    while end > 0 and is_attached(text[end]):
        end -= 1
    return text[:end].rstrip() + "…"


def is_attached(char: str) -> bool:
    """True for a character that is drawn together with the one before it."""
    return unicodedata.category(char) in {"Mn", "Mc", "Me"} or char in JOINERS


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A link that may be clicked: its address in ASCII, and the host to display for it."""

    url: str
    host: str


def web_link(url: object) -> str | None:
    """Return ``url`` unchanged if it may be linked, else None. See ``parse_link``."""
    if isinstance(url, str) and len(url) <= MAX_LINK and _PLAIN_LINK.fullmatch(url):
        return url
    return url if isinstance(url, str) and parse_link(url) else None


def parse_link(url: str | None) -> Link | None:
    """Split a stranger's link into an ASCII address and its host; None if it may not be linked.

    1. It has at most MAX_LINK characters, all printable: no control, direction or joining
       character, no white space, no quote, angle bracket or backslash, no tower of marks.
    2. The scheme is http or https, and a port is a number up to 65535.
    3. Nothing precedes the host: ``https://bank.example@evil.example`` reads like the bank.
    4. The host is a name or an address. Beyond ASCII it is given in its xn-- form, so that
       look-alike letters show.
    """
    if not url or len(url) > MAX_LINK or not url.isprintable() or _NEVER_IN_A_LINK.search(url):
        return None
    if clean_text(url) != url:
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
        host = _ascii_host(parts)
    except ValueError:  # no address at all
        return None
    if parts.scheme not in {"http", "https"} or host is None or "@" in parts.netloc:
        return None
    address = host if port is None else f"{host}:{port}"
    path = quote(parts.path, safe=_SAFE_IN_PATH)
    query = "?" + quote(parts.query, safe=_SAFE_IN_QUERY) if parts.query else ""
    fragment = "#" + quote(parts.fragment, safe=_SAFE_IN_QUERY) if parts.fragment else ""
    return Link(url=f"{parts.scheme}://{address}{path}{query}{fragment}", host=address)


def _ascii_host(parts: SplitResult) -> str | None:
    name = parts.hostname or ""
    if ":" in name and "%" not in name:
        return f"[{ipaddress.IPv6Address(name)}]"
    name = name if name.isascii() else name.encode("idna").decode("ascii")
    return name if _HOST.match(name) and ".." not in name else None


def _is_invisible(char: str) -> bool:
    return unicodedata.category(char) == "Cf" and char not in JOINERS


def _limit_marks(run: str, max_marks: int) -> str:
    chars: list[str] = []
    marks = 0
    for char in run:
        is_mark = unicodedata.category(char) in ("Mn", "Me") or unicodedata.combining(char)
        marks = marks + 1 if is_mark else 0
        if marks <= max_marks:
            chars.append(char)
    return "".join(chars)


# what a spreadsheet may take for the beginning of a formula; source: OWASP, "CSV Injection"
_SIGNS = frozenset("=+-@")
_FIRST = ("\t", "\r", "\n")


def formula_safe(text: str) -> str:
    """Put an apostrophe before a text that a spreadsheet would calculate.

    Blanks and invisible characters before a sign do not hide it, nor do full-width or small forms.
    A text that begins with an apostrophe and then a formula's sign gets one more, so that
    ``formula_exact`` always gives the text back.
    """
    return f"'{text}" if _is_formula(text) else text


def formula_exact(cell: str) -> str:
    """Return the text that ``formula_safe`` made this cell of."""
    return cell[1:] if cell[:1] == "'" and _is_formula(cell[1:]) else cell


def _is_formula(text: str) -> bool:
    return text.lstrip("'").startswith(_FIRST) or _first_sign(text) in _SIGNS


def _first_sign(text: str) -> str:
    """Return the first visible character but apostrophes, in its plain form; "" without one."""
    for char in text:
        if char != "'" and not char.isspace() and category(char) not in ("Cf", "Cc"):
            return normalize("NFKC", char)
    return ""
