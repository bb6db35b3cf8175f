"""Read a mail's bytes as headers and text, however broken they are.

Python's email package reads RFC 5322 (headers), RFC 2045 to 2047 (MIME), RFC 2231 and RFC 3676
(format=flowed). Mails that break these rules are read as well as possible. Nothing here raises,
because strangers write mails.
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

# For each multipart the parser may recurse (test_mail_text.py, a thousand levels).
_MAX_MULTIPARTS = 30
# Quotations are long, and the writer's text may stand below them.
_MAX_CHARACTERS = 4 * MAX_TEXT
_MAX_HEADER = 4000  # characters
_MULTIPART = re.compile(rb"multipart/", re.IGNORECASE)
_CHARSET = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,39}")
_LATIN = {"", "ascii", "us-ascii", "iso-8859-1", "latin-1", "latin1", "windows-1252", "cp1252"}
# Mail programs write these supersets but declare the older name.
_SUPERSETS = {
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
_UNSAFE_CODECS = {"idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape"}
# Python's parser raises all of these on broken mails (test_mail_text.py: any bytes are a mail).
_PARSE_ERRORS = (ValueError, LookupError, TypeError, AttributeError, RecursionError, MessageError)


class _CuttingPolicy(Compat32):
    """Cut headers while they are parsed.

    Python searches a header for parameters in a time that grows with the square of its length.
    """

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        name, value = super().header_source_parse(sourcelines)
        return name, value[:_MAX_HEADER]


_CUTTING_POLICY = _CuttingPolicy()


def parse(raw: bytes) -> Message:
    """Parse a mail. Parts that nest too deeply are left out."""
    raw = raw.lstrip(b"\r\n")
    head = re.split(rb"\r?\n\r?\n", raw, maxsplit=1)[0]
    multiparts = _MULTIPART.finditer(raw, len(head))
    if (too_deep := next(islice(multiparts, _MAX_MULTIPARTS, None), None)) is not None:
        raw = raw[: too_deep.start()]
    try:
        return message_from_bytes(raw, policy=_CUTTING_POLICY)
    except _PARSE_ERRORS:
        plain_head = [
            line for line in head.splitlines() if not line.lower().startswith(b"content-")
        ]
        return message_from_bytes(b"\n".join([*plain_head, b"", b""]), policy=_CUTTING_POLICY)


def headers(mail: Message, name: str) -> list[str]:
    """Return every value of the header as it was sent, but unfolded and cut."""
    key = name.lower()
    return [
        _unfold(str(value)[:_MAX_HEADER])
        for field, value in mail.raw_items()
        if field.lower() == key
    ]


def header(mail: Message, name: str) -> str:
    """Return the header's first value, or ""."""
    return next(iter(headers(mail, name)), "")


def decode_header_value(value: str) -> str:
    """Decode the encoded words (RFC 2047) in a header's value."""
    if "=?" not in value:
        return value
    try:
        chunks = decode_header(value)
    except _PARSE_ERRORS:
        return value
    text = "".join(
        chunk if isinstance(chunk, str) else _decode(chunk, charset or "")
        for chunk, charset in chunks
    )
    return text or value


def body_text(mail: Message) -> str:
    """Return the mail's text: the plain part, or else the HTML part as text.

    Quoted lines begin with ">". Attachments are left out.
    """
    text = "\n".join(_part_texts(mail))[:_MAX_CHARACTERS]
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _part_texts(part: Message) -> list[str]:
    if _is_attachment(part):
        return []
    content_type = _content_type(part)
    children = _children(part)
    if content_type == "multipart/alternative":
        return _best_alternative(children)
    if content_type.startswith("multipart/"):
        return [text for child in children for text in _part_texts(child)]
    if content_type == "text/html":
        return [html.to_text(_payload_text(part))]
    if content_type == "text/plain":
        text = _payload_text(part)
        return [_unflow(text, part) if _parameter(part, "format") == "flowed" else text]
    return []


def _best_alternative(children: list[Message]) -> list[str]:
    """Prefer the plain form of a text, unless it is blank."""
    plain = [child for child in children if _content_type(child) == "text/plain"]
    richer = [child for child in children if _content_type(child) != "text/plain"]
    # RFC 2046 section 5.1.4: the last alternative is the richest.
    for child in plain + richer[::-1]:
        texts = _part_texts(child)
        if any(text.strip() for text in texts):
            return texts
    return []


def _children(part: Message) -> list[Message]:
    payload = part.get_payload() if part.is_multipart() else []
    return [child for child in payload if isinstance(child, Message)]


def _content_type(part: Message) -> str:
    try:
        return part.get_content_type()
    except _PARSE_ERRORS:
        return "text/plain"


def _is_attachment(part: Message) -> bool:
    disposition = header(part, "Content-Disposition").lower()
    return disposition.startswith("attachment") or (
        "filename" in disposition and not disposition.startswith("inline")
    )


def _parameter(part: Message, name: str) -> str:
    try:
        value = part.get_param(name)
    except _PARSE_ERRORS:
        return ""
    # An RFC 2231 parameter is the tuple (charset, language, value).
    text = value[2] if isinstance(value, tuple) else value
    return text.strip().lower() if isinstance(text, str) else ""


def _payload_text(part: Message) -> str:
    charset = _parameter(part, "charset")
    try:
        payload = part.get_payload(decode=True)
    except _PARSE_ERRORS:
        # The headers contradict each other: read the payload without them.
        del part["Content-Type"], part["Content-Transfer-Encoding"]
        payload = part.get_payload(decode=True)
    return _decode(payload if isinstance(payload, bytes) else b"", charset)


def _decode(data: bytes, charset: str) -> str:
    """Decode ``data`` as declared, unless it is plainly in another encoding."""
    for name in _candidate_charsets(charset.strip().lower()):
        try:
            return data.decode(name)
        except UnicodeDecodeError as error:
            # Only the first max_bytes are fetched: they may end in the middle of a character.
            if name == "utf-8" and error.start >= len(data) - 3:
                return data[: error.start].decode()
        except _PARSE_ERRORS:
            continue
    return data.decode("cp1252", "replace")


def _candidate_charsets(declared: str) -> Iterator[str]:
    is_safe = _CHARSET.fullmatch(declared) and declared.replace("-", "_") not in _UNSAFE_CODECS
    if declared in _LATIN:
        # Programs declare Latin 1 wrongly more often than Latin 1 is valid UTF-8 by chance.
        yield "utf-8"
        yield "cp1252"
    elif is_safe:
        yield _SUPERSETS.get(declared, declared)
    yield "utf-8"


def _unfold(value: str) -> str:
    """Put a header on one line, and decode its raw bytes (surrogates)."""
    value = re.sub(r"\r?\n[ \t]*", " ", value)
    if value.isascii():
        return value
    return _decode(value.encode("utf-8", "surrogateescape"), "")


def _unflow(text: str, part: Message) -> str:
    """Join flowed lines: one that ends with a space continues in the next.

    By RFC 3676 section 4:

    1. The number of ">" in front is the depth of quotation. Only lines of one depth are joined.
    2. One stuffed space behind them is removed.
    3. A signature ("-- ") never flows.
    4. With DelSp=yes the last space of a flowed line goes too.
    """
    pieces: list[str] = []
    deletes_space = _parameter(part, "delsp") == "yes"
    flowing_depth = -1  # depth of the line that continues; -1 when none does
    for line in text.splitlines():
        depth = len(line) - len(line.lstrip(">"))
        content = line[depth:].removeprefix(" ")
        flows = content.endswith(" ") and content != "-- "
        if flowing_depth != depth or content == "-- ":
            pieces.append(f"\n{'>' * depth} " if depth else "\n")
        pieces.append(content[:-1] if flows and deletes_space else content)
        flowing_depth = depth if flows else -1
    return "".join(pieces).removeprefix("\n")
