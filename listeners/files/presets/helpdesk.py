"""Tickets and conversations of helpdesks: the customer's words, not the agents'."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from listeners.common.plain_text import from_html
from listeners.files.presets.cells import (
    AGENT_REPLY,
    INTERNAL_NOTE,
    NO_WORDS,
    SERVICE_MESSAGE,
    first_value,
    is_no,
    is_yes,
    joined,
    objects,
    text_of,
    value_at,
    with_fields,
)
from listeners.files.presets.types import LeftOut, Preset, Row

_AGENTS = {"agent", "admin", "staff", "owner", "team", "team_member", "teammate", "operator", "bot"}
_AGENTS |= {"light agent", "system", "automation", "agente", "mitarbeiter", "opérateur"}
_TICKET_ADDRESS = re.compile(r"/api/v2/(tickets/\d+)(?:\.json)?$")


def _zendesk(row: Row) -> Iterator[Row | LeftOut]:
    """Read a ticket with its comments, or one comment or ticket of a table."""
    if isinstance(row.get("tickets"), list):
        for ticket in objects(row["tickets"]):
            yield from _zendesk(ticket)
        return
    comments = row.get("comments")
    if isinstance(comments, dict):
        comments = comments.get("comments")
    if isinstance(comments, list) and comments:
        yield from _zendesk_comments(row, comments)
    elif "description" in row and isinstance(row.get("id"), int):
        yield from _zendesk_description(row)
    else:
        yield from _zendesk_row(row)


def _requester(ticket: Row) -> Row:
    requester = ticket.get("requester")
    person = requester if isinstance(requester, dict) else {}
    number = first_value(ticket, "requester_id", "requester.id")
    name = person.get("name") or (requester if isinstance(requester, str) else None)
    return with_fields(author=person.get("email") or name or number, author_id=number, name=name)


def _zendesk_address(ticket: Row) -> str | None:
    """Return the address at which agents read the ticket; the export holds the API's."""
    url = text_of(ticket.get("url"))
    return _TICKET_ADDRESS.sub(r"/agent/\1", url) or None


def _zendesk_comments(ticket: Row, comments: list[Any]) -> Iterator[Row | LeftOut]:
    people = _requester(ticket)
    requester = text_of(people.get("author_id"))
    for index, comment in enumerate(objects(comments)):
        writer = text_of(first_value(comment, "author_id", "author.id"))
        role = text_of(first_value(comment, "author.role", "author_role")).lower()
        text = text_of(first_value(comment, "plain_body", "body"))
        text = text or from_html(text_of(comment.get("html_body")))
        if is_no(comment.get("public")):
            yield INTERNAL_NOTE
        elif role in _AGENTS or (not role and requester and writer and writer != requester):
            yield AGENT_REPLY
        elif not text:
            yield NO_WORDS
        else:
            number = text_of(ticket.get("id"))
            # the first comment is the ticket's description, which has no id of its own
            own_id = number if index == 0 else f"{number}-{text_of(comment.get('id')) or index}"
            yield with_fields(
                **people,
                text=joined(ticket.get("subject") if index == 0 else None, text),
                id=own_id,
                published_at=first_value(comment, "created_at") or ticket.get("created_at"),
                url=_zendesk_address(ticket),
                reply_to=None if index == 0 else number,
            )


def _zendesk_description(ticket: Row) -> Iterator[Row | LeftOut]:
    submitter, requester = ticket.get("submitter_id"), ticket.get("requester_id")
    if submitter and requester and submitter != requester:
        yield LeftOut("a ticket that an agent opened")
        return
    yield with_fields(
        **_requester(ticket),
        text=joined(ticket.get("subject"), ticket.get("description")),
        id=text_of(ticket.get("id")),
        published_at=ticket.get("created_at"),
        url=_zendesk_address(ticket),
    )


def _zendesk_row(row: Row) -> Iterator[Row | LeftOut]:
    role = text_of(row.get("role")).lower()
    if is_no(row.get("public")) or is_yes(row.get("private")):
        yield INTERNAL_NOTE
        return
    writer, requester = text_of(row.get("writer")), text_of(row.get("author"))
    is_by_another = bool(writer and requester and writer.casefold() != requester.casefold())
    if role in _AGENTS or (not role and is_by_another):
        yield AGENT_REPLY
        return
    comment = text_of(row.get("comment"))
    text = comment or joined(row.get("subject"), row.get("text"))
    if not text:
        yield NO_WORDS
        return
    number, part = text_of(row.get("ticket")), text_of(row.get("comment_id"))
    yield with_fields(
        **{name: row.get(name) for name in ("author_id", "url", "name", "lang")},
        author=requester or writer,
        text=text,
        id=f"{number}-{part}" if part and number else number or part,
        published_at=row.get("comment_time") or row.get("published_at"),
        reply_to=number if part and number else None,
    )


ZENDESK = Preset(
    name="zendesk",
    title="Zendesk, exported tickets",
    source="zendesk",
    columns={
        "ticket": ("Ticket ID", "Ticket", "Ticket-ID", "ID du ticket", "ID de ticket", "Id"),
        "subject": ("Subject", "Ticket subject", "Betreff", "Sujet", "Objet", "Asunto", "Assunto"),
        "text": ("Description", "description", "Ticket description", "Beschreibung"),
        "comment": (
            *("Comment body", "Comment", "Body", "Comment text", "Public comment", "Kommentar"),
            *("Commentaire", "Comentario", "Comentário"),
        ),
        "comment_id": ("Comment ID", "Event ID"),
        "author": (
            *("Requester email", "Requester", "Requester name", "Anfragender", "Demandeur"),
            *("Solicitante", "Richiedente", "requester.email"),
        ),
        "name": ("Requester name", "requester.name"),
        "author_id": ("Requester id", "requester_id", "requester.id"),
        "writer": (
            *("Comment author", "Comment author email", "Author email", "Author", "Commenter"),
            *("Updater name", "Author name"),
        ),
        "role": ("Author role", "Comment author role", "Updater role", "Author type", "Role"),
        "public": ("Public", "Comment public", "Is public", "comments.public"),
        "private": ("Private", "Is private"),
        "published_at": (
            *("Created at", "created_at", "Ticket created", "Requested", "Erstellt am"),
            *("Créé le", "Creado el", "Criado em", "Ticket created - Timestamp", "Date created"),
            "Ticket created - Date",
        ),
        "comment_time": ("Comment created at", "Comment created", "Comment date"),
        "via": ("via.channel", "Via", "Channel", "Ticket channel", "Kanal", "Canal"),
        "comments": ("comments.body", "comments.plain_body", "comments.comments.body"),
        "submitter": ("submitter_id", "Submitter", "Assignee", "Assignee name"),
        "group": ("Group", "group_id", "Ticket group", "Ticket form", "Brand", "brand_id"),
    },
    signature=(
        ("ticket", "comment", "author", "published_at"),
        ("ticket", "comment", "role"),
        ("comments", "author_id", "published_at"),
        ("subject", "text", "author_id", "published_at", "submitter"),
        ("ticket", "subject", "author", "published_at", "via"),
        ("ticket", "subject", "author", "published_at", "group"),
    ),
    assumptions=("Agents' replies and internal notes are left out.",),
    adapt=_zendesk,
)


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
    if role in _AGENTS:
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
