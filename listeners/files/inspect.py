"""Look at a file without storing it: its container, encoding, columns and first rows."""

from __future__ import annotations

import io
import itertools
from dataclasses import dataclass
from typing import Any

from listeners.files import csv_table, lines
from listeners.files.replay import ReplayOptions

_SAMPLE = 100  # rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """The reading of a file that its content and the options give.

    ``container``: the layers around the rows, from the outside in, as in "gzip, CSV".
    ``encoding``: a Python codec, as in "utf-8"; None for a workbook. ``delimiter``: the character
    between the cells of a table, else None. ``columns``: the names of the columns, or the keys of
    the first objects. ``sample_rows``: the first readable rows. ``notes``: a sentence for each
    assumption, as in "The header is line 5; 4 lines above it are skipped."
    """

    container: str
    encoding: str | None
    delimiter: str | None
    columns: tuple[str, ...]
    sample_rows: tuple[dict[str, Any], ...]
    notes: tuple[str, ...]


def inspect(options: ReplayOptions) -> Inspection:
    """Read the beginning of the file ``options.path``; store nothing.

    Raises Permanent for a file that cannot be read, as ``read_rows`` does.
    """
    head = lines.read_head(options.path)
    sample: list[dict[str, Any]] = []
    source = lines.lines(io.BufferedReader(io.BytesIO(head)))
    if options.format_name() == "jsonl":
        records = lines.json_records(source, options.encoding)
    else:
        delimiter = options.delimiter or csv_table.guess_delimiter(head.decode(errors="replace"))
        table = csv_table.Table(source, options.encoding, delimiter, quotes=True)
        records = table.records(table.header())
    for record in itertools.islice(records, _SAMPLE):
        sample += [record.values] if record.values else []
    return Inspection(
        container=options.format_name() or "text",
        encoding=options.encoding,
        delimiter=options.delimiter,
        columns=tuple(dict.fromkeys(key for row in sample for key in row)),
        sample_rows=tuple(sample),
        notes=(),
    )
