"""Tickets of helpdesks: the customer's words alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from preset_files import at, json_lines, recognised_file, table

TICKET: dict[str, Any] = {
    "url": "https://kestrova.zendesk.com/api/v2/tickets/35.json",
    "id": 35,
    "via": {"channel": "email"},
    "created_at": "2026-03-14T15:07:00Z",
    "updated_at": "2026-03-15T15:07:00Z",
    "subject": "Charged twice",
    "description": "I was charged twice",
    "status": "open",
    "requester_id": 700,
    "submitter_id": 700,
    "assignee_id": 9,
}


def test_zendesk_json_with_comments(tmp_path: Path) -> None:
    comments = [
        {"id": 1, "author_id": 700, "plain_body": "I was charged twice", "public": True},
        {"id": 2, "author_id": 9, "body": "We look into it", "public": True},
        {"id": 3, "author_id": 9, "body": "He is right", "public": False},
        {
            "id": 4,
            "author_id": 700,
            "html_body": "<p>Still <b>no</b> answer &amp; no money</p>",
            "public": True,
            "created_at": "2026-03-16T09:00:00Z",
        },
    ]
    ticket = TICKET | {
        "requester": {"id": 700, "name": "Nell R", "email": "nell@mail.example"},
        "comments": comments,
    }
    name, result = recognised_file(tmp_path / "tickets.jsonl", json_lines([ticket]))
    assert name == "zendesk"
    first, second = result.mentions
    assert (first.source, first.external_id) == ("zendesk", "35")
    assert first.text == "Charged twice\nI was charged twice"
    assert (first.author.external_id, first.author.handle) == ("700", "nell@mail.example")
    assert at(first) == "2026-03-14T15:07:00+00:00"
    assert first.url == "https://kestrova.zendesk.com/agent/tickets/35"
    assert (second.external_id, second.text) == ("35-4", "Still no answer & no money")
    assert (second.reply_to, at(second)) == ("35", "2026-03-16T09:00:00+00:00")
    assert result.left_out == {"an agent's reply": 1, "an internal note": 1}


def test_zendesk_json_without_comments(tmp_path: Path) -> None:
    by_agent = TICKET | {"id": 36, "submitter_id": 9}
    name, result = recognised_file(tmp_path / "tickets.jsonl", json_lines([TICKET, by_agent]))
    assert name == "zendesk"
    (mention,) = result.mentions
    assert mention.text == "Charged twice\nI was charged twice"
    assert result.left_out == {"a ticket that an agent opened": 1}


def test_zendesk_rows_of_comments(tmp_path: Path) -> None:
    row = {
        "Ticket ID": "35",
        "Subject": "Charged twice",
        "Requester": "Nell R",
        "Created at": "2026-03-14 15:07:00",
        "Comment ID": "1",
        "Comment author": "Nell R",
        "Author role": "end-user",
        "Public": "true",
        "Comment body": "I was charged twice",
        "Comment created at": "2026-03-14 15:08:00",
    }
    reply = row | {"Comment ID": "2", "Comment author": "Mia", "Author role": "agent"}
    note = row | {"Comment ID": "3", "Comment author": "Mia", "Public": "false"}
    rows = [row, reply, note]
    name, result = recognised_file(tmp_path / "comments.csv", table(rows))
    assert name == "zendesk"
    (mention,) = result.mentions
    assert mention.external_id == "35-1"
    assert mention.text == "I was charged twice"
    assert at(mention) == "2026-03-14T13:08:00+00:00"
    assert result.left_out == {"an agent's reply": 1, "an internal note": 1}


def test_zendesk_view_in_german(tmp_path: Path) -> None:
    row = {
        "Ticket-ID": "41",
        "Betreff": "Paket fehlt seit drei Wochen",
        "Anfragender": "Tomás B",
        "Erstellt am": "2026-03-14 15:07",
        "Kanal": "E-Mail",
    }
    name, result = recognised_file(tmp_path / "ansicht.csv", table([row], ";"))
    assert name == "zendesk"
    (mention,) = result.mentions
    assert (mention.external_id, mention.text) == ("41", "Paket fehlt seit drei Wochen")
    assert mention.author.handle == "Tomás B"


CONVERSATION: dict[str, Any] = {
    "type": "conversation",
    "id": "215",
    "created_at": 1773500820,
    "source": {
        "type": "conversation",
        "id": "s1",
        "delivered_as": "customer_initiated",
        "subject": "",
        "body": "<p>Where is my parcel?</p>",
        "author": {"type": "user", "id": "u1", "name": "Nell R", "email": "nell@mail.example"},
        "url": "https://kestrova.example/help",
    },
    "conversation_parts": {
        "conversation_parts": [
            {
                "id": "11",
                "part_type": "comment",
                "body": "<p>On its way</p>",
                "created_at": 1773500900,
                "author": {"type": "admin", "id": "9"},
            },
            {
                "id": "12",
                "part_type": "note",
                "body": "<p>VIP</p>",
                "created_at": 1773500950,
                "author": {"type": "admin", "id": "9"},
            },
            {
                "id": "13",
                "part_type": "assignment",
                "body": None,
                "created_at": 1773500960,
                "author": {"type": "bot", "id": "b"},
            },
            {
                "id": "14",
                "part_type": "comment",
                "body": "<p>It never came</p>",
                "created_at": 1773501000,
                "author": {"type": "user", "id": "u1", "email": "nell@mail.example"},
            },
        ]
    },
}


def test_intercom_conversations(tmp_path: Path) -> None:
    name, result = recognised_file(tmp_path / "conversations.jsonl", json_lines([CONVERSATION]))
    assert name == "intercom"
    first, second = result.mentions
    assert (first.source, first.external_id) == ("intercom", "215")
    assert (first.text, first.author.handle) == ("Where is my parcel?", "nell@mail.example")
    assert at(first) == "2026-03-14T15:07:00+00:00"
    assert (second.external_id, second.text) == ("215-14", "It never came")
    assert second.author.external_id == "u1" == first.author.external_id
    assert result.left_out == {
        "an agent's reply": 1,
        "an internal note": 1,
        "a service message": 1,
    }


def test_intercom_rows(tmp_path: Path) -> None:
    row = {
        "Conversation ID": "215",
        "Part ID": "14",
        "Part type": "comment",
        "Author type": "user",
        "Author name": "Nell R",
        "Author email": "nell@mail.example",
        "Message body": "It never came",
        "Created at": "2026-03-14 15:07:00",
    }
    ours = row | {"Part ID": "15", "Author type": "admin", "Message body": "Sorry"}
    note = row | {"Part ID": "16", "Author type": "admin", "Part type": "note"}
    name, result = recognised_file(tmp_path / "parts.csv", table([row, ours, note]))
    assert name == "intercom"
    (mention,) = result.mentions
    assert (mention.external_id, mention.author.handle) == ("215-14", "nell@mail.example")
    assert result.left_out == {"an agent's reply": 1, "an internal note": 1}


def test_freshdesk(tmp_path: Path) -> None:
    row = {
        "Ticket ID": "501",
        "Subject": "Late parcel",
        "Status": "Open",
        "Priority": "Low",
        "Source": "Email",
        "Agent": "Mia",
        "Created time": "14/03/2026 17:07",
        "Due by Time": "16/03/2026 17:07",
        "Resolved time": "",
        "Initial response time": "02:10:00",
        "Description": "<div>My parcel is three weeks late</div>",
        "Full name": "Nell R",
        "Email": "nell@mail.example",
        "Contact ID": "c1",
    }
    name, result = recognised_file(tmp_path / "tickets.csv", table([row]))
    assert name == "freshdesk"
    (mention,) = result.mentions
    assert (mention.source, mention.external_id) == ("freshdesk", "501")
    assert mention.text == "Late parcel\nMy parcel is three weeks late"
    assert (mention.author.handle, mention.author.name) == ("nell@mail.example", "Nell R")
    assert at(mention) == "2026-03-14T15:07:00+00:00"


def test_freshdesk_api(tmp_path: Path) -> None:
    ticket = {
        "id": 501,
        "subject": "Late parcel",
        "description": "<div>three weeks</div>",
        "description_text": "three weeks",
        "created_at": "2026-03-14T15:07:00Z",
        "fr_due_by": "2026-03-15T15:07:00Z",
        "requester_id": 88,
        "requester": {"id": 88, "name": "Nell R", "email": "nell@mail.example"},
        "conversations": [
            {"id": 1, "body_text": "On its way", "incoming": False, "private": False},
            {"id": 2, "body_text": "call her", "incoming": False, "private": True},
            {
                "id": 3,
                "body_text": "It never came",
                "incoming": True,
                "private": False,
                "created_at": "2026-03-17T10:00:00Z",
            },
        ],
    }
    name, result = recognised_file(tmp_path / "tickets.jsonl", json_lines([ticket]))
    assert name == "freshdesk"
    first, second = result.mentions
    assert first.text == "Late parcel\nthree weeks"
    assert (second.external_id, second.reply_to) == ("501-3", "501")
    assert second.author == first.author
    assert result.left_out == {"an agent's reply": 1, "an internal note": 1}
