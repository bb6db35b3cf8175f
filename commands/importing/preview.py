"""Show how a file would be read: the format, each column's field, and the first rows as mentions.

A file is written by strangers: every word of it is kept to one line, without control characters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from commands.importing.order import ImportOrder, checked_options, mailbox_query
from commands.importing.plan import Plan
from commands.importing.report import ImportReport
from commands.importing.store import worded
from commands.importing.wording import in_command_words
from earful.clock import Clock
from earful.contracts import Permanent, Transient
from earful.settings.errors import SettingsError
from earful.types import Batch, Mention
from earful.untrusted import one_line
from listeners.files.replay import read_rows
from listeners.mail.mbox import Mbox
from outreach.words import count

_FIRST_ROWS = 5
_SHOWN_COLUMNS = 12
_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", " ": "spaces"}


def describe(plan: Plan, order: ImportOrder, brand: str, zone: str) -> Iterator[str]:
    """Yield the lines that say how the file is read; ``zone`` is of times that name none."""
    yield f"{order.file.name}: {_container(plan)}"
    yield f"format: {plan.title}"
    for match in plan.matched:
        yield f"  {one_line(match, 200)}"
    if plan.unused:
        names = ", ".join(one_line(name, 40) for name in plan.unused[:_SHOWN_COLUMNS])
        yield f"  not used: {names}{' …' if len(plan.unused) > _SHOWN_COLUMNS else ''}"
    yield f"source: {plan.source or 'not named yet'}; brand: {one_line(brand, 100)}"
    if not plan.is_mailbox:
        yield f"times that name no zone: {zone}"
    for sentence in plan.assumptions:
        yield f"assumed: {one_line(in_command_words(sentence), 300)}"
    for sentence in plan.questions:
        yield f"open: {one_line(in_command_words(sentence), 600)}"


def _container(plan: Plan) -> str:
    inspection = plan.inspection
    if inspection is None:
        return "mails"
    parts = [inspection.container]
    if inspection.encoding:
        parts.append(inspection.encoding)
    if inspection.delimiter:
        delimiter = _DELIMITERS.get(inspection.delimiter, inspection.delimiter)
        parts.append(f"{delimiter} between cells")
    return ", ".join([*parts, count(len(inspection.columns), "column")])


def first_rows(order: ImportOrder, zone: str, clock: Clock) -> Iterator[str]:
    """Yield the file's first rows as they would be stored."""
    yield "the first rows, as mentions:"
    for batch in _read(order, zone, clock, batch=_FIRST_ROWS):
        for mention in batch.mentions[:_FIRST_ROWS]:
            yield f"  {_line(mention)}"
        for row in worded(batch).rejected:
            yield f"  not read, {one_line(row.where, 100)}: {one_line(row.reason, 200)}"
        for reason, number in batch.left_out.items():
            yield f"  left out: {number} × {one_line(reason, 100)}"
        return
    yield "  there are none"


def count_rows(
    order: ImportOrder, zone: str, clock: Clock, advance: Callable[[int], None]
) -> Iterator[str]:
    """Read the file to its end, store nothing, and yield the counts of its rows."""
    report = ImportReport()
    readable = 0
    for batch in _read(order, zone, clock):
        report.count_batch(worded(batch))
        readable += len(batch.mentions)
        advance(len(batch.mentions) + len(batch.rejected))
    yield report.counts_unstored(readable)
    if report.first_rejected is not None:
        yield f"the first not read, {report.first_unread()}"
    yield from report.assumptions()


def _read(order: ImportOrder, zone: str, clock: Clock, batch: int | None = None) -> Iterator[Batch]:
    try:
        if order.is_mailbox:
            yield from Mbox(clock=clock).poll(mailbox_query(order, ""), None)
            return
        options = {"timezone": zone} | order.row_options()
        if batch is not None:
            options["batch"] = batch
        yield from read_rows(checked_options(order.file, options), clock(), None)
    except (Permanent, Transient) as error:
        raise SettingsError(
            in_command_words(error.sentence), hint=in_command_words(error.hint)
        ) from error


def _line(mention: Mention) -> str:
    rating = mention.rating
    parts = [
        f"{mention.published_at:%Y-%m-%d %H:%M} UTC",
        one_line(mention.author.handle, 40),
        f"{rating.value} of {rating.highest} {rating.kind}" if rating else "",
        one_line(mention.text, 120),
    ]
    brands = ", ".join(one_line(name, 40) for name in mention.brands or ())
    return "  ".join(part for part in [*parts, brands and f"[{brands}]"] if part)
