"""Exported chats of Telegram, Discord and WhatsApp."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from preset_files import at, recognised_file, table

TELEGRAM: dict[str, Any] = {
    "name": "Shoppers",
    "type": "private_supergroup",
    "id": 100200,
    "messages": [
        {
            "id": 1,
            "type": "service",
            "date": "2026-03-14T17:00:00",
            "date_unixtime": "1773500400",
            "actor": "Pim",
            "actor_id": "user9",
            "action": "join_group_by_link",
            "text": "",
        },
        {
            "id": 5,
            "type": "message",
            "date": "2026-03-14T17:07:00",
            "date_unixtime": "1773500820",
            "from": "Pim",
            "from_id": "user9",
            "reply_to_message_id": 3,
            "text": ["see ", {"type": "link", "text": "https://kestrova.example"}, " it is broken"],
        },
        {
            "id": 6,
            "type": "message",
            "date": "2026-03-14T17:08:00",
            "date_unixtime": "1773500880",
            "from": "Pim",
            "from_id": "user9",
            "photo": "photos/1.jpg",
            "text": "",
        },
    ],
}


def test_telegram(tmp_path: Path) -> None:
    name, result = recognised_file(tmp_path / "result.json", json.dumps(TELEGRAM, indent=1))
    assert name == "telegram"
    (mention,) = result.mentions
    assert mention.source == "telegram"
    assert mention.text == "see https://kestrova.example it is broken"
    assert (mention.author.external_id, mention.author.handle) == ("user9", "Pim")
    assert at(mention) == "2026-03-14T15:07:00+00:00"
    assert mention.reply_to == "3"
    assert result.left_out == {"a service message": 1, "an entry without words": 1}


def test_telegram_of_2020_has_local_times_alone(tmp_path: Path) -> None:
    message = {
        "id": 7,
        "type": "message",
        "date": "2020-03-14T17:07:00",
        "from": "Nell",
        "from_id": 4433,
        "text": "kestrova is down",
    }
    other = {"id": 7, "type": "message", "date": "2020-05-01T10:00:00"}
    other |= {"from": "Una", "from_id": 4434, "text": "kestrova is up"}
    content = json.dumps({"name": "Shoppers", "messages": [message, other]})
    name, result = recognised_file(tmp_path / "result.json", content)
    assert name == "telegram"
    first, second = result.mentions
    assert at(first) == "2020-03-14T15:07:00+00:00"
    assert first.author.external_id == "4433"
    # two chats begin to count anew, and their messages stay apart
    assert first.external_id != second.external_id


def test_telegram_whole_account(tmp_path: Path) -> None:
    account = {"chats": {"about": "x", "list": [TELEGRAM, {"name": "b", "messages": []}]}}
    name, result = recognised_file(tmp_path / "result.json", json.dumps(account))
    assert name == "telegram"
    assert [mention.author.handle for mention in result.mentions] == ["Pim"]


DISCORD = {
    "guild": {"id": "1", "name": "Shop"},
    "channel": {"id": "2", "name": "help"},
    "messages": [
        {
            "id": "900",
            "type": "Default",
            "timestamp": "2026-03-14T17:07:00.5+02:00",
            "content": "kestrova never answers",
            "author": {"id": "77", "name": "nell_ro", "nickname": "Nell", "isBot": False},
            "attachments": [],
            "reactions": [{"emoji": {"name": "+1"}, "count": 3}],
        },
        {
            "id": "901",
            "type": "GuildMemberJoin",
            "timestamp": "2026-03-14T17:08:00+02:00",
            "content": "Joined the server.",
            "author": {"id": "78", "name": "una", "isBot": False},
            "attachments": [],
            "reactions": [],
        },
        {
            "id": "902",
            "type": "Default",
            "timestamp": "2026-03-14T17:09:00+02:00",
            "content": "Ticket opened",
            "author": {"id": "79", "name": "helper", "isBot": True},
            "attachments": [],
            "reactions": [],
        },
    ],
    "messageCount": 3,
}


def test_discord(tmp_path: Path) -> None:
    name, result = recognised_file(tmp_path / "help.json", json.dumps(DISCORD, indent=2))
    assert name == "discord"
    (mention,) = result.mentions
    assert (mention.source, mention.external_id) == ("discord", "900")
    assert (mention.author.external_id, mention.author.handle) == ("77", "nell_ro")
    assert mention.author.name == "Nell"
    assert at(mention) == "2026-03-14T15:07:00.500000+00:00"
    assert mention.engagement.likes == 3
    assert result.left_out == {"a service message": 1, "a bot's message": 1}


def test_discord_table(tmp_path: Path) -> None:
    row = {
        "AuthorID": "77",
        "Author": "nell_ro#0001",
        "Date": "04/20/2023 12:00 AM",
        "Content": "kestrova is down",
        "Attachments": "",
        "Reactions": "",
    }
    name, result = recognised_file(tmp_path / "help.csv", table([row]))
    assert name == "discord"
    (mention,) = result.mentions
    assert (mention.author.external_id, mention.author.handle) == ("77", "nell_ro#0001")
    assert at(mention) == "2023-04-19T21:00:00+00:00"  # the only order, in the brand's zone


IPHONE = """\u200e[14/03/2026, 17:00:00] Shoppers: \u200eMessages are end-to-end encrypted.
[14/03/2026, 17:07:00] Nell Ro: Where is my parcel?
It is three weeks late: really
[14/03/2026, 17:08:10] ~\u202fUna: \u200eimage omitted
\u200e[14/03/2026, 17:09:00] Una: \u200eThis message was deleted.
[14/03/2026, 17:10:00] Una: Same here \u200e<This message was edited>
"""
ANDROID = """3/14/26, 5:00\u202fPM - Messages and calls are end-to-end encrypted. Learn more.
3/14/26, 5:07\u202fPM - Nell Ro: Where is my parcel?
3/14/26, 5:08 PM - +30 694 000 0000: <Media omitted>
3/14/26, 12:10 AM - Una: late as always
"""
GERMAN = """14.03.26, 17:00 - Nachrichten sind Ende-zu-Ende-verschlüsselt.
14.03.26, 17:07 - Nell Ro: Wo bleibt mein Paket?
14.03.26, 17:08 - Una: <Medien ausgeschlossen>
14.03.26, 17:09 - Una: Diese Nachricht wurde gelöscht
"""
GREEK = """[14/3/26, 5:07:00 μ.μ.] Ελένη: Πού είναι το δέμα;
[14/3/26, 11:07:00 π.μ.] Άννα: Αργεί πάλι
"""


def test_whatsapp_of_an_iphone(tmp_path: Path) -> None:
    name, result = recognised_file(tmp_path / "_chat.txt", IPHONE)
    assert name == "whatsapp"
    first, second = result.mentions
    assert (first.source, first.author.handle) == ("whatsapp", "Nell Ro")
    assert first.text == "Where is my parcel?\nIt is three weeks late: really"
    assert at(first) == "2026-03-14T15:07:00+00:00"
    assert (second.author.handle, second.text) == ("Una", "Same here")
    assert result.left_out == {
        "a service message": 1,
        "an entry without words": 1,
        "a deleted message": 1,
    }


def test_whatsapp_of_android_in_the_usa(tmp_path: Path) -> None:
    name, result = recognised_file(tmp_path / "WhatsApp Chat with Shoppers.txt", ANDROID)
    assert name == "whatsapp"
    first, second = result.mentions
    assert (first.author.handle, at(first)) == ("Nell Ro", "2026-03-14T15:07:00+00:00")
    assert (second.text, at(second)) == ("late as always", "2026-03-13T22:10:00+00:00")
    assert result.left_out == {"a service message": 1, "an entry without words": 1}


@pytest.mark.parametrize(
    ("content", "texts", "left_out"),
    [(GERMAN, ["Wo bleibt mein Paket?"], 3), (GREEK, ["Πού είναι το δέμα;", "Αργεί πάλι"], 0)],
)
def test_whatsapp_in_other_languages(
    tmp_path: Path, content: str, texts: list[str], left_out: int
) -> None:
    name, result = recognised_file(tmp_path / "chat.txt", content)
    assert name == "whatsapp"
    assert [mention.text for mention in result.mentions] == texts
    assert at(result.mentions[0]) == "2026-03-14T15:07:00+00:00"
    assert result.left_out.total() == left_out


def test_whatsapp_of_a_chinese_phone(tmp_path: Path) -> None:
    content = "[2026/3/14 下午5:07:00] Lin: 包裹没到\n[2026/3/14 上午9:07:00] Wei: 太慢了\n"
    name, result = recognised_file(tmp_path / "chat.txt", content)
    assert name == "whatsapp"
    assert [mention.text for mention in result.mentions] == ["包裹没到", "太慢了"]
    assert at(result.mentions[0]) == "2026-03-14T15:07:00+00:00"


def test_a_name_with_a_colon_in_its_sentence_is_no_author(tmp_path: Path) -> None:
    content = (
        '14/03/2026, 17:00 - Una changed the group name to "Kestrova: late"\n'
        "14/03/2026, 17:07 - Una: https://kestrova.example: broken\n"
    )
    _, result = recognised_file(tmp_path / "chat.txt", content)
    (mention,) = result.mentions
    assert (mention.author.handle, mention.text) == ("Una", "https://kestrova.example: broken")
    assert result.left_out == {"a service message": 1}
