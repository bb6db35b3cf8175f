"""Answers to forms and surveys, and Earful's own export."""

from __future__ import annotations

from pathlib import Path

import pytest
from preset_files import at, json_lines, recognised_file, table

from listeners.files.presets import recognise
from listeners.files.presets.forms import question_map

FORM = [
    {
        "Timestamp": "3/14/2026 17:07:00",
        "Email Address": "nell@mail.example",
        "How satisfied are you, from 1 to 5?": "1",
        "Which plan do you use?": "Basic",
        "What went wrong, if anything?": "The parcel came three weeks late",
    },
    {
        "Timestamp": "3/15/2026 9:00:00",
        "Email Address": "",
        "How satisfied are you, from 1 to 5?": "5",
        "Which plan do you use?": "Plus",
        "What went wrong, if anything?": "",
    },
]


def test_google_forms(tmp_path: Path) -> None:
    name, result = recognised_file(tmp_path / "answers.csv", table(FORM))
    assert name == "google-forms"
    (mention,) = result.mentions
    assert (mention.source, mention.author.handle) == ("survey", "nell@mail.example")
    assert mention.text == "The parcel came three weeks late"
    assert at(mention) == "2026-03-14T15:07:00+00:00"
    assert mention.rating is not None
    assert (mention.rating.value, mention.rating.highest) == (1, 5)
    assert result.left_out == {"an entry without words": 1}


def test_google_forms_in_german_with_two_questions(tmp_path: Path) -> None:
    row = {
        "Zeitstempel": "14.03.2026 17:07:00",
        "Wie wahrscheinlich ist es, dass Sie uns empfehlen?": "3",
        "Was hat Sie gestört?": "Niemand geht ans Telefon, nie",
        "Was sollen wir ändern?": "Bitte antworten Sie auf Mails",
    }
    name, result = recognised_file(tmp_path / "antworten.csv", table([row]))
    assert name == "google-forms"
    (mention,) = result.mentions
    assert mention.text == "Niemand geht ans Telefon, nie\nBitte antworten Sie auf Mails"
    assert mention.author.handle == "anonymous"
    assert mention.rating is not None
    assert (mention.rating.kind, mention.rating.highest) == ("nps", 10)


def test_a_form_without_an_answer_in_words_is_a_question() -> None:
    row = {"Timestamp": "2026/03/14 5:07:00 PM GMT+2", "Which plan do you use?": "Basic"}
    reading = recognise(list(row), [row])
    assert "--map text=COLUMN" in reading.questions[0]


SURVEY = {
    "Respondent ID": "118880001",
    "Collector ID": "4401",
    "Start Date": "03/14/2026 05:01:00 PM",
    "End Date": "03/14/2026 05:07:00 PM",
    "IP Address": "",
    "Email Address": "nell@mail.example",
    "First Name": "Nell",
    "Last Name": "Ro",
    "Custom Data 1": "",
    "How likely is it that you would recommend Kestrova?": "2",
    "Tell us why": "Support hung up on me twice",
}


def test_surveymonkey(tmp_path: Path) -> None:
    second_header = dict.fromkeys(SURVEY, "") | {"Tell us why": "Open-Ended Response"}
    rows = [second_header, SURVEY]
    name, result = recognised_file(tmp_path / "Kestrova.csv", table(rows))
    assert name == "surveymonkey"
    (mention,) = result.mentions
    assert (mention.source, mention.external_id) == ("survey", "118880001")
    assert mention.text == "Support hung up on me twice"
    assert (mention.author.handle, mention.author.name) == ("nell@mail.example", "Nell Ro")
    assert at(mention) == "2026-03-14T15:07:00+00:00"
    assert mention.rating is not None
    assert (mention.rating.kind, mention.rating.value) == ("nps", 2)
    assert result.left_out == {"the second line of the header": 1}


def test_surveymonkey_of_2012(tmp_path: Path) -> None:
    row = {
        "RespondentID": "2001",
        "CollectorID": "7",
        "StartDate": "10/29/2012 17:01",
        "EndDate": "10/29/2012 17:07",
        "Why did you leave us?": "Nobody ever called me back",
    }
    name, result = recognised_file(tmp_path / "sheet.csv", table([row]))
    assert name == "surveymonkey"
    (mention,) = result.mentions
    assert mention.text == "Nobody ever called me back"
    assert mention.author.handle == "anonymous"


OWN = {
    "source": "x",
    "external_id": "203",
    "url": "https://x.com/nell_ro/status/203",
    "author": "nell_ro",
    "text": "'=SUM(1) kestrova &amp; me",
    "lang": "en",
    "language_found": "en",
    "published_at": "2026-03-14T15:07:00Z",
    "brand": "Kestrova",
    "sentiment": "negative",
    "negative": "0.9",
    "neutral": "0.1",
    "positive": "0.0",
    "could_not_tell": "false",
    "model_id": "m1",
    "flagged": "false",
    "case_status": "",
    "story_id": "",
    "rating_kind": "stars",
    "rating_value": "1",
    "rating_lowest": "1",
    "rating_highest": "5",
}


def test_our_own_export_as_csv(tmp_path: Path) -> None:
    plain = OWN | {"external_id": "204", "text": "'twas slow", "source": "reddit"}
    name, result = recognised_file(tmp_path / "out.csv", table([OWN, plain]))
    assert name == "earful"
    first, second = result.mentions
    assert (first.source, first.external_id) == ("x", "203")
    # the apostrophe before a formula is the export's, the other is the author's
    assert first.text == "=SUM(1) kestrova &amp; me"
    assert (second.source, second.text) == ("reddit", "'twas slow")


def test_our_own_export_as_json_lines_is_exact(tmp_path: Path) -> None:
    row = OWN | {"flagged": False, "negative": 0.9, "could_not_tell": False, "rating_value": 1}
    name, result = recognised_file(tmp_path / "out.jsonl", json_lines([row]))
    assert name == "earful"
    (mention,) = result.mentions
    assert mention.text == "'=SUM(1) kestrova &amp; me"


def test_choices_of_a_list_are_no_words_of_a_person() -> None:
    plans = ["The large family plan yearly", "The small single plan monthly"]
    rows = [
        {
            "Timestamp": f"2026/03/{day} 5:07:00 PM GMT+2",
            "Which plan do you use?": plans[day % 2],
            "What went wrong?": f"Parcel number {day} never came here",
        }
        for day in range(10, 18)
    ]
    assert recognise(list(rows[0]), rows).map["text"] == "What went wrong?"


@pytest.mark.parametrize(
    "kind", ["Open-Ended Response", "Offene Antwort", "Réponse ouverte", "Other (please specify)"]
)
def test_a_second_header_names_the_free_texts(kind: str) -> None:
    columns = ["Respondent ID", "Collector ID", "Start Date", "What did you dislike?", "How happy?"]
    rows = [
        dict(zip(columns, ["", "", "", kind, "Response"], strict=True)),
        dict(zip(columns, ["118", "4", "03/14/2026", "It crashes", "2"], strict=True)),
    ]
    assert question_map(columns, rows)["text"] == "What did you dislike?"
