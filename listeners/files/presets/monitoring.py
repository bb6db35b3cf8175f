"""Mentions as social listening tools export them: many platforms in one file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from listeners.files.presets.cells import (
    NO_WORDS,
    OWN_MESSAGE,
    first_value,
    is_nothing,
    merged,
    native_id,
    text_of,
)
from listeners.files.presets.moments import day_and_clock
from listeners.files.presets.sources import source_of
from listeners.files.presets.types import LeftOut, Preset, Row

# the sites whose posts have a source of their own, by the end of the host's name
_SITES = {
    **dict.fromkeys(("twitter.com", "x.com", "t.co"), "x"),
    **dict.fromkeys(("reddit.com", "redd.it"), "reddit"),
    **dict.fromkeys(("youtube.com", "youtu.be"), "youtube"),
    **dict.fromkeys(("facebook.com", "fb.com"), "facebook"),
    **{"instagram.com": "instagram", "tiktok.com": "tiktok", "linkedin.com": "linkedin"},
    **{"bsky.app": "bluesky", "trustpilot.com": "trustpilot", "threads.net": "threads"},
    **{"news.ycombinator.com": "hackernews", "play.google.com": "googleplay"},
    **{"apps.apple.com": "appstore", "t.me": "telegram", "discord.com": "discord"},
}
_KINDS = {"news": "news", "blog": "blog", "blogs": "blog", "forum": "forum", "forums": "forum"}
# where a title is a tool's own, or another person's
_WITHOUT_TITLES = {"x", "facebook", "instagram", "tiktok", "threads", "bluesky", "youtube"}
_SPACES = re.compile(r"\s+")


def platform(*names: Any, url: Any = None) -> str | None:
    """Return the source of a row by its address, else by the tool's name of the platform."""
    site = _site(url)
    for end, source in _SITES.items():
        if site == end or site.endswith("." + end):
            return source
    for name in map(text_of, names):
        lowered = name.lower()
        # a domain such as "twitter.com" stands where other rows have a platform's name
        by_name = _SITES.get(lowered) or source_of(name) or _KINDS.get(lowered)
        if by_name:
            return by_name
    return None


def _site(url: Any) -> str:
    if not isinstance(url, str):
        return ""
    try:
        return (urlsplit(url.strip()).hostname or "").lower()
    except ValueError:
        return ""


def _mention(row: Row, *names: Any, title: Any, text: Any) -> Iterator[Row | LeftOut]:
    """Yield a row with the live listener's source and id, where its address tells them.

    ``names``: the tool's names of the platform. ``title``: not part of a short post's words.
    """
    source = platform(*names, url=row.get("url"))
    words = text_of(text) if source in _WITHOUT_TITLES else ""
    words = words or merged(title, text)
    if not words:
        yield NO_WORDS
        return
    fields = {**row, "text": words}
    if source:
        fields["source"] = source
        if number := native_id(source, row.get("url")):
            fields["id"] = number
    yield fields


def _meltwater(row: Row) -> Iterator[Row | LeftOut]:
    body = merged(row.get("body"), row.get("snippet"))
    published_at = day_and_clock(row.get("published_at"), row.get("clock"))
    fields = {**row, "published_at": published_at, "id": first_value(row, "id", "post_id")}
    # the paper stands for the author of a news article
    fields["author"] = first_value(row, "handle", "author", "outlet")
    yield from _mention(
        fields, row.get("outlet"), row.get("kind"), title=row.get("title"), text=body
    )


MELTWATER = Preset(
    name="meltwater",
    title="Meltwater, exported mentions",
    source="meltwater",
    columns={
        "published_at": ("Date", "Datum", "Fecha", "Data"),
        "clock": ("Time", "Uhrzeit", "Heure", "Hora"),
        "title": ("Headline", "Title", "Überschrift", "Titre", "Titular", "Título"),
        "body": ("Opening Text", "Einleitungstext", "Anfangstext", "Texte d'introduction"),
        "snippet": ("Hit Sentence", "Treffersatz", "Phrase clé", "Frase clave"),
        "text": ("Opening Text", "Hit Sentence", "Einleitungstext", "Treffersatz"),
        "author": ("Influencer", "Author Name", "Autor", "Auteur"),
        "handle": ("Author Handle", "Twitter Screen Name", "X Screen Name"),
        "outlet": ("Source", "Source Name", "Quelle", "Fuente"),
        "kind": ("Source Type", "Information Type", "Content Type", "Source Domain"),
        "url": ("URL", "Link"),
        "lang": ("Language", "Sprache", "Langue", "Idioma"),
        "id": ("Document ID",),
        "post_id": ("Tweet Id", "Tweet ID"),
        "followers": ("Twitter Followers", "X Followers", "Followers"),
        "likes": ("Likes",),
        "shares": ("Shares", "Reposts", "Retweets"),
        "replies": ("Replies", "Comments"),
    },
    signature=(("published_at", "snippet", "url"), ("published_at", "body", "url")),
    assumptions=(
        "The source of each row is its platform, by the address of the post.",
        "The text is the headline, the opening text and the hit sentence, each part once.",
    ),
    adapt=_meltwater,
)


def _brandwatch(row: Row) -> Iterator[Row | LeftOut]:
    kind = text_of(row.get("entry")).lower()
    shared = {"repost_of": row.get("repost_of") or True} if kind in ("share", "retweet") else {}
    names = (row.get("domain"), row.get("kind_name"), row.get("kind"))
    text = first_value(row, "text", "snippet")
    yield from _mention({**row, **shared}, *names, title=row.get("title"), text=text)


BRANDWATCH = Preset(
    name="brandwatch",
    title="Brandwatch Consumer Research, exported mentions",
    source="brandwatch",
    columns={
        "query": ("Query Id", "Query Name"),
        "published_at": ("Date",),
        "title": ("Title",),
        "text": ("Full Text",),
        "snippet": ("Snippet",),
        "author": ("Author",),
        "author_id": ("X Author ID", "Twitter Author ID"),
        "url": ("Url", "Original Url"),
        "domain": ("Domain", "Content Source"),
        "kind": ("Page Type", "Content Source"),
        "kind_name": ("Page Type Name", "Content Source Name"),
        "id": ("Resource Id", "Mention Id"),
        "lang": ("Language",),
        "entry": ("Thread Entry Type",),
        "reply_to": ("Twitter Reply to", "X Reply to"),
        "repost_of": ("Twitter Retweet of", "X Repost of"),
        "followers": ("X Followers", "Twitter Followers"),
        "shares": ("X Reposts", "Twitter Retweets", "Facebook Shares", "Shares"),
        "likes": ("X Likes", "Twitter Likes", "Facebook Likes", "Instagram Likes", "Likes"),
        "replies": ("X Replies", "Twitter Reply Count", "Facebook Comments", "Comments"),
    },
    signature=(
        ("query", "published_at", "text", "id"),
        ("query", "published_at", "text", "kind"),
        ("published_at", "snippet", "text", "id", "url"),
    ),
    assumptions=("The source of each row is its platform, by the address of the post.",),
    adapt=_brandwatch,
)


def _talkwalker(row: Row) -> Iterator[Row | LeftOut]:
    title = first_value(row, "title", "title_snippet")
    text = first_value(row, "text", "snippet")
    names = (row.get("site"), row.get("kind"), row.get("post_kind"))
    yield from _mention(row, *names, title=title, text=text)


_EXTRA = "extra_author_attributes."
TALKWALKER = Preset(
    name="talkwalker",
    title="Talkwalker, exported results",
    source="talkwalker",
    columns={
        "published_at": ("published", "Published", "Publication Date", "Date"),
        "indexed": ("indexed", "search_indexed", "Indexed"),
        "title": ("title", "Title"),
        "title_snippet": ("title_snippet", "Title Snippet"),
        "text": ("content", "Content", "Full Text"),
        "snippet": ("content_snippet", "Content Snippet", "Text Snippet"),
        "url": ("url", "URL"),
        "site": ("domain_url", "host_url", "root_url", "Domain", "Host"),
        "kind": ("source_type", "Source Type", "Media Type"),
        "post_kind": ("post_type", "Post Type"),
        "lang": ("lang", "Language"),
        "author": (f"{_EXTRA}short_name", f"{_EXTRA}name", "author_short_name", "Author"),
        "name": (f"{_EXTRA}name", "Author Name"),
        "author_id": ("author_id",),
        "followers": ("article_extended_attributes.twitter_followers", "Followers"),
        "shares": ("article_extended_attributes.twitter_retweets", "Retweets", "twitter_shares"),
        "likes": ("article_extended_attributes.twitter_likes", "twitter_likes", "Likes"),
        "replies": ("article_extended_attributes.num_comments", "num_comments", "Comments"),
        "id": ("external_id", "External Id"),
        "result_id": ("search_result_id", "id"),
    },
    signature=(
        ("published_at", "indexed", "text", "url"),
        ("published_at", "snippet", "title_snippet", "url"),
        ("published_at", "text", "site", "kind", "post_kind"),
    ),
    assumptions=("The source of each row is its platform, by the address of the post.",),
    adapt=_talkwalker,
)

_OUTBOUND = {
    *("sent", "outbound", "sent message", "published", "published post", "post", "reply sent"),
    *("sent post", "sent reply", "outgoing"),
}


def _sprout(row: Row) -> Iterator[Row | LeftOut]:
    kind = text_of(row.get("kind")).lower()
    direction = text_of(row.get("direction")).lower()
    author = _SPACES.sub("", text_of(row.get("author"))).lstrip("@").lower()
    profile = _SPACES.sub("", text_of(row.get("profile"))).lstrip("@").lower()
    is_ours = kind in _OUTBOUND or direction in _OUTBOUND or (author and author == profile)
    if is_ours or not is_nothing(row.get("sent_by")):
        yield OWN_MESSAGE
        return
    yield from _mention(row, row.get("network"), title=None, text=row.get("text"))


SPROUT = Preset(
    name="sprout",
    title="Sprout Social, exported messages",
    source="sprout",
    columns={
        "published_at": (
            *("Timestamp (UTC)", "Date (UTC)", "Timestamp", "Message Date", "Received At"),
            *("Created Time", "Date"),
        ),
        "network": ("Network", "Source Network", "Red", "Réseau", "Netzwerk", "Rede"),
        "kind": ("Message Type", "Post Type", "Type", "Content Type"),
        "direction": ("Direction", "Inbound/Outbound", "Action"),
        "profile": ("Profile", "Profile Name", "Sprout Profile", "To", "Perfil", "Profil"),
        "text": ("Message", "Message Text", "Message Content", "Post", "Mensaje", "Nachricht"),
        "author": ("From", "From User", "From Username", "Author", "Sender", "Author Username"),
        "name": ("From Name", "Author Name", "Sender Name"),
        "sent_by": ("Sent by", "Sent By", "Published By"),
        "url": ("Link", "Permalink", "Message Link", "Message URL"),
        "id": ("Message ID", "Native Message ID", "Network Message ID", "Post ID"),
        "lang": ("Language",),
        "likes": ("Likes",),
        "shares": ("Shares", "Reposts"),
        "replies": ("Comments", "Replies"),
    },
    signature=(("published_at", "network", "profile", "text"),),
    assumptions=(
        "The source of each row is its network.",
        "Messages that your own profiles sent are left out.",
    ),
    adapt=_sprout,
)
