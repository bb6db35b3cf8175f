"""Chats of Telegram and Discord as their exporters write them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from listeners.common.json_fields import value_at
from listeners.files.pieces import join_pieces
from listeners.files.presets.cells import (
    NO_WORDS,
    SERVICE_MESSAGE,
    first_value,
    objects,
    text_of,
    with_fields,
)
from listeners.files.presets.headers import fold
from listeners.files.presets.types import LeftOut, Preset, Row

_BOT = LeftOut("a bot's message")


def _telegram(row: Row) -> Iterator[Row | LeftOut]:
    chats = value_at(row, "chats.list")
    if isinstance(chats, list):
        for chat in objects(chats):
            yield from _telegram(chat)
        return
    if isinstance(row.get("messages"), list):
        for message in objects(row["messages"]):
            yield from _telegram(message)
        return
    if row.get("type") not in ("message", None):
        yield SERVICE_MESSAGE
        return
    text = text_of(join_pieces(row.get("text")))
    if not text:
        # since 2022 the pieces are also in a list of their own
        text = text_of(join_pieces(row.get("text_entities")))
    if not text:
        yield NO_WORDS
        return
    number, sent_at = text_of(row.get("id")), first_value(row, "date_unixtime", "date")
    yield with_fields(
        text=text,
        # each chat numbers its messages from 1, so the second in which it was sent joins it
        id=f"{number}-{sent_at}" if number else None,
        author=first_value(row, "from", "actor", "from_id"),
        author_id=first_value(row, "from_id", "actor_id"),
        name=first_value(row, "from", "actor"),
        published_at=sent_at,
        reply_to=first_value(row, "reply_to_message_id"),
    )


TELEGRAM = Preset(
    name="telegram",
    title="Telegram Desktop, exported chats in JSON",
    source="telegram",
    columns={
        "text": ("text",),
        "author": ("from",),
        "author_id": ("from_id", "actor_id"),
        "published_at": ("date_unixtime", "date"),
        "id": ("id",),
        "kind": ("type",),
        "reply_to": ("reply_to_message_id",),
    },
    signature=(("text", "author_id", "published_at", "id"),),
    assumptions=("Service messages, such as a person who joins, are left out.",),
    adapt=_telegram,
    reads_record=True,
)


def _discord(row: Row) -> Iterator[Row | LeftOut]:
    if isinstance(row.get("messages"), list):
        for message in objects(row["messages"]):
            yield from _discord(message)
        return
    author = row.get("author")
    if not isinstance(author, dict):
        yield _discord_row(row)
        return
    kind = text_of(row.get("type"))
    if kind and kind not in ("Default", "Reply", "ThreadStarterMessage", "0", "19"):
        yield SERVICE_MESSAGE
    elif author.get("isBot") is True or author.get("bot") is True:
        yield _BOT
    elif not text_of(row.get("content")):
        yield NO_WORDS
    else:
        yield with_fields(
            text=row["content"],
            id=row.get("id"),
            author=first_value(author, "name", "username"),
            author_id=author.get("id"),
            name=first_value(author, "nickname", "global_name"),
            published_at=row.get("timestamp"),
            likes=_reactions(row.get("reactions")),
            reply_to=first_value(row, "reference.messageId", "message_reference.message_id"),
        )


def _discord_row(row: Row) -> Row | LeftOut:
    """Read a row of the CSV, which has no types of messages and, until 2026, no ids."""
    cells = {fold(column): value for column, value in row.items()}
    if not text_of(cells.get("content")):
        return NO_WORDS
    return with_fields(
        text=cells["content"],
        id=cells.get("messageid"),
        author=cells.get("author"),
        author_id=cells.get("authorid"),
        published_at=cells.get("date"),
    )


def _reactions(value: Any) -> int | None:
    counts = [item.get("count") for item in objects(value) if isinstance(item.get("count"), int)]
    return sum(count for count in counts if count) if counts else None


DISCORD = Preset(
    name="discord",
    title="DiscordChatExporter, JSON and CSV",
    source="discord",
    columns={
        "text": ("content",),
        "author": ("author.name", "author.username", "author"),
        "author_id": ("author.id", "AuthorID"),
        "published_at": ("timestamp", "Date"),
        "id": ("id", "MessageID"),
        "kind": ("type",),
        "extras": ("reactions", "attachments", "author.discriminator"),
    },
    signature=(("text", "author_id", "published_at", "extras"),),
    assumptions=("Service messages and messages of bots are left out.",),
    adapt=_discord,
    reads_record=True,
)
