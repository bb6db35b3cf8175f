"""Mentions as files: every text comes back, no cell calculates, and there is no half a file."""

from __future__ import annotations

import csv
import gc
import io
import json
import os
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from factories import (
    ANY_AGE,
    HOUR,
    NOW,
    FakeReader,
    FrozenClock,
    author,
    ids,
    keep,
    mention,
    read_all,
    scores_of,
)
from hypothesis import example, given
from hypothesis import strategies as st

from earful.clock import Window
from earful.enums import Sentiment
from earful.types import Rating
from earful.untrusted import formula_exact, formula_safe
from pipeline.classify import classify
from pipeline.flag import flag
from storage import exports, queries
from storage.cases import commands
from storage.database.clean import storable
from storage.database.engine import Database
from storage.exports import COLUMNS, ExportFilter
from storage.views import QueueFilter


def _back(cell: str) -> str:
    """What docs tell an analyst: a cell's first apostrophe before a formula sign is ours."""
    return formula_exact(cell)


def _row(**told: Any) -> dict[str, Any]:
    return dict.fromkeys(COLUMNS, "") | told


def _through_csv(texts: list[str]) -> list[str]:
    file = io.StringIO(newline="")
    exports.write_csv(file, [_row(text=one) for one in texts])
    file.seek(0)
    return [one["text"] for one in csv.DictReader(file)]


# --- cells ----------------------------------------------------------------------------------


@pytest.mark.parametrize("sign", list("=+-@＝＋－＠﹦﹢﹣﹫"))
def test_whatever_a_spreadsheet_could_calculate_gets_an_apostrophe(sign: str) -> None:
    for blank in ("", " ", "\t", "\r", "\n", "\u00a0", "\u3000", "\u200b", "\v", "\x7f", "\u2066"):
        for text in (f"{blank}{sign}1+1", f"'{blank}{sign}1", f"{blank}'{sign}1"):
            assert formula_safe(text) == f"'{text}"


@pytest.mark.parametrize("text", ["\tx", "\rx", "\nx"])
def test_cells_that_begin_with_tab_or_line_end(text: str) -> None:
    assert formula_safe(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "plain", "a=b", "'quoted'", " two ", "1-2", "¿qué?", "😀="])
def test_plain_texts_stay_as_they_are(text: str) -> None:
    assert formula_safe(text) == text


@given(st.text(alphabet=st.characters(codec="utf-8")))
@example("''=1")
@example("'= ")
@example("' ' @")
@example("'\tx")
@example("'\tx".removeprefix("'"))
@example("''\n")
def test_no_cell_calculates_and_every_text_comes_back(text: str) -> None:
    cell = formula_safe(text)
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"))
    assert _back(cell) == text


def test_every_naughty_string_through_database_csv_and_jsonl(
    db: Database, hostile_file: Path, tmp_path: Path
) -> None:
    naughty: list[str] = [one for one in json.loads(hostile_file.read_text("utf-8")) if one]
    naughty += [f"{sign}cmd|' /C calc'!A0" for sign in "=+-@＝\t\r"]
    assert len(naughty) > 500
    keep(
        db,
        *(
            mention(f"{n:04}", text=one, by=author(f"p{n}", handle=one[:200]))
            for n, one in enumerate(naughty)
        ),
    )
    expected = [storable(one) for one in naughty]
    for kind in exports.FORMATS:
        file = tmp_path / f"out.{kind}"
        assert exports.write_file(file, kind, exports.read_rows(db, ExportFilter())) == len(naughty)
        raw = file.read_bytes().decode("utf-8")
        if kind == "csv":
            found = list(csv.DictReader(io.StringIO(raw, newline="")))
            texts = [_back(one["text"]) for one in found]
            assert not any(one["text"].startswith(("=", "+", "-", "@", "＝")) for one in found)
            assert not any(one["author"].startswith(("=", "+", "-", "@")) for one in found)
        else:
            # a line is a row: nothing that a stranger wrote ends it early
            texts = [json.loads(one)["text"] for one in raw.removesuffix("\n").split("\n")]
        assert texts == expected


# --- rows -----------------------------------------------------------------------------------


def test_columns_and_their_order(db: Database) -> None:
    url = "https://social.example/1"
    stars = Rating(kind="stars", value=1, lowest=1, highest=5)
    keep(db, mention(1, "awful", url=url, lang="en", rating=stars), mention(2, "dunno"))
    read_all(db)
    flag(db, ANY_AGE, clock=FrozenClock())
    keep(db, mention(3))
    first, second, third = exports.read_rows(db, ExportFilter())
    assert tuple(first) == COLUMNS
    assert first == {
        "source": "fake",
        "external_id": "m-1",
        "url": url,
        "author": "maria",
        "text": "awful (1)",
        "lang": "en",
        "language_found": "",
        "published_at": "2026-11-20T11:00:00Z",
        "brand": "Acme Air",
        "sentiment": "negative",
        "negative": 0.95,
        "neutral": 0.04,
        "positive": 0.01,
        "could_not_tell": False,
        "model_id": "fake-model/1",
        "flagged": True,
        "case_status": "open",
        "story_id": ids(db)["m-1"],
        "rating_kind": "stars",
        "rating_value": 1,
        "rating_lowest": 1,
        "rating_highest": 5,
        "author_id": "id-maria",
        "author_name": "",
        "followers": None,
        "reply_to": "",
        "repost_of": "",
        **{"shares": 0, "likes": 0, "replies": 0},
        "toward": "negative",
        "toward_negative": 0.95,
        "toward_neutral": 0.04,
        "toward_positive": 0.01,
        "intent": "",
        "intents": {},
        "reason": "",
        "reasons": {},
        "ironic": False,
        "pieces": 1,
    }
    assert (second["rating_kind"], second["rating_value"]) == (None, None)
    assert (second["story_id"], third["story_id"]) == (ids(db)["m-2"], None)
    assert (second["sentiment"], second["could_not_tell"], second["flagged"]) == ("", True, False)
    assert (third["sentiment"], third["negative"], third["model_id"]) == ("", None, "")


def test_a_row_holds_the_reading_for_its_brand(db: Database) -> None:
    keep(
        db,
        mention(1, text="leaving Rival Jet for Acme Air, the refund never came"),
        ids=("acme-air", "rival-jet"),
    )
    keep(db, mention(2, text="thanks a lot, awful"))
    classify(db, FakeReader(), clock=FrozenClock())
    keep(db, mention(3))
    ours, theirs, ironic, new = exports.read_rows(db, ExportFilter())
    assert (ours["brand"], ours["toward"], ours["intent"]) == ("Acme Air", "positive", "leaving")
    assert (theirs["toward"], theirs["reason"]) == ("negative", "price")
    assert theirs["toward_negative"] == 0.95
    assert theirs["intents"]["leaving"] == 0.9123
    assert (theirs["sentiment"], ironic["ironic"]) == ("neutral", True)
    assert (new["toward"], new["intents"], new["pieces"]) == ("", None, None)
    file = io.StringIO(newline="")
    exports.write_csv(file, [theirs, new])
    file.seek(0)
    read, unread = csv.DictReader(file)
    assert json.loads(read["reasons"]) == {"price": 0.9123, "late": 0.3}
    assert (read["ironic"], read["pieces"]) == ("false", "1")
    assert {unread[name] for name in COLUMNS[COLUMNS.index("toward") :]} == {""}
    file = io.StringIO()
    exports.write_jsonl(file, [theirs])
    assert json.loads(file.getvalue())["intents"] == theirs["intents"]


@pytest.mark.parametrize(
    ("which", "expected"),
    [
        (ExportFilter(toward=("negative",)), "1 rival-jet, 2 acme-air"),
        (ExportFilter(toward=("could_not_tell", "pending")), "4 acme-air, 5 acme-air"),
        (ExportFilter(intents=("question", "complaint")), "2 acme-air, 3 acme-air"),
        (ExportFilter(reasons=("price",)), "1 rival-jet"),
        (ExportFilter(intents=("leaving",), brand_id="acme-air"), "1 acme-air"),
    ],
)
def test_filters_of_the_reading(db: Database, which: ExportFilter, expected: str) -> None:
    keep(
        db,
        mention(1, text="leaving Rival Jet for Acme Air, the refund never came"),
        ids=("acme-air", "rival-jet"),
    )
    keep(db, mention(2, "awful"), mention(3, "where"), mention(4, "dunno"))
    classify(db, FakeReader(), clock=FrozenClock())
    keep(db, mention(5))
    brand_ids = {"Acme Air": "acme-air", "Rival Jet": "rival-jet"}
    found = [
        f"{row['external_id'].removeprefix('m-')} {brand_ids[row['brand']]}"
        for row in exports.read_rows(db, which)
    ]
    assert ", ".join(found) == expected


def test_what_the_source_said_and_what_was_found_are_two_columns(db: Database) -> None:
    keep(db, mention(1, "awful", lang="en"), mention(2, "lovely"))
    read_all(db, says=lambda text: replace(scores_of(text), language="el"))
    keep(db, mention(3, lang="sw"))
    found = [(one["lang"], one["language_found"]) for one in exports.read_rows(db, ExportFilter())]
    assert found == [("en", "el"), ("", "el"), ("sw", "")]


def test_cells_of_numbers_and_nothing(db: Database) -> None:
    keep(db, mention(1))
    file = io.StringIO(newline="")
    exports.write_csv(file, exports.read_rows(db, ExportFilter()))
    file.seek(0)
    (row,) = csv.DictReader(file)
    assert (row["negative"], row["could_not_tell"], row["flagged"]) == ("", "", "false")


def test_a_persons_word_is_the_label_and_the_models_numbers_stay(db: Database) -> None:
    keep(db, mention(1, "awful"))
    read_all(db)
    commands.correct_sentiment(db, ids(db)["m-1"], Sentiment.POSITIVE, edition=0, by="Ana", at=NOW)
    (row,) = exports.read_rows(db, ExportFilter())
    assert (row["sentiment"], row["negative"]) == ("positive", 0.95)


@pytest.fixture
def mixed(db: Database) -> Database:
    """Old and new, of two brands and sources, in every state."""
    keep(db, mention("old", "lovely", published_at=NOW - timedelta(days=40)))
    keep(db, mention("bad", "awful"), mention("odd", "dunno"), mention("so", "plain"))
    keep(db, mention("rival", "awful"), ids=["rival-jet"])
    keep(db, mention("web", "lovely", source="web", by=author(source="web")))
    read_all(db)
    flag(db, ANY_AGE, clock=FrozenClock())
    keep(db, mention("new"))
    return db


@pytest.mark.parametrize(
    ("which", "expected"),
    [
        (ExportFilter(), "old bad odd so rival web new"),
        (ExportFilter(brand_id="rival-jet"), "rival"),
        (ExportFilter(brand_id="unheard"), ""),
        (ExportFilter(window=Window(since=NOW - HOUR, until=NOW)), "bad odd so rival web new"),
        (ExportFilter(window=Window(since=NOW - 2 * HOUR, until=NOW - HOUR)), ""),
        (ExportFilter(sentiments=("negative",)), "bad rival"),
        (ExportFilter(sentiments=("positive", "neutral")), "old so web"),
        (ExportFilter(sentiments=("could_not_tell",)), "odd"),
        (ExportFilter(sentiments=("pending",)), "new"),
        (ExportFilter(sources=("web", "nowhere")), "web"),
        (ExportFilter(flagged=True), "bad"),
        (ExportFilter(flagged=False), "old odd so rival web new"),
        (ExportFilter(brand_id="acme-air", sentiments=("negative",), flagged=True), "bad"),
    ],
)
def test_every_filter(mixed: Database, which: ExportFilter, expected: str) -> None:
    found = [one["external_id"].removeprefix("m-") for one in exports.read_rows(mixed, which)]
    assert found == expected.split()


def test_a_mention_about_two_brands_is_two_rows(db: Database) -> None:
    keep(db, mention(1), ids=["acme-air", "rival-jet"])
    assert [one["brand"] for one in exports.read_rows(db, ExportFilter())] == [
        "Acme Air",
        "Rival Jet",
    ]


def test_the_status_is_that_of_the_case(mixed: Database) -> None:
    (case,) = queries.queue(mixed, QueueFilter())
    commands.resolve(mixed, case.id, version=1, by="Ana", at=NOW, outcome="answered")
    (row,) = exports.read_rows(mixed, ExportFilter(flagged=True))
    assert row["case_status"] == "resolved"


# --- files ----------------------------------------------------------------------------------


def _breaking() -> Iterator[dict[str, Any]]:
    yield _row(text="first")
    raise RuntimeError("the disk is full")


@pytest.mark.parametrize("kind", exports.FORMATS)
def test_a_failure_leaves_no_file_and_an_old_one_whole(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "out"
    with pytest.raises(RuntimeError, match="disk is full"):
        exports.write_file(file, kind, _breaking())
    assert list(tmp_path.iterdir()) == []
    file.write_text("what was there before")
    with pytest.raises(RuntimeError, match="disk is full"):
        exports.write_file(file, kind, _breaking())
    assert file.read_text() == "what was there before"
    assert list(tmp_path.iterdir()) == [file]


def test_while_it_is_written_the_name_holds_the_old_file(tmp_path: Path) -> None:
    file = tmp_path / "out.jsonl"
    file.write_text("old")

    def looking() -> Iterator[dict[str, Any]]:
        for _ in range(3):
            assert file.read_text() == "old"
            yield _row(text="new")

    assert exports.write_file(file, "jsonl", looking()) == 3
    assert file.read_text().count("new") == 3


def test_a_new_file_has_the_rights_that_any_new_file_has(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        exports.write_file(tmp_path / "deep" / "out.csv", "csv", [])
    finally:
        os.umask(old)
    assert (tmp_path / "deep" / "out.csv").stat().st_mode & 0o777 == 0o640


def test_an_unknown_format_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="use one of csv, jsonl"):
        exports.write_file(tmp_path / "out", "xlsx", [])
    assert list(tmp_path.iterdir()) == []


def test_memory_does_not_grow_with_the_rows(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five times the rows, the same peak: each of them has four kilobytes of text."""
    monkeypatch.setattr(exports, "_CHUNK", 100)
    peaks = []
    for start, end in ((0, 500), (500, 2500)):
        keep(db, *(mention(n, "w" * 4000, by=f"p{n % 50}") for n in range(start, end)))
        gc.collect()
        tracemalloc.start()
        exports.write_file(tmp_path / "out.csv", "csv", exports.read_rows(db, ExportFilter()))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert (tmp_path / "out.csv").stat().st_size > 10_000_000
    assert peaks[1] < 1.3 * peaks[0]
    assert peaks[1] < 3_000_000


def test_an_export_sees_one_moment_while_others_write(db: Database) -> None:
    keep(db, *(mention(n) for n in range(3)))
    found = exports.read_rows(db, ExportFilter())
    next(found)
    keep(db, mention(99))
    read_all(db)
    rest = list(found)
    assert len(rest) == 2
    assert {one["sentiment"] for one in rest} == {""}
    assert scores_of("awful").sentiment is Sentiment.NEGATIVE
