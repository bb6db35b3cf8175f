"""The rows of a sheet of a workbook."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from listeners.files.containers import Container, open_container
from listeners.files.csv_table import Row
from listeners.files.dialects import TableOptions, dialect_of_rows
from listeners.files.file_options import FileOptions
from listeners.files.lines import Line, Record
from listeners.files.needed_columns import NeededColumns
from listeners.files.record_stream import SAMPLE, RecordStream
from listeners.files.resume import ResumePoint
from listeners.files.text_contents import SKIP_HINT
from listeners.files.text_file import buffered
from listeners.files.workbook import SheetRow, Workbook

_SHEET_ROWS = 200


class WorkbookContent:
    """Rows of a sheet."""

    encoding: str | None = None
    delimiter: str | None = None
    objects: Sequence[dict[str, Any]] = ()

    def __init__(self, options: FileOptions, needed: NeededColumns, container: Container) -> None:
        self._path = options.path
        book = Workbook.of(container)
        # the end of a row lies behind these bytes, so that a resume point's hash covers all of them
        self.head = book.fingerprint.encode()
        self.layers = container.layers
        self._sheet, others = book.choose_sheet(options.sheet)
        rows = list(itertools.islice(book.rows(self._sheet), _SHEET_ROWS)) if self._sheet else []
        table_options = TableOptions(skip=options.skip, header=options.header)
        self._dialect = dialect_of_rows(
            [_table_row(row) for row in rows],
            table_options,
            lambda cells: needed.fit(needed.spell(cells)),
        )
        self.columns = tuple(needed.spell(self._dialect.header)) if self._dialect else ()
        self.sample = [
            record.values
            for record in map(self._record, self._behind_header(rows))
            if record.values
        ][:SAMPLE]
        self.preamble = self._dialect.preamble if self._dialect else ()
        notes = [f"The sheet {self._sheet!r} is read, and not {', '.join(map(repr, others))}."]
        self.notes = (
            *(notes if others else ()),
            *(self._dialect.notes if self._dialect else ()),
        )
        self.column_hint = SKIP_HINT if options.skip is None else ""

    def read_from(self, start: ResumePoint) -> RecordStream:
        """Open the workbook; rows before ``start`` are read again, and left out."""
        is_known = start.is_in_file(self.head, buffered(b""))
        start = start if is_known else ResumePoint()
        return RecordStream(start, self._records(start.line if start.offset else 1))

    def _records(self, first: int) -> Iterator[Record]:
        if not self._sheet:
            return
        with open_container(self._path) as container:
            for row in self._behind_header(Workbook.of(container).rows(self._sheet)):
                if row.number >= first:
                    yield self._record(row)

    def _behind_header(self, rows: Iterable[SheetRow]) -> Iterator[SheetRow]:
        rows_from = self._dialect.rows_from if self._dialect else 1
        return (row for row in rows if row.number >= rows_from)

    def _record(self, row: SheetRow) -> Record:
        last = Line(b"", row.number, len(self.head) + row.number, True)
        if not row.cells:
            return Record(None, "", last, last, "")
        raw = json.dumps(row.cells, ensure_ascii=False, default=str)[:2000]
        first = last._replace(data=raw.encode("utf-8", "replace"))
        width = len(self.columns)
        extra = [cell for cell in row.cells[width:] if cell is not None]
        if extra and self._dialect is not None and self._dialect.has_names:
            reason = f"it has {len(row.cells)} cells for {width} columns"
            return Record(None, reason, first, last, "")
        names = self.columns
        if len(row.cells) > width:
            names = tuple(str(number) for number in range(1, len(row.cells) + 1))
        values = dict(zip(names, row.cells, strict=False))
        values.pop("", None)
        return Record(values, "", first, last, "")


def _table_row(row: SheetRow) -> Row:
    place = Line(b"", row.number, row.number, True)
    return Row(["" if cell is None else str(cell) for cell in row.cells], "", place, place)
