"""The source "replay": mentions from a file, in its order. `earful import` reads the same way.

JSON Lines, CSV and TSV, plain or gzip, of any size. Every row is read: any_of, none_of and
languages are for sources that must be searched. A file that grows is read on from its old end.
"""

from __future__ import annotations

import codecs
import io
import itertools
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, Field, field_validator, model_validator

from earful.contracts import BadItem, Permanent, Transient
from earful.settings.load import Zone
from earful.types import Batch, Mention, Query, Rejected
from listeners.common import times
from listeners.common.base import SourceListener
from listeners.common.options import ListenerOptions, read_options
from listeners.files import csv_table, lines
from listeners.files.columns import check_columns
from listeners.files.presets import LeftOut, UnknownPreset, get_preset
from listeners.files.ratings import check_scale
from listeners.files.record_parser import Outcome, RecordParser, preset_columns
from listeners.files.rejects_file import write_rejects
from listeners.files.resume import ResumePoint
from listeners.files.rows import ColumnMap, Reading, RowReader

_FORMATS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl"}
_FORMATS |= {".csv": "csv", ".tsv": "tsv", ".tab": "tsv"}
# a "[" alone may be a bad row that is still being written
_ARRAY = re.compile(rb"\s*\[\s*\{")
SourceName = Annotated[
    str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$", description="small letters, digits, - and _")
]


_OWN_EXPORT = "earful"  # the preset whose texts are stored as they are


class RowOptions(ListenerOptions):
    """The options of every source that reads rows from files."""

    format: Literal["jsonl", "json", "csv", "tsv", "txt", "xlsx"] | None = None
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
    encoding: str = "utf-8"
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    quotes: bool | None = None
    # of a table: the lines above the header, and whether there is a header
    skip: Annotated[int, Field(ge=0, le=10_000)] | None = None
    header: bool = True
    # the dotted path of the array in a JSON object
    items: Annotated[str, Field(min_length=1)] | None = None
    # the name of a workbook's sheet
    sheet: Annotated[str, Field(min_length=1)] | None = None
    rejects: Path | None = None

    @field_validator("encoding")
    @classmethod
    def _check_encoding(cls, value: str) -> str:
        try:
            name = codecs.lookup(value).name
        except LookupError:
            raise ValueError("is not an encoding; write it as utf-8 or cp1252") from None
        if name.startswith(("utf-16", "utf-32")):
            raise ValueError("cannot be read line by line; save the file as UTF-8")
        return "utf-8" if name == "utf-8-sig" else name

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

    def reading(self) -> Reading:
        """Return how times and ratings are read: the options, else as the preset's tool writes."""
        preset = get_preset(self.preset) if self.preset else None
        timezone = self.timezone or (preset.timezone if preset else None)
        return Reading(
            zone=ZoneInfo(timezone) if timezone else None,
            order=self.dates or (preset.dates if preset else None),
            rating_scale=self.rating_scale or (preset.rating_scale if preset else None),
            is_exact=self.preset == _OWN_EXPORT,
        )


class ReplayOptions(RowOptions):
    """The ``options`` of a [[listen]] block with source = "replay"; see docs/sources.md."""

    path: Path
    only_past: bool = False

    @model_validator(mode="after")
    def _require_format(self) -> ReplayOptions:
        if self.format is None and self.format_name() is None:
            raise ValueError(
                f"path: the name {self.path.name!r} does not say what is in it; add "
                'format = "jsonl", "csv" or "tsv"'
            )
        return self

    def format_name(self) -> str | None:
        """Return the file's format: the option, else by its name."""
        return self.format or format_of(self.path)


def format_of(path: Path) -> str | None:
    """Return jsonl, csv or tsv by a file's name; None when the name does not say."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    ending = suffixes[-2:-1] if suffixes[-1:] == [".gz"] else suffixes[-1:]
    return _FORMATS.get(ending[0]) if ending else None


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

    1. Read its head, and open the stream.
    2. Skip to the resume point, or begin at the start when the file is another one.
    3. Check the columns, and read record by record.
    4. Yield a full batch when a further record shows that there is more.
    5. Stop at an unfinished end that was reported before, or at a row of the future.
    """

    def __init__(self, options: ReplayOptions, now: datetime) -> None:
        self._options = options
        self._now = now
        self._columns = options.columns()
        self._head = lines.read_head(options.path)
        row_columns, adapter = preset_columns(self._columns, options.preset)
        self._reader = RowReader(
            row_columns,
            source=options.source_as,
            fetched_at=now,
            reading=options.reading(),
            # rows of the future wait for their time where the option says so
            is_bounded=not options.only_past,
            counts_repeats=True,
        )
        self._parser = RecordParser(self._reader, adapter)

    def batches(self, resume_point: ResumePoint) -> Iterator[Batch]:
        try:
            with lines.open_stream(self._options.path) as stream:
                if not self._head:
                    # raises when a gzip file was cut before its first byte
                    stream.read(1)
                    return
                if not resume_point.is_in_file(self._head, stream):
                    resume_point = ResumePoint()
                    stream = lines.open_stream(self._options.path)
                with stream:
                    yield from self._fill(self._records(stream, resume_point), resume_point)
        except lines.READ_ERRORS as error:
            raise Transient(
                f"{self._options.path}: the file is cut or damaged ({error})",
                hint="The rows before the damage are kept, and it will be tried again.",
            ) from error

    def _fill(self, records: Iterator[lines.Record], start: ResumePoint) -> Iterator[Batch]:
        """Yield batches of the records; a full batch waits for the next row."""
        pending = _PendingRows()
        progress = start.track(self._head)
        broken: BaseException | None = None
        try:
            for record in records:
                if progress.is_reported_end(record.last, closed=record.is_closed):
                    break
                rows = self._parser.parse(record)
                if self._options.only_past and any(map(self._is_future, rows)):
                    break
                if pending.size() >= self._options.batch:
                    yield self._batch(pending, progress.resume_point(), has_more=True)
                    pending = _PendingRows()
                for row in rows:
                    pending.add(row)
                progress.advance(record.last, closed=record.is_closed)
        except lines.READ_ERRORS as error:
            broken = error
        if pending.size():
            yield self._batch(pending, progress.resume_point(), has_more=False)
        if broken:
            raise broken

    def _is_future(self, row: Outcome) -> bool:
        """Return whether the row waits for its time."""
        return isinstance(row, Mention) and row.published_at > self._now

    def _batch(self, pending: _PendingRows, resume_point: ResumePoint, *, has_more: bool) -> Batch:
        if pending.rejected and self._options.rejects:
            write_rejects(self._options.rejects, pending.rejected)
        return Batch(
            mentions=tuple(pending.mentions),
            position=resume_point.dump(),
            rejected=tuple(pending.rejected),
            left_out=dict(pending.left_out),
            assumed=self._reader.take_assumed(),
            more=has_more,
        )

    def _records(
        self, stream: io.BufferedReader, resume_point: ResumePoint
    ) -> Iterator[lines.Record]:
        """Check the columns, and return the records from ``resume_point`` on."""
        encoding = self._options.encoding
        remaining = lines.lines(stream, resume_point.line, resume_point.offset)
        if self._options.format_name() == "jsonl":
            sample = _first_objects(self._options.path, self._head, encoding)
            # every key of the first objects, because a row of JSON Lines may omit keys
            self._check_columns(list(dict.fromkeys(key for row in sample for key in row)), sample)
            return lines.json_records(remaining, encoding)
        try:
            header = self._table(lines.lines(_buffered(self._head))).header()
        except BadItem as error:
            raise Permanent(f"{self._options.path}: {error}") from error
        self._check_columns(header)
        table = self._table(remaining)
        if not resume_point.offset:
            # the stream begins with the header, which was read from the head already
            table.header()
        return table.records(header)

    def _table(self, source: Iterator[lines.Line]) -> csv_table.Table:
        options = self._options
        quotes = options.quotes if options.quotes is not None else options.format_name() == "csv"
        delimiter = options.delimiter or "\t"
        if options.format_name() == "csv" and not options.delimiter:
            delimiter = csv_table.guess_delimiter(self._head.decode(options.encoding, "replace"))
        return csv_table.Table(source, options.encoding, delimiter, quotes)

    def _check_columns(self, header: list[str], sample: Sequence[dict[str, Any]] = ()) -> None:
        check_columns(self._options.path, self._required(), header, sample)

    def _required(self) -> dict[str, str]:
        """Return the columns that must exist; a preset finds its own under many names."""
        if self._options.preset is None:
            return self._columns.required()
        named = self._columns.model_fields_set
        required = self._columns.required()
        return {field: column for field, column in required.items() if field in named}


def _buffered(data: bytes) -> io.BufferedReader:
    return io.BufferedReader(io.BytesIO(data))


def _first_objects(path: Path, head: bytes, encoding: str) -> list[dict[str, Any]]:
    """Return the first objects of a file of JSON Lines."""
    if _ARRAY.match(head.lstrip(lines.BOM)):
        raise Permanent(
            f"{path}: this is one JSON array; Earful reads JSON Lines, one object a line "
            "(`jq -c '.[]' FILE > FILE.jsonl` makes it so)"
        )
    first = itertools.islice(lines.json_records(lines.lines(_buffered(head)), encoding), 100)
    return [record.values for record in first if record.values]
