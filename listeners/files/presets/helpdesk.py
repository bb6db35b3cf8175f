"""Conversations of Intercom and tickets of Freshdesk: the customer's words, not the agents'."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from listeners.common.json_fields import value_at
from listeners.common.plain_text import from_html
from listeners.files.presets.cells import (
    AGENT_REPLY,
    AGENTS,
    INTERNAL_NOTE,
    NO_WORDS,
    SERVICE_MESSAGE,
    first_value,
    joined,
    objects,
    text_of,
    with_fields,
)
from listeners.files.presets.types import LeftOut, Preset, Row


def _intercom(row: Row) -> Iterator[Row | LeftOut]:
    if isinstance(row.get("conversations"), list):
        for conversation in objects(row["conversations"]):
            yield from _intercom(conversation)
    elif isinstance(row.get("source"), dict):
        yield from _intercom_conversation(row)
    else:
        yield _intercom_part(
            row, text_of(row.get("ticket")), row, text_of(row.get("kind")) or "comment"
        )


def _intercom_conversation(row: Row) -> Iterator[Row | LeftOut]:
    number = text_of(row.get("id"))
    opening = {**row["source"], "published_at": row.get("created_at"), "id": None}
    yield _intercom_part(opening, number, opening.get("author"), "")
    parts = row.get("conversation_parts")
    for part in objects(parts.get("conversation_parts") if isinstance(parts, dict) else parts):
        fields = {**part, "published_at": part.get("created_at")}
        yield _intercom_part(
            fields, number, part.get("author") or {}, text_of(part.get("part_type"))
        )
    rating = row.get("conversation_rating")
    if isinstance(rating, dict) and text_of(rating.get("remark")):
        customer = next(objects(value_at(row, "contacts.contacts")), {})
        yield with_fields(
            author_id=first_value(rating, "contact.id", "customer.id"),
            author=first_value(customer, "email", "external_id", "id")
            or value_at(row, "source.author.email"),
            text=rating["remark"],
            rating=rating.get("rating"),
            id=f"{number}-rating",
            published_at=rating.get("created_at"),
        )


def _intercom_part(fields: Row, number: str, author: Any, kind: str) -> Row | LeftOut:
    person = author if isinstance(author, dict) else {}
    role = text_of(first_value(person, "type", "role")).lower()
    text = joined(
        from_html(text_of(fields.get("subject"))),
        from_html(text_of(first_value(fields, "body", "text"))),
    )
    if kind.lower() in ("note", "note_and_reopen", "quick_note"):
        return INTERNAL_NOTE
    if role in AGENTS:
        return AGENT_REPLY if text else SERVICE_MESSAGE
    if not text:
        return SERVICE_MESSAGE if kind not in ("", "comment") else NO_WORDS
    part = text_of(first_value(fields, "part_id", "id")) if kind else ""
    email = first_value(person, "email", "author") or fields.get("author")
    name = person.get("name")
    return with_fields(
        author=email or name or first_value(person, "id", "author_id"),
        # a table's own id is the message's, not the person's
        author_id=person.get("author_id") if person is fields else person.get("id"),
        name=name,
        text=text,
        id=f"{number}-{part}" if part and part != number else number,
        published_at=fields.get("published_at"),
        url=fields.get("url"),
        rating=fields.get("rating"),
        reply_to=number if part and part != number else None,
    )


INTERCOM = Preset(
    name="intercom",
    title="Intercom, exported conversations",
    source="intercom",
    columns={
        "ticket": ("Conversation ID", "conversation_id", "ID der Konversation"),
        "published_at": (
            *("Part created at", "part_created_at", "Message created at", "Created at"),
            *("created_at", "Conversation started at", "conversation_started_at", "Started at"),
        ),
        "text": (
            *("Message body", "Part body", "Body", "body", "Message", "Comment", "part_body"),
            *("First message", "Conversation message", "Message text", "source.body"),
        ),
        "part_id": ("Part ID", "conversation_part_id", "part_id", "Message ID"),
        "kind": ("Part type", "part_type", "Message type"),
        "type": ("Author type", "author_type", "Sender type", "source.author.type"),
        "author": (
            *("User email", "Author email", "author_email", "email", "Contact email", "Email"),
            *("User name", "Author name", "author_name"),
        ),
        "name": ("User name", "Author name", "Contact name", "author_name"),
        "author_id": ("User ID", "author_id", "Contact ID", "user_id"),
        "rating": ("Conversation rating", "conversation_rating", "CSAT rating", "Rating"),
        "parts": ("conversation_parts.conversation_parts", "conversation_parts"),
        "teammate": ("Teammate assigned", "Teammate assigned ID", "admin_assignee_id"),
        "contacts": ("contacts.contacts", "conversation_message", "source.delivered_as"),
    },
    signature=(
        # other chat tools have a conversation's id, a message and a time as well
        ("ticket", "text", "published_at", "type"),
        ("ticket", "text", "published_at", "kind"),
        ("ticket", "text", "published_at", "teammate"),
        ("parts", "text", "published_at"),
        ("type", "text", "published_at", "contacts"),
    ),
    assumptions=(
        "Teammates' replies, bots' messages and internal notes are left out.",
        "A conversation's rating is 1 to 5.",
    ),
    rating_scale="1-5",
    adapt=_intercom,
)


def _freshdesk(row: Row) -> Iterator[Row | LeftOut]:
    number = text_of(row.get("ticket"))
    description = text_of(first_value(row, "plain")) or from_html(text_of(row.get("text")))
    text = joined(from_html(text_of(row.get("subject"))), description)
    people = with_fields(
        author=first_value(row, "author", "name"),
        author_id=row.get("author_id"),
        name=row.get("name"),
    )
    if text:
        yield with_fields(
            **people,
            text=text,
            id=number,
            published_at=row.get("published_at"),
            lang=row.get("lang"),
        )
    else:
        yield NO_WORDS
    for part in objects(row.get("conversations") or []):
        body = text_of(part.get("body_text")) or from_html(text_of(part.get("body")))
        if part.get("private") is True:
            yield INTERNAL_NOTE
        elif part.get("incoming") is not True:
            yield AGENT_REPLY
        elif not body:
            yield NO_WORDS
        else:
            yield with_fields(
                **people,
                text=body,
                id=f"{number}-{text_of(part.get('id'))}",
                published_at=part.get("created_at"),
                reply_to=number,
            )


FRESHDESK = Preset(
    name="freshdesk",
    title="Freshdesk, exported tickets",
    source="freshdesk",
    columns={
        "ticket": ("Ticket ID", "Ticket Id", "id", "Ticket-ID", "ID du ticket", "ID del ticket"),
        "subject": ("Subject", "subject", "Betreff", "Sujet", "Objet", "Asunto", "Oggetto"),
        "text": ("Description", "description", "Beschreibung", "Descripción"),
        "plain": ("description_text", "Description text"),
        "published_at": (
            *("Created time", "Created Time", "created_at", "Erstellungszeit", "Erstellt"),
            *("Heure de création", "Hora de creación", "Tempo di creazione", "Criado em"),
        ),
        "author": (
            *("Requester Email", "Email", "Contact Email", "requester.email", "E-Mail"),
            *("Adresse e-mail", "Correo electrónico"),
        ),
        "name": (
            *("Full name", "Contact Name", "Requester Name", "requester.name", "Name"),
            *("Vollständiger Name", "Nom complet", "Nombre completo"),
        ),
        "author_id": ("Contact ID", "requester_id", "Requester ID"),
        "times": (
            *("Initial response time", "First response time (in hrs)", "Resolved time"),
            *("Closed time", "Last update time", "Due by Time", "Lösungszeit", "fr_due_by"),
            *("fr_escalated", "Heure de résolution", "Hora de resolución"),
        ),
        "lang": ("Language", "Contact language"),
    },
    signature=(
        ("ticket", "subject", "published_at", "times"),
        ("ticket", "subject", "published_at", "times", "plain"),
    ),
    assumptions=("Agents' replies and private notes are left out.",),
    adapt=_freshdesk,
)
