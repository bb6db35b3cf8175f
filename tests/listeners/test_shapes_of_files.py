"""Tables, JSON and workbooks as people bring them, and the notes about what was assumed."""

from __future__ import annotations

import io
import json
import tracemalloc
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from replaying import AT, mentions, poll, rejected, row

from earful.contracts import Permanent
from listeners.files.inspect import Inspection, inspect
from listeners.files.replay import ReplayOptions

HEAD = "id,text,published_at\n"
CASES = Path(__file__).parents[2].parent / "shared" / "data" / "cases"


def look(path: Path, **options: object) -> Inspection:
    return inspect(ReplayOptions.model_validate({"path": path, **options}))


def texts(path: Path, **options: object) -> list[str]:
    return [mention.text for mention in mentions(poll(path, **options))]


def written(path: Path, content: str) -> Path:
    path.write_bytes(content.encode())
    return path


@pytest.mark.parametrize(
    ("name", "content", "options", "found"),
    [
        ("sep.csv", f'sep=;\r\nid;text;published_at\r\n1;"a, b";{AT}\r\n', {}, ["a, b"]),
        ("commas.csv", f"id;text;published_at\n1;a, b, c;{AT}\n2;d;{AT}\n", {}, ["a, b, c", "d"]),
        ("a.csv", f"id\ttext\tpublished_at\n1\ta\t{AT}\n", {}, ["a"]),
        ("a.json", f"{HEAD}1,a,{AT}\n", {}, ["a"]),
        ("a.txt", f"{HEAD}1,a,{AT}\n", {}, ["a"]),
        ("noname", f"{HEAD}1,a,{AT}\n", {}, ["a"]),
        ("a.csv", json.dumps(row(1)) + "\n", {}, ["post 1"]),
        ("a.csv", f"{HEAD}1,a,{AT},\n2,b,{AT},,\n", {}, ["a", "b"]),
        ("a.csv", f"id,text,published_at,,\n1,a,{AT},x,y\n", {}, ["a"]),
        ("a.csv", f"{HEAD},,\n;\n1,a,{AT}\n , ,\n", {}, ["a"]),
        ("a.csv", f'{HEAD}1,"He said "no" to me",{AT}\n', {}, ['He said "no" to me']),
        ("a.csv", f'{HEAD}1,"a\n"b" c",{AT}\n2,d,{AT}\n', {}, ['a\n"b" c', "d"]),
        ("a.csv", f'{HEAD}1,it is 5" long,{AT}\n', {}, ['it is 5" long']),
        ("a.csv", f'{HEAD}1,"say \\"no\\", twice",{AT}\n', {}, ['say "no", twice']),
        ("a.csv", f"{HEAD}1,C:\\new,{AT}\n", {}, ["C:\\new"]),
        ("a.tsv", f'id\ttext\tpublished_at\n1\t"hello"\t{AT}\n', {}, ['"hello"']),
        ("a.tsv", f'id\ttext\tpublished_at\n1\t"hello"\t{AT}\n', {"quotes": True}, ["hello"]),
        ("a.tsv", f'"id"\t"text"\t"published_at"\n"1"\t"hello"\t"{AT}"\n', {}, ["hello"]),
        ("a.tsv", f'id\ttext\tpublished_at\n1\t"a ""b"""\t{AT}\n', {}, ['a "b"']),
        ("a.tsv", f'id\ttext\tpublished_at\n1\t"a ""b"\t{AT}\n', {"quotes": False}, ['"a ""b"']),
        ("a.csv", f"junk, x\n{HEAD}1,a,{AT}\n", {"skip": 1}, ["a"]),
        ("a.csv", f"1,a,{AT}\n2,b,{AT},more\n",
         {"header": False, "map": {"text": "2", "published_at": "3"}}, ["a", "b"]),
        ("a.csv", f"\ufeffid,\u00a0Review\u00a0Text ,Date\u200b\n1,a,{AT}\n",
         {"map": {"text": "Review Text", "published_at": "Date"}}, ["a"]),
        ("a.csv", f"id^text^published_at\n1^a^{AT}\n", {"delimiter": "^"}, ["a"]),
        ("a.csv", f"id\ttext\tpublished_at\n1\ta\t{AT}\n", {"delimiter": "tab"}, ["a"]),
    ],
)  # fmt: skip
def test_tables_as_they_come(
    tmp_path: Path, name: str, content: str, options: dict[str, object], found: list[str]
) -> None:
    path = written(tmp_path / name, content)
    batches = poll(path, **options)
    assert [mention.text for mention in mentions(batches)] == found
    # each row that is no mention is named: ";" is a row of two cells in a table of commas
    assert len(rejected(batches)) == content.count("\n;")


def test_the_header_is_found_below_a_report(tmp_path: Path) -> None:
    above = "Report:,Bulk download\nBrand:,Kestrova\n\n"
    path = written(tmp_path / "a.csv", f"{above}{HEAD}1,a,{AT}\n")
    assert texts(path) == ["a"]
    assert look(path).notes == ("The header is line 4; 3 lines above it are skipped.",)
    path = written(tmp_path / "b.csv", "x\n" * 60 + f"{HEAD}1,a,{AT}\n")
    with pytest.raises(Permanent, match="skip = 4"):
        poll(path)
    assert texts(path, skip=60) == ["a"]


def test_assumptions_are_noted(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", f"id;text;published_at\n1;a;{AT}\n")
    assert look(path).notes == ("The cells are separated by semicolons.",)
    path = written(tmp_path / "a.tsv", f'id\ttext\tpublished_at\n1\t"a"\t{AT}\n')
    assert "quotes = true takes them away" in look(path).notes[0]
    path = written(tmp_path / "a.csv", f'{HEAD}1,"say \\"no\\"",{AT}\n')
    assert look(path).notes[0].startswith("A backslash before a quote is taken away")
    path = written(tmp_path / "b.csv", json.dumps([row(1)]))
    assert look(path).notes == ("The name says csv, the content is JSON.",)


PAGE = {
    "data": [row(1, author_id="7"), row(2, author_id="7")],
    "includes": {"users": [{"id": "7", "username": "ann"}]},
    "meta": {"result_count": 2},
}


@pytest.mark.parametrize(
    ("content", "options"),
    [
        (json.dumps([row(1), row(2)]), {}),
        (json.dumps([row(1), row(2)], indent=2) + ";\n\n", {}),
        ("window.YTD.tweets.part0 = " + json.dumps([row(1), row(2)]), {"format": "jsonl"}),
        ("const posts =\n" + json.dumps([row(1), row(2)]) + ";", {}),
        (json.dumps(row(1), indent=2) + "\n" + json.dumps(row(2), indent=2), {}),
        (json.dumps(row(1)) + json.dumps(row(2)), {}),
        (json.dumps({"name": "x", "people": [{"a": 1}], "messages": [row(1), row(2)]}), {}),
        (json.dumps({"a": {"b": [row(1), row(2)]}, "c": [1, 2]}), {}),
        (json.dumps({"list": [{"messages": [row(1)]}, {"messages": [row(2)]}]}), {}),
        (json.dumps({"list": [row(1), row(2)], "drafts": [row(3)]}), {"items": "list"}),
        (json.dumps(PAGE), {}),
        (json.dumps(PAGE, indent=1), {}),
    ],
)
def test_json_of_any_shape(tmp_path: Path, content: str, options: dict[str, object]) -> None:
    path = written(tmp_path / "a.json", content)
    batches = poll(path, batch=1, **options)
    assert [mention.external_id for mention in mentions(batches)] == ["p1", "p2"]
    assert rejected(batches) == []
    for batch in batches:
        again = mentions(batches[: batches.index(batch) + 1])
        again += mentions(poll(path, batch.position, **options))
        assert {mention.external_id for mention in again} == {"p1", "p2"}


def test_pages_keep_their_includes(tmp_path: Path) -> None:
    path = written(tmp_path / "pages.jsonl", 2 * (json.dumps(PAGE) + "\n"))
    assert len(mentions(poll(path))) == 4
    sample = look(path).sample_rows
    assert [values["includes"]["users"][0]["username"] for values in sample] == ["ann"] * 4


def test_several_arrays_are_a_choice(tmp_path: Path) -> None:
    path = written(tmp_path / "a.json", json.dumps({"sent": [row(1)], "inbox": [row(2)]}))
    with pytest.raises(Permanent, match=r'several arrays: sent, inbox.*items = "NAME"'):
        poll(path)
    assert texts(path, items="inbox") == ["post 2"]
    assert look(path, items="inbox").notes[1] == "These arrays are not read: sent."


def test_an_array_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    path = written(tmp_path / "a.json", json.dumps({"inbox": [row(1)], "n": {"sent": []}}))
    with pytest.raises(Permanent, match=r"no array 'inbx' in this JSON.*items = .NAME"):
        poll(path, items="inbx")
    assert texts(path, items="n.sent") == []


@pytest.mark.parametrize(
    "content",
    [
        "".join(json.dumps(row(n)) + ",\n" for n in (1, 2)),
        "".join("\x1e" + json.dumps(row(n)) + "\n" for n in (1, 2)),
        "\ufeff" + json.dumps(row(1)) + "\r\n\r\n" + json.dumps(row(2)),
    ],
)
def test_relatives_of_json_lines(tmp_path: Path, content: str) -> None:
    path = written(tmp_path / "a.jsonl", content)
    assert texts(path) == ["post 1", "post 2"]


def test_numbers_that_json_does_not_have(tmp_path: Path) -> None:
    line = json.dumps(row(1)).replace("}", ', "likes": NaN, "shares": Infinity}')
    assert texts(written(tmp_path / "a.jsonl", line)) == ["post 1"]


def test_broken_values_of_a_document_are_rejects(tmp_path: Path) -> None:
    good = json.dumps(row(1))
    values = [good, '{"id": nope}', '"words"', "[" * 5000 + "]" * 5000, good]
    path = written(tmp_path / "a.json", "[" + ",\n".join(values) + "]\n<script>")
    batches = poll(path)
    assert len(mentions(batches)) == 2
    places = [(reject.where, reject.reason[:28]) for reject in rejected(batches)]
    assert [place for place, _ in places] == ["line 2", "line 3", "line 4", "line 6"]


def test_a_value_of_many_megabytes_is_not_held(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    with path.open("w") as file:
        file.write(f'[{json.dumps(row(1))},\n{{"id": "x", "text": "')
        for _ in range(20):
            file.write("late " * 200_000)
        file.write(f'"}},\n{json.dumps(row(2))}]')
    tracemalloc.start()
    batches = poll(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [mention.external_id for mention in mentions(batches)] == ["p1", "p2"]
    assert "it is over 1,048,576 characters" in rejected(batches)[0].reason
    assert peak < 16_000_000


def book(path: Path, **sheets: list[list[Any]]) -> Path:
    made = openpyxl.Workbook(write_only=True)
    for name, rows in sheets.items():
        sheet = made.create_sheet(name)
        for cells in rows:
            sheet.append(cells)
    made.save(path)
    return path


def test_a_workbook(tmp_path: Path) -> None:
    rows = [
        ["Report", "March"],
        [],
        ["id", "text", "published_at"],
        [1, 'late "again"\nand again', datetime(2024, 5, 19, 12, 0)],
        [2032145678901234567, "b", datetime(2024, 5, 19), None],
        ["x", "c", datetime(2024, 5, 19), "beyond"],
    ]
    path = book(tmp_path / "a.xlsx", Empty=[], Reviews=rows, Other=[["z"]])
    batches = poll(path, timezone="Europe/Athens", batch=1)
    first, second = mentions(batches)
    assert (first.external_id, first.text) == ("1", 'late "again"\nand again')
    assert first.published_at == datetime(2024, 5, 19, 9, 0, tzinfo=UTC)
    # Excel keeps 15 digits
    assert not second.external_id.startswith("20321456789")
    assert [reject.where for reject in rejected(batches)] == ["line 6"]
    assert look(path).notes == (
        "The sheet 'Reviews' is read, and not 'Other'.",
        "The header is line 3; 2 lines above it are skipped.",
    )
    rest = poll(path, batches[0].position, timezone="Europe/Athens")
    assert mentions(rest) == [second]
    with pytest.raises(Permanent, match=r"no sheet 'Revews' \(did you mean 'Reviews'"):
        poll(path, sheet="Revews")


def rebuilt(path: Path, part: str, old: str, new: str) -> Path:
    """Write a part of a workbook anew."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    assert old.encode() in parts[part]
    parts[part] = parts[part].replace(old.encode(), new.encode(), 1)
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    path.write_bytes(target.getvalue())
    return path


@pytest.mark.timeout(20)
def test_hostile_workbooks(tmp_path: Path) -> None:
    rows = [["id", "text", "published_at"], ["1", "late", AT]]
    path = book(tmp_path / "a.xlsx", A=rows)
    sheet = "xl/worksheets/sheet1.xml"
    rebuilt(path, sheet, "<sheetData>", '<dimension ref="A1:XFD1048576"/><sheetData>')
    assert texts(path) == ["late"]
    entities = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">]><worksheet'
    rebuilt(path, sheet, "<worksheet", entities)
    with pytest.raises(Permanent, match="the workbook defines XML entities"):
        poll(path)
    rebuilt(path, sheet, entities, "<wrong><worksheet")
    with pytest.raises(Permanent, match=r"a\.xlsx: .* (damaged|cannot be read)"):
        poll(path)


@pytest.mark.parametrize(
    ("case", "columns", "options", "found"),
    [
        ("play-console-utf16.csv",
         {"text": "Review Text", "published_at": "Review Submit Date and Time"}, {},
         ["Δεν ανοίγει η εφαρμογή"]),
        ("cp1253.csv", {"text": "Comment", "published_at": "Date"}, {"encoding": "cp1253"},
         ["Το δέμα δεν ήρθε", "all fine"]),
        ("comma-in-header.csv",
         {"text": "What went wrong, if anything?", "published_at": "Timestamp"}, {},
         ["The parcel came late"]),
        ("preamble.csv", {"text": "Full Text", "published_at": "Date"}, {},
         ["Kestrova charged me twice\nand nobody answers"]),
        ("quoted.tsv", {}, {}, ['He said "no refund" and left', "Two\nlines"]),
        ("trailing-delimiter.csv", {}, {}, ["Kestrova broke", "Kestrova is great"]),
        ("x-archive.js", {"text": "tweet.full_text", "published_at": "tweet.created_at"},
         {"format": "jsonl"}, ["@kestrova charged twice"]),
    ],
)  # fmt: skip
def test_real_cases(
    case: str, columns: dict[str, str], options: dict[str, object], found: list[str]
) -> None:
    if not CASES.is_dir():
        pytest.skip("no cases: shared/data is not here")
    from listeners.files.replay import read_rows

    asked = ReplayOptions.model_validate(
        {"path": CASES / case, "map": columns, "timezone": "UTC", **options}
    )
    batches = list(read_rows(asked, datetime(2026, 11, 28, tzinfo=UTC), None))
    assert [mention.text for mention in mentions(batches)] == found
    assert rejected(batches) == []
