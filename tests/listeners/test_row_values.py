"""Values of rows: ids, counts, names, texts, ratings, each read in one way or not at all."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from earful.contracts import BadItem, Permanent
from earful.types import Mention
from listeners.common.authors import is_nobody
from listeners.common.mojibake import repaired
from listeners.common.values import local_count
from listeners.files.columns import check_columns
from listeners.files.ids import read_id, unwrapped
from listeners.files.pieces import join_columns, join_pieces
from listeners.files.platforms import plain_text, post_id
from listeners.files.ratings import check_scale, read_rating, scale_of
from listeners.files.repeats import RepeatCounter
from listeners.files.rows import ColumnMap, Reading, RowReader

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
AT = "2026-03-14T15:07:00Z"
ID = "2032145678901234567"


def reader(source: str = "shop", reading: Reading | None = None, **columns: str) -> RowReader:
    return RowReader(
        ColumnMap(**columns),  # type: ignore[arg-type]
        source=source,
        fetched_at=NOW,
        reading=reading,
        repeats=RepeatCounter(),
    )


def read(row: dict[str, Any], source: str = "shop", **columns: str) -> Mention:
    return reader(source, **columns).read({"text": "Kestrova broke", "published_at": AT} | row)


# ids


@pytest.mark.parametrize(
    "value",
    [f"'{ID}", f'="{ID}"', f'=""{ID}""', f'"{ID}"', f" {ID}\t", f"\u200e{ID}", int(ID), f"’{ID}",
     f'="""{ID}"""', f'=T("{ID}")', f"“{ID}”", "２０３２１４５６７８９０１２３４５６７"],
)  # fmt: skip
def test_an_id_is_taken_out_of_its_wrapping(value: object) -> None:
    assert read_id(value) == ID


@pytest.mark.parametrize(
    "value",
    ["2.03215E+18", "2,03215E+18", "2.03215e18", "2E+18", 2.032145678901234e18,
     "2032145678901230000", 2032145678901230000, "2.032.145.678.901.230.000",
     "2 032 145 678 901 234 567", f"{ID}.0", "#NAME?", "#N/A", "#ZAHL!", "2.03 E+18", '=""', "''",
     "nan", "None", "null", "", " ",
     None, float("nan"), [], {}, False],
)  # fmt: skip
def test_an_id_that_a_spreadsheet_ate_is_not_used(value: object) -> None:
    assert read_id(value) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [("12345.0", "12345"), (12345.0, "12345"), ("1.234.567", "1.234.567"), ("000123", "000123"),
     ("1,000", "1,000"), ("1000000", "1000000"), ("GKG-1", "GKG-1"), ("5e10", "5e10"), (0, "0")],
)  # fmt: skip
def test_other_ids_stay(value: object, expected: str) -> None:
    assert read_id(value) == expected


def test_a_cell_of_quotes_takes_no_time() -> None:
    started = time.process_time()
    assert unwrapped('="' + '"' * 100_000 + "x") is not None
    assert time.process_time() - started < 1


@given(st.integers(min_value=10**15, max_value=10**19 - 1))
@settings(max_examples=300, deadline=None)
def test_every_number_in_a_wrapping_reads_back_or_not_at_all(number: int) -> None:
    for written in (str(number), f"'{number}", f'="{number}"', f"{number:,}", f"{number:.5e}"):
        assert read_id(written) in (str(number), None)
    if number % 1000:
        assert read_id(f'="{number}"') == str(number)
    assert read_id(f"{number:.5E}".replace(".", ",")) is None


@pytest.mark.parametrize(
    ("source", "row", "expected"),
    [
        ("reddit", {"id": "oab01", "body": "x", "link_id": "t3_1x"}, "t1_oab01"),
        ("reddit", {"id": "1x", "title": "a", "selftext": "b"}, "t3_1x"),
        ("reddit", {"id": "t1_oab01"}, "t1_oab01"),
        ("reddit", {"id": "1x", "name": "t3_1x"}, "t3_1x"),
        ("reddit", {"id": "1x"}, "1x"),
        ("reddit", {"url": "https://www.reddit.com/r/a/comments/1x/title/oab01/"}, "t1_oab01"),
        ("reddit", {"url": "https://old.reddit.com/r/a/comments/1x/title/"}, "t3_1x"),
        ("x", {"url": f"https://twitter.com/nell_ro/status/{ID}?s=20"}, ID),
        ("x", {"id": f"https://x.com/i/web/status/{ID}"}, ID),
        ("x", {"id": "2.03E+18", "url": f"https://x.com/n/status/{ID}"}, ID),
        ("youtube", {"url": "https://www.youtube.com/watch?v=dQw4&lc=UgxA"}, "UgxA"),
        ("hackernews", {"url": "https://news.ycombinator.com/item?id=42"}, "42"),
        ("bluesky", {"id": "3k", "uri": "at://did:plc:a/app.bsky.feed.post/3k"},
         "at://did:plc:a/app.bsky.feed.post/3k"),
        ("bluesky", {"url": "https://bsky.app/profile/did:plc:a/post/3k"},
         "at://did:plc:a/app.bsky.feed.post/3k"),
        ("mastodon", {"url": "https://m.example/@kim/9"}, "https://m.example/users/kim/statuses/9"),
        ("shop", {"id": "a/b"}, "a/b"),
    ],
)  # fmt: skip
def test_the_id_is_the_live_listeners(source: str, row: dict[str, Any], expected: str) -> None:
    assert post_id(source, read_id(row.get("id")), row) == expected
    text_column = next((key for key in ("body", "selftext") if key in row), "text")
    row = {"text": "Kestrova broke"} | row
    assert read(row, source, text=text_column).external_id == expected


def test_a_row_without_an_id_keeps_one_of_its_content() -> None:
    first, second = read({"author": "a"}), read({"author": "a"})
    assert first.external_id == second.external_id
    assert first.external_id.startswith("row-")


def test_rows_without_id_and_author_that_say_the_same_are_several_people() -> None:
    def ids(rows: RowReader) -> list[str]:
        return [
            rows.read({"text": text, "published_at": AT}).external_id
            for text in ("Too slow", "Too slow", "Great", "Too slow")
        ]

    assert len(set(ids(reader()))) == 4
    assert ids(reader()) == ids(reader()), "a second import makes the same ids"


def test_the_same_row_by_an_author_is_one_mention() -> None:
    rows = reader()
    row = {"text": "Too slow", "published_at": AT, "author": "nell_ro"}
    assert rows.read(dict(row)) == rows.read(dict(row))


def test_repeats_are_counted_on_disk_beyond_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("listeners.files.repeats._IN_MEMORY", 3)
    counter = RepeatCounter()
    numbered = [counter.numbered(identity) for identity in "aababcadab"]
    assert numbered == ["a", "a-2", "b", "a-3", "b-2", "c", "a-4", "d", "a-5", "b-3"]


# counts


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("12.345", 12345), ("1.234", 1234), ("12,345", 12345), ("1,234,567", 1234567),
        ("1 234", 1234), ("1\u00a0234", 1234), ("1\u202f234", 1234), ("1’234", 1234),
        ("1'234", 1234), ("1,23,456", 123456), ("12K", 12000), ("12 k", 12000), ("1.2K", 1200),
        ("1,2M", 1200000), ("1,2 Mio.", 1200000), ("3 Tsd.", 3000), ("1.5万", 15000),
        ("+5", 5), ("12.0", 12), ("1,234.00", 1234), ("1.234,0", 1234), ("1.2E+06", 1200000),
        ("٣", 3), ("１２", 12), (" 7 ", 7), (7, 7), (7.0, 7), (0, 0), ("0", 0),
        # none of these can be told
        ("1,2", None), ("1.2", None), ("1.234K", None), ("12.34", None), ("-3", None), (-3, None),
        ("many", None), ("", None), (None, None), (12.345, None), (True, None), ([1], None),
        (float("nan"), None), (float("inf"), None), ("1e400", None), ("9" * 30, None),
        ("1.23.456", None), ("12%", None), ("1,234.5", None), ("1.25Q", None), ("1.2345M", None),
    ],
)  # fmt: skip
def test_counts(value: object, expected: int | None) -> None:
    assert local_count(value) == expected


@given(st.integers(min_value=0, max_value=10**12))
@settings(max_examples=300, deadline=None)
def test_a_count_in_any_notation_reads_back(number: int) -> None:
    for sign in (",", ".", " ", "\u00a0", "\u202f", "'", "’"):
        assert local_count(f"{number:,}".replace(",", sign)) == number
    assert local_count(f"{number}.0") == number
    assert local_count(f"{number}k") == number * 1000


@given(st.text(alphabet="0123456789.,' KkMm+-e%", max_size=12))
@settings(max_examples=300, deadline=None)
def test_any_text_is_a_count_or_nothing(text: str) -> None:
    number = local_count(text)
    digits = "".join(char for char in text if char.isdecimal()).strip("0")
    # never a small wrong number: no digit of the text is dropped
    assert number is None or str(number).strip("0") == digits or "e" in text


@pytest.mark.parametrize(
    ("value", "expected"),
    [("0", None), (0, None), ("false", None), ("nan", None), ("", None), (None, None),
     ("1", ""), (1, ""), (True, ""), ("Yes", ""), ("203", "203")],
)  # fmt: skip
def test_a_repost_is_a_flag_or_an_id(value: object, expected: str | None) -> None:
    assert read({"repost_of": value}).repost_of == expected


def test_counts_of_a_row() -> None:
    row = {"author": "a", "followers": "12K", "likes": "1.234", "shares": "1,2"}
    mention = read(row)
    assert (mention.author.followers, mention.engagement.likes) == (12000, 1234)
    assert mention.engagement.shares == 0
    assert read({"author": "a", "followers": "lots"}).author.followers is None


def test_every_wrapped_cell_is_unwrapped() -> None:
    row = {"published_at": '="2026-03-14T15:07:00Z"', "author": "'@nell_ro", "likes": '="1.234"'}
    row |= {"id": "7", "url": '="https://k.example"'}
    mention = read(row | {"followers": "'12K", "text": "'tis late"})
    assert mention == read(
        {"id": "7", "author": "nell_ro", "likes": 1234, "url": "https://k.example"}
        | {"text": "'tis late", "followers": 12000}
    )
    assert read({"author": "'t Hart"}).author.handle == "'t Hart"


# authors


@pytest.mark.parametrize(
    "name",
    ["nan", "NaN", "None", "NULL", "null", "N/A", "-", "[deleted]", "[removed]", "(deleted)", "",
     " ", "[Deleted User]", "A Google user", "Deleted Account", "#N/A"],
)  # fmt: skip
def test_a_word_for_nobody_is_no_author(name: str) -> None:
    assert is_nobody(name)
    first, second = read({"author": name, "id": "1"}), read({"author": name, "id": "2"})
    assert first.author.handle == second.author.handle == "anonymous"
    assert first.author.external_id != second.author.external_id


@pytest.mark.parametrize("name", ["nan_ny", "nullius", "Nona", "deleted_scenes", "[x]", "A. Non"])
def test_other_names_are_people(name: str) -> None:
    assert read({"author": name}).author.external_id == name


def test_nan_of_json_is_no_author() -> None:
    row = json.loads('{"author": NaN, "followers": NaN, "id": "7"}')
    assert read(row).author.external_id == "anonymous-7"


def test_an_author_id_counts_without_a_name() -> None:
    author = read({"author": "Deleted Account", "author_id": "user9"}).author
    assert (author.external_id, author.handle) == ("user9", "user9")


@pytest.mark.parametrize(
    ("source", "name", "handle"),
    [("x", "https://twitter.com/nell_ro", "nell_ro"), ("x", "@nell_ro", "nell_ro"),
     ("reddit", "u/pia_k", "pia_k"), ("reddit", "/user/pia_k/", "pia_k"), ("shop", "u/x", "u/x")],
)  # fmt: skip
def test_a_handle_is_read_from_an_address(source: str, name: str, handle: str) -> None:
    assert read({"author": name}, source).author.handle == handle


# texts


@pytest.mark.parametrize(
    "text",
    ["nan", "None", "NULL", "N/A", "#N/A", "[removed]", "[deleted]", "[ Removed by Reddit ]", "",
     float("nan"), None, " \n"],
)  # fmt: skip
def test_a_word_for_nothing_is_no_text(text: object) -> None:
    with pytest.raises(BadItem, match="text: it is "):
        read({"text": text})


def test_several_columns_make_one_text() -> None:
    row = {"Title": "Worst shop", "Body": "never again", "published_at": AT}
    rows = reader(text="Title+Body")
    assert rows.read(dict(row)).text == "Worst shop\nnever again"
    for body in (".", "-", "", None, "nan", "n/a", "…"):
        assert rows.read(row | {"Body": body}).text == "Worst shop"
    assert rows.read(row | {"Body": "Worst shop of all"}).text == "Worst shop of all"
    assert rows.read(row | {"Title": ""}).text == "never again"
    with pytest.raises(BadItem, match="it is gone"):
        rows.read(row | {"Body": "[removed]"})
    with pytest.raises(BadItem, match="it is empty"):
        rows.read(row | {"Title": "nan", "Body": None})


def test_a_plus_may_be_part_of_a_name() -> None:
    assert read({"a+b": "words"}, text="a+b").text == "words"
    assert join_columns([".", ""]) == "."


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (
            ["see ", {"type": "link", "text": "https://k.example"}, " it"],
            "see https://k.example it",
        ),
        ('{"text":"Never "},{"text":"@kestrova","mention":{"id":"U"}}', "Never @kestrova"),
        ('[{"text":"a"},{"text":"b"}]', "ab"),
        ({"text": "a"}, "a"),
        ([{"type": "p", "children": [{"text": "a"}, {"text": "b"}]}], "ab"),
        ({"takeoutSegments": [{"text": "a"}]}, "a"),
        ([], ""),
        ('{"error": 5} is all I get', '{"error": 5} is all I get'),
        ('{"error": 5}', '{"error": 5}'),
        ("[1] first, [2] second", "[1] first, [2] second"),
        ("{sigh}", "{sigh}"),
        (5, "5"),
        (None, None),
    ],
)
def test_pieces_are_joined(value: object, expected: str | None) -> None:
    assert join_pieces(value) == expected


def test_pieces_without_text_are_refused_at_any_depth() -> None:
    deep: Any = "a"
    for _ in range(5000):
        deep = [deep]
    for value in (deep, {"a": 1}, [1, 2]):
        with pytest.raises(BadItem, match="not text but a list or an object"):
            join_pieces(value)


@pytest.mark.parametrize(
    ("source", "text", "expected"),
    [
        ("x", "twice &amp; no &lt;3 days", "twice & no <3 days"),
        ("x", "?a=1&copy=2 &amp;lt;", "?a=1&copy=2 &lt;"),
        ("reddit", "&gt; quote", "> quote"),
        ("mastodon", "<p>It&#39;s<br>late</p>", "It's\nlate"),
        ("youtube", "I <3 you & a <b c>", "I <3 you & a <b c>"),
        ("hackernews", "It&#x27;s  late &lt;again&gt;", "It's late <again>"),
        ("youtube", "late<br>again &quot;x&quot;", 'late\nagain "x"'),
        ("survey", "fish &amp; chips <br>", "fish & chips <br>"),
    ],
)
def test_escapes_are_read_as_the_live_listeners_do(source: str, text: str, expected: str) -> None:
    assert plain_text(source, text) == expected


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252"])
@pytest.mark.parametrize("text", ["Ελένη Παππά", "José’s café", "naïve über", "Привет мир"])
def test_damaged_letters_are_put_right(text: str, encoding: str) -> None:
    damaged = text.encode().decode(encoding)
    rows = reader()
    mention = rows.read({"text": damaged, "published_at": AT, "author": damaged})
    assert (mention.text, mention.author.handle) == (text, text)
    [(phrase, number)] = rows.take_assumed().items()
    assert "read in a wrong encoding" in phrase
    assert number >= 1
    assert rows.take_assumed() == {}


@pytest.mark.parametrize(
    "text",
    ["CAFÉ»", "SÃO PAULO", "L’ÉTÉ… À «l’été»", "Καλημέρα σας», «το δέμα»", "Їжак і «мир»", "ÑANDÚ"],
)
def test_real_letters_stay(text: str) -> None:
    assert repaired(text) == text


def test_letters_beyond_repair_are_refused() -> None:
    damaged = "Καλημέρα, το δέμα".encode().decode("latin-1")
    with pytest.raises(BadItem, match="text: its letters were read in a wrong encoding"):
        read({"text": "ναι: " + damaged})


@given(st.text(alphabet=st.characters(codec="utf-8", categories=["L", "N", "P", "Z"]), min_size=1))
@settings(max_examples=300, deadline=None)
def test_words_are_stored_as_written(text: str) -> None:
    assume("&" not in text and text.strip() and text.lower().strip() not in ("nan", "nil"))
    mention = reader(reading=Reading(is_exact=True)).read({"text": text, "published_at": AT})
    try:
        assert read({"text": text}).text == mention.text
    except BadItem as error:
        assert "wrong encoding" in str(error) or "it is" in str(error)


# ratings


@pytest.mark.parametrize(
    ("value", "scale", "expected"),
    [
        (1, "1-5", 1), ("1", "1-5", 1), ("1.0", "1-5", 1), (1.0, "1-5", 1), ("4/5", "1-5", 4),
        ("4 out of 5", "1-5", 4), ("5 stars", "1-5", 5), ("1 star", "1-5", 1), ("★☆☆☆☆", "1-5", 1),
        ("★★★", "1-5", 3), ("⭐⭐⭐⭐", "1-5", 4), ("8/10", "0-10", 8), (0, "0-10", 0),
        ("★★☆☆☆", None, 2),
    ],
)  # fmt: skip
def test_ratings(value: object, scale: str | None, expected: int) -> None:
    rating = read_rating(value, scale_of(scale, "rating", "shop"))
    assert rating is not None
    assert rating.value == expected


@pytest.mark.parametrize("value", ["6", "3,5", "3.5", "8/10", "good", "★★☆", -1, 0, True])
def test_a_rating_off_the_scale_is_none(value: object) -> None:
    with pytest.raises(ValueError):
        read_rating(value, (1, 5))


def test_the_scale_is_named_or_known() -> None:
    row = {"text": "bad", "published_at": AT, "rating": "2"}
    rows = reader()
    assert rows.read(dict(row)).rating is None
    assert [phrase for phrase in rows.take_assumed() if "rating_scale" in phrase]
    rating = reader(reading=Reading(rating_scale="0-10")).read(dict(row)).rating
    assert rating is not None
    assert (rating.kind, rating.value, rating.highest) == ("nps", 2, 10)
    stars = reader(rating="Review Stars").read(row | {"Review Stars": "1"}).rating
    assert stars is not None
    assert (stars.kind, stars.value) == ("stars", 1)
    assert read({"rating": "3,5"}, "trustpilot").rating is None
    with pytest.raises(ValueError, match="as 1-5 or 0-10"):
        check_scale("5")
    assert check_scale("1 to 5") == "1-5"


# times and columns


def test_times_without_a_zone_are_counted() -> None:
    rows = reader(reading=Reading(zone=ZoneInfo("Europe/Athens")))
    for at in ("2026-03-14 17:07", AT, "2026-03-14T17:07:00"):
        rows.read({"text": "a", "published_at": at})
    assert rows.take_assumed() == {"times without a zone were read as Europe/Athens": 2}


def test_a_local_date_is_refused_with_the_option_that_reads_it() -> None:
    with pytest.raises(BadItem, match="published_at: '14/03/2026' can be read") as error:
        read({"published_at": "14/03/2026"})
    assert 'dates = "dmy"' in error.value.hint
    rows = reader(reading=Reading(zone=UTC, order="dmy"))
    mention = rows.read({"text": "a", "published_at": "14/03/2026"})
    assert mention.published_at == datetime(2026, 3, 14, tzinfo=UTC)


def test_a_nested_name_that_no_object_has_is_an_error() -> None:
    rows: list[dict[str, Any]] = [{"text": "a", "user": {"screen_name": "n"}, "original": None}]
    header = ["text", "user", "original"]
    with pytest.raises(Permanent, match=r"'user.username' for author \(did you mean 'user.screen_"):
        check_columns("f.jsonl", {"author": "user.username"}, header, rows)
    # an original may come in a later row
    check_columns(
        "f.jsonl", {"repost_of": "original.id", "author": "user.screen_name"}, header, rows
    )
    with pytest.raises(Permanent, match="no column 'Body' for text"):
        check_columns("f.csv", {"text": "Title+Body"}, ["Title", "Bodies"])
    check_columns("f.csv", {"text": "Title+Body"}, ["Title", "Body"])
    check_columns("f.csv", {"text": "Title+Body"}, ["Title+Body"])
    # a cell of a table, and a word in JSON, are no objects
    with pytest.raises(Permanent, match=r"no column 'user\.name'"):
        check_columns("f.csv", {"author": "user.name"}, ["text", "user"])
    with pytest.raises(Permanent, match=r"no column 'text\.name'"):
        check_columns("f.jsonl", {"author": "text.name"}, header, rows)
