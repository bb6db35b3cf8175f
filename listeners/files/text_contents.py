"""The rows of a file of text: JSON, tables and chats."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from earful.contracts import Permanent
from listeners.files import json_documents
from listeners.files.csv_table import Table
from listeners.files.dialects import Dialect, TableOptions, find_dialect, skip_header
from listeners.files.file_options import FileOptions
from listeners.files.json_layout import find_layout
from listeners.files.lines import LineDecoder, Record, RowGap, UnknownEncoding, json_records, lines
from listeners.files.needed_columns import NeededColumns
from listeners.files.presets import whatsapp
from listeners.files.record_stream import SAMPLE, RecordStream
from listeners.files.resume import ResumePoint
from listeners.files.text_file import TextFile, buffered

JSON_FORMATS = ("jsonl", "json")
TABLE_FORMATS = ("csv", "tsv", "txt")
SKIP_HINT = (
    " If the header is further down, give the number of lines above it, as in skip = 4. If there "
    "is none, say header = false; the columns are then called 1, 2, …"
)


class JsonContent:
    """Rows of JSON: one on each line, or in a document."""

    delimiter: str | None = None
    column_hint = ""
    preamble: tuple[str, ...] = ()
    objects: Sequence[dict[str, Any]] = ()

    def __init__(self, text: TextFile, needed: NeededColumns) -> None:
        self._text = text
        self.head = text.head
        start = text.head.decode("utf-8", "replace").lstrip("\ufeff")
        self._layout = find_layout(start, text.options.items, needed.fit_rows)
        noun = "JSON Lines" if self._layout.is_lines else "JSON"
        self.layers = (*text.layers, noun)
        self.encoding: str | None = text.encoding.name
        self.sample = _sample(self._read(buffered(text.head), ResumePoint()))
        self.objects = self.sample
        self.columns = tuple(dict.fromkeys(key for row in self.sample for key in row))
        self.notes = (
            *text.notes,
            *_name_notes(text.options, JSON_FORMATS, noun),
            *self._layout.notes,
        )

    def read_from(self, start: ResumePoint) -> RecordStream:
        """Open the file, and begin to read behind ``start``."""
        return self._text.read_from(start, self._read)

    def _read(self, stream: io.BufferedReader, start: ResumePoint) -> Iterator[Record]:
        layout = self._layout
        if layout.is_lines:
            source = lines(stream, start.line, start.offset, RowGap())
            return json_records(source, self._text.decoder())
        state = start.state if json_documents.STATE.fullmatch(start.state) else ""
        scanner = json_documents.Scanner(stream, start.offset, start.line)
        return json_documents.DocumentReader(
            scanner, layout.path, is_paged=layout.is_paged, state=state
        ).records()


class TableContent:
    """Rows of a table of text."""

    objects: Sequence[dict[str, Any]] = ()

    def __init__(self, text: TextFile, needed: NeededColumns, dialect: Dialect | None) -> None:
        if dialect is None and not text.is_whole:
            raise Permanent(
                "it begins with more than 256 kB of blank lines", hint="Remove the blank lines."
            )
        self._text = text
        self._dialect = dialect
        self.head = text.head
        self.encoding: str | None = text.encoding.name
        self.delimiter = dialect.style.delimiter if dialect else None
        self.columns = tuple(needed.spell(dialect.header)) if dialect else ()
        self.preamble = dialect.preamble if dialect else ()
        noun = "TSV" if self.delimiter == "\t" else "CSV"
        self.layers = (*text.layers, noun)
        names = _name_notes(text.options, TABLE_FORMATS, noun)
        self.notes = (*text.notes, *names, *(dialect.notes if dialect else ()))
        self.sample = _sample(self._read(buffered(text.whole_lines()), ResumePoint()))
        self.column_hint = SKIP_HINT if text.options.skip is None else ""

    def read_from(self, start: ResumePoint) -> RecordStream:
        """Open the file, and begin to read behind ``start``."""
        return self._text.read_from(start, self._read)

    def _read(self, stream: io.BufferedReader, start: ResumePoint) -> Iterator[Record]:
        dialect = self._dialect
        if dialect is None:
            return iter(())
        gap = RowGap()
        source = lines(stream, start.line, start.offset, gap)
        if not start.offset:
            # read from the head already
            skip_header(source, dialect)
        table = Table(source, self._text.decoder(), dialect.style, width=len(self.columns), gap=gap)
        return table.records(self.columns, has_names=dialect.has_names)


class ChatContent:
    """Messages of a chat that WhatsApp exported as text."""

    delimiter: str | None = None
    column_hint = ""
    preamble: tuple[str, ...] = ()
    objects: Sequence[dict[str, Any]] = ()

    def __init__(self, text: TextFile) -> None:
        self._text = text
        self.head = text.head
        self.encoding: str | None = text.encoding.name
        self.layers = (*text.layers, "WhatsApp chat")
        self.notes = text.notes
        stream = buffered(text.whole_lines())
        self.sample = _sample(self._read(stream, ResumePoint()))
        self.columns = tuple(dict.fromkeys(key for row in self.sample for key in row))

    def read_from(self, start: ResumePoint) -> RecordStream:
        """Open the file, and begin to read behind ``start``."""
        return self._text.read_from(start, self._read)

    def _read(self, stream: io.BufferedReader, start: ResumePoint) -> Iterator[Record]:
        source = lines(stream, start.line, start.offset)
        return whatsapp.records(source, self._text.decoder())


def _sample(records: Iterator[Record]) -> list[dict[str, Any]]:
    """Return the first readable rows; the first bytes may end inside one."""
    sample: list[dict[str, Any]] = []
    with suppress(EOFError, UnknownEncoding):
        for record in itertools.islice(records, SAMPLE):
            sample += [record.values] if record.values else []
    return sample


def dialect_of(text: TextFile, options: FileOptions, needed: NeededColumns) -> Dialect | None:
    """Return the dialect of a table; None when it has no rows."""
    prefers_tab = options.format_name() == "tsv"
    table_options = TableOptions(
        delimiter=options.delimiter or ("\t" if options.format == "tsv" else None),
        quotes=options.quotes,
        skip=options.skip,
        header=options.header,
        prefers_tab=prefers_tab,
    )
    # whether undecodable lines are rejects is decided when they are read
    decode = LineDecoder(text.decoder().encoding)
    return find_dialect(
        text.whole_lines(), decode, table_options, lambda cells: needed.fit(needed.spell(cells))
    )


def _name_notes(options: FileOptions, formats: Sequence[str], noun: str) -> tuple[str, ...]:
    """Return a note for a file whose name says another format than its content."""
    name = options.format_name()
    if name is None:
        return (f"The content is {noun}.",)
    is_named_right = name in formats and (
        noun not in ("CSV", "TSV") or name in ("txt", noun.lower())
    )
    return () if is_named_right else (f"The name says {name}, the content is {noun}.",)
