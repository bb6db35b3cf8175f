"""Extract the text that the writer of a mail wrote, without quotations and signatures.

Only the ">" of quoted lines and the "-- " above a signature are standard (RFC 3676 section 4.3).
The rest are habits of mail programs. Existing libraries know fewer languages, or take time that
grows with the square of a hostile mail. Here every pattern searches a line of bounded length.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from listeners.mail.phrases import (
    FORWARDED,
    FROM,
    OPENERS,
    OTHER_FIELDS,
    SENT_FROM,
    SENT_FROM_ENDS,
    SUBJECT,
    WROTE,
)

_MAX_LINES = 4000  # read of one mail
# Characters. The patterns below are searched in this much of a line.
_MAX_LINE = 500
# Mail programs break "On …, … wrote:" into up to three lines.
_MAX_ATTRIBUTION_LINES = 3
_MAX_BLOCK_LINES = 8  # lines of a header block
_MAX_QUOTATION = 300  # characters kept of a mail that is all quotation
_DASHES = set("-_=*")
_RULE = re.compile(r"_{20,}")
_ADDRESS = re.compile(r"[^\s@<>]@[^\s@<>]")
_TIME = re.compile(r"\d{1,2}[:.h]\d{2}(?![.\d])")
# Customers write "Sent from the warehouse on Monday, it never arrived."
_SENTENCE = re.compile(r"[,;!?]|\. ")
_PHONE_SENTENCES = ("sent from my ", "sent from yahoo mail")
_DIGIT = re.compile(r"\d")


def extract_reply(text: str) -> str:
    """Return the writer's own part of ``text``.

    Of a mail that is all quotation, the beginning is returned.

    1. Lines marked with ">" are quotation; own text below or between them is kept.
    2. A signature ("--") ends the mail. With no text above it, the text below counts: telephones
       and web mail put the signature where the answer begins.
    3. An attribution ("On …, … wrote:") above marked lines is dropped.
    4. Everything below an unmarked quotation's heading is quotation. When marked lines follow the
       heading, only the heading is dropped, because an answer may stand below them.
    5. Every other line is the writer's own, but for "Sent from my telephone" at the end.
    """
    lines = text.split("\n")[:_MAX_LINES]
    own: list[str] = []
    quoted: list[str] = []
    starts_with_signature = False
    index = 0
    while index < len(lines):
        line = lines[index]
        if _is_marked(line):
            quoted.append(line)
            index += 1
        elif line.rstrip() == "--":
            if "".join(own).strip():
                break
            starts_with_signature = True
            index += 1
        elif length := _attribution_length(lines, index):
            index += length
        elif _is_quotation_heading(lines, index):
            length = _heading_length(lines, index)
            if not length:
                quoted += lines[index:]
                break
            index += length
        else:
            own.append(line)
            index += 1
    reply = "\n".join(_strip_phone_signature(own)).strip()
    if reply and not starts_with_signature:
        return reply
    return f"{reply}\n{_quotation_start(quoted)}".strip()


def _is_marked(line: str) -> bool:
    return line.startswith((">", " >", "|>"))


def _attribution_length(lines: Sequence[str], index: int) -> int:
    """Count the lines of "On …, … wrote:" above a quotation; 0 for other text."""
    if not lines[index].strip():
        return 0
    for length in range(1, min(_MAX_ATTRIBUTION_LINES, len(lines) - index) + 1):
        sentence = _joined(lines[index : index + length])
        if (length == 1 or sentence.startswith(OPENERS)) and _is_attribution(sentence):
            below = _next_filled(lines, index + length)
            return length if below is None or _is_marked(lines[below]) else 0
    return 0


def _next_filled(lines: Sequence[str], index: int) -> int | None:
    """Return the index of the next filled line, within a header block's length."""
    nearby = range(index, min(index + _MAX_BLOCK_LINES, len(lines)))
    return next((number for number in nearby if lines[number].strip()), None)


def _is_quotation_heading(lines: Sequence[str], index: int) -> bool:
    """Return whether another person's mail begins here, though no line is marked."""
    line = lines[index][:_MAX_LINE].strip()
    if not line:
        return False
    folded = line.casefold()
    # People write these words too: programs put dashes around them, or a colon behind them.
    if any(phrase in folded for phrase in FORWARDED) and (
        _is_dashed(line) or (line.endswith((":", "：")) and len(line) < 60)
    ):
        return True
    begin = _next_filled(lines, index + 1) if _RULE.fullmatch(line) else index
    if begin is not None and _is_header_block(lines, begin):
        return True
    return any(
        sentence.startswith(OPENERS) and _is_attribution(sentence) and _is_by_program(sentence)
        for length in range(1, _MAX_ATTRIBUTION_LINES + 1)
        for sentence in [_joined(lines[index : index + length])]
    )


def _heading_length(lines: Sequence[str], index: int) -> int:
    """Count the heading's lines above a quotation with marked lines; 0 when none are marked."""
    for number in range(index + 1, min(index + _MAX_BLOCK_LINES, len(lines))):
        if _is_marked(lines[number]):
            return number - index
        if lines[number].strip() and not _header_name(lines[number]):
            return 0
    return 0


def _joined(lines: Sequence[str]) -> str:
    return " ".join(line.strip() for line in lines)[:_MAX_LINE].casefold()


def _is_dashed(line: str) -> bool:
    """Return whether a line looks like "---- Original Message ----"."""
    # A pattern for it would take cubic time on a hostile line (test_mail_text.py, hostile mails).
    return len(line) >= 6 and _DASHES.issuperset(line[:2] + line[-2:])


def _is_attribution(sentence: str) -> bool:
    """Return whether a line has a time or address, the verb, and a last colon."""
    if not sentence.endswith((":", "：")):
        return False
    if not any(verb in sentence for verb in WROTE):
        # Gmail in Japanese and some others leave the verb out: a date, a name, <an address>:
        return sentence.rstrip(":： ").endswith(">") and bool(_ADDRESS.search(sentence))
    return bool(_DIGIT.search(sentence) or _ADDRESS.search(sentence))


def _is_by_program(sentence: str) -> bool:
    """Return whether a mail program wrote this attribution.

    Programs name an address or a time of day. People write "on 3 May 2024 your colleague wrote:",
    and the text behind it is their own.
    """
    return bool(_TIME.search(sentence) or _ADDRESS.search(sentence))


def _is_header_block(lines: Sequence[str], index: int) -> bool:
    """Return whether a block of From, Subject and one more field begins with this line.

    From, To and Date alone are not enough: travellers write so about their journeys.
    """
    if not _header_name(lines[index]):
        return False
    block = lines[index : index + _MAX_BLOCK_LINES]
    fields = [name for line in block if (name := _header_name(line))]
    return len(fields) >= 3 and bool(FROM & set(fields)) and bool(SUBJECT & set(fields))


def _header_name(line: str) -> str:
    """Return the header name that begins the line, in any of the languages; else ""."""
    name, colon, _ = line[:60].replace("：", ":").partition(":")
    name = name.strip(" *\t\xa0").casefold() if colon else ""
    return name if name in FROM or name in SUBJECT or name in OTHER_FIELDS else ""


def _strip_phone_signature(lines: list[str]) -> list[str]:
    """Drop "Sent from my telephone" and blank lines from the end."""
    end = len(lines)
    while end and (not lines[end - 1].strip() or _is_phone_signature(lines[end - 1])):
        end -= 1
    return lines[:end]


def _is_phone_signature(line: str) -> bool:
    text = line.strip().strip("*_<>[]().!").casefold()
    if len(text) > 80 or (_SENTENCE.search(line) and not text.startswith(_PHONE_SENTENCES)):
        return False
    return text.startswith(SENT_FROM) or (
        text.endswith(SENT_FROM_ENDS) and len(text) < 40 and len(text.split()) < 6
    )


def _quotation_start(quoted: Sequence[str]) -> str:
    lines = [text for line in quoted if not _is_dashed(text := line.lstrip(" >|").strip())]
    return "\n".join(text for text in lines if text and not _header_name(text))[
        :_MAX_QUOTATION
    ].strip()
