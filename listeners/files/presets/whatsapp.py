"""Chats that WhatsApp exports as text, from Android and from iPhones.

A message begins with its local time, ``[14/03/2026, 17:07:00] Nell: text`` on an iPhone and
``14/03/2026, 17:07 - Nell: text`` on Android, and may take several lines. The notation is that of
the phone's language.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from earful.contracts import BadItem
from listeners.files.lines import Line, Record
from listeners.files.presets.cells import NO_WORDS, SERVICE_MESSAGE, text_of, with_fields
from listeners.files.presets.types import LeftOut, Preset, Row

_MARKS = "\u200e\u200f\u202a\u202b\u202c\u2066\u2067\u2068\u2069\ufeff"
_MERIDIEM = r"[AaPp]\.?\s?[Mm]\.?|[πΠμΜ]\.?\s?[μΜ]\.?"
# Chinese and Korean phones write the half of the day before the time
_BEFORE = "上午|下午|凌晨|早上|中午|晚上|오전|오후|午前|午後"
_AFTERNOON = ("下午", "晚上", "오후", "午後")
_START = re.compile(
    rf"[{_MARKS}]*(?P<open>\[)?(?P<day>\d{{1,4}}[./-]\d{{1,2}}[./-]\d{{1,4}})\.?,?\s+"
    rf"(?P<before>{_BEFORE})?\s*(?P<clock>\d{{1,2}}[:.]\d{{2}}(?:[:.]\d{{2}})?)(?:\s*(?P<meridiem>{_MERIDIEM}))?"
    r"(?(open)\]\s|\s[-–]\s)"
)
_NAME = re.compile(rf"[{_MARKS}~\s]*(?P<name>[^:\n\"“”„«»]{{1,100}}?):\s")
_MEDIA = re.compile(r"<[^<>\n]{3,60}>|[\w\s]{1,30} (omitted|weggelassen|omitido|omis|omessa)")
_EDITED = re.compile(rf"\s*[{_MARKS}]+<[^<>\n]{{3,60}}>$")
_DELETED_TEXTS = {
    *("this message was deleted", "you deleted this message", "diese nachricht wurde gelöscht"),
    *("du hast diese nachricht gelöscht", "ce message a été supprimé", "message supprimé"),
    *("vous avez supprimé ce message", "se eliminó este mensaje", "eliminaste este mensaje"),
    *("este mensaje fue eliminado", "questo messaggio è stato eliminato", "mensagem apagada"),
    *("hai eliminato questo messaggio", "essa mensagem foi apagada", "você apagou esta mensagem"),
    *("dit bericht is verwijderd", "u hebt dit bericht verwijderd", "αυτό το μήνυμα διαγράφηκε"),
}
_DELETED = LeftOut("a deleted message")
# characters of a message: WhatsApp allows 65,536
_MAX_TEXT = 100_000
_NOT_A_MESSAGE = "it stands before the first message of the chat"


def is_chat(text: str) -> bool:
    """Return whether the beginning of a file is an exported chat."""
    lines = [line for line in text.splitlines()[:60] if line.strip(_MARKS + " \t")]
    starts = sum(_START.match(line) is not None for line in lines)
    return bool(lines) and _START.match(lines[0]) is not None and starts >= min(2, len(lines))


def records(source: Iterable[Line], decode: Callable[[Line], str]) -> Iterator[Record]:
    """Yield a record for each message; ``decode`` returns a line as text or raises BadItem.

    1. A line with a time begins a message.
    2. Further lines belong to it, up to the longest text that WhatsApp sends.
    """
    values: Row | None = None
    first: Line | None = None
    last: Line | None = None
    for line in source:
        try:
            text = decode(line).rstrip("\r\n")
        except BadItem as error:
            yield Record(None, str(error), line, line)
            continue
        start = _START.match(text)
        if start is None and values is not None and first is not None:
            if len(values["WhatsApp message"]) < _MAX_TEXT:
                values["WhatsApp message"] += "\n" + text
            last = line
            continue
        if start is None:
            if text.strip(_MARKS + " \t"):
                yield Record(None, _NOT_A_MESSAGE, line, line)
            continue
        if values is not None and first is not None and last is not None:
            yield Record(values, "", first, last)
        values, first, last = _message(start, text[start.end() :]), line, line
    if values is not None and first is not None and last is not None:
        yield Record(values, "", first, last)


def _message(start: re.Match[str], text: str) -> Row:
    name = _NAME.match(text)
    return {
        "WhatsApp time": _local_time(
            start["day"], start["clock"], start["meridiem"] or start["before"]
        ),
        "WhatsApp author": name["name"].strip() if name else "",
        "WhatsApp message": text[name.end() :] if name else text,
    }


def _local_time(day: str, clock: str, meridiem: str | None) -> str:
    """Return day and time in one notation: whole years, 24 hours, slashes or dots as they are."""
    parts = re.split(r"([./-])", day)
    if len(parts[-1]) == 2 and len(parts[0]) <= 2:
        # WhatsApp began in 2009
        parts[-1] = f"20{parts[-1]}"
    numbers = [int(number) for number in re.split("[:.]", clock)]
    if meridiem:
        is_afternoon = meridiem[0] in "PpμΜ" or meridiem in _AFTERNOON
        numbers[0] = numbers[0] % 12 + (12 if is_afternoon else 0)
    numbers += [0] * (3 - len(numbers))
    return f"{''.join(parts)} {numbers[0]:02}:{numbers[1]:02}:{numbers[2]:02}"


def _whatsapp(row: Row) -> Iterator[Row | LeftOut]:
    author, written = text_of(row.get("author")), row.get("text")
    if not isinstance(written, str) or not author:
        yield SERVICE_MESSAGE
        return
    text = _EDITED.sub("", written.rstrip()).strip()
    bare = text.strip(_MARKS + " .\n")
    if bare.casefold() in _DELETED_TEXTS:
        yield _DELETED
    elif text.startswith(tuple(_MARKS)) and not text.startswith("\ufeff"):
        # iPhones mark the texts of WhatsApp itself: attachments, and changes of the group
        yield NO_WORDS if _MEDIA.fullmatch(bare) else SERVICE_MESSAGE
    elif not bare or _MEDIA.fullmatch(bare):
        yield NO_WORDS
    else:
        yield with_fields(text=text, author=author, name=author, published_at=row["published_at"])


_COLUMNS: dict[str, Any] = {
    "published_at": ("WhatsApp time",),
    "author": ("WhatsApp author",),
    "text": ("WhatsApp message",),
}
WHATSAPP = Preset(
    name="whatsapp",
    title="WhatsApp, exported chat in text",
    source="whatsapp",
    columns=_COLUMNS,
    signature=(("published_at", "author", "text"),),
    assumptions=("WhatsApp's own lines, attachments and deleted messages are left out.",),
    adapt=_whatsapp,
)
