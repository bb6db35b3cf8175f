"""Find the dialect of a table: its delimiter, its quoting, and the line of its header.

The candidates read the first rows, and the one that holds the needed columns and has rows of equal
width wins. What a person named is not searched for.
"""

from __future__ import annotations

import io
import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from earful.contracts import BadItem
from listeners.files.csv_table import Row, Style, Table
from listeners.files.lines import Line, LineDecoder, RowGap, UnknownEncoding, lines

DELIMITERS = (",", ";", "\t", "|")
# rows that a candidate reads, and lines that may stand above a header
_ROWS = 100
_HEADER_WITHIN = 50
_SEPARATOR = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}

Fit = Callable[[Sequence[str]], tuple[bool, int]]


class TableOptions(NamedTuple):
    """The options of a table that a person named; None and True are the defaults."""

    delimiter: str | None = None
    quotes: bool | None = None
    skip: int | None = None
    header: bool = True
    # the name of the file says that tabs are likely
    prefers_tab: bool = False


class Dialect(NamedTuple):
    """The dialect of a table.

    ``header``: the cells of the header, or the numbers of the columns. ``rows_from``: the line
    behind the header. ``has_names``: False for numbers, which grow with longer rows.
    ``preamble``: the lines above the header, their cells joined by blanks.
    """

    style: Style
    header: tuple[str, ...]
    rows_from: int
    has_names: bool
    notes: tuple[str, ...]
    preamble: tuple[str, ...] = ()


class _Candidate(NamedTuple):
    """A reading of the first rows, and its score, the best one the largest."""

    score: tuple[float, ...]
    style: Style
    rows: list[Row]
    header: int | None
    # all needed columns, and rows that are all as wide as the header
    is_certain: bool


def find_dialect(
    head: bytes, decode: LineDecoder, table_options: TableOptions, fit: Fit
) -> Dialect | None:
    """Return the dialect of a table that begins with ``head``; None when it has no rows.

    ``fit`` says whether cells can be the header, and how many of them are known.
    """
    first = _first_line(head, decode)
    separator = _SEPARATOR.fullmatch(first.strip("\ufeff\r\n"))
    delimiter = table_options.delimiter or (separator.group(1) if separator else None)
    choices = [delimiter] if delimiter else list(DELIMITERS)
    if table_options.prefers_tab and not delimiter:
        choices.sort(key=lambda choice: choice != "\t")
    above = max(table_options.skip or 0, 1 if separator else 0)
    best: _Candidate | None = None
    for choice in choices:
        for style in _styles(choice, table_options.quotes, head):
            gap = RowGap()
            table = Table(_lines(head, gap), decode, style, gap=gap)
            rows = list(itertools.islice(table.rows(), _ROWS))
            rows = [row for row in rows if row.first.number > above]
            candidate = _judge(style, rows, table_options, fit)
            if best is None or candidate.score > best.score:
                best = candidate
            if candidate.is_certain:
                break
        if best is not None and best.is_certain:
            break
    if best is None or not best.rows:
        return None
    notes = _quote_notes(best, table_options.quotes)
    usual = "\t" if table_options.prefers_tab else ","
    if not table_options.delimiter and best.style.delimiter != usual:
        name = _NAMES.get(best.style.delimiter, repr(best.style.delimiter))
        notes.insert(0, f"The cells are separated by {name}s.")
    return _dialect(best, table_options, above, bool(separator), notes)


def dialect_of_rows(rows: list[Row], table_options: TableOptions, fit: Fit) -> Dialect | None:
    """Return the header and first row of a sheet; None when it is empty."""
    above = table_options.skip or 0
    rows = [row for row in rows if row.first.number > above and row.cells]
    if not rows:
        return None
    best = _judge(Style("\t", False), rows, table_options, fit)
    return _dialect(best, table_options, above, False, [])


def _dialect(
    best: _Candidate, table_options: TableOptions, above: int, has_separator: bool, notes: list[str]
) -> Dialect:
    if best.header is None:
        width = max(len(row.cells or ()) for row in best.rows)
        header = tuple(str(number) for number in range(1, width + 1))
        return Dialect(best.style, header, above + 1, False, tuple(notes))
    row = best.rows[best.header]
    skipped = row.first.number - 1
    if skipped and table_options.skip is None and not (has_separator and skipped == 1):
        lines_above = f"{skipped} lines above it are" if skipped > 1 else "the line above it is"
        notes.append(f"The header is line {row.first.number}; {lines_above} skipped.")
    header = tuple(row.cells or ())
    preamble = tuple(" ".join(line.cells or ()) for line in best.rows[: best.header])
    return Dialect(best.style, header, row.last.number + 1, True, tuple(notes), preamble)


def skip_header(source: Iterator[Line], dialect: Dialect) -> None:
    """Take the lines up to the first row."""
    for line in source if dialect.rows_from > 1 else ():
        if line.number >= dialect.rows_from - 1:
            return


def _styles(delimiter: str, quotes: bool | None, head: bytes) -> list[Style]:
    """Return the quotings to try."""
    readings = [quotes] if quotes is not None else [None] if delimiter == "\t" else [True]
    styles = [Style(delimiter, reading) for reading in readings]
    if quotes is not False and b'\\"' in head:
        styles += [Style(delimiter, True, escapes=True)]
    return styles


def _judge(style: Style, rows: list[Row], table_options: TableOptions, fit: Fit) -> _Candidate:
    """Score a reading: its header, then rows of equal width, then the number of columns."""
    readable = [(place, row.cells) for place, row in enumerate(rows) if row.cells is not None]
    header, is_complete, matches = None, False, 0
    if table_options.header and readable:
        header, is_complete, matches = _find_header(rows, readable, table_options, fit)
    width = (
        len(_trimmed(rows[header].cells or [])) if header is not None else _usual_width(readable)
    )
    behind = rows[header + 1 :] if header is not None else rows
    equal = sum(_is_in_order(row) and len(_trimmed(row.cells or [])) <= width for row in behind)
    full = sum(row.cells is not None and len(row.cells) >= width for row in behind)
    share = (equal + full) / (2 * len(behind)) if behind else 1.0
    score = (is_complete, min(matches, width), width > 1, share, width > 1 and share * width)
    is_certain = is_complete and width > 1 and share == 1 and len(behind) > 0
    return _Candidate(tuple(map(float, score)), style, rows, header, is_certain)


def _is_in_order(row: Row) -> bool:
    return row.cells is not None and not row.reason and not row.is_repaired


def _find_header(
    rows: list[Row], readable: list[tuple[int, list[str]]], table_options: TableOptions, fit: Fit
) -> tuple[int | None, bool, int]:
    """Return the place of the header, whether it has all needed columns, and the known ones.

    1. Behind skipped lines the first row is the header.
    2. Else the first row of the first 50 lines that has the needed columns.
    3. Else the first row with the most known columns, or of the usual width.
    """
    if table_options.skip is not None:
        place, cells = readable[0]
        return place, *fit(cells)
    known: dict[int, int] = {}
    for place, cells in readable:
        if rows[place].first.number > _HEADER_WITHIN:
            break
        is_complete, known[place] = fit(cells)
        if is_complete:
            return place, True, known[place]
    most = max(known.values(), default=0)
    width = _usual_width(readable)
    fallback = next(
        (place for place, cells in readable if len(cells) == width and place in known),
        readable[0][0],
    )
    if most > 1:
        fallback = next(place for place, number in known.items() if number == most)
    return fallback, False, known.get(fallback, 0)


def _usual_width(readable: list[tuple[int, list[str]]]) -> int:
    widths = Counter(len(cells) for _, cells in readable)
    return max(widths, key=lambda width: (widths[width], width), default=0)


def _trimmed(cells: Sequence[str]) -> list[str]:
    """Return the cells without empty ones at the end."""
    size = len(cells)
    while size and not cells[size - 1].strip():
        size -= 1
    return list(cells[:size])


def _quote_notes(best: _Candidate, quotes: bool | None) -> list[str]:
    if quotes is not None:
        return []
    if best.style.escapes:
        return ["A backslash before a quote is taken away; the quote belongs to the text."]
    if best.style.quotes is None:
        if any(row.is_ambiguous for row in best.rows):
            return [
                "Quotes around a whole cell are read as part of its text; "
                "quotes = true takes them away."
            ]
        if any(row.is_quoted for row in best.rows):
            return [
                "Quotes around cells are taken away, as Excel writes them; quotes = false keeps "
                "them."
            ]
    return []


def _lines(head: bytes, gap: RowGap | None = None) -> Iterator[Line]:
    return lines(io.BufferedReader(io.BytesIO(head)), gap=gap)


def _first_line(head: bytes, decode: LineDecoder) -> str:
    line = next(_lines(head[:1000]), None)
    try:
        return decode(line) if line else ""
    except (BadItem, UnknownEncoding):
        return ""
