"""Rules of platforms for rows of files, so that an imported post meets the one heard live.

Each rule repeats the choice of the platform's live listener: which id a post has, how its text is
escaped, and how people are named.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs, urlsplit

from listeners.common.authors import NOTHING
from listeners.common.plain_text import from_html, is_html, unescape

# their ids have rules below, beside those for ids that are addresses
SOURCES_WITH_IDS = frozenset({"x", "reddit", "mastodon", "bluesky", "youtube", "hackernews"})
# their live listeners read HTML
_HTML_SOURCES = {"mastodon", "rss", "hackernews", "appstore", "youtube"}
_X_POST = re.compile(r"/(?:[^/]+|i/web)/status(?:es)?/(\d+)")
_REDDIT_POST = re.compile(r"/comments/([0-9a-z]+)(?:/[^/]*/([0-9a-z]+))?", re.IGNORECASE)
_REDDIT_ID = re.compile(r"[0-9a-z]{1,13}")
_MASTODON_POST = re.compile(r"(https://[^/]+)/@([^/@]+)/(\d+)")
_BLUESKY_POST = re.compile(r"https://bsky\.app/profile/(did:[a-z]+:[\w.:%-]+)/post/([\w.:~-]+)")
_PROFILE = {
    "x": re.compile(r"(?:https?://)?(?:www\.|mobile\.)?(?:x|twitter)\.com/@?(\w{1,15})/?"),
    "reddit": re.compile(r"(?:https?://(?:\w+\.)?reddit\.com)?/?(?:u|user)/([\w-]{1,30})/?"),
}
# Reddit shows it for posts whose words are gone, sometimes with a reason
_WITHHELD = re.compile(r"\[\s*(?:deleted|removed)(?:\s+by\s[^\n]{1,150})?\s*\]", re.IGNORECASE)
_LONGEST_WITHHELD = 180  # characters
_LONGEST_WORD = 12
# GDELT's codebooks: every time is in UTC, and none is written with a zone
_UTC_SOURCES = frozenset({"gdelt"})
_UTC_COLUMNS = frozenset({"GKGRECORDID", "GLOBALEVENTID", "DATEADDED", "SQLDATE"})


def zone_by_rule(source: str, columns: Iterable[str] = ()) -> str | None:
    """Return the zone in which a platform writes every time; None without such a rule.

    ``columns``: names of the file's columns, by which a file of GDELT is known under any source.
    """
    is_utc = source in _UTC_SOURCES or any(name.upper() in _UTC_COLUMNS for name in columns)
    return "UTC" if is_utc else None


def is_withheld(text: str) -> bool:
    """Tell whether a text is a platform's sign for words that are gone, or an empty cell's word."""
    if text[:1] == "[":
        return len(text) <= _LONGEST_WITHHELD and _WITHHELD.fullmatch(text.strip()) is not None
    return len(text) <= _LONGEST_WORD and text.strip().lower() in NOTHING


def plain_text(source: str, text: str) -> str:
    """Return a post's text without the escapes of its platform's files.

    Markup is read only where the live listener reads it, and where the text surely holds some.
    """
    if "&" not in text and "<" not in text:
        return text
    if source in _HTML_SOURCES and is_html(text):
        return from_html(text)
    return unescape(text)


def handle_of(source: str, name: str) -> str:
    """Return the handle in a profile's address or in "u/name"; other names as they are."""
    pattern = _PROFILE.get(source)
    match = pattern.fullmatch(name) if pattern and "/" in name else None
    return match[1] if match else name


def post_id(
    source: str, identity: str | None, row: Mapping[str, Any], *, text_column: str = ""
) -> str | None:
    """Return the id under which the live listener knows the post of a row.

    ``identity`` is the row's own id, which may be an address or lack its platform's prefix. A row
    without one is known by its address. None when there is neither.
    """
    if identity is not None and "/" in identity:
        identity = _id_in_address(source, identity) or identity
    if identity is None:
        address = row.get("url") or row.get("permalink")
        return _id_in_address(source, address) if isinstance(address, str) else None
    if source == "reddit" and _REDDIT_ID.fullmatch(identity):
        return _fullname(identity, row, text_column)
    if source == "mastodon" and identity.isdecimal() and _is_address(row.get("uri")):
        return str(row["uri"]).removesuffix("/activity")
    if source == "bluesky" and str(row.get("uri", "")).startswith("at://"):
        return str(row["uri"])
    return identity


def _is_address(value: object) -> bool:
    return isinstance(value, str) and value.startswith(("https://", "http://"))


def _fullname(identity: str, row: Mapping[str, Any], text_column: str) -> str:
    """Return Reddit's full name of a post; its bare id when nothing says comment or submission."""
    name = row.get("name")
    if isinstance(name, str) and name in (f"t1_{identity}", f"t3_{identity}"):
        return name
    address = row.get("permalink") or row.get("url")
    by_address = _id_in_address("reddit", address) if isinstance(address, str) else None
    if by_address in (f"t1_{identity}", f"t3_{identity}"):
        return str(by_address)
    keys = {text_column, *row}
    if "body" in keys or "link_id" in keys or "parent_id" in keys:
        return f"t1_{identity}"
    if "selftext" in keys or "title" in keys or "is_self" in keys:
        return f"t3_{identity}"
    return identity


def _id_in_address(source: str, address: str) -> str | None:
    """Return the id of the post at an address of its platform; None for any other address."""
    with suppress(ValueError):
        address = html.unescape(address.strip())
        parts = urlsplit(address)
        if source == "x" and (post := _X_POST.search(parts.path)):
            return post[1]
        if source == "reddit" and (post := _REDDIT_POST.search(parts.path)):
            return f"t1_{post[2].lower()}" if post[2] else f"t3_{post[1].lower()}"
        if source == "bluesky" and (post := _BLUESKY_POST.fullmatch(address)):
            return f"at://{post[1]}/app.bsky.feed.post/{post[2]}"
        if source == "mastodon" and (post := _MASTODON_POST.fullmatch(address)):
            return f"{post[1]}/users/{post[2]}/statuses/{post[3]}"
        if source == "mastodon" and _is_address(address):
            return address.removesuffix("/activity")
        argument = {"youtube": "lc", "hackernews": "id", "googleplay": "reviewId"}.get(source)
        values = parse_qs(parts.query).get(argument, []) if argument else []
        return values[0] if values else None
    return None
