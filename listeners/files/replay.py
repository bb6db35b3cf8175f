"""The source "replay": mentions out of a file, in its order. Also what `earful import` reads.

JSON Lines, CSV and TSV, plain or gzip, of any size. Every row is taken: any_of, none_of and
languages are for sources that must be searched. A file that grows is read on from where it ended.
"""

from __future__ import annotations

import codecs
import io
import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Annotated, ClassVar, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, Field, field_validator, model_validator

from earful.contracts import BadItem, Permanent, Transient
from earful.settings.errors import nearest
from earful.settings.load import Zone
from earful.types import Batch, Mention, Query, Rejected
from listeners.common.base import SourceListener
from listeners.common.options import ListenerOptions, read
from listeners.common.plain_text import clean
from listeners.files import lines
from listeners.files.resume import Place
from listeners.files.rows import Columns, RowReader

_ENDINGS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl"}
_ENDINGS |= {".csv": "csv", ".tsv": "tsv", ".tab": "tsv"}
# a lone "[" may be a bad row of which the rest is still being written
_ARRAY = re.compile(rb"\s*\[\s*\{")
SourceName = Annotated[
    str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$", description="small letters, digits, - and _")
]
_RAW = 500  # characters of a bad row that are kept to show


class RowOptions(ListenerOptions):
    """What there is to say of files of rows, wherever they lie."""

    format: Literal["jsonl", "csv", "tsv"] | None = None
    map: Columns = Columns()
    source_as: SourceName = "replay"
    brand_from: str | None = None
    batch: Annotated[int, Field(ge=1, le=50_000)] = 1000
    timezone: Zone | None = None
    encoding: str = "utf-8"
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    quotes: bool | None = None
    rejects: Path | None = None

    @field_validator("encoding")
    @classmethod
    def _known(cls, value: str) -> str:
        try:
            name = codecs.lookup(value).name
        except LookupError:
            raise ValueError("is not an encoding; write it as utf-8 or cp1252") from None
        if name.startswith(("utf-16", "utf-32")):
            raise ValueError("cannot be read line by line; save the file as UTF-8")
        return "utf-8" if name == "utf-8-sig" else name

    def columns(self) -> Columns:
        """``map``, with ``brand_from`` in it."""
        return self.map.model_copy(update={"brands": self.brand_from or self.map.brands})

    def zone(self) -> tzinfo | None:
        """The zone of instants that have none."""
        return ZoneInfo(self.timezone) if self.timezone else None


class ReplayOptions(RowOptions):
    """``options`` of a [[listen]] block with source = "replay"; docs/sources.md explains each."""

    path: Path
    only_past: bool = False

    @model_validator(mode="after")
    def _format_known(self) -> ReplayOptions:
        if self.format is None and self.kind() is None:
            raise ValueError(
                f"path: the name {self.path.name!r} does not say what is in it; add "
                'format = "jsonl", "csv" or "tsv"'
            )
        return self

    def kind(self) -> str | None:
        """What is in the file: as the option says, else by its name."""
        return self.format or kind_of(self.path)


def kind_of(path: Path) -> str | None:
    """What a file's name says that is in it: jsonl, csv or tsv; None when it does not say."""
    suffixes = [one.lower() for one in path.suffixes]
    ending = suffixes[-2:-1] if suffixes[-1:] == [".gz"] else suffixes[-1:]
    return _ENDINGS.get(ending[0]) if ending else None


@dataclass(slots=True)
class _Growing:
    """The batch being filled."""

    mentions: list[Mention] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)

    def size(self) -> int:
        return len(self.mentions) + len(self.rejected)

    def add(self, one: Mention | Rejected) -> None:
        if isinstance(one, Mention):
            self.mentions.append(one)
        else:
            self.rejected.append(one)


class Replay(SourceListener):
    """Reads a file as if a platform had sent it."""

    name: ClassVar[str] = "replay"
    Options: ClassVar[type[BaseModel]] = ReplayOptions
    handles_have_at: ClassVar[bool] = False

    def poll(self, query: Query, position: str | None) -> Iterator[Batch]:
        """The rows behind ``position``, in batches.

        Permanent: no such file, a column that is not there, not text. Transient: the file is cut
        or damaged further down; what stands before that has been yielded.
        """
        yield from rows(read(ReplayOptions, query), self._clock(), position)


def rows(options: ReplayOptions, now: datetime, position: str | None) -> Iterator[Batch]:
    """The file's rows behind ``position``, as ``Replay.poll`` gives them."""
    yield from _Walk(options, now).batches(Place.load(position))


class _Walk:
    """One pass over one file."""

    def __init__(self, options: ReplayOptions, now: datetime) -> None:
        self._options = options
        self._now = now
        self._columns = options.columns()
        self._head = lines.read_head(options.path)
        self._reader = RowReader(
            self._columns, source=options.source_as, fetched_at=now, zone=options.zone()
        )

    def batches(self, place: Place) -> Iterator[Batch]:
        try:
            with lines.open_stream(self._options.path) as stream:
                if not self._head:
                    stream.read(1)  # empty, or cut so early that this says so
                    return
                if not place.stands_in(self._head, stream):
                    place = Place()
                    stream = lines.open_stream(self._options.path)
                with stream:
                    yield from self._fill(self._records(stream, place), place)
        except lines.BROKEN as error:
            raise Transient(
                f"{self._options.path}: the file is cut or damaged ({error}); what could be read "
                "is kept, and it will be tried again"
            ) from error

    def _fill(self, records: Iterator[lines.Record], start: Place) -> Iterator[Batch]:
        """Batches of the records. A full one waits until the next row shows that there is more."""
        growing = _Growing()
        reached = start.walk(self._head)
        broken: BaseException | None = None
        try:
            for record in records:
                if reached.knows(record.last, closed=record.closed):
                    break
                taken = self._take(record)
                if taken is None:
                    break
                if growing.size() >= self._options.batch:
                    yield self._batch(growing, reached.place(), more=True)
                    growing = _Growing()
                growing.add(taken)
                reached.pass_over(record.last, closed=record.closed)
        except lines.BROKEN as error:
            broken = error
        if growing.size():
            yield self._batch(growing, reached.place(), more=False)
        if broken:
            raise broken

    def _take(self, record: lines.Record) -> Mention | Rejected | None:
        """What becomes of a record; None when it lies in the future and has to wait."""
        try:
            if record.values is None:
                raise BadItem(record.reason)
            mention = self._reader.read(record.values)
        except BadItem as error:
            raw = clean(record.first.data[: 4 * _RAW].decode(errors="replace"), _RAW)
            return Rejected(where=f"line {record.first.number}", reason=str(error), raw=raw)
        return None if self._options.only_past and mention.published_at > self._now else mention

    def _batch(self, growing: _Growing, place: Place, *, more: bool) -> Batch:
        if growing.rejected and self._options.rejects:
            _write_rejects(self._options.rejects, growing.rejected)
        return Batch(
            mentions=tuple(growing.mentions),
            position=place.dump(),
            rejected=tuple(growing.rejected),
            more=more,
        )

    def _records(self, stream: io.BufferedReader, place: Place) -> Iterator[lines.Record]:
        """The records from ``place`` on, once the columns have been found to be there."""
        encoding = self._options.encoding
        rest = lines.lines(stream, place.line, place.offset)
        if self._options.kind() == "jsonl":
            self._check_columns(_first_keys(self._options.path, self._head, encoding))
            return lines.json_records(rest, encoding)
        try:
            header = self._table(lines.lines(_buffered(self._head))).header()
        except BadItem as error:
            raise Permanent(f"{self._options.path}: {error}") from error
        self._check_columns(header)
        table = self._table(rest)
        if not place.offset:
            table.header()  # read past it
        return table.records(header)

    def _table(self, source: Iterator[lines.Line]) -> lines.Table:
        options = self._options
        quotes = options.quotes if options.quotes is not None else options.kind() == "csv"
        delimiter = options.delimiter or "\t"
        if options.kind() == "csv" and not options.delimiter:
            delimiter = lines.guess_delimiter(self._head.decode(options.encoding, "replace"))
        return lines.Table(source, options.encoding, delimiter, quotes)

    def _check_columns(self, known: list[str]) -> None:
        for name, column in self._columns.given().items() if known else ():
            if column not in known and column.partition(".")[0] not in known:
                raise Permanent(
                    f"{self._options.path}: there is no column {column!r} for {name}"
                    f"{nearest(column, known)}; say which it is, as in map = {{ {name} = "
                    f'"…" }}; the columns are {", ".join(known)[:500]}'
                )
            if known.count(column) > 1:
                raise Permanent(
                    f"{self._options.path}: {known.count(column)} columns are called {column!r}; "
                    f"rename all but the one that holds {name}"
                )


def _buffered(data: bytes) -> io.BufferedReader:
    return io.BufferedReader(io.BytesIO(data))


def _first_keys(path: Path, head: bytes, encoding: str) -> list[str]:
    """Every key of the first objects: in JSON Lines a row may leave out what it has not."""
    if _ARRAY.match(head.lstrip(lines.BOM)):
        raise Permanent(
            f"{path}: this is one JSON array; Earful reads JSON Lines, one object a line "
            "(`jq -c '.[]' FILE > FILE.jsonl` makes it so)"
        )
    first = itertools.islice(lines.json_records(lines.lines(_buffered(head)), encoding), 100)
    return list(dict.fromkeys(key for record in first for key in record.values or ()))


def _write_rejects(path: Path, rejected: list[Rejected]) -> None:
    """Append what could not be read, one JSON object a line; after a crash some are there twice,
    and what is cut in the middle stays on a line of its own."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torn = _is_torn(path)
        with path.open("a", encoding="utf-8") as file:
            file.write("\n" if torn else "")
            file.writelines(json.dumps(asdict(one), ensure_ascii=False) + "\n" for one in rejected)
    except OSError as error:
        raise Permanent(f"{path}: {error.strerror}; check the option rejects") from error


def _is_torn(path: Path) -> bool:
    """Whether its last line was not finished: by a kill, or a disk that was full."""
    if not path.is_file() or not path.stat().st_size:
        return False
    with path.open("rb") as file:
        file.seek(-1, io.SEEK_END)
        return file.read(1) != b"\n"
