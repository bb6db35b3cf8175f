"""Read the records of a table of text, by Python's csv module and with its faults repaired."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from earful.contracts import BadItem
from listeners.files.line_feeder import QUOTE_MARK, LineFeeder, UnclosedQuote
from listeners.files.lines import PROGRESS, TAIL, Line, LineDecoder, Record, RowGap

# lines that a row with stray quotes may take
_MAX_REPAIRED_LINES = 20
_LONE_CARRIAGE_RETURN = (
    "a carriage return stands outside quotes; save the file with the line ends of Windows or Unix"
)
_NUMERIC = re.compile(r"[+-]?[\d.,:/ -]*")


class Style(NamedTuple):
    """The quoting of a table.

    ``quotes``: whether cells may be in quotes; None: each row shows it, as in a TSV, which Excel
    quotes and other programs do not. ``escapes``: a backslash stands before a quote in a cell.
    """

    delimiter: str
    quotes: bool | None
    escapes: bool = False


class Row(NamedTuple):
    """A row of a table: its cells, or the reason why it is unreadable.

    ``is_repaired``: its quoting is not in order. ``is_quoted``: quotes were taken from its cells by
    evidence. ``is_ambiguous``: quotes were kept, for lack of it.
    """

    cells: list[str] | None
    reason: str
    first: Line
    last: Line
    is_repaired: bool = False
    is_quoted: bool = False
    is_ambiguous: bool = False


class Table:
    """Read the rows of a table of text from its lines."""

    def __init__(
        self,
        source: Iterator[Line],
        decode: LineDecoder,
        style: Style,
        *,
        width: int | None = None,
        gap: RowGap | None = None,
    ) -> None:
        self._feeder = LineFeeder(source, decode, gap, escapes=style.escapes)
        self._style = style
        self._width = width
        quoting = csv.QUOTE_NONE if style.quotes is False else csv.QUOTE_MINIMAL
        self._format: dict[str, Any] = {"delimiter": style.delimiter, "quoting": quoting}

    def records(self, header: Sequence[str], *, has_names: bool = True) -> Iterator[Record]:
        """Yield every row as {column: cell}; a row may omit cells at its end.

        Cells beyond the header are dropped when they are empty; else the row is rejected.
        Without names the columns are numbers, and a longer row has more of them.
        """
        width = len(header)
        names = [name for name in header if name]
        is_plain = len(names) == width
        for row in self.rows():
            cells = row.cells
            if cells is None:
                yield Record(None, row.reason, row.first, row.last)
                continue
            if len(cells) == width and is_plain:
                yield Record(dict(zip(header, cells, strict=False)), "", row.first, row.last)
                continue
            if len(cells) > width:
                if not has_names:
                    header = [str(number) for number in range(1, len(cells) + 1)]
                elif any(cell.strip() for cell in cells[width:]):
                    reason = (
                        f"it has {len(cells)} cells for {width} columns; quote the cells that hold "
                        "the delimiter"
                    )
                    yield Record(None, reason, row.first, row.last)
                    continue
            values = dict(zip(header, cells, strict=False))
            if not is_plain:
                values.pop("", None)
            yield Record(values, "", row.first, row.last)

    def rows(self) -> Iterator[Row]:
        """Yield every row that is not blank.

        1. Read a row with strict quoting.
        2. In a table that may be quoted or not, compare it with the reading without quotes.
        3. After an error, read the row with its stray quotes as text, if its cells then fit.
        4. Otherwise the first line becomes a row without cells and with a reason, and the lines
           behind it are read again: one stray quote costs one row.
        """
        feeder = self._feeder
        is_undecided = self._style.quotes is None
        is_special = is_undecided or self._style.escapes
        # strict, or a stray quote would quietly join its row with the next one
        reader = csv.reader(feeder, strict=True, **self._format)
        progress = 0
        while True:
            feeder.start()
            try:
                cells = next(reader)
            except StopIteration:
                return
            except (UnclosedQuote, csv.Error, BadItem) as error:
                yield self._repair(error)
                reader = csv.reader(feeder, strict=True, **self._format)
                continue
            record_lines = feeder.record_lines
            last = record_lines[-1]
            # a line of blanks or of empty cells alone is blank, as spreadsheets leave them
            if cells and not cells[0].strip() and not any(cell.strip() for cell in cells):
                cells = []
            if cells and not is_special:
                progress = last.end
                first = record_lines[0]
                yield Row(cells, "", first, last if last is first else _last_line(record_lines))
                continue
            if not cells:
                if last.end - progress >= PROGRESS:
                    progress = last.end
                    yield Row(None, "", record_lines[0], last)
                continue
            progress = last.end
            if self._style.escapes:
                cells = [cell.replace(QUOTE_MARK, '"') for cell in cells]
            if is_undecided and b'"' in record_lines[0].data:
                yield self._decide(cells)
            else:
                yield Row(cells, "", record_lines[0], _last_line(record_lines))

    def _decide(self, cells: list[str]) -> Row:
        """Return the reading of a row with quotes for which the row has evidence."""
        feeder = self._feeder
        unquoted = [self._without_quotes(line) for line in feeder.record_lines]
        first = feeder.record_lines[0]
        if unquoted == [cells]:
            return Row(cells, "", first, first)
        widths = {len(line_cells) for line_cells in unquoted}
        are_whole_rows = len(unquoted) > 1 and widths == {self._width or len(cells)}
        if not are_whole_rows and (len(unquoted) > 1 or _has_evidence(cells, unquoted[0])):
            return Row(cells, "", first, _last_line(feeder.record_lines), is_quoted=True)
        feeder.put_back()
        return Row(unquoted[0], "", first, first, is_ambiguous=True)

    def _without_quotes(self, line: Line) -> list[str]:
        text = self._feeder.text(line).rstrip("\r\n")
        return text.split(self._style.delimiter)

    def _repair(self, error: Exception) -> Row:
        """Return the row that caused an error, read with its stray quotes, or without cells."""
        feeder = self._feeder
        first = feeder.record_lines[0]
        reason = self._reason(error)
        if isinstance(error, BadItem):
            feeder.put_back()
            return Row(None, reason, first, first)
        if self._style.quotes is None:
            feeder.put_back()
            return Row(self._without_quotes(first), "", first, first)
        if isinstance(error, csv.Error) and (row := self._read_stray_quotes(reason)) is not None:
            return row
        feeder.put_back()
        return Row(None, reason, first, first)

    def _read_stray_quotes(self, reason: str) -> Row | None:
        """Return the row over as many lines as give the width of the header; None for none."""
        feeder = self._feeder
        if "carriage" in reason or "larger" in reason or self._style.quotes is False:
            return None
        text = ""
        for number in range(_MAX_REPAIRED_LINES):
            if number == len(feeder.record_lines):
                if (line := feeder.next_line()) is None:
                    return None
                feeder.record_lines.append(line)
            try:
                line_text = feeder.text(feeder.record_lines[number])
            except BadItem:
                return None
            # a line that is a row of its own belongs to no other row
            if number and self._is_row(line_text):
                return None
            text += line_text
            cells = split_stray_quotes(text.rstrip("\r\n"), self._style.delimiter)
            if cells is not None and len(cells) == (self._width or len(cells)):
                first = feeder.record_lines[0]
                feeder.put_back(number + 1)
                cells = [cell.replace(QUOTE_MARK, '"') for cell in cells]
                return Row(cells, "", first, _last_line(feeder.record_lines), is_repaired=True)
        return None

    def _is_row(self, text: str) -> bool:
        cells = split_stray_quotes(text.rstrip("\r\n"), self._style.delimiter)
        return cells is not None and len(cells) == self._width

    def _reason(self, error: Exception) -> str:
        """Return the reason of an unreadable row for people."""
        if isinstance(error, BadItem) or len(self._feeder.record_lines) == 1:
            if "new-line" in str(error):
                return _LONE_CARRIAGE_RETURN
            if str(error):
                return str(error)
        return "a quoted cell is opened and never closed"


def split_stray_quotes(text: str, delimiter: str) -> list[str] | None:
    """Split a row whose quoted cells hold quotes that are not doubled; None when one stays open.

    A quote ends a cell only before the delimiter or the end.
    """
    pattern = _stray_quotes(delimiter)
    cells: list[str] = []
    at = 0
    while (match := pattern.match(text, at)) is not None:
        quoted = match.group(1)
        if quoted is None and match.group(2).startswith('"'):
            return None
        cells.append(match.group(2) if quoted is None else quoted.replace('""', '"'))
        if match.end() == len(text):
            return cells
        at = match.end() + 1
    return None


@lru_cache(maxsize=16)
def _stray_quotes(delimiter: str) -> re.Pattern[str]:
    end = rf"(?={re.escape(delimiter)}|\Z)"
    # possessive by its alternatives: a long row is read once
    return re.compile(
        rf'"((?:[^"]|"(?!{re.escape(delimiter)}|\Z))*)"{end}|([^{re.escape(delimiter)}]*)'
    )


def _has_evidence(cells: list[str], unquoted: list[str]) -> bool:
    """Return whether quotes around the cells of one row belong to its notation.

    They do when a quoted cell holds a quote, a delimiter or a comma, or when every cell that is no
    number is quoted.
    """
    if len(cells) != len(unquoted):
        return True
    quoted = [cell for cell, raw in zip(cells, unquoted, strict=True) if cell != raw]
    if any('"' in cell or "," in cell for cell in quoted):
        return True
    plain = [cell for cell, raw in zip(cells, unquoted, strict=True) if cell == raw]
    return len(quoted) > 1 and all(_NUMERIC.fullmatch(cell) for cell in plain)


def _last_line(record_lines: list[Line]) -> Line:
    """Return a record's last line, with the lines before it when it is short.

    The line behind the last line end of a quoted cell alone would not identify the resume point.
    """
    last = record_lines[-1]
    if len(record_lines) == 1 or len(last.data) >= TAIL:
        return last
    return last._replace(data=b"".join(line.data for line in record_lines)[-TAIL:])
