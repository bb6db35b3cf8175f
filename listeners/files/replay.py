"""The source "replay": mentions from a file, in its order. `earful import` reads the same way.

JSON, tables of text and workbooks, packed or plain, of any size: ``content`` finds out which. Every
row is read: any_of, none_of and languages are for sources that must be searched. A file that grows
is read on from its old end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated, ClassVar
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, Field, field_validator

from earful.contracts import TRIED_AGAIN, Permanent, Transient
from earful.settings.load import Zone
from earful.types import Batch, Mention, Query, Rejected
from listeners.common import times
from listeners.common.base import SourceListener
from listeners.common.options import read_options
from listeners.files import lines
from listeners.files.content import open_content
from listeners.files.file_options import FileOptions
from listeners.files.needed_columns import NeededColumns
from listeners.files.platforms import zone_by_rule
from listeners.files.presets import LeftOut, UnknownPreset, get_preset
from listeners.files.ratings import check_scale
from listeners.files.record_parser import Outcome, RecordParser, preset_columns
from listeners.files.record_stream import Content, naming_file
from listeners.files.rejects_file import write_rejects
from listeners.files.repeats import RepeatCounter
from listeners.files.resume import ResumePoint
from listeners.files.rows import ColumnMap, Reading, RowReader

SourceName = Annotated[
    str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$", description="small letters, digits, - and _")
]


_OWN_EXPORT = "earful"  # the preset whose texts are stored as they are


class RowOptions(FileOptions):
    """The options of every source that reads rows from files."""

    map: ColumnMap = ColumnMap()
    # the format of another tool, by its name in listeners/files/presets
    preset: str | None = None
    source_as: SourceName = "replay"
    brand_from: str | None = None
    batch: Annotated[int, Field(ge=1, le=50_000)] = 1000
    timezone: Zone | None = None
    # the order of local dates: dmy, mdy, ymd, excel, or a format of strptime
    dates: Annotated[str, AfterValidator(times.check_order)] | None = None
    rating_scale: Annotated[str, AfterValidator(check_scale)] | None = None
    rejects: Path | None = None

    @field_validator("preset")
    @classmethod
    def _check_preset(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                get_preset(value)
            except UnknownPreset as error:
                raise ValueError(str(error)) from None
        return value

    def columns(self) -> ColumnMap:
        """Return ``map`` with the column of ``brand_from``."""
        return self.map.model_copy(update={"brands": self.brand_from or self.map.brands})

    def source_name(self) -> str:
        """Return the source of the rows: the option, else the preset's."""
        if self.preset is not None and "source_as" not in self.model_fields_set:
            return get_preset(self.preset).source
        return self.source_as

    def needed_columns(self) -> NeededColumns:
        """Return the columns that a file must have; a preset finds its own under many names."""
        required = self.columns().required()
        named = self.map.model_fields_set | ({"brands"} if self.brand_from else set())
        if self.preset is not None:
            required = {field: column for field, column in required.items() if field in named}
        return NeededColumns(required, self.preset, is_mapped=bool(named))

    def _zone_by_rule(self) -> str | None:
        columns = [column for column in self.map.model_dump().values() if column]
        return zone_by_rule(self.source_name(), columns)

    def reading(self) -> Reading:
        """Return how times and ratings are read: the options, else as the preset's tool writes."""
        preset = get_preset(self.preset) if self.preset else None
        timezone = self.timezone or (preset.timezone if preset else None)
        timezone = timezone or self._zone_by_rule()
        return Reading(
            zone=ZoneInfo(timezone) if timezone else None,
            order=self.dates or (preset.dates if preset else None),
            rating_scale=self.rating_scale or (preset.rating_scale if preset else None),
            is_exact=self.preset == _OWN_EXPORT,
        )


class ReplayOptions(RowOptions):
    """The ``options`` of a [[listen]] block with source = "replay"; see docs/sources.md."""

    only_past: bool = False


# bytes before a resume point that are read again to number equal rows: some seconds
_MOST_COUNTED_AGAIN = 16 * 1024 * 1024


@dataclass(slots=True)
class _PendingRows:
    """Collect the rows of the next batch."""

    mentions: list[Mention] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)

    def size(self) -> int:
        return len(self.mentions) + len(self.rejected) + self.left_out.total()

    def add(self, row: Outcome) -> None:
        if isinstance(row, Mention):
            self.mentions.append(row)
        elif isinstance(row, LeftOut):
            self.left_out[row.reason] += 1
        else:
            self.rejected.append(row)


class Replay(SourceListener):
    """Read a file as if a platform had sent it."""

    name: ClassVar[str] = "replay"
    Options: ClassVar[type[BaseModel]] = ReplayOptions
    handles_have_at: ClassVar[bool] = False

    def poll(self, query: Query, position: str | None) -> Iterator[Batch]:
        """Yield the rows behind ``position``, in batches.

        Permanent: the file or a column is missing, or the file is no text. Transient: the file is
        cut or damaged; the rows before the damage have been yielded.
        """
        yield from read_rows(read_options(ReplayOptions, query), self._clock(), position)


def read_rows(options: ReplayOptions, now: datetime, position: str | None) -> Iterator[Batch]:
    """Yield the file's rows behind ``position``, as ``Replay.poll`` does."""
    yield from _FileReader(options, now).batches(ResumePoint.load(position))


class _FileReader:
    """Read one file once.

    1. Find out what its content is, and check its columns.
    2. Open it at the resume point, or at the start when the file is another one.
    3. Read record by record, and yield a full batch when a further record shows that there is more.
    4. Without rows yield a batch after every few megabytes, so that a poll can stop there.
    5. Stop at an unfinished end that was reported before, or at a row of the future.
    """

    def __init__(self, options: ReplayOptions, now: datetime) -> None:
        self._options = options
        self._now = now
        self._broken: BaseException | None = None
        self._fetched_at = now
        self._is_cut = False  # a batch says that more rows of this reading follow
        self._columns, self._adapter = preset_columns(options.columns(), options.preset)

    def _row_reader(self, repeats: RepeatCounter) -> RowReader:
        return RowReader(
            self._columns,
            source=self._options.source_name(),
            fetched_at=self._fetched_at,
            reading=self._options.reading(),
            # rows of the future wait for their time where the option says so
            is_bounded=not self._options.only_past,
            repeats=repeats,
        )

    def batches(self, resume_point: ResumePoint) -> Iterator[Batch]:
        """Yield the rows behind ``resume_point``."""
        path = self._options.path
        try:
            needed = self._options.needed_columns()
            content = open_content(self._options, needed)
            with naming_file(path):
                needed.check(content.columns, content.objects, hint=content.column_hint)
            yield from self._fill(content, resume_point)
        except lines.READ_ERRORS as error:
            raise Transient(
                f"{path}: the file is cut or damaged ({error})",
                hint=f"The rows before the damage are stored. {TRIED_AGAIN}",
            ) from error

    def _fill(self, content: Content, start: ResumePoint) -> Iterator[Batch]:
        """Yield batches of the records; a full batch waits for the next row."""
        pending = _PendingRows()
        reading = content.read_from(start)
        self._take_up(reading.start)
        earlier = partial(self._count_repeats, content, reading.start.offset)
        self._reader = self._row_reader(RepeatCounter(earlier if reading.start.offset else None))
        parser = RecordParser(self._reader, self._adapter)
        progress = reading.start.track(content.head)
        offset = progress.offset
        for record in self._until_broken(reading.records):
            if progress.is_reported_end(record.last, closed=record.is_closed):
                break
            rows = [] if record.is_progress else parser.parse(record)
            if self._options.only_past and any(map(self._is_future, rows)):
                break
            if pending.size() >= self._options.batch:
                yield self._batch(pending, progress.resume_point(), has_more=True)
                pending = _PendingRows()
                offset = progress.offset
            for row in rows:
                pending.add(row)
            progress.advance(record.last, closed=record.is_closed, state=record.state or "")
            if record.is_progress and progress.offset - offset >= lines.PROGRESS:
                yield self._batch(pending, progress.resume_point(), has_more=True)
                pending = _PendingRows()
                offset = progress.offset
        # also an empty batch closes the reading: a row that is appended later is an edit
        if pending.size() or self._is_cut or progress.offset - offset >= lines.PROGRESS:
            yield self._batch(pending, progress.resume_point(), has_more=False)
        if self._broken is not None:
            raise self._broken

    def _take_up(self, start: ResumePoint) -> None:
        """Continue a reading that was stopped before the file's end, with its instant.

        docs/decisions/storage.md, "Rows of a file that share an id": rows of one reading are told
        apart by ``fetched_at``, and a stop of Earful must not make two readings of one.
        """
        if start.reading_since is not None:
            self._fetched_at = min(start.reading_since, self._now)
            self._is_cut = True

    def _count_repeats(self, content: Content, end: int) -> RepeatCounter:
        """Count the rows before the byte ``end`` that have neither id nor author."""
        repeats = RepeatCounter()
        if end > _MOST_COUNTED_AGAIN:
            return repeats
        parser = RecordParser(self._row_reader(repeats), self._adapter)
        for record in content.read_from(ResumePoint()).records:
            if record.last.end > end:
                break
            if not record.is_progress:
                parser.parse(record)
        return repeats

    def _until_broken(self, records: Iterator[lines.Record]) -> Iterator[lines.Record]:
        """Yield the records before a damage, which is raised once they are stored."""
        try:
            with naming_file(self._options.path):
                yield from records
        except (*lines.READ_ERRORS, Permanent) as error:
            self._broken = error

    def _is_future(self, row: Outcome) -> bool:
        """Return whether the row waits for its time."""
        return isinstance(row, Mention) and row.published_at > self._now

    def _batch(self, pending: _PendingRows, resume_point: ResumePoint, *, has_more: bool) -> Batch:
        if pending.rejected and self._options.rejects:
            write_rejects(self._options.rejects, pending.rejected)
        self._is_cut = has_more
        since = self._fetched_at if has_more else None
        return Batch(
            mentions=tuple(pending.mentions),
            position=resume_point.model_copy(update={"reading_since": since}).dump(),
            rejected=tuple(pending.rejected),
            left_out=dict(pending.left_out),
            assumed=self._reader.take_assumed(),
            is_file=True,
            more=has_more,
        )
