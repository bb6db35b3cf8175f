"""The facts about a file format: its headers, its source, and the rows that are no mentions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

Row = dict[str, Any]


class LeftOut(NamedTuple):
    """A row that is no mention of a customer; ``reason`` is a short noun phrase for the count."""

    reason: str


Adapt = Callable[[Row], Iterator[Row | LeftOut]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A file format of another tool, chosen by ``--from NAME`` or recognised by its headers.

    ``columns``: for each field, the headers that it has had, over the years and in the tool's
    languages, the likeliest first. A field that is no field of a mention serves ``adapt`` alone.
    ``signature``: groups of fields; a file with a column for every field of one group is in this
    format. ``assumptions``: sentences for the person who confirms the import. ``timezone`` and
    ``dates`` are the tool's own where it documents them. ``adapt`` turns a row into mentions and
    rows left out; without it each row is one mention. It gets the row with its fields added, or
    the record as it is in the file with ``reads_record``. ``may_lack_words``: a mention may be a
    rating alone.
    """

    name: str
    title: str
    source: str
    columns: Mapping[str, tuple[str, ...]]
    signature: tuple[tuple[str, ...], ...]
    assumptions: tuple[str, ...] = ()
    timezone: str | None = None
    dates: str | None = None
    rating_scale: str | None = None
    adapt: Adapt | None = None
    reads_record: bool = False
    may_lack_words: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognised:
    """The reading of a file that ``recognise`` proposes, for a person to confirm.

    ``preset`` is None for a file that was read by the names of its columns alone. ``map``: our
    field -> the file's column, several joined by "+". ``matched``, ``assumptions`` and
    ``questions`` are sentences; with a question the file cannot be imported before it is answered.
    ``source`` is the preset's. ``options`` are the keys of RowOptions that the reading needs.
    """

    preset: Preset | None
    map: Mapping[str, str] = field(default_factory=dict)
    matched: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()
    questions: tuple[str, ...] = ()
    source: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
