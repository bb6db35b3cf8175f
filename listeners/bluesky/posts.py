"""Turn posts of Bluesky into Mentions, without any request.

Fields: the lexicons app.bsky.feed.post (the record, as its author wrote it),
app.bsky.feed.defs#postView and app.bsky.notification.listNotifications (the network's view of it),
https://github.com/bluesky-social/atproto/tree/main/lexicons. A post is plain text. Links in it are
cut ("example.com/abc…"), and stand in full in its facets.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from earful.contracts import BadItem
from earful.types import Author, Engagement, Mention
from listeners.common import times
from listeners.common.json_fields import objects, string
from listeners.common.plain_text import clean, one_line, web_link
from listeners.common.values import count, language

SOURCE = "bluesky"
_URI = re.compile(
    r"at://(?P<did>did:[a-z]+:[A-Za-z0-9._:%-]+)/app\.bsky\.feed\.post/(?P<key>[A-Za-z0-9._:~-]{1,512})"
)
# createdAt is the word of the author's program: a longer delay is a forged or imported date.
_MAX_BACKDATING = timedelta(days=1)
_MAX_CONTEXT = 10_000  # characters
# Shown while a handle does not lead to its account.
_INVALID_HANDLE = "handle.invalid"


def to_mention(view: object, *, fetched_at: datetime, direct: bool = False) -> Mention:
    """Make a Mention of a postView or a notification. Raises BadItem naming the broken field.

    ``published_at`` is createdAt, which the author's program wrote. If createdAt is after
    indexedAt, or more than a day before it, indexedAt counts.
    """
    if not isinstance(view, Mapping):
        raise BadItem("it is not an object")
    uri = string(view, "uri")
    match = _URI.fullmatch(uri)
    if match is None:
        raise BadItem(f"uri: {uri[:80]!r} is no post's")
    record = view.get("record")
    if not isinstance(record, Mapping):
        raise BadItem("record: it is not an object")
    author = _checked_author(view.get("author"), match["did"])
    text = clean(string(record, "text")) or "\n".join(_media_descriptions(record))
    if not text:
        raise BadItem("text: it has no words")
    return Mention(
        source=SOURCE,
        external_id=uri,
        author=author,
        text=text,
        published_at=_published_at(view, record),
        fetched_at=fetched_at,
        url=web_link(f"https://bsky.app/profile/{match['did']}/post/{match['key']}"),
        lang=_language(record),
        reply_to=clean(_nested_string(record, "reply", "parent", "uri"), 2000) or None,
        engagement=Engagement(
            shares=count(view.get("repostCount")) + count(view.get("quoteCount")),
            likes=count(view.get("likeCount")),
            replies=count(view.get("replyCount")),
        ),
        direct=direct,
        context=_context(view, record),
    )


def searchable_text(record: Mapping[str, Any]) -> str:
    """Return all text of a post's record, to look for terms in."""
    # Cleaned first: a hostile server of the network may send combining marks by the megabyte
    # (test_hostile_input.py).
    return f"{clean(string(record, 'text'))}\n{_context({}, record)}"


def sort_instant(view: object) -> datetime | None:
    """Return the instant by which the network sorts a post: createdAt, but at most indexedAt."""
    if not isinstance(view, Mapping):
        return None
    record = view.get("record")
    created_at = _instant(record.get("createdAt")) if isinstance(record, Mapping) else None
    instants = [instant for instant in (created_at, indexed_at(view)) if instant is not None]
    return min(instants, default=None)


def indexed_at(view: object) -> datetime | None:
    """Return when the network received a post; notifications are sorted by it."""
    return _instant(view.get("indexedAt")) if isinstance(view, Mapping) else None


def to_author(profile: Mapping[str, Any], author_did: str) -> Author:
    """Make an Author of a profile, as far as it is filled in."""
    handle = one_line(string(profile, "handle"), 300)
    followers = profile.get("followersCount")
    return Author(
        source=SOURCE,
        external_id=author_did,
        handle=author_did if handle in ("", _INVALID_HANDLE) else handle,
        name=one_line(string(profile, "displayName"), 100) or None,
        followers=None if followers is None else count(followers),
        verified=_nested_string(profile, "verification", "verifiedStatus") == "valid",
        url=web_link(f"https://bsky.app/profile/{author_did}"),
    )


def _checked_author(profile: object, author_did: str) -> Author:
    if not isinstance(profile, Mapping) or string(profile, "did") != author_did:
        raise BadItem("author: the account is not the one in the post's uri")
    return to_author(profile, author_did)


def _published_at(view: Mapping[str, Any], record: Mapping[str, Any]) -> datetime:
    created_at, received_at = _instant(record.get("createdAt")), indexed_at(view)
    if received_at is None and created_at is None:
        raise BadItem("indexedAt and createdAt: neither is a time")
    if received_at is None or created_at is None:
        return received_at or created_at or times.EPOCH
    is_plausible = timedelta(0) <= received_at - created_at <= _MAX_BACKDATING
    return created_at if is_plausible else received_at


def _instant(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        return times.parse(value)
    except BadItem:
        return None


def _language(record: Mapping[str, Any]) -> str | None:
    """Return the first of the up to three languages that the author declared."""
    languages = record.get("langs")
    return language(languages[0]) if isinstance(languages, list) and languages else None


def _context(view: Mapping[str, Any], record: Mapping[str, Any]) -> str:
    """Return the text beside the post that the network's search may have matched."""
    parts = [*_facet_texts(record), *(f"#{tag}" for tag in _strings(record, "tags"))]
    parts += [*_media_descriptions(record), *_link_card(record.get("embed"))]
    embed = view.get("embed")
    if isinstance(embed, Mapping):
        quoted = embed.get("record")
        # A quote with a picture nests it one level deeper (app.bsky.embed.recordWithMedia).
        if isinstance(quoted, Mapping):
            quoted = quoted.get("record") if isinstance(quoted.get("record"), Mapping) else quoted
        parts.append(_nested_string(quoted, "value", "text"))
        parts.append(_nested_string(quoted, "author", "handle"))
    return clean("\n".join(dict.fromkeys(part for part in parts if part)), _MAX_CONTEXT)


def _facet_texts(record: Mapping[str, Any]) -> Iterator[str]:
    for facet in objects(record, "facets"):
        for feature in objects(facet, "features"):
            yield string(feature, "uri")
            yield f"#{string(feature, 'tag')}" if string(feature, "tag") else ""


def _media_descriptions(record: Mapping[str, Any]) -> list[str]:
    """Return the descriptions of pictures and films."""
    embed = record.get("embed")
    if not isinstance(embed, Mapping):
        return []
    media = _embedded_media(embed)
    descriptions = [string(image, "alt") for image in objects(media, "images")]
    descriptions.append(string(media, "alt"))
    return [one_line(description, 1500) for description in descriptions if description]


def _link_card(embed: object) -> list[str]:
    """Return address, title and description of the page that a post shows a card of."""
    if not isinstance(embed, Mapping):
        return []
    card = _embedded_media(embed).get("external")
    keys = ("uri", "title", "description")
    return [string(card, key) for key in keys] if isinstance(card, Mapping) else []


def _embedded_media(embed: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the media of an embed, which a quote with media nests under "media"."""
    media = embed.get("media")
    return media if isinstance(media, Mapping) else embed


def _nested_string(value: object, *path: str) -> str:
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, str) else ""


def _strings(fields: Mapping[str, Any], key: str) -> list[str]:
    values = fields.get(key)
    return [value for value in values if isinstance(value, str)] if isinstance(values, list) else []
