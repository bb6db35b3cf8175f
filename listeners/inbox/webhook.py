"""The source "webhook": items that chats, helpdesks and call notes send to our address.

`earful feedback serve` checks the signature, takes the mapped fields out of the body and
drops them into the hook's inbox; nothing is asked of any network here. The [[hook]] block in
settings makes the query.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel

from earful.contracts import BadItem
from earful.types import Batch, Mention, Query, Rating
from listeners.common.base import SourceListener
from listeners.common.options import ListenerOptions, read_options
from listeners.files.rows import ColumnMap, RowReader
from listeners.inbox.feedback import SCALES, InboxName, rating_of
from listeners.inbox.inbox import count_waiting, read_batches


class WebhookOptions(ListenerOptions):
    """The options of a [[hook]] block for its listener; see docs/sources/webhook.md."""

    hook: InboxName
    inbox: Path


class Webhook(SourceListener):
    """Read the items in a hook's inbox."""

    name: ClassVar[str] = "webhook"
    Options: ClassVar[type[BaseModel]] = WebhookOptions
    handles_have_at: ClassVar[bool] = False

    def poll(self, query: Query, position: str | None) -> Iterator[Batch]:
        """Yield the items behind ``position``, in batches; the last batch carries Seen.

        Permanent: the inbox may not be read. Transient: the disk fails.
        """
        options, now = read_options(WebhookOptions, query), self._clock()
        folder = folder_of(options.inbox, options.hook)
        reader = ItemReader(options.hook, now)
        yield from read_batches(folder, position, now=now, take=reader.line)

    def count_waiting(self, query: Query, position: str | None) -> int:
        """Return the number of items behind ``position``; raises as ``poll`` does."""
        options = read_options(WebhookOptions, query)
        return count_waiting(folder_of(options.inbox, options.hook), position)


def folder_of(inbox: Path, hook: str) -> Path:
    """Return the folder that holds a hook's items until they are stored."""
    return inbox / f"hook-{hook}"


class ItemReader:
    """Makes Mentions of a hook's items. Give one to each poll and request."""

    def __init__(self, hook: str, now: datetime) -> None:
        self._hook = hook
        self._rows = RowReader(ColumnMap(), source="webhook", fetched_at=now)

    def line(self, line: Mapping[str, Any]) -> Mention:
        """A line of the inbox as a Mention. Raises BadItem."""
        row, kind = line.get("row"), line.get("kind")
        if not isinstance(row, dict) or kind not in SCALES:
            raise BadItem("it is no line that the service writes")
        return self.read(row, str(kind))

    def read(self, row: dict[str, Any], kind: str) -> Mention:
        """Make a Mention of an item's mapped fields. BadItem names the field and the fix.

        A rating that is no number on its scale is left out, so that its text is not lost.
        """
        rating = _rating(row.get("rating"), kind)
        silent = rating is not None and row.get("text") in (None, "")
        mention = self._rows.read({**row, "text": "-"} if silent else dict(row))
        author = mention.author
        # another hook may count its items and people from 1 too
        return replace(
            mention,
            external_id=f"{self._hook}-{mention.external_id}",
            author=replace(author, external_id=f"{self._hook}-{author.external_id}"),
            reply_to=mention.reply_to and f"{self._hook}-{mention.reply_to}",
            text="" if silent else mention.text,
            direct=True,
            rating=rating,
        )


def fields_of(
    item: Mapping[str, Any],
    places: Mapping[str, str],
    at: datetime,
    *,
    delivery: str = "",
    number: int = 1,
) -> dict[str, Any]:
    """The fields that ``places`` find in an item; a dot goes inside ("user.name").

    An item without a time is of now (``at``). Without an id too, its id comes from its content and
    from ``delivery``, the sender's name of the request. So a retry of any age is the same item.
    ``number`` counts equal items of one request from 1.
    """
    row = {field: value for field, path in places.items() if (value := _at(item, path)) is not None}
    if row.get("published_at") in (None, ""):
        if row.get("id") in (None, ""):
            # the whole item, because a field that is not mapped may tell two customers apart
            digest_input = json.dumps([item, delivery, number], sort_keys=True)
            row["id"] = "item-" + hashlib.sha256(digest_input.encode()).hexdigest()[:32]
        row["published_at"] = at.isoformat()
    return row


def _at(item: Mapping[str, Any], path: str) -> object:
    if path in item:  # a key may have a dot of its own
        return item[path]
    value: object = item
    for step in path.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _rating(value: object, kind: str) -> Rating | None:
    try:
        return rating_of(int(value) if isinstance(value, str) else value, kind)
    except (BadItem, ValueError):
        return None
