"""Read mails from the mbox files of mail programs and exports: the source "mbox".

A message begins with a line "From sender date" behind an empty line (RFC 4155, and the variants
mboxo, mboxrd and mboxcl, which protect such lines in a text differently). A file that grows is read
on. Its last message is yielded, and again when it has grown. Files are plain or gzip, of any size,
and are read in flat memory.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar, NamedTuple

from pydantic import BaseModel, field_validator

from earful.contracts import TRIED_AGAIN, BadItem, Permanent, Transient
from earful.settings.load import Duration
from earful.types import Batch, Mention, Query, Rejected
from listeners.common import times
from listeners.common.base import SourceListener
from listeners.common.options import Bytes, ListenerOptions, read_options
from listeners.files import containers
from listeners.files import lines as file_lines
from listeners.files.resume import ReadingProgress, ResumePoint
from listeners.mail.listener import normalise_addresses
from listeners.mail.message import parse_mail, skip_reason, to_mention

_BATCH = 200  # messages
# Bytes. Longer lines are text: the pattern would search them for a long time.
_MAX_FROM_LINE = 400
# "From - Mon May 20 10:00:00 2024", "From ann@x.example Mon May 20 10:00 2024 +0000", or nothing
_FROM_LINE = re.compile(rb"From (?:[^\r\n]*?\d{1,2}:\d{2}[^\r\n]*\b(?:19|20)\d\d\b[^\r\n]*)?\r?\n?")
_PROTECTED_FROM = re.compile(rb">+From ")
_ASCTIME = re.compile(r"[A-Z][a-z]{2} [A-Z][a-z]{2} +\d{1,2} [\d:]{4,8}(?: [A-Z+-]\S*)? \d{4}.*")


class MboxOptions(ListenerOptions):
    """The options of a [[listen]] block; see docs/sources/mbox.md."""

    path: Path
    since: Duration | None = None
    mine: tuple[str, ...] = ()
    max_bytes: Bytes = 256 * 1024

    @field_validator("mine")
    @classmethod
    def _addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return normalise_addresses(value)


class _Message(NamedTuple):
    """A message of the file.

    ``data`` are its first bytes, ``received`` is the From line behind "From ". It begins in line
    ``number`` and ends with ``last``. ``is_closed``: another message follows, so it cannot grow.
    """

    data: bytes
    received: str
    number: int
    last: file_lines.Line
    is_closed: bool


class _LeftOut(NamedTuple):
    """A message that is no mention, and why in a word or two."""

    reason: str


class Mbox(SourceListener):
    """Reads an mbox file as if it were a mailbox."""

    name: ClassVar[str] = "mbox"
    Options: ClassVar[type[BaseModel]] = MboxOptions
    handles_have_at: ClassVar[bool] = False

    def poll(self, query: Query, position: str | None) -> Iterator[Batch]:
        """Yield the mails behind ``position``, in batches.

        Raises Permanent when the file is missing or no mbox. Raises Transient when it is cut or
        damaged further down; the mails before that have been yielded.
        """
        options = read_options(MboxOptions, query)
        yield from _Reader(options, self._clock()).batches(ResumePoint.load(position))


class _Reader:
    """One pass over the file."""

    def __init__(self, options: MboxOptions, now: datetime) -> None:
        self._options = options
        self._now = now
        self._oldest_wanted = now - options.since if options.since is not None else None

    def batches(self, resume_point: ResumePoint) -> Iterator[Batch]:
        path = self._options.path
        try:
            # a file that is cut within the header of its packing fails here already
            head = containers.read_head(path)
            if head.strip() and not head.lstrip(b"\r\n").startswith(b"From "):
                raise Permanent(
                    f'{path}: this is no mbox file, which begins with "From "',
                    hint="Check the option path.",
                )
            with containers.open_stream(path) as stream:
                if not head:
                    # Raises when the file is not empty, but cut near its start.
                    stream.read(1)
                    return
                if not resume_point.is_in_file(head, stream):
                    resume_point = ResumePoint()
                    stream = containers.open_stream(path)
                with stream:
                    lines = file_lines.lines(stream, resume_point.line, resume_point.offset)
                    messages = _split_messages(lines, self._options.max_bytes)
                    yield from self._read_messages(messages, resume_point, head)
        except file_lines.READ_ERRORS as error:
            raise Transient(
                f"{path}: the file is cut or damaged ({error}); the mails before that are kept",
                hint=TRIED_AGAIN,
            ) from error

    def _read_messages(
        self, messages: Iterator[_Message], start: ResumePoint, head: bytes
    ) -> Iterator[Batch]:
        """Yield the messages in batches, also those before the point where the file breaks.

        Stops at an unfinished last message that an earlier pass has yielded and that has not grown.
        """
        progress = start.track(head)
        results: list[Mention | Rejected | _LeftOut] = []
        failure: BaseException | None = None
        try:
            for message in messages:
                if progress.is_reported_end(message.last, closed=message.is_closed):
                    break
                if len(results) >= _BATCH:
                    yield _batch(results, progress, has_more=True)
                    results = []
                results.append(self._read_message(message))
                progress.advance(message.last, closed=message.is_closed)
        except file_lines.READ_ERRORS as error:
            failure = error
        if results:
            yield _batch(results, progress, has_more=False)
        if failure:
            raise failure

    def _read_message(self, message: _Message) -> Mention | Rejected | _LeftOut:
        parsed = parse_mail(message.data, message.received)
        if reason := parsed.filed_as or skip_reason(parsed, self._options.mine):
            return _LeftOut(reason)
        from_line_time = _from_line_time(message.received)
        received_at = min(from_line_time, self._now) if from_line_time else None
        try:
            mention = to_mention(
                parsed, source="mbox", received_at=received_at, fetched_at=self._now
            )
        except BadItem as error:
            return Rejected(where=f"line {message.number}", reason=str(error))
        if self._oldest_wanted is not None and mention.published_at < self._oldest_wanted:
            return _LeftOut("older than the option since")
        return mention


def _batch(
    results: list[Mention | Rejected | _LeftOut], progress: ReadingProgress, *, has_more: bool
) -> Batch:
    return Batch(
        mentions=tuple(result for result in results if isinstance(result, Mention)),
        position=progress.resume_point().dump(),
        rejected=tuple(result for result in results if isinstance(result, Rejected)),
        left_out=Counter(result.reason for result in results if isinstance(result, _LeftOut)),
        more=has_more,
    )


def _split_messages(lines: Iterator[file_lines.Line], max_bytes: int) -> Iterator[_Message]:
    """Yield the messages, each with its first ``max_bytes``.

    1. A From line behind a blank line, or at the start, begins a message and closes the one before.
       Lines above the first message are dropped.
    2. ">From " loses the one ">" that protected it.
    3. A closed message remembers the bytes before its end. Every message ends with a blank line, so
       the last line alone would not tell one file from another.
    4. The last message stays open: it may still grow.
    """
    data = bytearray()
    begin: file_lines.Line | None = None
    previous: file_lines.Line | None = None
    recent = bytearray()  # the last bytes before the next line
    for line in lines:
        is_behind_blank = previous is None or not previous.data.strip()
        is_short = len(line.data) < _MAX_FROM_LINE
        if is_behind_blank and is_short and _FROM_LINE.fullmatch(line.data):
            if begin is not None and previous is not None:
                end = previous._replace(data=bytes(recent))
                yield _message(data, begin, end, is_closed=True)
            data, begin = bytearray(), line
        elif len(data) < max_bytes:
            is_protected = _PROTECTED_FROM.match(line.data) is not None
            data += line.data[1 if is_protected else 0 :][: max_bytes - len(data)]
        recent += line.data
        del recent[: -file_lines.TAIL if line.is_complete else None]
        previous = line
    if begin is not None and previous is not None:
        yield _message(data, begin, previous, is_closed=False)


def _message(
    data: bytearray, begin: file_lines.Line, last: file_lines.Line, *, is_closed: bool
) -> _Message:
    # An open message remembers all its bytes, so that a later pass sees whether it has grown.
    end = last if is_closed else last._replace(data=b"%d " % last.end + data)
    return _Message(
        data=bytes(data),
        received=begin.data[5:].decode("ascii", "replace").strip(),
        number=begin.number,
        last=end,
        is_closed=is_closed,
    )


def _from_line_time(received: str) -> datetime | None:
    """Return the time in a From line: asctime, in UTC or with a zone (RFC 4155)."""
    match = _ASCTIME.search(received)
    if match is None:
        return None
    day, month, date, time, *zone_and_year = match.group().split()
    year = next((word for word in zone_and_year if word.isdecimal() and len(word) == 4), "")
    zone = next((word for word in zone_and_year if word[:1] in "+-"), "+0000")
    try:
        return times.parse(f"{day}, {date} {month} {year} {time} {zone}", UTC)
    except BadItem:
        return None
