"""A person's own downloads of YouTube, Facebook and Instagram."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from preset_files import at, json_lines, read_file, recognised_file, table

from listeners.files.presets import recognise
from listeners.files.presets.downloads import repair


def mojibake(value: Any) -> Any:
    """Write strings as Meta's downloads do: each byte of UTF-8 as a letter of its own."""
    if isinstance(value, str):
        return value.encode().decode("latin-1")
    if isinstance(value, list):
        return [mojibake(item) for item in value]
    if isinstance(value, dict):
        return {mojibake(key): mojibake(item) for key, item in value.items()}
    return value


PIECES = (
    '{"text":"Kestrova never answers "},{"text":"@kestrova","mention":{"externalChannelId":"UCz"}}'
)


@pytest.mark.parametrize(
    ("header", "text", "expected"),
    [
        (
            "Comment ID,Channel ID,Comment Create Timestamp,Price,Parent Comment ID,Video ID,"
            "Comment Text",
            PIECES,
            "Kestrova never answers @kestrova",
        ),
        (
            "Comment ID,Channel ID,Comment create timestamp,Price,Parent comment ID,Video ID,"
            "Comment text",
            '{"takeoutSegments":[{"text":"Kestrova is "},{"text":"slow"}]}',
            "Kestrova is slow",
        ),
        (
            "Kommentar-ID,Kanal-ID,Zeitstempel der Kommentarerstellung,Preis,"
            "ID des übergeordneten Kommentars,Video-ID,Kommentartext",
            "Kestrova ist langsam",
            "Kestrova ist langsam",
        ),
    ],
)
def test_youtube_comments(tmp_path: Path, header: str, text: str, expected: str) -> None:
    names = header.split(",")
    row = dict(
        zip(
            names,
            ["UgxA", "UCaa", "2026-03-14T15:07:00.5+00:00", "0", "UgxP", "dQw4", text],
            strict=True,
        )
    )
    name, result = recognised_file(tmp_path / "comments.csv", table([row]))
    assert name == "youtube-takeout"
    (mention,) = result.mentions
    assert (mention.source, mention.external_id) == ("youtube", "UgxA")
    assert mention.text == expected
    assert (mention.author.external_id, mention.reply_to) == ("UCaa", "UgxP")
    assert mention.url == "https://www.youtube.com/watch?v=dQw4&lc=UgxA"
    assert at(mention) == "2026-03-14T15:07:00.500000+00:00"


def test_youtube_live_chats(tmp_path: Path) -> None:
    row = {
        "Live Chat ID": "L1",
        "Channel ID": "UCaa",
        "Live Chat Create Timestamp": "2026-03-14T15:07:00+00:00",
        "Price": "0",
        "Video ID": "dQw4",
        "Live Chat Text": '{"text":"why is kestrova down"}',
    }
    name, result = recognised_file(tmp_path / "live chats.csv", table([row]))
    assert name == "youtube-takeout"
    assert result.mentions[0].text == "why is kestrova down"


COMMENTS = {
    "comments_v2": [
        {
            "timestamp": 1773500820,
            "data": [
                {
                    "comment": {
                        "timestamp": 1773500820,
                        "comment": "Καλημέρα, το δέμα δεν ήρθε 😡",
                        "author": "Ελένη Παππά",
                    }
                }
            ],
            "title": "Ελένη Παππά commented on Kestrova's post.",
        },
        {
            "timestamp": 1773500830,
            "data": [
                {"comment": {"timestamp": 1773500830, "comment": "", "author": "Ελένη Παππά"}}
            ],
            "attachments": [{"data": [{"media": {"uri": "a.jpg"}}]}],
            "title": "Ελένη Παππά replied with a photo.",
        },
    ]
}


def test_facebook_comments(tmp_path: Path) -> None:
    content = json.dumps(mojibake(COMMENTS), indent=2)
    name, result = recognised_file(tmp_path / "comments.json", content)
    assert name == "facebook-download"
    (mention,) = result.mentions
    assert mention.source == "facebook"
    assert mention.text == "Καλημέρα, το δέμα δεν ήρθε 😡"
    assert mention.author.handle == "Ελένη Παππά"
    assert at(mention) == "2026-03-14T15:07:00+00:00"
    assert result.left_out == {"an entry without words": 1}


def test_facebook_posts_and_messages(tmp_path: Path) -> None:
    posts = [
        {
            "timestamp": 1773500820,
            "data": [{"post": "Le café Kestrova déçoit"}, {"update_timestamp": 1773500821}],
            "title": "Una updated her status.",
        }
    ]
    name, result = recognised_file(tmp_path / "your_posts_1.json", json.dumps(mojibake(posts)))
    assert name == "facebook-download"
    assert result.mentions[0].text == "Le café Kestrova déçoit"
    assert result.mentions[0].author.handle == "anonymous"


MESSAGES = {
    "participants": [{"name": "Una"}, {"name": "Kestrova"}],
    "messages": [
        {"sender_name": "Una", "timestamp_ms": 1773500820000, "content": "où est mon colis"},
        {"sender_name": "Una", "timestamp_ms": 1773500830000, "photos": [{"uri": "p.jpg"}]},
    ],
    "title": "Kestrova",
}


def test_messages_of_both_downloads_are_alike() -> None:
    rows = MESSAGES["messages"]
    assert isinstance(rows, list)
    (question,) = recognise(["sender_name", "timestamp_ms", "content"], rows).questions
    assert question.endswith("--from facebook-download or --from instagram-download.")


@pytest.mark.parametrize("preset", ["facebook-download", "instagram-download"])
def test_messages(tmp_path: Path, preset: str) -> None:
    path = tmp_path / "message_1.json"
    path.write_text(json.dumps(mojibake(MESSAGES)), encoding="utf-8")
    result = read_file(path, preset=preset, source_as=preset.partition("-")[0])
    (mention,) = result.mentions
    assert (mention.text, mention.author.handle) == ("où est mon colis", "Una")
    assert at(mention) == "2026-03-14T15:07:00+00:00"
    assert result.left_out == {"an entry without words": 1}


def test_instagram_comments_in_two_languages(tmp_path: Path) -> None:
    for text_key, time_key in (("Comment", "Time"), ("Kommentar", "Uhrzeit")):
        entry = {
            "media_list_data": [{"uri": ""}],
            "string_map_data": {
                text_key: {"value": "schöner Schein, kestrova"},
                "Media Owner": {"value": "kestrova"},
                time_key: {"timestamp": 1773500820},
            },
        }
        name, result = recognised_file(tmp_path / f"{text_key}.json", json.dumps(mojibake([entry])))
        assert name == "instagram-download"
        (mention,) = result.mentions
        assert mention.source == "instagram"
        assert mention.text == "schöner Schein, kestrova"
        assert at(mention) == "2026-03-14T15:07:00+00:00"


def test_instagram_posts(tmp_path: Path) -> None:
    posts = [
        {
            "media": [
                {
                    "uri": "a.jpg",
                    "creation_timestamp": 1773500820,
                    "title": "Mein Ärger mit Kestrova",
                }
            ]
        },
        {"media": [{"uri": "b.jpg", "creation_timestamp": 1773500821, "title": ""}]},
    ]
    name, result = recognised_file(tmp_path / "posts_1.json", json.dumps(mojibake(posts)))
    assert name == "instagram-download"
    (mention,) = result.mentions
    assert mention.text == "Mein Ärger mit Kestrova"
    assert result.left_out == {"an entry without words": 1}


@pytest.mark.parametrize("text", ["", "plain", "Straße", "Καλημέρα", "日本", "já é"])
def test_right_text_stays_as_it_is(text: str) -> None:
    assert repair(text) == text
    assert repair(mojibake(text)) == text


def test_rows_of_comments_may_also_be_lines(tmp_path: Path) -> None:
    entry = mojibake(COMMENTS["comments_v2"][0])
    name, result = recognised_file(tmp_path / "comments.jsonl", json_lines([entry]))
    assert name == "facebook-download"
    assert result.mentions[0].author.handle == "Ελένη Παππά"


def test_facebook_entries_with_labels(tmp_path: Path) -> None:
    entries = [
        {
            "timestamp": 1773500820,
            "media": [],
            "label_values": [{"label": "Kommentar", "value": "Kestrova lässt mich warten"}],
            "fbid": "1789",
        }
    ]
    name, result = recognised_file(tmp_path / "a.json", json.dumps(mojibake(entries)))
    assert name == "facebook-download"
    (mention,) = result.mentions
    assert (mention.external_id, mention.text) == ("1789", "Kestrova lässt mich warten")
