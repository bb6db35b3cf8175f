"""A mail's bytes as headers and words, whatever is wrong with them.

Reads what RFC 5322 (headers), RFC 2045 to 2047 (MIME), RFC 2231 and RFC 3676 (format=flowed)
describe, by Python's email package; what breaks the rules is read as well as it can be. Nothing
here raises: a mail is written by a stranger.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from email import message_from_bytes
from email.errors import MessageError
from email.header import decode_header
from email.message import Message
from email.policy import Compat32
from itertools import islice

from listeners.common.plain_text import MAX_TEXT
from listeners.mail import html

_MOST_MULTIPARTS = 30  # in one mail; each is a level that the parser may go down
_MOST_TEXT = 4 * MAX_TEXT  # characters of a mail that are looked at; quotations are long
_MOST_HEADER = 4000
_MULTIPART = re.compile(rb"multipart/", re.IGNORECASE)
_CHARSET = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,39}")
_LATIN = {"", "ascii", "us-ascii", "iso-8859-1", "latin-1", "latin1", "windows-1252", "cp1252"}
# what is declared, and what is meant by it: supersets that mail programs write under the old name
_MEANT = {
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "ks_c_5601-1987": "cp949",
    "euc-kr": "cp949",
    "shift_jis": "cp932",
    "x-sjis": "cp932",
    "iso-8859-8-i": "iso-8859-8",
    "iso-8859-9": "cp1254",
    "unicode-1-1-utf-7": "utf-7",
}
_NO_CHARSETS = {"idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape"}
_ODD = (ValueError, LookupError, TypeError, AttributeError, RecursionError, MessageError)


class _ShortHeaders(Compat32):
    """Headers are cut as they are read: Python looks for the parameters in one in a time that
    grows with the square of its length."""

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        name, value = super().header_source_parse(sourcelines)
        return name, value[:_MOST_HEADER]


_SHORT_HEADERS = _ShortHeaders()


def parse(raw: bytes) -> Message:
    """The mail; of one that nests too deeply the parts that stand before it does."""
    raw = raw.lstrip(b"\r\n")
    head = re.split(rb"\r?\n\r?\n", raw, maxsplit=1)[0]
    marks = _MULTIPART.finditer(raw, len(head))
    if (deeper := next(islice(marks, _MOST_MULTIPARTS, None), None)) is not None:
        raw = raw[: deeper.start()]
    try:
        return message_from_bytes(raw, policy=_SHORT_HEADERS)
    except _ODD:
        kept = [line for line in head.splitlines() if not line.lower().startswith(b"content-")]
        return message_from_bytes(b"\n".join([*kept, b"", b""]), policy=_SHORT_HEADERS)


def headers(mail: Message, name: str) -> list[str]:
    """Every value of the header, as it was sent but unfolded and cut."""
    wanted = name.lower()
    return [
        _readable(str(value)[:_MOST_HEADER])
        for key, value in mail.raw_items()
        if key.lower() == wanted
    ]


def header(mail: Message, name: str) -> str:
    """The header's first value, or ""."""
    return next(iter(headers(mail, name)), "")


def decoded(value: str) -> str:
    """A header's value with its encoded words (RFC 2047) decoded."""
    if "=?" not in value:
        return value
    try:
        chunks = decode_header(value)
    except _ODD:
        return value
    said = "".join(
        chunk if isinstance(chunk, str) else _decode(chunk, charset or "")
        for chunk, charset in chunks
    )
    return said or value


def words(mail: Message) -> str:
    """The mail's text: plain where there is plain text, else made of its HTML; quoted lines begin
    with ">". Attachments are left out."""
    return "\n".join(_words(mail))[:_MOST_TEXT].replace("\r\n", "\n").replace("\r", "\n")


def _words(part: Message) -> list[str]:
    if _attached(part):
        return []
    kind = _content_type(part)
    children = _children(part)
    if kind == "multipart/alternative":
        return _best(children)
    if kind.startswith("multipart/"):
        return [one for child in children for one in _words(child)]
    if kind == "text/html":
        return [html.to_text(_text(part))]
    if kind == "text/plain":
        text = _text(part)
        return [_unflowed(text, part) if _parameter(part, "format") == "flowed" else text]
    return []


def _best(children: list[Message]) -> list[str]:
    """Of the same words in several forms the plain ones, unless they say nothing."""
    plain = [child for child in children if _content_type(child) == "text/plain"]
    others = [child for child in children if _content_type(child) != "text/plain"]
    for child in plain + others[::-1]:
        found = _words(child)
        if any(one.strip() for one in found):
            return found
    return []


def _children(part: Message) -> list[Message]:
    payload = part.get_payload() if part.is_multipart() else []
    return [one for one in payload if isinstance(one, Message)]


def _content_type(part: Message) -> str:
    try:
        return part.get_content_type()
    except _ODD:
        return "text/plain"


def _attached(part: Message) -> bool:
    disposition = header(part, "Content-Disposition").lower()
    return disposition.startswith("attachment") or (
        "filename" in disposition and not disposition.startswith("inline")
    )


def _parameter(part: Message, name: str) -> str:
    try:
        value = part.get_param(name)
    except _ODD:
        return ""
    # RFC 2231 gives (charset, language, value)
    text = value[2] if isinstance(value, tuple) else value
    return text.strip().lower() if isinstance(text, str) else ""


def _text(part: Message) -> str:
    charset = _parameter(part, "charset")
    try:
        payload = part.get_payload(decode=True)
    except _ODD:  # what the headers say of it makes no sense: take it as it stands
        del part["Content-Type"], part["Content-Transfer-Encoding"]
        payload = part.get_payload(decode=True)
    return _decode(payload if isinstance(payload, bytes) else b"", charset)


def _decode(data: bytes, charset: str) -> str:
    """``data`` as text: as declared, unless it is plainly something else."""
    for name in _charsets(charset.strip().lower()):
        try:
            return data.decode(name)
        except UnicodeDecodeError as error:
            if name == "utf-8" and error.start >= len(data) - 3:
                return data[: error.start].decode()  # cut in the middle of a character
        except _ODD:
            continue
    return data.decode("cp1252", "replace")


def _charsets(declared: str) -> Iterator[str]:
    known = _CHARSET.fullmatch(declared) and declared.replace("-", "_") not in _NO_CHARSETS
    if declared in _LATIN:
        yield "utf-8"  # it is declared wrongly more often than valid UTF-8 comes about by chance
        yield "cp1252"
    elif known:
        yield _MEANT.get(declared, declared)
    yield "utf-8"


def _readable(value: str) -> str:
    """A header with raw bytes in it (which the parser gives as surrogates), on one line."""
    value = re.sub(r"\r?\n[ \t]*", " ", value)
    if value.isascii():
        return value
    return _decode(value.encode("utf-8", "surrogateescape"), "")


def _unflowed(text: str, part: Message) -> str:
    """Lines that end with a space belong to the next one of the same depth of quotation."""
    pieces: list[str] = []
    spaces_go = _parameter(part, "delsp") == "yes"
    open_at = -1  # depth of the line that is to be continued
    for line in text.splitlines():
        depth = len(line) - len(line.lstrip(">"))
        content = line[depth:].removeprefix(" ")
        flows = content.endswith(" ") and content != "-- "
        if open_at != depth or content == "-- ":
            pieces.append(f"\n{'>' * depth} " if depth else "\n")
        pieces.append(content[:-1] if flows and spaces_go else content)
        open_at = depth if flows else -1
    return "".join(pieces).removeprefix("\n")
