"""The source "mbox": letters out of an mbox file, as mail programs and exports write it.

A message begins with a line "From somebody date" behind an empty line (RFC 4155, and the variants
mboxo, mboxrd and mboxcl that differ in how they protect such lines in a text). A file that grows
is read on; its last message is told, and told again when it has grown. Plain or gzip, of any
size, in flat memory.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar, NamedTuple

import structlog
from pydantic import BaseModel, field_validator

from earful import clock as wall
from earful.contracts import TRIED_AGAIN, BadItem, Permanent, SpendMeter, Transient
from earful.limits import UnlimitedMeter
from earful.settings.load import Duration
from earful.types import Batch, Mention, Query, Rejected
from listeners.common import times
from listeners.common.options import Bytes, ListenerOptions, read
from listeners.files import lines as file_lines
from listeners.files.resume import Place, Walked
from listeners.mail.listener import normalise_addresses
from listeners.mail.message import parse_mail, skip_reason, to_mention

log = structlog.get_logger()

_BATCH = 200
_LONGEST = 400  # bytes of a From line
# "From - Mon May 20 10:00:00 2024", "From ann@x.example Mon May 20 10:00 2024 +0000", or nothing
_BEGINS = re.compile(rb"From (?:[^\r\n]*?\d{1,2}:\d{2}[^\r\n]*\b(?:19|20)\d\d\b[^\r\n]*)?\r?\n?")
_PROTECTED = re.compile(rb">+From ")
_WRITTEN = re.compile(r"[A-Z][a-z]{2} [A-Z][a-z]{2} +\d{1,2} [\d:]{4,8}(?: [A-Z+-]\S*)? \d{4}.*")


class MboxOptions(ListenerOptions):
    """``options`` of a [[listen]] block with source = "mbox"; see docs/sources/mbox.md."""

    path: Path
    since: Duration | None = None
    mine: tuple[str, ...] = ()
    max_bytes: Bytes = 256 * 1024

    @field_validator("mine")
    @classmethod
    def _addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return normalise_addresses(value)


class _Message(NamedTuple):
    """A message: its first bytes, where it begins (a line number), and its ``last`` line, whose
    data are those bytes. ``closed``: another message follows."""

    data: bytes
    received: str  # what the From line says behind "From "
    number: int
    last: file_lines.Line
    closed: bool


class Mbox:
    """Reads an mbox file as if it were a mailbox."""

    name: ClassVar[str] = "mbox"
    Options: ClassVar[type[BaseModel]] = MboxOptions

    def __init__(self, *, clock: wall.Clock = wall.now, meter: SpendMeter | None = None) -> None:
        self._clock = clock
        self._meter = meter or UnlimitedMeter()

    def poll(self, query: Query, position: str | None) -> Iterator[Batch]:
        """The letters behind ``position``, in batches.

        Permanent: no such file, or no mbox. Transient: the file is cut or damaged further down;
        what stands before that has been yielded.
        """
        options = read(MboxOptions, query)
        walk = _Walk(options, self._clock())
        yield from walk.batches(Place.load(position))
        if walk.passed:
            log.info("mails passed over", query=query.id, **walk.passed)


class _Walk:
    """One pass over the file."""

    def __init__(self, options: MboxOptions, now: datetime) -> None:
        self._options = options
        self._now = now
        self._oldest = now - options.since if options.since is not None else None
        self.passed: Counter[str] = Counter()

    def batches(self, place: Place) -> Iterator[Batch]:
        path = self._options.path
        head = file_lines.read_head(path)
        if head.strip() and not head.lstrip(b"\r\n").startswith(b"From "):
            raise Permanent(
                f'{path}: this is no mbox file, which begins with "From "',
                hint="Check the option path.",
            )
        try:
            with file_lines.open_stream(path) as stream:
                if not head:
                    stream.read(1)  # empty, or cut so early that this says so
                    return
                if not place.stands_in(head, stream):
                    place = Place()
                    stream = file_lines.open_stream(path)
                with stream:
                    lines = file_lines.lines(stream, place.line, place.offset)
                    yield from self._fill(_messages(lines, self._options.max_bytes), place, head)
        except file_lines.BROKEN as error:
            raise Transient(
                f"{path}: the file is cut or damaged ({error}); the mails before that are kept",
                hint=TRIED_AGAIN,
            ) from error

    def _fill(self, messages: Iterator[_Message], start: Place, head: bytes) -> Iterator[Batch]:
        reached = start.walk(head)
        growing: list[Mention | Rejected] = []
        met = 0
        broken: BaseException | None = None
        try:
            for message in messages:
                if reached.knows(message.last, closed=message.closed):
                    break
                if met >= _BATCH:
                    yield _batch(growing, reached, more=True)
                    growing, met = [], 0
                growing += self._take(message)
                reached.pass_over(message.last, closed=message.closed)
                met += 1
        except file_lines.BROKEN as error:
            broken = error
        if met:
            yield _batch(growing, reached, more=False)
        if broken:
            raise broken

    def _take(self, message: _Message) -> list[Mention | Rejected]:
        found = parse_mail(message.data, message.received)
        if why := skip_reason(found, self._options.mine):
            self.passed[why.replace(" ", "_")] += 1
            return []
        received = min(at, self._now) if (at := _written(message.received)) else None
        try:
            one = to_mention(found, source="mbox", received_at=received, fetched_at=self._now)
        except BadItem as error:
            return [Rejected(where=f"line {message.number}", reason=str(error))]
        old = self._oldest is not None and one.published_at < self._oldest
        return [] if old else [one]


def _batch(growing: list[Mention | Rejected], reached: Walked, *, more: bool) -> Batch:
    return Batch(
        mentions=tuple(one for one in growing if isinstance(one, Mention)),
        position=reached.place().dump(),
        rejected=tuple(one for one in growing if isinstance(one, Rejected)),
        more=more,
    )


def _messages(lines: Iterator[file_lines.Line], most: int) -> Iterator[_Message]:
    """The messages, each with its first ``most`` bytes; what stands before the first is not."""
    data = bytearray()
    begin: file_lines.Line | None = None
    before: file_lines.Line | None = None
    recent = bytearray()  # what stands before the next line: every message ends with a blank one
    for line in lines:
        blank = before is None or not before.data.strip()
        if blank and len(line.data) < _LONGEST and _BEGINS.fullmatch(line.data):
            if begin is not None and before is not None:
                yield _message(data, begin, before._replace(data=bytes(recent)), closed=True)
            data, begin = bytearray(), line
        elif len(data) < most:
            protected = _PROTECTED.match(line.data) is not None
            data += line.data[1 if protected else 0 :][: most - len(data)]
        recent += line.data
        del recent[: -file_lines.TAIL if line.whole else None]
        before = line
    if begin is not None and before is not None:
        yield _message(data, begin, before, closed=False)


def _message(
    data: bytearray, begin: file_lines.Line, last: file_lines.Line, *, closed: bool
) -> _Message:
    # of an open one the whole is remembered, to see whether it has grown
    shown = last if closed else last._replace(data=b"%d " % last.end + data)
    return _Message(
        data=bytes(data),
        received=begin.data[5:].decode("ascii", "replace").strip(),
        number=begin.number,
        last=shown,
        closed=closed,
    )


def _written(received: str) -> datetime | None:
    """When the message came, by its From line: asctime, in UTC (RFC 4155), with or without zone."""
    found = _WRITTEN.search(received)
    if found is None:
        return None
    day, month, date, *rest = found.group().split()
    time = rest.pop(0)
    year = next((one for one in rest if one.isdecimal() and len(one) == 4), "")
    zone = next((one for one in rest if one[:1] in "+-"), "+0000")
    try:
        return times.parse(f"{day}, {date} {month} {year} {time} {zone}", UTC)
    except BadItem:
        return None
