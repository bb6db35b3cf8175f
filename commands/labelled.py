"""A person's own labelled texts: a CSV, TSV or JSONL file, also .gz, with text and label."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from earful.settings.errors import SettingsError, nearest
from listeners.files import lines as file_lines

LABELS = ("negative", "neutral", "positive")
COLUMNS = ("text", "label")
_ENCODING = "utf-8"
_FORMATS = {".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl"}


@dataclass(frozen=True, slots=True)
class Labelled:
    """A text and what a person said of it: a place in LABELS."""

    text: str
    label: int


@dataclass(frozen=True, slots=True)
class Read:
    """The rows of a file, and a sentence for each that could not be read."""

    rows: tuple[Labelled, ...]
    bad: tuple[str, ...]


def read(path: Path, limit: int | None = None) -> Read:
    """Read the file; with ``limit`` that many rows, spread evenly over it.

    A row that cannot be read is named and left out. SettingsError when the file cannot be, or
    holds no row to judge.
    """
    if not path.is_file():
        raise SettingsError(f"--data: there is no file {str(path)!r}")
    rows: list[Labelled] = []
    bad: list[str] = []
    try:
        for record in _records(path):
            try:
                rows.append(_row(record))
            except ValueError as error:
                bad.append(f"line {record.first.number}: {error}")
    except file_lines.BROKEN as error:
        raise SettingsError(
            f"--data: {path}: cut or damaged ({error})", hint="Copy it again."
        ) from error
    if not rows:
        why = f"none of its {len(bad):,} rows can be read; {bad[0]}" if bad else "it has no rows"
        raise SettingsError(f"--data: {path}: {why}")
    return Read(tuple(_spread(rows, limit)), tuple(bad))


def _spread(rows: list[Labelled], limit: int | None) -> list[Labelled]:
    if limit is None or limit >= len(rows):
        return rows
    return [rows[at * len(rows) // limit] for at in range(limit)]


def _row(record: file_lines.Record) -> Labelled:
    """Read one record; ValueError says what is wrong with it and what is allowed."""
    if record.values is None:
        raise ValueError(record.reason)
    values = {str(name).casefold(): value for name, value in record.values.items()}
    text, label = values.get("text"), values.get("label")
    if not isinstance(text, str):
        raise ValueError("'text' is missing" if text is None else f"text {text!r} is no text")
    word = label.strip().casefold() if isinstance(label, str) else label
    if word not in LABELS:
        raise ValueError(f"label {_shown(label)}; allowed are {', '.join(LABELS)}")
    return Labelled(text, LABELS.index(word))


def _shown(label: Any) -> str:
    return "is missing" if label is None else f"is {str(label)[:40]!r}"


def _records(path: Path) -> Iterator[file_lines.Record]:
    kind = _kind(path)
    head = file_lines.read_head(path).decode(_ENCODING, "replace")
    with file_lines.open_stream(path) as stream:
        lines = file_lines.lines(stream)
        if kind == "jsonl":
            yield from file_lines.json_records(lines, _ENCODING)
            return
        delimiter = file_lines.guess_delimiter(head) if kind == "csv" else "\t"
        table = file_lines.Table(lines, _ENCODING, delimiter, kind == "csv")
        header = table.header()
        _check_header(path, header)
        yield from table.records(header)


def _kind(path: Path) -> str:
    ending = Path(path.stem).suffix if path.suffix.lower() == ".gz" else path.suffix
    kind = _FORMATS.get(ending.lower())
    if kind is None:
        known = ", ".join(_FORMATS)
        raise SettingsError(f"--data: {path}: the name should end in {known} (also with .gz)")
    return kind


def _check_header(path: Path, header: list[str]) -> None:
    known = [name.casefold() for name in header]
    for wanted in COLUMNS if known else ():
        if wanted not in known:
            raise SettingsError(
                f"--data: {path}: the first line names no column {wanted!r}"
                f"{nearest(wanted, header)}"
            )
