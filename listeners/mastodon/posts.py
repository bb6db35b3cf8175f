"""Turn statuses of the Mastodon API into Mentions, without any request.

Fields: https://docs.joinmastodon.org/entities/Status/. Servers that speak this API (Pleroma,
GoToSocial, Friendica and others) leave fields out, and ids are text, not numbers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from earful.contracts import BadItem
from earful.types import Author, Engagement, Mention
from listeners.common import times
from listeners.common.json_fields import objects
from listeners.common.plain_text import clean, from_html, one_line, web_link
from listeners.common.rejects import preview
from listeners.common.values import count, language

SOURCE = "mastodon"
# "private" and "direct" are for chosen readers: only those that name us are stored.
_PUBLIC_VISIBILITIES = {"public", "unlisted"}
_LOCAL_URI = re.compile(
    r"https?://(?P<host>[^/]+)/(?:[^?#]*/statuses|@[^/]+)/(?P<id>[0-9A-Za-z]+)(?:/activity)?"
)
_MAX_CONTEXT = 10_000  # characters


def to_mention(status: object, *, host: str, fetched_at: datetime, direct: bool) -> Mention | None:
    """Make a Mention of a status; None for one that is not public.

    ``host`` is the server that showed it. ``direct``: the status names our account, and may then be
    for a few readers only. The same status has the same ``external_id`` on every server: its
    ActivityPub uri. Raises BadItem naming the unreadable field.
    """
    if not isinstance(status, Mapping):
        raise BadItem("it is not an object")
    if not direct and text_field(status, "visibility") not in _PUBLIC_VISIBILITIES:
        return None
    reblog = status.get("reblog")
    original = reblog if isinstance(reblog, Mapping) else status
    uri = _uri(status)
    text = _text(original)
    return Mention(
        source=SOURCE,
        external_id=uri,
        author=_author(status.get("account"), host),
        text=text,
        # A remote server may date its posts into the future: they would stay on top for ever.
        published_at=min(_created_at(status), fetched_at),
        fetched_at=fetched_at,
        url=web_link(status.get("url")) or web_link(uri),
        lang=language(status.get("language")),
        reply_to=clean(text_field(status, "in_reply_to_id"), 200) or None,
        repost_of=_uri(original) if original is not status else None,
        engagement=Engagement(
            shares=count(original.get("reblogs_count")),
            likes=count(original.get("favourites_count")),
            replies=count(original.get("replies_count")),
        ),
        direct=direct,
        context=_context(original, host),
        edited_at=parse_instant(original.get("edited_at")),
    )


def parse_instant(value: object) -> datetime | None:
    """Read a time of the client library or the server; None when unreadable."""
    try:
        return times.parse(value)
    except BadItem:
        return None


def creation_times(items: Sequence[object]) -> list[datetime]:
    """Return the readable creation times of the items."""
    instants = [
        parse_instant(item.get("created_at")) for item in items if isinstance(item, Mapping)
    ]
    return [instant for instant in instants if instant is not None]


def local_id(uri: str, host: str) -> str | None:
    """Return the id of a status on ``host``, where it was written; else None.

    Mastodon writes it into the uri: https://HOST/users/NAME/statuses/ID, or since 4.5
    https://HOST/ap/users/NUMBER/statuses/ID. Other software writes the page's address,
    https://HOST/@NAME/ID.
    """
    match = _LOCAL_URI.fullmatch(uri)
    return match["id"] if match and match["host"].lower() == host else None


def full_handle(acct: str, host: str) -> str:
    """Return ``acct`` with its server: "kim" on kestrova.social is kim@kestrova.social."""
    name = one_line(acct, 300)
    return name if "@" in name or not name else f"{name}@{host}"


def text_field(fields: Mapping[str, Any], key: str) -> str:
    """Return the text or whole number under a key as text; "" for anything else."""
    value = fields.get(key)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) else ""


def _uri(status: Mapping[str, Any]) -> str:
    uri = clean(text_field(status, "uri"), 2000)
    if not uri:
        raise BadItem("uri: there is none")
    return uri


def _created_at(status: Mapping[str, Any]) -> datetime:
    value = status.get("created_at")
    created_at = parse_instant(value)
    if created_at is None:
        raise BadItem(f"created_at: {preview(value)} is not a time")
    return created_at


def _text(status: Mapping[str, Any]) -> str:
    """Return content warning and content, or the descriptions of a post that is pictures only."""
    warning = one_line(from_html(text_field(status, "spoiler_text")), 1000)
    parts = [warning, from_html(text_field(status, "content"))]
    text = "\n".join(part for part in parts if part) or "\n".join(_media_descriptions(status))
    if not text:
        raise BadItem("content: it has no words")
    return clean(text)


def _media_descriptions(status: Mapping[str, Any]) -> list[str]:
    return [
        one_line(description, 1500)
        for attachment in objects(status, "media_attachments")
        if (description := text_field(attachment, "description"))
    ]


def _context(status: Mapping[str, Any], host: str) -> str:
    """Return the text beside the content that a search or a hashtag may have matched."""
    parts = [f"#{text_field(tag, 'name')}" for tag in objects(status, "tags")]
    accounts = objects(status, "mentions")
    parts += [f"@{full_handle(text_field(account, 'acct'), host)}" for account in accounts]
    parts += _media_descriptions(status)
    poll, card = status.get("poll"), status.get("card")
    if isinstance(poll, Mapping):
        parts += [text_field(option, "title") for option in objects(poll, "options")]
    if isinstance(card, Mapping):
        parts += [text_field(card, key) for key in ("title", "description", "url")]
    return clean("\n".join(part for part in parts if part), _MAX_CONTEXT)


def _author(account: object, host: str) -> Author:
    if not isinstance(account, Mapping):
        raise BadItem("account: it is not an object")
    handle = full_handle(text_field(account, "acct"), host)
    # The account's number differs from server to server; its uri and its page do not.
    account_id = text_field(account, "uri") or text_field(account, "url") or handle
    if not handle or not account_id:
        raise BadItem("account: it has no name")
    followers = account.get("followers_count")
    return Author(
        source=SOURCE,
        external_id=clean(account_id, 2000),
        handle=handle,
        name=one_line(text_field(account, "display_name"), 100) or None,
        # -1: the server hides the number (glitch-soc can)
        followers=None if followers is None or followers == -1 else count(followers),
        url=web_link(account.get("url")),
    )
