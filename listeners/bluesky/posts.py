"""A Bluesky post read as a Mention. Pure: nothing here asks a server.

Fields: the lexicons app.bsky.feed.post (the record that its author wrote),
app.bsky.feed.defs#postView and app.bsky.notification.listNotifications (what the network says of
it), https://github.com/bluesky-social/atproto/tree/main/lexicons. A post is plain text; links in
it are cut ("example.com/abc…"), and stand in full in its facets.
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
_HONEST = timedelta(days=1)  # createdAt is what the author's program says; so far it is believed
_MOST_WORDS = 10_000  # characters of what else belongs to a post
_NO_HANDLE = "handle.invalid"  # what the network shows while a handle does not lead to its account


def mention(view: object, *, fetched_at: datetime, direct: bool = False) -> Mention:
    """A postView, or a notification, as a Mention. Raises BadItem naming the broken field.

    It was published at createdAt, which its author's program wrote, unless that is after the
    network got it, or over a day before.
    """
    if not isinstance(view, Mapping):
        raise BadItem("it is not an object")
    uri = string(view, "uri")
    found = _URI.fullmatch(uri)
    if found is None:
        raise BadItem(f"uri: {uri[:80]!r} is no post's")
    record = view.get("record")
    if not isinstance(record, Mapping):
        raise BadItem("record: it is not an object")
    writer = _author(view.get("author"), found["did"])
    text = clean(string(record, "text")) or "\n".join(_described(record))
    if not text:
        raise BadItem("text: it has no words")
    return Mention(
        source=SOURCE,
        external_id=uri,
        author=writer,
        text=text,
        published_at=_published(view, record),
        fetched_at=fetched_at,
        url=web_link(f"https://bsky.app/profile/{found['did']}/post/{found['key']}"),
        lang=_language(record),
        reply_to=clean(_inside(record, "reply", "parent", "uri"), 2000) or None,
        engagement=Engagement(
            shares=count(view.get("repostCount")) + count(view.get("quoteCount")),
            likes=count(view.get("likeCount")),
            replies=count(view.get("replyCount")),
        ),
        direct=direct,
        context=_context(view, record),
    )


def words(record: Mapping[str, Any]) -> str:
    """All that a post's record says, to look for names in."""
    # cleaned first: whoever runs a server of the network may send marks upon marks, by the megabyte
    return f"{clean(string(record, 'text'))}\n{_context({}, record)}"


def sorted_at(view: object) -> datetime | None:
    """The instant by which the network sorts a post: createdAt, but never later than it got it."""
    if not isinstance(view, Mapping):
        return None
    record = view.get("record")
    written = _instant(record.get("createdAt")) if isinstance(record, Mapping) else None
    got = _instant(view.get("indexedAt"))
    found = [one for one in (written, got) if one is not None]
    return min(found, default=None)


def indexed_at(view: object) -> datetime | None:
    """When the network got a post, which is how notifications are sorted."""
    return _instant(view.get("indexedAt")) if isinstance(view, Mapping) else None


def author(profile: Mapping[str, Any], did: str) -> Author:
    """Who somebody is, as far as a profile says it."""
    name = one_line(string(profile, "handle"), 300)
    followers = profile.get("followersCount")
    return Author(
        source=SOURCE,
        external_id=did,
        handle=did if name in ("", _NO_HANDLE) else name,
        name=one_line(string(profile, "displayName"), 100) or None,
        followers=None if followers is None else count(followers),
        verified=_inside(profile, "verification", "verifiedStatus") == "valid",
        url=web_link(f"https://bsky.app/profile/{did}"),
    )


def _author(profile: object, did: str) -> Author:
    if not isinstance(profile, Mapping) or string(profile, "did") != did:
        raise BadItem("author: it is not who wrote the post")
    return author(profile, did)


def _published(view: Mapping[str, Any], record: Mapping[str, Any]) -> datetime:
    written, got = _instant(record.get("createdAt")), _instant(view.get("indexedAt"))
    if got is None and written is None:
        raise BadItem("indexedAt and createdAt: neither is a time")
    if got is None or written is None:
        return got or written or times.EPOCH
    return written if timedelta(0) <= got - written <= _HONEST else got


def _instant(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        return times.parse(value)
    except BadItem:
        return None


def _language(record: Mapping[str, Any]) -> str | None:
    """What its author says that it is written in: the first of up to three languages."""
    found = record.get("langs")
    return language(found[0]) if isinstance(found, list) and found else None


def _context(view: Mapping[str, Any], record: Mapping[str, Any]) -> str:
    """What the network's search may have matched beside the text."""
    found = [*_facets(record), *(f"#{one}" for one in _texts(record, "tags"))]
    found += [*_described(record), *_link(record.get("embed"))]
    shown = view.get("embed")
    if isinstance(shown, Mapping):
        quoted = shown.get("record")
        if isinstance(quoted, Mapping):  # of a quote with a picture it lies one deeper
            quoted = quoted.get("record") if isinstance(quoted.get("record"), Mapping) else quoted
        found.append(_inside(quoted, "value", "text"))
        found.append(_inside(quoted, "author", "handle"))
    return clean("\n".join(dict.fromkeys(one for one in found if one)), _MOST_WORDS)


def _facets(record: Mapping[str, Any]) -> Iterator[str]:
    for facet in objects(record, "facets"):
        for feature in objects(facet, "features"):
            yield string(feature, "uri")
            yield f"#{string(feature, 'tag')}" if string(feature, "tag") else ""


def _described(record: Mapping[str, Any]) -> list[str]:
    """What pictures and films are described with."""
    embed = record.get("embed")
    if not isinstance(embed, Mapping):
        return []
    media = embed.get("media")
    inner = media if isinstance(media, Mapping) else embed
    found = [string(one, "alt") for one in objects(inner, "images")] + [string(inner, "alt")]
    return [one_line(one, 1500) for one in found if one]


def _link(embed: object) -> list[str]:
    """The page that a post shows a card of."""
    if not isinstance(embed, Mapping):
        return []
    media = embed.get("media")
    card = (media if isinstance(media, Mapping) else embed).get("external")
    keys = ("uri", "title", "description")
    return [string(card, key) for key in keys] if isinstance(card, Mapping) else []


def _inside(thing: object, *path: str) -> str:
    for step in path:
        thing = thing.get(step) if isinstance(thing, Mapping) else None
    return thing if isinstance(thing, str) else ""


def _texts(thing: Mapping[str, Any], key: str) -> list[str]:
    value = thing.get(key)
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
