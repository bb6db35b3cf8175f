"""Look at a file without storing it: its container, encoding, columns and first rows."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from earful.contracts import Transient
from listeners.files.content import open_content
from listeners.files.lines import READ_ERRORS
from listeners.files.replay import ReplayOptions
from listeners.files.resume import ResumePoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """The reading of a file that its content and the options give.

    ``container``: the layers around the rows, from the outside in, as in "gzip, CSV".
    ``encoding``: a Python codec, as in "utf-8"; None for a workbook. ``delimiter``: the character
    between the cells of a table, else None. ``columns``: the names of the columns, or the keys of
    the first objects. ``sample_rows``: the first readable rows. ``notes``: a sentence for each
    assumption, as in "The header is line 5; 4 lines above it are skipped." ``preamble``: those
    lines.
    """

    container: str
    encoding: str | None
    delimiter: str | None
    columns: tuple[str, ...]
    sample_rows: tuple[dict[str, Any], ...]
    notes: tuple[str, ...]
    preamble: tuple[str, ...] = ()


def first_rows(options: ReplayOptions, limit: int) -> Iterator[dict[str, Any]]:
    """Yield the first readable rows, as they are in the file; none of a damaged file."""
    with suppress(*READ_ERRORS):
        content = open_content(options, options.needed_columns())
        for record in itertools.islice(content.read_from(ResumePoint()).records, limit):
            if record.values:
                yield record.values


def inspect(options: ReplayOptions) -> Inspection:
    """Read the beginning of the file ``options.path``; store nothing.

    Raises Permanent for a file that cannot be read, and Transient for a damaged one.
    """
    try:
        content = open_content(options, options.needed_columns())
    except READ_ERRORS as error:
        raise Transient(f"{options.path}: the file is cut or damaged ({error})") from error
    return Inspection(
        container=", ".join(content.layers),
        encoding=content.encoding,
        delimiter=content.delimiter,
        columns=content.columns,
        sample_rows=tuple(dict(row) for row in content.sample),
        notes=content.notes,
        preamble=content.preamble,
    )
