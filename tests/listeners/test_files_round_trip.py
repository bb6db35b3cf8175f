"""A table that is written in any dialect, encoding and container comes back as it was written."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import openpyxl
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from replaying import AT, NOW

from listeners.files.content import open_content
from listeners.files.lines import Record
from listeners.files.replay import ReplayOptions, read_rows
from listeners.files.resume import ResumePoint

GREEK = "αβγδέήάΑΩ"
SIGNS = "ab \"'\\,;|.!?=<>&{}[]:-_\n"
CELLS = st.text(st.sampled_from(SIGNS + GREEK + "é漢😡\u00a0"), max_size=12)
OLD_CELLS = st.text(st.sampled_from(SIGNS + GREEK), max_size=12)
COLUMNS = ["id", "text", "published_at", "What went wrong, if anything?"]
FAST = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


def tables(cells: st.SearchStrategy[str]) -> st.SearchStrategy[list[list[str]]]:
    row = st.tuples(cells, cells).map(lambda pair: [pair[0], AT, pair[1]])
    # every row has an id, because a row of blanks alone is no row
    return st.lists(row, min_size=1, max_size=6).map(
        lambda rows: [[f"p{number}", *row] for number, row in enumerate(rows)]
    )


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with TemporaryDirectory() as name:
        yield Path(name)


def packed(data: bytes, container: str) -> bytes:
    if container == "zip":
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w") as archive:
            archive.writestr("rows", data)
        return target.getvalue()
    return {"gz": gzip.compress, "zst": zstandard.compress}.get(container, bytes)(data)


def records(path: Path, **options: object) -> list[Record]:
    asked = ReplayOptions.model_validate({"path": path, **options})
    content = open_content(asked, asked.needed_columns())
    return list(content.read_from(ResumePoint()).records)


def expect(path: Path, rows: list[list[Any]], **options: object) -> None:
    """The file has these rows, in this order, and nothing else."""
    found = [record.values or record.reason for record in records(path, **options)]
    assert found == [dict(zip(COLUMNS, row, strict=True)) for row in rows]


@given(
    rows=tables(CELLS),
    delimiter=st.sampled_from(",;|"),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    end=st.sampled_from(["\n", "\r\n"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
    container=st.sampled_from(["", "gz", "zst", "zip"]),
    above=st.sampled_from(["", "Report: March\n\n", "Brand:,Kestrova\nFrom:,May\n,\n"]),
    empty=st.booleans(),
)
@settings(FAST, max_examples=400)
def test_csv(
    folder: Path,
    rows: list[list[str]],
    delimiter: str,
    quoting: int,
    end: str,
    encoding: str,
    container: str,
    above: str,
    empty: bool,
) -> None:
    target = io.StringIO()
    writer = csv.writer(target, delimiter=delimiter, quoting=quoting, lineterminator=end)  # type: ignore[arg-type]
    writer.writerow(COLUMNS)
    writer.writerows([[*row, ""] for row in rows] if empty else rows)
    path = folder / "rows.csv"
    path.write_bytes(packed((above + target.getvalue()).encode(encoding), container))
    expect(path, rows)


@given(
    rows=tables(CELLS),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    encoding=st.sampled_from(["utf-8", "utf-16"]),
)
@FAST
def test_tsv_of_excel(folder: Path, rows: list[list[str]], quoting: int, encoding: str) -> None:
    target = io.StringIO()
    writer = csv.writer(target, "excel-tab", quoting=quoting)  # type: ignore[arg-type]
    writer.writerows([COLUMNS, *rows])
    path = folder / "rows.txt"
    path.write_bytes(target.getvalue().encode(encoding))
    expect(path, rows)


@given(rows=tables(OLD_CELLS), encoding=st.sampled_from(["cp1253", "iso8859-7", "utf-16-le"]))
@FAST
def test_tables_in_named_encodings(folder: Path, rows: list[list[str]], encoding: str) -> None:
    target = io.StringIO()
    csv.writer(target).writerows([COLUMNS, *rows])
    path = folder / "rows.csv"
    path.write_bytes(target.getvalue().encode(encoding))
    expect(path, rows, encoding=encoding)


@given(rows=tables(CELLS))
@FAST
def test_backslashes_before_quotes(folder: Path, rows: list[list[str]]) -> None:
    # a first row that has the notation for certain
    rows = [["p", 'He said "no", twice', AT, "x"], *rows]
    written = [[cell.replace("\\", "\\\\").replace('"', '\\"') for cell in row] for row in rows]
    text = "".join(",".join(f'"{cell}"' for cell in row) + "\n" for row in [COLUMNS, *written])
    path = folder / "rows.csv"
    path.write_text(text)
    expect(path, rows)


@given(
    rows=tables(CELLS),
    shape=st.sampled_from(["lines", "array", "object", "script", "concatenated"]),
    indent=st.sampled_from([None, 1]),
    ascii_only=st.booleans(),
    container=st.sampled_from(["", "gz", "zst", "zip"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
@settings(FAST, max_examples=300)
def test_json(
    folder: Path,
    rows: list[list[str]],
    shape: str,
    indent: int | None,
    ascii_only: bool,
    container: str,
    encoding: str,
) -> None:
    objects = [dict(zip(COLUMNS, row, strict=True)) for row in rows]
    dumps = json.JSONEncoder(
        ensure_ascii=ascii_only, indent=None if shape == "lines" else indent
    ).encode
    text = {
        "lines": lambda: "".join(dumps(row) + "\n" for row in objects),
        "array": lambda: dumps(objects),
        "object": lambda: dumps({"name": "x", "people": [{"a": 1}], "messages": objects}),
        "script": lambda: "window.YTD.tweets.part0 = " + dumps(objects),
        "concatenated": lambda: " ".join(map(dumps, objects)),
    }[shape]()
    path = folder / "rows.json"
    path.write_bytes(packed(text.encode(encoding), container))
    expect(path, rows)


@given(rows=tables(st.text(st.sampled_from("ab \",;'\n" + GREEK + "😡"), max_size=8)))
@settings(FAST, max_examples=40)
def test_workbooks(folder: Path, rows: list[list[str]]) -> None:
    book = openpyxl.Workbook(write_only=True)
    book.create_sheet("Empty")
    sheet = book.create_sheet("Reviews")
    for row in [["Report"], [], COLUMNS, *rows]:
        sheet.append(row)
    path = folder / "rows.xlsx"
    book.save(path)
    # a cell of blanks is an empty one
    cells = [[cell if cell.strip() else None for cell in row] for row in rows]
    found = [record.values for record in records(path)]
    names = [COLUMNS[: max(place + 1 for place, cell in enumerate(row) if cell)] for row in cells]
    assert found == [
        dict(zip(columns, row, strict=False)) for columns, row in zip(names, cells, strict=True)
    ]


PIECES = st.one_of(
    st.builds(lambda words: f"p,{words},{AT}", st.text("ab ", max_size=4)),
    st.builds(lambda cells: ",".join(["p", *cells]), st.lists(st.just("x"), max_size=5)),
    st.sampled_from(["", "  ", ",,", 'p,"a ""b""",' + AT, "p,a\xa0,yesterday", "p,a", "{"]),
)


@given(pieces=st.lists(PIECES, max_size=12), batch=st.integers(1, 4))
@FAST
def test_every_row_is_accounted_for(folder: Path, pieces: list[str], batch: int) -> None:
    path = folder / "rows.csv"
    path.write_text("id,text,published_at\n" + "".join(piece + "\n" for piece in pieces))
    asked = ReplayOptions(path=path, batch=batch)
    batches = list(read_rows(asked, NOW, None))
    counted = sum(
        len(part.mentions) + len(part.rejected) + sum(part.left_out.values()) for part in batches
    )
    assert counted == sum(any(cell.strip() for cell in piece.split(",")) for piece in pieces)
