"""Reviews of app stores and review sites, in the headers of different years and languages."""

from __future__ import annotations

import json
from pathlib import Path

from preset_files import at, recognised_file, table

PLAY = [
    {
        "Package Name": "com.kestrova.app",
        "App Version Code": "412",
        "App Version Name": "4.1.2",
        "Reviewer Language": "de",
        "Device": "panther",
        "Review Submit Date and Time": "2026-03-14T15:07:00Z",
        "Review Submit Millis Since Epoch": "1773500820000",
        "Review Last Update Date and Time": "2026-03-15T08:00:00Z",
        "Review Last Update Millis Since Epoch": "1773561600000",
        "Star Rating": "1",
        "Review Title": "",
        "Review Text": "Das Paket kam nie an",
        "Developer Reply Date and Time": "2026-03-15T09:00:00Z",
        "Developer Reply Text": "Es tut uns leid",
        "Review Link": "https://play.google.com/console/x?reviewId=gp%3AAOq1&corpus=PUBLIC",
    },
    {
        "Package Name": "com.kestrova.app",
        "Review Submit Date and Time": "2026-03-14T16:00:00Z",
        "Star Rating": "5",
        "Review Text": "",
    },
]


def test_play_console(tmp_path: Path) -> None:
    name, result = recognised_file(tmp_path / "reviews.csv", table(PLAY))
    assert name == "play-console"
    assert result.left_out == {"a rating without words": 1}
    (mention,) = result.mentions
    assert (mention.source, mention.external_id) == ("googleplay", "gp:AOq1")
    assert mention.text == "Das Paket kam nie an"
    assert at(mention) == "2026-03-14T15:07:00+00:00"
    assert mention.lang == "de"
    assert mention.rating is not None
    assert (mention.rating.kind, mention.rating.value) == ("stars", 1)
    assert mention.author.handle == "anonymous"


def test_play_console_of_2013_has_titles_and_no_version(tmp_path: Path) -> None:
    row = {
        "Package Name": "com.kestrova.app",
        "App Version": "12",
        "Reviewer Language": "el",
        "Reviewer Hardware Model": "m7",
        "Review Submit Date and Time": "2013-02-01T07:30:00Z",
        "Review Submit Millis Since Epoch": "1359703800000",
        "Star Rating": "2",
        "Review Title": "Αργεί",
        "Review Text": "Δεν ανοίγει ποτέ",
        "Review Link": "https://play.google.com/apps/publish?#ReviewDetailsPlace:p=x",
    }
    name, result = recognised_file(tmp_path / "reviews_201302.csv", table([row]))
    assert name == "play-console"
    (mention,) = result.mentions
    assert mention.text == "Αργεί\nΔεν ανοίγει ποτέ"
    assert at(mention) == "2013-02-01T07:30:00+00:00"


def test_app_store_connect_api(tmp_path: Path) -> None:
    review = {
        "type": "customerReviews",
        "id": "00000075-e2af",
        "attributes": {
            "rating": 1,
            "title": "Charged twice",
            "body": "No answer for a week",
            "reviewerNickname": "nell_ro",
            "createdDate": "2026-03-14T08:07:00-07:00",
            "territory": "USA",
        },
        "relationships": {"response": {"links": {"self": "https://api.example/response"}}},
    }
    reply = {"type": "customerReviewResponses", "id": "r1", "attributes": {"responseBody": "Hi"}}
    name, result = recognised_file(
        tmp_path / "reviews.jsonl", json.dumps(review) + "\n" + json.dumps(reply) + "\n"
    )
    assert name == "appstore-connect"
    (mention,) = result.mentions
    assert mention.source == "appstore"
    assert mention.external_id == "00000075-e2af"
    assert mention.text == "Charged twice\nNo answer for a week"
    assert mention.author.handle == "nell_ro"
    assert at(mention) == "2026-03-14T15:07:00+00:00"
    assert mention.rating is not None and mention.rating.value == 1
    assert result.left_out == {"the developer's reply": 1}


def test_app_store_connect_table(tmp_path: Path) -> None:
    row = {
        "Review ID": "9911",
        "Territory": "DEU",
        "Date": "2026-03-14",
        "Rating": "2",
        "Title": "Absturz",
        "Review": "Seit dem Update geht nichts",
        "Nickname": "Una M",
        "Developer Response": "Wir arbeiten daran",
    }
    name, result = recognised_file(tmp_path / "ratings.csv", table([row], ";"))
    assert name == "appstore-connect"
    (mention,) = result.mentions
    assert mention.text == "Absturz\nSeit dem Update geht nichts"
    assert mention.author.handle == "Una M"
    assert mention.rating is not None and mention.rating.value == 2


TRUSTPILOT = {
    "Review Id": "s1",
    "Review Created (UTC)": "2026-03-14 15:07:00",
    "Review Consumer User Id": "u77",
    "Review Username": "Nell R",
    "Review Title": "I want my money back, third time",
    "Review Content": ".",
    "Review Stars": "1",
    "Source Of Review": "Organic",
    "Company Reply Date (UTC)": "2026-03-15 09:00:00",
    "Domain Url": "kestrova.example",
}


def test_trustpilot(tmp_path: Path) -> None:
    rows = [
        TRUSTPILOT,
        TRUSTPILOT | {"Review Id": "s3", "Review Title": "Never", "Review Content": ""},
    ]
    name, result = recognised_file(tmp_path / "reviews.csv", table(rows))
    assert name == "trustpilot"
    first, second = result.mentions
    assert (first.source, first.external_id) == ("trustpilot", "s1")
    assert first.text == "I want my money back, third time"
    assert second.text == "Never"
    assert (first.author.external_id, first.author.handle) == ("u77", "Nell R")
    assert at(first) == "2026-03-14T15:07:00+00:00"
    assert first.rating is not None
    assert (first.rating.kind, first.rating.value, first.rating.highest) == ("stars", 1, 5)
    assert first.url == "https://www.trustpilot.com/reviews/s1"


def test_trustpilot_api(tmp_path: Path) -> None:
    review = {
        "id": "507f191e",
        "consumer": {"id": "c9", "displayName": "Tomás B"},
        "businessUnit": {"id": "b1"},
        "stars": 2,
        "title": "Lento",
        "text": "Tres semanas sin respuesta",
        "language": "es",
        "createdAt": "2026-03-14T15:07:00Z",
        "companyReply": {"text": "Lo sentimos", "createdAt": "2026-03-15T10:00:00Z"},
    }
    name, result = recognised_file(tmp_path / "reviews.jsonl", json.dumps(review) + "\n")
    assert name == "trustpilot"
    (mention,) = result.mentions
    assert mention.text == "Lento\nTres semanas sin respuesta"
    assert (mention.author.external_id, mention.author.handle) == ("c9", "Tomás B")
    assert mention.lang == "es"
    assert mention.rating is not None and mention.rating.value == 2
