"""Read a person's own labelled texts: CSV, TSV or JSONL, also .gz, with text and labels."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from commands.label_cells import LABEL_COLUMNS, SENTIMENT, SYNONYM, RowLabels, read_labels
from earful.samples import spread
from earful.settings.errors import SettingsError, nearest
from listeners.files import containers, csv_table, dialects
from listeners.files import lines as file_lines

_TEXT = "text"
_ENCODING = "utf-8"
_FORMATS = {".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl"}


@dataclass(frozen=True, slots=True)
class LabelledText:
    """A text and its right answers, of which there is at least one."""

    text: str
    labels: RowLabels


@dataclass(frozen=True, slots=True)
class LabelledFile:
    """The readable rows of a file, and a sentence for each unreadable one."""

    rows: tuple[LabelledText, ...]
    rejects: tuple[str, ...]


def read(path: Path, limit: int | None = None) -> LabelledFile:
    """Read the file; with ``limit`` so many rows, spread evenly over it.

    An unreadable row is named and left out. Raises SettingsError when the whole file is
    unreadable or has no readable row, and when both ``sentiment`` and ``label`` stand in it.
    """
    if not path.is_file():
        raise SettingsError(f"--data: there is no file {str(path)!r}")
    rows: list[LabelledText] = []
    rejects: list[str] = []
    try:
        for record in _records(path):
            try:
                rows.append(_row(path, record))
            except ValueError as error:
                rejects.append(f"line {record.first.number}: {error}")
    except file_lines.READ_ERRORS as error:
        raise SettingsError(
            f"--data: {path}: cut or damaged ({error})", hint="Copy it again."
        ) from error
    if not rows:
        reason = "it has no rows"
        if rejects:
            reason = f"none of its {len(rejects):,} rows can be read; {rejects[0]}"
        raise SettingsError(f"--data: {path}: {reason}")
    return LabelledFile(tuple(spread(rows, limit)), tuple(rejects))


def _row(path: Path, record: file_lines.Record) -> LabelledText:
    """Read one record; ValueError says how it is wrong, and which words are allowed."""
    if record.values is None:
        raise ValueError(record.reason)
    values = {str(name).casefold(): value for name, value in record.values.items()}
    _refuse_both(path, values)
    text = values.get(_TEXT)
    if not isinstance(text, str):
        raise ValueError("'text' is missing" if text is None else f"text {text!r} is no text")
    return LabelledText(text, read_labels(values))


def _refuse_both(path: Path, names: Iterable[str]) -> None:
    # the two may disagree, and either choice would be a guess
    if {SENTIMENT, SYNONYM} <= set(names):
        raise SettingsError(
            f"--data: {path}: it has both a column 'sentiment' and a column 'label'",
            hint="Remove one of them.",
        )


def _records(path: Path) -> Iterator[file_lines.Record]:
    kind = _kind(path)
    head = containers.read_head(path)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise SettingsError(f"--data: {path}: this is UTF-16 text", hint="Save it as UTF-8.")
    decode = file_lines.LineDecoder(_ENCODING)
    with containers.open_stream(path) as stream:
        lines = file_lines.lines(stream)
        if kind == "jsonl":
            yield from file_lines.json_records(lines, decode)
            return
        delimiter = None if kind == "csv" else "\t"
        table_options = dialects.TableOptions(delimiter=delimiter, quotes=kind == "csv", skip=0)
        dialect = dialects.find_dialect(head, decode, table_options, _fit_header)
        if dialect is None:
            return
        header = [name.strip() for name in dialect.header]
        _check_header(path, header)
        dialects.skip_header(lines, dialect)
        table = csv_table.Table(lines, decode, dialect.style, width=len(header))
        yield from table.records(header)


def _fit_header(cells: Sequence[str]) -> tuple[bool, int]:
    names = {cell.strip().casefold() for cell in cells}
    return _TEXT in names, len(names & {_TEXT, *LABEL_COLUMNS})


def _kind(path: Path) -> str:
    ending = Path(path.stem).suffix if path.suffix.lower() == ".gz" else path.suffix
    kind = _FORMATS.get(ending.lower())
    if kind is None:
        endings = ", ".join(_FORMATS)
        raise SettingsError(f"--data: {path}: the name should end in {endings} (also with .gz)")
    return kind


def _check_header(path: Path, header: list[str]) -> None:
    names = [name.casefold() for name in header]
    _refuse_both(path, names)
    if not names:
        return
    missing = [_TEXT] if _TEXT not in names else []
    if not set(names) & set(LABEL_COLUMNS):
        missing.append(SENTIMENT)
    if missing:
        raise SettingsError(
            f"--data: {path}: the first line names no column {missing[0]!r}"
            f"{nearest(missing[0], header)}"
        )
