"""The options that decide how a file is opened, and the formats that names of files say."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator

from listeners.common.options import ListenerOptions
from listeners.files.encodings import encoding_name

_FORMATS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json", ".js": "json"}
_FORMATS |= {".csv": "csv", ".tsv": "tsv", ".tab": "tsv", ".txt": "txt"}
_FORMATS |= {".xlsx": "xlsx", ".xlsm": "xlsx"}
_PACKED = (".gz", ".zst", ".bz2", ".xz", ".zip")
_DELIMITERS = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "space": " "}


def _check_delimiter(value: object) -> object:
    value = _DELIMITERS.get(value, value) if isinstance(value, str) else value
    if isinstance(value, str) and value in ('"', "\n", "\r", "\\"):
        raise ValueError("cannot part cells; write it as , or ; or tab")
    return value


Delimiter = Annotated[str, Field(min_length=1, max_length=1), BeforeValidator(_check_delimiter)]


class FileOptions(ListenerOptions):
    """The options of every source that opens files of rows."""

    path: Path
    format: Literal["jsonl", "json", "csv", "tsv", "txt", "xlsx"] | None = None
    encoding: str | None = None
    delimiter: Delimiter | None = None
    quotes: bool | None = None
    # of a table: the lines above the header, and whether there is a header
    skip: Annotated[int, Field(ge=0, le=10_000)] | None = None
    header: bool = True
    # the dotted path of the array in a JSON object
    items: Annotated[str, Field(min_length=1)] | None = None
    # the name of a workbook's sheet
    sheet: Annotated[str, Field(min_length=1)] | None = None

    @field_validator("encoding")
    @classmethod
    def _check_encoding(cls, value: str | None) -> str | None:
        return encoding_name(value) if value is not None else None

    def format_name(self) -> str | None:
        """Return the file's format: the option, else by its name."""
        return self.format or format_of(self.path)


def format_of(path: Path) -> str | None:
    """Return the format that a file's name says; None when it says none."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    while suffixes and suffixes[-1] in _PACKED:
        suffixes.pop()
    return _FORMATS.get(suffixes[-1]) if suffixes else None


def is_data_name(path: Path) -> bool:
    """Return whether a file's name says that it holds rows; a zip says it by its content."""
    return format_of(path) is not None or path.suffix.lower() == ".zip"
