"""A status of the Mastodon API, read as a Mention. Pure: nothing here asks a server.

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
from listeners.common.rejects import glimpse
from listeners.common.values import count, language

SOURCE = "mastodon"
_OPEN = {"public", "unlisted"}  # everybody may read these; "private" and "direct" are letters
_LOCAL = re.compile(
    r"https?://(?P<host>[^/]+)/(?:[^?#]*/statuses|@[^/]+)/(?P<id>[0-9A-Za-z]+)(?:/activity)?"
)
_MOST_WORDS = 10_000  # characters of what else belongs to a status


def mention(status: object, *, host: str, fetched_at: datetime, direct: bool) -> Mention | None:
    """The status as a Mention; None for one that was not written for everybody.

    ``host`` is the server that showed it. ``direct`` says that it names our account: then it may
    be for a few only. The same status has the same ``external_id`` on every server: its
    ActivityPub uri. Raises BadItem naming the field that cannot be read.
    """
    if not isinstance(status, Mapping):
        raise BadItem("it is not an object")
    if not direct and word(status, "visibility") not in _OPEN:
        return None
    original = status.get("reblog")
    said = original if isinstance(original, Mapping) else status
    uri = _uri(status)
    text = _text(said)
    return Mention(
        source=SOURCE,
        external_id=uri,
        author=_author(status.get("account"), host),
        text=text,
        # a remote server may date its posts into the future: they would stand on top for ever
        published_at=min(_required(status.get("created_at")), fetched_at),
        fetched_at=fetched_at,
        url=web_link(status.get("url")) or web_link(uri),
        lang=language(status.get("language")),
        reply_to=clean(word(status, "in_reply_to_id"), 200) or None,
        repost_of=_uri(said) if said is not status else None,
        engagement=Engagement(
            shares=count(said.get("reblogs_count")),
            likes=count(said.get("favourites_count")),
            replies=count(said.get("replies_count")),
        ),
        direct=direct,
        context=_context(said, host),
        edited_at=instant(said.get("edited_at")),
    )


def instant(value: object) -> datetime | None:
    """When, as the client library or the server wrote it; None when that cannot be read."""
    try:
        return times.parse(value)
    except BadItem:
        return None


def instants(items: Sequence[object]) -> list[datetime]:
    """When those of the items were written whose time can be read."""
    found = [instant(one.get("created_at")) for one in items if isinstance(one, Mapping)]
    return [one for one in found if one is not None]


def local_id(uri: str, host: str) -> str | None:
    """The id under which ``host`` knows a status that was written on it; None for any other.

    Mastodon writes it into the uri: https://HOST/users/NAME/statuses/ID, or since 4.5
    https://HOST/ap/users/NUMBER/statuses/ID; others write the page's address, https://HOST/@NAME/ID.
    """
    found = _LOCAL.fullmatch(uri)
    return found["id"] if found and found["host"].lower() == host else None


def _uri(status: Mapping[str, Any]) -> str:
    uri = clean(word(status, "uri"), 2000)
    if not uri:
        raise BadItem("uri: there is none")
    return uri


def _required(value: object) -> datetime:
    found = instant(value)
    if found is None:
        raise BadItem(f"created_at: {glimpse(value)} is not a time")
    return found


def _text(status: Mapping[str, Any]) -> str:
    """Content warning and content; for a picture without words, what it is described with."""
    warning = one_line(from_html(word(status, "spoiler_text")), 1000)
    words = [warning, from_html(word(status, "content"))]
    text = "\n".join(one for one in words if one) or "\n".join(_described(status))
    if not text:
        raise BadItem("content: it has no words")
    return clean(text)


def _described(status: Mapping[str, Any]) -> list[str]:
    return [
        one_line(found, 1500)
        for one in objects(status, "media_attachments")
        if (found := word(one, "description"))
    ]


def _context(status: Mapping[str, Any], host: str) -> str:
    """What a server's search or a hashtag may have matched beside the text."""
    found = [f"#{word(tag, 'name')}" for tag in objects(status, "tags")]
    found += [f"@{handle(word(one, 'acct'), host)}" for one in objects(status, "mentions")]
    found += _described(status)
    poll, card = status.get("poll"), status.get("card")
    if isinstance(poll, Mapping):
        found += [word(option, "title") for option in objects(poll, "options")]
    if isinstance(card, Mapping):
        found += [word(card, key) for key in ("title", "description", "url")]
    return clean("\n".join(one for one in found if one), _MOST_WORDS)


def handle(acct: str, host: str) -> str:
    """``acct`` with its server: "kim" on kestrova.social is kim@kestrova.social everywhere."""
    name = one_line(acct, 300)
    return name if "@" in name or not name else f"{name}@{host}"


def _author(account: object, host: str) -> Author:
    if not isinstance(account, Mapping):
        raise BadItem("account: it is not an object")
    name = handle(word(account, "acct"), host)
    # the account's number differs from server to server; its uri, or page, does not
    identity = word(account, "uri") or word(account, "url") or name
    if not name or not identity:
        raise BadItem("account: it has no name")
    followers = account.get("followers_count")
    return Author(
        source=SOURCE,
        external_id=clean(identity, 2000),
        handle=name,
        name=one_line(word(account, "display_name"), 100) or None,
        followers=None if followers is None or followers == -1 else count(followers),
        url=web_link(account.get("url")),
    )


def word(thing: Mapping[str, Any], key: str) -> str:
    """The text, or whole number, under a key; "" for anything else."""
    value = thing.get(key)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) else ""
