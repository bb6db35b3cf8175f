"""A file that no preset knows is read by the names of its columns."""

from __future__ import annotations

from pathlib import Path

import pytest
from preset_files import at, recognised_file

from listeners.files.presets import recognise, suggest_source


def test_our_own_names_need_no_question() -> None:
    reading = recognise(["id", "text", "author", "published_at"])
    assert reading.preset is None
    assert reading.map == {name: name for name in ("id", "text", "author", "published_at")}
    assert not reading.questions
    assert not reading.assumptions


@pytest.mark.parametrize(
    ("columns", "text", "author", "time"),
    [
        (["Message", "User Name", "Created At"], "Message", "User Name", "Created At"),
        (["Kommentar", "Benutzer", "Datum"], "Kommentar", "Benutzer", "Datum"),
        (["Avis", "Auteur", "Date"], "Avis", "Auteur", "Date"),
        (["Comentário", "Usuário", "Data"], "Comentário", "Usuário", "Data"),
        (["ΚΕΙΜΕΝΟ", "Χρήστης", "Ημερομηνία"], "ΚΕΙΜΕΝΟ", "Χρήστης", "Ημερομηνία"),
        (["\ufeffReview\u00a0Text", "reviewer", "REVIEW-DATE"], None, "reviewer", "REVIEW-DATE"),
    ],
)
def test_columns_are_matched_in_many_languages(
    columns: list[str], text: str | None, author: str, time: str
) -> None:
    reading = recognise(columns)
    assert not reading.questions
    assert reading.map["text"] == (text or columns[0])
    assert reading.map["author"] == author
    assert reading.map["published_at"] == time
    assert f"{author} → author" in reading.matched


def test_created_wins_over_updated_and_the_plan_says_so() -> None:
    reading = recognise(["Text", "Created", "Updated"])
    assert reading.map["published_at"] == "Created"
    assert "published_at comes from 'Created', not from 'Updated'." in reading.assumptions


def test_two_columns_that_fit_alike_are_a_question() -> None:
    reading = recognise(["Message", "Comment", "Date"])
    assert "text" not in reading.map
    assert reading.questions == (
        "'Message' and 'Comment' can both be text. Choose one: --map text='Message'.",
    )


def test_without_a_text_the_columns_are_listed() -> None:
    reading = recognise(["Colour", "Size"])
    assert len(reading.questions) == 2
    assert "--map text=COLUMN. The columns are Colour, Size." in reading.questions[0]


def test_a_first_line_that_is_a_row_is_named() -> None:
    columns = ["1", "Kestrova broke again", "nell", "14/03/2026 17:07"]
    (question,) = recognise(columns).questions
    assert question.endswith("--no-header --map text=2,published_at=4.")


def test_title_and_text_are_one_text() -> None:
    assert recognise(["Title", "Review", "Date"]).map["text"] == "Title+Review"
    # the title above a comment is the video's
    assert recognise(["Title", "Comment", "Date"]).map["text"] == "Comment"


@pytest.mark.parametrize(
    ("name", "source"),
    [
        *[("twitter", "x"), ("Twitter", "x"), ("google play", "googleplay"), ("fb", "facebook")],
        *[("app store", "appstore"), ("ig", "instagram"), ("hn", "hackernews"), ("yt", "youtube")],
        *[("redit", "reddit"), ("Hacker News", "hackernews"), ("trust-pilot", "trustpilot")],
    ],
)
def test_a_source_is_suggested(name: str, source: str) -> None:
    assert suggest_source(name) == source


@pytest.mark.parametrize("name", ["x", "reddit", "googleplay", "our-forum", "crm"])
def test_a_source_of_its_own_is_kept(name: str) -> None:
    assert suggest_source(name) is None


def test_date_and_time_in_two_columns_are_one_time(tmp_path: Path) -> None:
    content = "Message,Date,Time\nlate,14/03/2026,17:07\nlater,15/03/2026,9:00\n"
    name, result = recognised_file(tmp_path / "a.csv", content)
    assert name == ""
    assert at(result.mentions[0]) == "2026-03-14T15:07:00+00:00"
    whole = recognise(["Message", "Date", "Time"], [{"Date": "2026-03-14 17:07", "Time": "17:07"}])
    assert "'Date' and 'Time' can both be published_at" in whole.questions[0]


def test_links_and_counts_are_no_question() -> None:
    reading = recognise(["Text", "Date", "Link", "Permalink"])
    assert reading.map["url"] == "Link"
    assert not reading.questions


def test_a_zone_in_a_columns_name_is_that_of_its_times() -> None:
    reading = recognise(["Message", "Created (America/New_York)"])
    assert reading.map["published_at"] == "Created (America/New_York)"
    assert reading.options["timezone"] == "America/New_York"
    assert "as the column 'Created (America/New_York)' says." in reading.assumptions[0]
    assert "timezone" not in recognise(["Message", "Created (CST)"]).options
    assert recognise(["Message", "Created (UTC)"]).options["timezone"] == "UTC"


@pytest.mark.parametrize(
    ("dates", "order"),
    [
        (["14/03/2026 17:07", "02/04/2026"], "dmy"),
        (["3/14/26 5:07 PM"], "mdy"),
        (["2026/03/14"], None),
        (["14.03.2026", "03.14.2026"], None),
        (["01/02/2026", "03/02/2026"], None),
        ([f"{day:02}/0{month}/2026" for month in (1, 2, 3) for day in (3, 6, 9, 12)], "dmy"),
    ],
)
def test_an_order_of_dates_is_proven_or_asked_for(dates: list[str], order: str | None) -> None:
    reading = recognise(["Message", "Date"], [{"Message": "m", "Date": day} for day in dates])
    assert reading.options.get("dates") == order
    assert bool(reading.questions) == (order is None and not dates[0].startswith("2026"))


def test_a_zone_that_a_person_names_wins_over_the_files_own() -> None:
    columns = ["Review Id", "Review Created (UTC)", "Review Stars", "Review Content"]
    assert recognise(columns).options["timezone"] == "UTC"
    reading = recognise(columns, timezone="Europe/Athens")
    assert "timezone" not in reading.options
    assert not any(sentence.startswith("Times are") for sentence in reading.assumptions)
