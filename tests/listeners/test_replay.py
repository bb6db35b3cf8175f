"""Files as a source: formats, columns, bad rows, options."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from replaying import AT, NOW, mentions, poll, rejected, row, write

from earful.contracts import Permanent
from earful.settings.errors import SettingsError
from earful.types import Query
from listeners import check_query

SHARED = Path(__file__).parents[2].parent / "shared" / "data"


@pytest.mark.parametrize("ending", ["jsonl", "csv", "tsv", "jsonl.gz", "csv.gz", "tsv.gz"])
def test_every_format_says_the_same(tmp_path: Path, ending: str) -> None:
    path = write(
        tmp_path / f"posts.{ending}",
        [row(1, shares=3, likes=4, replies=5, followers=70, name="Ann B.", lang="pt-BR",
             url="https://x.example/1", reply_to="p0"), row(2)],
    )  # fmt: skip
    first, second = mentions(poll(path))
    assert (first.external_id, first.text, first.source) == ("p1", "post 1", "replay")
    assert first.published_at == datetime(2024, 5, 19, 10, tzinfo=UTC)
    assert first.fetched_at == NOW
    author = first.author
    assert (author.external_id, author.handle, author.name) == ("ann", "ann", "Ann B.")
    assert author.followers == 70
    counts = first.engagement
    assert (counts.shares, counts.likes, counts.replies) == (3, 4, 5)
    assert (first.lang, first.url, first.reply_to) == ("pt", "https://x.example/1", "p0")
    assert second.author.followers is None
    assert second.lang is second.url is second.reply_to is second.repost_of is None


def test_columns_are_mapped(tmp_path: Path) -> None:
    rows = [
        {
            "tweet": "hello",
            "user": {"screen_name": "@Bob", "n": {"followers": "1,200"}},
            "when": 1716112800,
            "airline": "Virgin America, Delta",
            "platform": "X",
            "of": True,
        }
    ]
    path = write(tmp_path / "posts.jsonl", rows)
    columns = {"text": "tweet", "author": "user.screen_name", "published_at": "when"}
    columns |= {"followers": "user.n.followers", "source": "platform", "repost_of": "of"}
    [one] = mentions(poll(path, map=columns, brand_from="airline"))
    assert one.author.handle == "Bob"
    assert one.author.followers == 1200
    assert one.brands == ("Virgin America", "Delta")
    assert one.source == one.author.source == "x"
    assert one.repost_of == ""
    assert one.published_at == datetime(2024, 5, 19, 10, tzinfo=UTC)


def test_an_old_style_repost_is_one_without_a_column_for_it(tmp_path: Path) -> None:
    base = {"author": "bob", "published_at": 1716112800}
    texts = ["RT @ann: my parcel is lost", "so RT @ann if you agree", "RTFM @ann"]
    rows = [base | {"id": str(number), "text": text} for number, text in enumerate(texts)]
    found = mentions(poll(write(tmp_path / "posts.jsonl", rows)))
    assert [one.repost_of for one in found] == ["", None, None]


def test_source_as(tmp_path: Path) -> None:
    path = write(tmp_path / "posts.csv", [row(1, source="Twitter for iPhone")])
    assert mentions(poll(path, source_as="x"))[0].source == "x"


@pytest.mark.parametrize("ending", ["jsonl", "csv"])
def test_a_column_that_is_not_there(tmp_path: Path, ending: str) -> None:
    path = write(tmp_path / f"posts.{ending}", [row(1)])
    with pytest.raises(Permanent) as error:
        poll(path, map={"author": "auther"})
    assert "no column 'auther' for author (did you mean 'author'?)" in str(error.value)
    assert "The columns are id, author, text, published_at" in str(error.value)
    with pytest.raises(Permanent, match="no column 'airline' for brands"):
        poll(path, brand_from="airline")


def test_a_column_that_is_there_twice(tmp_path: Path) -> None:
    path = tmp_path / "posts.csv"
    path.write_text(f"id,text,published_at,text,note,note\n1,a,{AT},b,c,d\n")
    with pytest.raises(Permanent, match="2 columns are called 'text'; rename all but the one that"):
        poll(path)
    path.write_text(f"id,text,published_at,note,note\n1,a,{AT},c,d\n")  # nobody reads those
    assert [one.text for one in mentions(poll(path))] == ["a"]


def test_line_ends_of_old_macs(tmp_path: Path) -> None:
    path = tmp_path / "posts.csv"
    path.write_text(f'id,text,published_at\r1,a,{AT}\r2,"b\nc",{AT}\r')
    assert [one.text for one in mentions(poll(path))] == ["a", "b\nc"]
    path.write_text(f"id,text,published_at\n1,a\rb,{AT}\n2,c,{AT}\n")
    batches = poll(path)
    assert [one.text for one in mentions(batches)] == ["c"]
    assert rejected(batches)[0].reason.startswith("a carriage return stands outside quotes")


def test_the_two_columns_that_all_need(tmp_path: Path) -> None:
    path = write(tmp_path / "posts.csv", [{"body": "x", "published_at": AT}])
    with pytest.raises(Permanent, match="no column 'text' for text"):
        poll(path)


def test_a_row_may_leave_out_a_key_in_json(tmp_path: Path) -> None:
    path = write(tmp_path / "posts.jsonl", [row(1), row(2, lang="el")])
    assert [one.lang for one in mentions(poll(path, map={"lang": "lang"}))] == [None, "el"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{nonsense", "it is not JSON"),
        (b"[1, 2]", "no object"),
        (b'"text"', "no object"),
        (b"[" * 100_000, "it is not JSON"),
        (b'{"n": ' + b"9" * 10_000 + b"}", "it is not JSON"),
        (b'{"text": "\xff\xfe", "published_at": 1716112800}', "byte 11 is not utf-8"),
        (b'{"published_at": 1716112800}', "text: it is empty"),
        (b'{"text": " \\u0000 ", "published_at": 1716112800}', "text: it is empty"),
        (b'{"text": [1], "published_at": 1716112800}', "text: it is not text"),
        (b'{"text": "a"}', "published_at: it is missing"),
        (b'{"text": "a", "published_at": "yesterday"}', "published_at: 'yesterday' is not a time"),
        (b'{"text": "a", "published_at": "2024-05-01T10:00:00"}', "has no time zone"),
        (b'{"text": "a", "published_at": 1716112800, "author": {"a": 1}}', "it is not a name"),
    ],
)
def test_bad_lines_are_skipped_and_told(tmp_path: Path, line: bytes, reason: str) -> None:
    path = write(tmp_path / "posts.jsonl", [row(1)])
    with path.open("ab") as file:
        file.write(line + b"\n" + json.dumps(row(2)).encode() + b"\n")
    batches = poll(path, encoding="utf-8")
    assert [one.external_id for one in mentions(batches)] == ["p1", "p2"]
    [one] = rejected(batches)
    assert one.where == "line 2"
    assert reason in one.reason
    assert len(one.raw) <= 500


def test_untidy_files_are_read(tmp_path: Path) -> None:
    path = tmp_path / "posts.jsonl"
    lines = [
        b"\xef\xbb\xbf" + json.dumps(row(1)).encode(),
        b"",
        b"   ",
        json.dumps(row(2)).encode() + b"\r",
        json.dumps(row(3, text="a\u0000b \ud83d c\u202e")).encode(),
        b'{"id": "p4", "text": "tab\there \x00nul", "published_at": "' + AT.encode() + b'"}',
        '{"id": "p5", "text": "half \ud83d", "published_at": 1716112800}'.encode(
            "utf-8", "surrogatepass"
        ),
    ]
    path.write_bytes(b"\n".join(lines))
    batches = poll(path)
    assert not rejected(batches)
    assert [one.text for one in mentions(batches)] == [
        "post 1", "post 2", "ab  c", "tab\there nul", "half",
    ]  # fmt: skip


def test_identity_is_made_up_where_there_is_none(tmp_path: Path) -> None:
    rows = [row(1, id=None), row(2, id=""), row(3, id=567588278875213824)]
    rows += [row(4, id=5.675882788752138e17), row(5, id="5.67588E+17"), row(6, id="x" * 5000)]
    path = write(tmp_path / "posts.jsonl", rows)
    found = [one.external_id for one in mentions(poll(path))]
    assert found[2] == "567588278875213824"
    assert len(found) == len(set(found)) == 6
    assert all(len(one) <= 200 for one in found)
    assert [one.startswith("row-") for one in found] == [True, True, False, True, True, False]
    assert found == [one.external_id for one in mentions(poll(path))]


def test_authors_without_a_name_are_not_one_person(tmp_path: Path) -> None:
    rows = [row(1, author=None), row(2, author=" @ "), row(3, author=12345)]
    authors = [one.author for one in mentions(poll(write(tmp_path / "posts.jsonl", rows)))]
    assert [one.external_id for one in authors] == ["anonymous-p1", "anonymous-p2", "12345"]
    assert [one.handle for one in authors] == ["anonymous", "anonymous", "12345"]


@pytest.mark.parametrize("count", ["many", -3, float("nan"), float("inf"), [1], True, "1e400", ""])
def test_a_strange_count_loses_no_post(tmp_path: Path, count: object) -> None:
    [one] = mentions(poll(write(tmp_path / "posts.jsonl", [row(1, shares=count)])))
    assert one.engagement.shares in (0, 1)


def test_links_are_only_web_links(tmp_path: Path) -> None:
    rows = [row(1, url="javascript:alert(1)"), row(2, url="https://ok.example/")]
    found = mentions(poll(write(tmp_path / "posts.jsonl", rows)))
    assert [one.url for one in found] == [None, "https://ok.example/"]


def test_an_empty_brand_cell_is_told(tmp_path: Path) -> None:
    batches = poll(write(tmp_path / "p.csv", [row(1, b=""), row(2, b="Delta")]), brand_from="b")
    assert [one.brands for one in mentions(batches)] == [("Delta",)]
    assert "the row is about no brand" in rejected(batches)[0].reason


def test_csv_cells_hold_quotes_commas_and_lines(tmp_path: Path) -> None:
    text = 'he said "late, again"\r\nand left'
    path = write(tmp_path / "posts.csv", [row(1, text=text), row(2)])
    first, second = mentions(poll(path, batch=1))
    assert first.text == 'he said "late, again"\nand left'
    position = poll(path, batch=1)[0].position
    assert mentions(poll(path, position)) == [second]
    assert json.loads(position or "")["line"] == 4


def test_one_stray_quote_does_not_swallow_the_file(tmp_path: Path) -> None:
    path = tmp_path / "posts.csv"
    lines = ["id,text,published_at"]
    lines += [f'p{number},post "{number}",{AT}' for number in range(3000)]
    lines[1001] = f'bad,"never closed,{AT}'
    path.write_text("\n".join(lines) + "\n")
    batches = poll(path)
    assert [one.where for one in rejected(batches)] == ["line 1002"]
    assert "never closed" in rejected(batches)[0].reason
    assert len(mentions(batches)) == 2999
    assert mentions(batches)[0].text == 'post "0"'


def test_unescaped_quotes_within_one_line_are_forgiven(tmp_path: Path) -> None:
    path = tmp_path / "posts.csv"
    path.write_text(f'id,text,published_at\n1,"he said "late" again",{AT}\n2,b,{AT}\n')
    found = mentions(poll(path))
    assert [one.external_id for one in found] == ["1", "2"]
    assert "late" in found[0].text


def test_a_cell_beyond_the_csv_modules_limit(tmp_path: Path) -> None:
    path = write(tmp_path / "posts.csv", [row(1), row(2, text="x" * 200_000), row(3)])
    batches = poll(path)
    assert [one.external_id for one in mentions(batches)] == ["p1", "p3"]
    assert "field larger" in rejected(batches)[0].reason


def test_rows_with_too_many_or_too_few_cells(tmp_path: Path) -> None:
    path = tmp_path / "posts.csv"
    path.write_text(f"id,text,published_at,lang\n1,a,b,{AT},en\n2,ok,{AT}\n3\n")
    batches = poll(path)
    assert [one.external_id for one in mentions(batches)] == ["2"]
    assert "5 cells for 4 columns" in rejected(batches)[0].reason
    assert "text: it is empty" in rejected(batches)[1].reason


@pytest.mark.parametrize("delimiter", [";", "\t", "|", ","])
def test_the_delimiter_of_a_csv_is_guessed(tmp_path: Path, delimiter: str) -> None:
    path = tmp_path / "posts.csv"
    rows = [["id", "text", "published_at"], ["1", "a", AT]]
    path.write_text("".join(delimiter.join(cells) + "\n" for cells in rows))
    assert [one.text for one in mentions(poll(path))] == ["a"]


def test_tsv_takes_quotes_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "posts.tsv"
    path.write_text(f'id\ttext\tpublished_at\n1\t"quoted start\t{AT}\n2\tb\t{AT}\n')
    assert [one.text for one in mentions(poll(path))] == ['"quoted start', "b"]
    path.write_text(f'id\ttext\tpublished_at\n1\t"a\tb"\t{AT}\n')
    assert [one.text for one in mentions(poll(path, quotes=True))] == ["a\tb"]


def test_another_encoding_can_be_named(tmp_path: Path) -> None:
    path = tmp_path / "posts.csv"
    path.write_bytes(f"id,text,published_at\n1,caf\xe9,{AT}\n".encode("cp1252"))
    with pytest.raises(Permanent, match="line 2 is not UTF-8; this looks like cp1252"):
        poll(path)
    assert mentions(poll(path, encoding="cp1252"))[0].text == "café"


def test_a_zone_can_be_named(tmp_path: Path) -> None:
    path = write(tmp_path / "posts.csv", [row(1, published_at="2024-05-01 12:30")])
    [one] = mentions(poll(path, timezone="Europe/Athens"))
    assert one.published_at == datetime(2024, 5, 1, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "'path' is missing"),
        ({"path": "a.csv", "map": {"txet": "a"}}, "unknown key 'txet' (did you mean 'text'?)"),
        ({"path": "a.csv", "format": "xml"}, "should be 'jsonl', 'json', 'csv', "),
        ({"path": "a.csv", "timezone": "Athens"}, "write it as Europe/Athens"),
        ({"path": "a.csv", "encoding": "utf-99"}, "is not an encoding"),
        ({"path": "a.csv", "encoding": "base64"}, "is no encoding of text"),
        ({"path": "a.csv", "delimiter": '"'}, "cannot part cells; write it as , or ; or tab"),
        ({"path": "a.csv", "batch": 0}, "options: batch: 0 input should be"),
    ],
)
def test_options_are_checked(options: dict[str, object], said: str) -> None:
    asked = Query(id="replay/k", brand_id="k", source="replay", options=options)
    with pytest.raises(SettingsError) as error:
        check_query(asked)
    assert str(error.value).startswith("[[listen]] replay/k options")
    assert said in str(error.value)


def test_real_posts(tmp_path: Path) -> None:
    path = SHARED / "airline-mentions.jsonl.gz"
    if not path.is_file():
        pytest.skip("no real posts: shared/data is not here")
    options = {"map": {"published_at": "created_at"}, "source_as": "x", "brand_from": "airline"}
    found = mentions(poll(path, **options))
    assert len({one.external_id for one in found}) == 14_485
    assert {name for one in found for name in one.brands or ()} >= {"Delta", "United"}
