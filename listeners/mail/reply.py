"""What somebody wrote in a mail themselves: without what they quote, forward and sign with.

There is no standard for it but the ">" of quoted lines and the "-- " above a signature (RFC 3676
section 4.3): the rest are habits of mail programs. The kept libraries for it know fewer languages,
or take time that grows with the square of a hostile mail; here every pattern is searched in a line
of bounded length.
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

_MOST_LINES = 4000  # of a mail that are looked at
_LONGEST = 500  # characters of a line that are looked at for a mark
_WRAPPED = 3  # lines that "On …, … wrote:" is broken into at most
_BLOCK = 8  # lines of a header block
_REMAINDER = 300  # characters kept of a mail that is all quotation
_DASHES = set("-_=*")
_RULE = re.compile(r"_{20,}")
_ADDRESS = re.compile(r"[^\s@<>]@[^\s@<>]")
_TIME = re.compile(r"\d{1,2}[:.h]\d{2}(?![.\d])")
_SENTENCE = re.compile(r"[,;!?]|\. ")  # "Sent from the warehouse on Monday, it never arrived."
_SURELY = ("sent from my ", "sent from yahoo mail")
_DIGIT = re.compile(r"\d")


def own_words(text: str) -> str:
    """The writer's own part of ``text``; a mail that is all quotation keeps its beginning.

    Quoted lines begin with ">". Words below or between quoted lines are kept, and those below a
    signature that nothing stands above: telephones and web mail put it where the answer begins.
    """
    lines = text.split("\n")[:_MOST_LINES]
    own: list[str] = []
    quoted: list[str] = []
    signed_first = False
    at = 0
    while at < len(lines):
        line = lines[at]
        if _marked(line):
            quoted.append(line)
            at += 1
        elif line.rstrip() == "--":
            if "".join(own).strip():
                break
            signed_first = True
            at += 1
        elif length := _attribution(lines, at):
            at += length
        elif _ends_here(lines, at):
            length = _above_marked(lines, at)
            if not length:
                quoted += lines[at:]
                break
            at += length
        else:
            own.append(line)
            at += 1
    words = "\n".join(_unsigned(own)).strip()
    if words and not signed_first:
        return words
    return f"{words}\n{_remainder(quoted)}".strip()


def _marked(line: str) -> bool:
    return line.startswith((">", " >", "|>"))


def _attribution(lines: Sequence[str], at: int) -> int:
    """How many lines "On …, … wrote:" takes here; 0 when it is none, or no quotation follows."""
    if not lines[at].strip():
        return 0
    for length in range(1, min(_WRAPPED, len(lines) - at) + 1):
        said = _joined(lines[at : at + length])
        if (length == 1 or said.startswith(OPENERS)) and _wrote(said):
            below = _next(lines, at + length)
            return length if below is None or _marked(lines[below]) else 0
    return 0


def _next(lines: Sequence[str], at: int) -> int | None:
    """The first line from here on that says something, if one is near."""
    near = range(at, min(at + _BLOCK, len(lines)))
    return next((number for number in near if lines[number].strip()), None)


def _ends_here(lines: Sequence[str], at: int) -> bool:
    """True when all that follows is somebody else's mail, though no line is marked."""
    line = lines[at][:_LONGEST].strip()
    if not line:
        return False
    folded = line.casefold()
    if any(one in folded for one in FORWARDED) and (
        _dashed(line) or (line.endswith((":", "：")) and len(line) < 60)
    ):
        return True
    begin = _next(lines, at + 1) if _RULE.fullmatch(line) else at
    if begin is not None and _header_block(lines, begin):
        return True
    return any(
        said.startswith(OPENERS) and _wrote(said) and _by_a_program(said)
        for length in range(1, _WRAPPED + 1)
        for said in [_joined(lines[at : at + length])]
    )


def _above_marked(lines: Sequence[str], at: int) -> int:
    """How many lines stand here above a mail whose lines are all marked: then what follows it may
    be the writer's answer. 0 when they are not."""
    for number in range(at + 1, min(at + _BLOCK, len(lines))):
        if _marked(lines[number]):
            return number - at
        if lines[number].strip() and not _field(lines[number]):
            return 0
    return 0


def _joined(lines: Sequence[str]) -> str:
    return " ".join(line.strip() for line in lines)[:_LONGEST].casefold()


def _dashed(line: str) -> bool:
    """True for "---- Original Message ----": a pattern for it takes the cube of a hostile line."""
    return len(line) >= 6 and _DASHES.issuperset(line[:2] + line[-2:])


def _wrote(said: str) -> bool:
    """True for a line that names a time or an address, the verb, and ends with a colon."""
    if not said.endswith((":", "：")):
        return False
    if not any(verb in said for verb in WROTE):
        # Gmail in Japanese and some others leave the verb out: a date, a name, <an address>:
        return said.rstrip(":： ").endswith(">") and bool(_ADDRESS.search(said))
    return bool(_DIGIT.search(said) or _ADDRESS.search(said))


def _by_a_program(said: str) -> bool:
    """Programs name an address or the time of day; "on 3 May 2024 your colleague wrote:" is what
    people write, and what follows is theirs."""
    return bool(_TIME.search(said) or _ADDRESS.search(said))


def _header_block(lines: Sequence[str], at: int) -> bool:
    """True when a block of From, Subject and one field more begins with this line.

    From, To and Date alone are not enough: travellers write so about their journeys.
    """
    if not _field(lines[at]):
        return False
    fields = [field for line in lines[at : at + _BLOCK] if (field := _field(line))]
    return len(fields) >= 3 and bool(FROM & set(fields)) and bool(SUBJECT & set(fields))


def _field(line: str) -> str:
    """The known header name that a line begins with, in any of the languages, else ""."""
    name, colon, _ = line[:60].replace("：", ":").partition(":")
    name = name.strip(" *\t\xa0").casefold() if colon else ""
    return name if name in FROM or name in SUBJECT or name in OTHER_FIELDS else ""


def _unsigned(lines: list[str]) -> list[str]:
    """The lines without "Sent from my telephone" and blank ones at the end."""
    kept = list(lines)
    while kept and (not kept[-1].strip() or _sent_from(kept[-1])):
        kept.pop()
    return kept


def _sent_from(line: str) -> bool:
    words = line.strip().strip("*_<>[]().!").casefold()
    if len(words) > 80 or (_SENTENCE.search(line) and not words.startswith(_SURELY)):
        return False
    return words.startswith(SENT_FROM) or (
        words.endswith(SENT_FROM_ENDS) and len(words) < 40 and len(words.split()) < 6
    )


def _remainder(quoted: Sequence[str]) -> str:
    words = [one for line in quoted if not _dashed(one := line.lstrip(" >|").strip())]
    return "\n".join(one for one in words if one and not _field(one))[:_REMAINDER].strip()
