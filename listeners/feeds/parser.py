"""A feed's bytes, read into entries; tolerant, because feeds are written by hand and by habit.

What is made up where a feed is silent: an id from link and title, the time of fetching for a
date, the site for an author. An entry dated in the future is given the time of fetching.
"""

from __future__ import annotations

import calendar
import hashlib
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urljoin, urlsplit
from xml.sax import SAXException

import feedparser

from earful.contracts import BadItem
from earful.types import Author, Mention, Rejected
from listeners.common import times
from listeners.common.plain_text import clean, from_html, one_line, web_link
from listeners.common.values import language
from listeners.feeds import bounded_feedparser
from listeners.http.fetch import HttpResponse

_GLOBAL_ID = ("http://", "https://", "tag:", "urn:")  # the same in every feed that carries it
_LONGEST_ID = 200
# what feedparser lets through on broken input (its own bugs, mostly in dates and addresses)
_PARSER_BUGS = (ValueError, TypeError, LookupError, AttributeError, AssertionError, RecursionError)
_MAIL_AND_NAME = re.compile(r"\S+@\S+\s*\((.+)\)$")
_PLAIN = "text/plain"
_END = re.compile(rb"</(\w+:)?(rss|feed|rdf)\s*>", re.IGNORECASE)
_TAIL = 10_000  # bytes in which a feed's end stands, whatever pages add behind it

bounded_feedparser.bind()


class NotAFeed(Exception):
    """The bytes hold no feed that anybody could read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry: what tells it from others, and what feedparser made of it."""

    id: str
    published_at: datetime | None
    raw: Any

    @property
    def fingerprint(self) -> str:
        """Short enough to keep a whole window of them in a position."""
        return fingerprint(self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """What a feed shows now. ``rejected`` are entries that cannot be told apart, or too many.
    ``whole`` is False for one that was cut off: the entry that may be half of one is left out."""

    url: str
    site: str
    title: str
    lang: str | None
    entries: tuple[Entry, ...]
    rejected: tuple[Rejected, ...]
    whole: bool = True


def parse(answer: HttpResponse, *, most: int) -> Feed:
    """The feed in ``answer``: at most ``most`` entries, the newest ones. Raises NotAFeed."""
    # no content-location: with one, feedparser makes an address of every short guid
    headers = {"content-type": answer.content_type or ""}
    try:
        # BytesIO: bytes or text would be tried as an address or a file's name first
        found = feedparser.parse(
            io.BytesIO(answer.body),
            response_headers=headers,
            sanitize_html=False,  # we keep no markup at all
            resolve_relative_uris=False,
        )
    except _PARSER_BUGS as error:
        raise NotAFeed(type(error).__name__) from error
    if not found.get("version") and not found.entries:
        raise NotAFeed(_trouble(found))
    whole = not _cut_off(found, answer.body)
    parts = urlsplit(answer.url)
    site = parts.hostname or "feed"
    entries, rejected = _distinct(
        f"{site}{parts.path}", found.entries if whole else found.entries[:-1]
    )
    if not whole:
        rejected.append(
            Rejected(
                where="feed",
                reason="it breaks off in the middle; its last entry, and what comes behind, is "
                "read when it comes whole",
            )
        )
    if len(entries) > most:
        rejected.append(
            Rejected(
                where="feed",
                reason=f"it has {len(entries):,} entries; the newest {most:,} are read (the option "
                "max_entries)",
            )
        )
        entries.sort(key=lambda one: one.published_at or times.EPOCH, reverse=True)
    return Feed(
        url=answer.url,
        site=site,
        title=one_line(from_html(str(found.feed.get("title") or ""), 400)) or site,
        lang=language(found.feed.get("language")),
        entries=tuple(entries[:most]),
        rejected=tuple(rejected),
        whole=whole,
    )


def mention(feed: Feed, entry: Entry, fetched_at: datetime) -> tuple[Mention, str]:
    """The entry as a Mention, and all its words (for matching). BadItem when it has none."""
    raw = entry.raw
    title = one_line(_words(raw, "title"), 500)
    summary = _words(raw, "summary")
    content = "\n".join(_plain(one) for one in _dicts(raw.get("content"))[:3])
    body = summary or content
    text = body if body.startswith(title) else "\n".join(one for one in (title, body) if one)
    if not text:
        raise BadItem("it has neither a title nor a text")
    link = _link(feed, raw)
    dated = entry.published_at
    made = Mention(
        source="rss",
        external_id=entry.id,
        author=_author(feed, raw),
        text=text,
        published_at=min(dated, fetched_at) if dated else fetched_at,
        fetched_at=fetched_at,
        url=link,
        lang=language(_detail(raw, "title").get("language")) or feed.lang,
    )
    return made, "\n".join((title, summary, content, link or ""))


def fingerprint(text: str) -> str:
    """10 hexadecimal digits that stand for ``text``."""
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=5).hexdigest()


def _cut_off(found: Any, body: bytes) -> bool:
    """True when XML is broken and has no end: a server may die in the middle of an answer."""
    broken = isinstance(found.get("bozo_exception"), SAXException)
    return broken and _END.search(body[-_TAIL:]) is None


def _trouble(found: Any) -> str:
    reason = found.get("bozo_exception")
    return one_line(str(reason), 120) if reason else "no RSS or Atom in it"


def _distinct(place: str, raws: Iterable[Any]) -> tuple[list[Entry], list[Rejected]]:
    """Each id once. Another entry under a used id is told of: broken feeds use one for all."""
    kept: dict[str, tuple[Entry, tuple[str, str]]] = {}
    rejected: list[Rejected] = []
    for number, raw in enumerate(raws, 1):
        shape = str(raw.get("link") or ""), str(raw.get("title") or "")
        identity = _identity(place, raw, shape)
        if identity not in kept:
            entry = Entry(id=identity, published_at=_date(raw), raw=raw)
            kept[identity] = entry, shape
        elif kept[identity][1] != shape and len(rejected) < 100:
            reason = f"its id {identity[:80]!r} is an earlier entry's in the same feed"
            rejected.append(
                Rejected(where=f"entry {number}", reason=reason, raw=clean(" ".join(shape), 500))
            )
    return [entry for entry, _ in kept.values()], rejected


def _identity(place: str, raw: Any, shape: tuple[str, str]) -> str:
    given = clean(str(raw.get("id") or ""), 4096)
    if given.startswith(_GLOBAL_ID) and len(given) <= _LONGEST_ID:
        return given
    # "17" is somebody else's 17 in another feed
    parts = (place, given) if given else (place, *shape)
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:32]


def _date(raw: Any) -> datetime | None:
    for key in ("published_parsed", "updated_parsed", "created_parsed"):
        found = dict.get(raw, key)  # feedparser's own get() guesses one date for another
        if found is None:
            continue
        try:
            instant = times.from_epoch(calendar.timegm(found))
        except (ValueError, OverflowError, TypeError):
            continue  # a date outside the calendar is none
        if instant > times.EPOCH:
            return instant
    return None


def _author(feed: Feed, raw: Any) -> Author:
    whole = str(raw.get("author") or "")
    mailed = _MAIL_AND_NAME.match(whole)  # feedparser cuts addresses with a long ending in two
    name = mailed.group(1) if mailed else _detail(raw, "author").get("name") or whole
    name = one_line(from_html(str(name), 400), 100)
    if not name:
        return Author(source="rss", external_id=feed.site, handle=feed.site, name=feed.title)
    # "admin" of one site is not "admin" of the next
    return Author(source="rss", external_id=f"{feed.site}/{name}", handle=name, name=name)


def _link(feed: Feed, raw: Any) -> str | None:
    try:
        return web_link(urljoin(feed.url, str(raw.get("link") or "")) if raw.get("link") else None)
    except ValueError:  # no address at all
        return None


def _words(raw: Any, key: str) -> str:
    detail = dict(_detail(raw, key))
    detail.setdefault("value", raw.get(key))
    return _plain(detail)


def _plain(detail: Any) -> str:
    value = detail.get("value")
    if not isinstance(value, str):
        return ""
    return clean(value) if detail.get("type") == _PLAIN else from_html(value)


def _detail(raw: Any, key: str) -> Any:
    found = raw.get(f"{key}_detail")
    return found if isinstance(found, dict) else {}


def _dicts(value: object) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
