"""Find the line of settings.toml that an error is about, and show it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_HEADER = re.compile(r"\s*(\[\[?)\s*([A-Za-z0-9_.\-]+)\s*\]\]?\s*(?:#.*)?")
_KEY = re.compile(r"""\s*("[^"]*"|'[^']*'|[A-Za-z0-9_-]+)(?:\s*\.\s*[A-Za-z0-9_-]+)*\s*=""")
# The place in our own sentences: "[[listen]] 2 every: …", "[rules]: unknown key 'negative'".
_PLACE = re.compile(
    r"(\[\[?)([a-z_]+)\]\]?(?: (\d+))?(?: ([A-Za-z0-9_.-]+))?(?:: (.*))?", re.DOTALL
)
_TOP = re.compile(r"unknown key '([^']*)'|([a-z_]+):? ")
_UNKNOWN = re.compile(r"unknown key '([^']*)'")
# As tomllib words it: "Invalid value (at line 3, column 8)".
_PARSE = re.compile(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", re.DOTALL)
_SECRET = re.compile(r"pas|pwd|secret|token|key|auth|cred|bearer", re.IGNORECASE)
_PASSWORD_IN_URL = re.compile(r"://[^/\s]*@")
_WIDEST = 120


@dataclass(frozen=True, slots=True)
class Spot:
    """A place in the file: line and column count from one, ``width`` characters are marked."""

    line: int
    column: int
    width: int = 1


def explain_parse_error(text: str, message: str) -> tuple[str, str]:
    """Return the parser's message with its line, and that line with a mark under it."""
    match = _PARSE.fullmatch(message)
    if match is None:
        return message, ""
    lines = text.splitlines() or [""]
    # without a position the parser met the end: an open string, list or table
    line = int(match[2]) if match[2] else len(lines)
    column = int(match[3]) if match[3] else len(lines[-1]) + 1
    words = match[1][:1].lower() + match[1][1:]
    return f"line {line}: {words}", _excerpt(text, Spot(line, column))


def excerpts(text: str, sentences: str, file: str) -> str:
    """Return the lines of the file that the sentences (one a line) are about, each marked."""
    spots = (
        locate(text, sentence.removeprefix(f"{file}: ")) for sentence in sentences.splitlines()
    )
    # two sentences may be about one line
    return "\n".join(_excerpt(text, spot) for spot in dict.fromkeys(spots) if spot is not None)


def locate(text: str, sentence: str) -> Spot | None:
    """Return the place in ``text`` that a sentence names; None when it names none.

    A key that is missing leads to its block's header.
    """
    match = _PLACE.match(sentence)
    if match is None:
        top = _TOP.match(sentence)
        return None if top is None else _locate_top(text, top[1] or top[2])
    brackets, block, number, path, rest = match.groups()
    unknown = _UNKNOWN.match(rest or "")
    keys = [*(path or "").split("."), *([unknown[1]] if unknown else [])]
    names = [key for key in keys if key and not key.isdigit()]
    header: Spot | None = None
    is_inside, seen = False, 0
    for line, row in _plain_lines(text):
        if head := _HEADER.fullmatch(row):
            name, is_list = head[2], head[1] == "[["
            if name == block and is_list == (brackets == "[["):
                seen += 1
            is_ours = seen == int(number or 1) if brackets == "[[" else True
            is_inside = is_ours and (name == block or name.startswith(f"{block}."))
            if is_inside and (header is None or name.removeprefix(f"{block}.") in names):
                header = _spot(line, row, row.strip())
        elif is_inside and (key := _KEY.match(row)) and key[1].strip("\"'") in names[-1:]:
            return _spot(line, row, key[1])
        elif is_inside and (key := _KEY.match(row)) and key[1].strip("\"'") in names[:1]:
            header = _spot(line, row, key[1])
    return header


def _locate_top(text: str, name: str) -> Spot | None:
    """Return the place of a block, or of a key above every block."""
    is_above = True
    for line, row in _plain_lines(text):
        if head := _HEADER.fullmatch(row):
            is_above = False
            if head[2] == name:
                return _spot(line, row, row.strip())
        elif is_above and (key := _KEY.match(row)) and key[1].strip("\"'") == name:
            return _spot(line, row, key[1])
    return None


def _plain_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield number and text of each line that begins outside a string of several lines."""
    closing = ""
    for number, row in enumerate(text.splitlines(), 1):
        if closing:
            if closing in row:
                closing = ""
            continue
        yield number, row
        for quotes in ('"""', "'''"):
            if row.count(quotes) == 1:
                closing = quotes


def _spot(line: int, row: str, part: str) -> Spot:
    return Spot(line, row.index(part) + 1, len(part))


def _excerpt(text: str, spot: Spot) -> str:
    """Return "line 3: every = 15m", and a mark under the spot on a line of its own."""
    rows = text.splitlines()
    row = _without_secret(rows[spot.line - 1]) if spot.line <= len(rows) else ""
    column = min(spot.column, len(row) + 1)
    # of a very long line the part around the spot
    start = 0 if column <= _WIDEST - 20 else column - 40
    visible = row[start : start + _WIDEST].replace("\t", " ").rstrip()
    head = f"line {spot.line}: "
    mark = " " * (len(head) + column - 1 - start) + "^" * min(spot.width, _WIDEST)
    return f"{head}{visible}\n{mark}"


def _without_secret(row: str) -> str:
    """Hide the value of a key that sounds secret, and of an address with a password.

    It does not belong into this file, and does not go into logs and pages either.
    """
    name, sign, value = row.partition("=")
    if sign and (_SECRET.search(name) or _PASSWORD_IN_URL.search(value)):
        return f"{name}= …"
    return row
