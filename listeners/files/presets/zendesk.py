"""Tickets of Zendesk and their comments: the customer's words, not the agents'."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from listeners.common.plain_text import from_html
from listeners.files.presets.cells import (
    AGENT_REPLY,
    AGENTS,
    INTERNAL_NOTE,
    NO_WORDS,
    first_value,
    is_no,
    is_yes,
    joined,
    objects,
    text_of,
    with_fields,
)
from listeners.files.presets.types import LeftOut, Preset, Row

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
        elif role in AGENTS or (not role and requester and writer and writer != requester):
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
    if role in AGENTS or (not role and is_by_another):
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
