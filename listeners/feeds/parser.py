"""Read a feed's bytes into entries, and an entry into a mention.

The reading is tolerant, because many feeds are written by hand. Missing fields get defaults: an id
from link and title, the fetch time for a date, the site for an author. A date is never guessed: an
unreadable one makes the entry undated.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urljoin, urlsplit
from xml.sax import SAXException

import feedparser

from earful.clock import UNDATED
from earful.contracts import BadItem
from earful.types import Author, Mention, Rejected
from listeners.common import times
from listeners.common.plain_text import clean, from_html, one_line, web_link
from listeners.common.values import language
from listeners.feeds import bounded_feedparser
from listeners.feeds.dates import DateRules, EntryDate
from listeners.feeds.identity import Entry, distinct_entries
from listeners.http.fetch import HttpResponse

# feedparser raises these on broken input (its own bugs, mostly in dates and addresses)
_PARSER_BUGS = (ValueError, TypeError, LookupError, AttributeError, AssertionError, RecursionError)
_MAIL_AND_NAME = re.compile(r"\S+@\S+\s*\((.+)\)$")
_PLAIN = "text/plain"
_CUT_OFF = (
    "it breaks off in the middle; its last entry, and what comes behind, is read when it comes "
    "whole"
)
_END_TAG = re.compile(rb"</(\w+:)?(rss|feed|rdf)\s*>", re.IGNORECASE)
_TAIL = 10_000  # bytes that hold the end tag, with the markup that some sites add after it

_ANY_DATE = DateRules()

bounded_feedparser.bind()


class NotAFeed(Exception):
    """The bytes hold no readable feed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """The current state of a feed.

    ``rejected``: entries under the id of another one, and a line when there are too many.
    ``is_complete``: False for a feed that was cut off; its last entry is left out, as it may
    be a half.
    """

    url: str
    site: str
    title: str
    lang: str | None
    entries: tuple[Entry, ...]
    rejected: tuple[Rejected, ...]
    is_complete: bool = True


def parse(response: HttpResponse, *, max_entries: int, rules: DateRules = _ANY_DATE) -> Feed:
    """Read the feed in a response, with its newest ``max_entries`` entries. Raises NotAFeed.

    1. Let feedparser read the bytes.
    2. Leave out the last entry of a feed that was cut off.
    3. Give each entry an identity, and reject another entry under the same one.
    4. Keep the newest entries when there are too many.
    """
    document = _run_feedparser(response)
    is_complete = not _is_cut_off(document, response.body)
    parts = urlsplit(response.url)
    site = parts.hostname or "feed"
    entries, rejected = distinct_entries(
        f"{site}{parts.path}", document.entries if is_complete else document.entries[:-1], rules
    )
    if not is_complete:
        rejected.append(Rejected(where="feed", reason=_CUT_OFF))
    if len(entries) > max_entries:
        reason = f"it has {len(entries):,} entries; the newest {max_entries:,} are read"
        rejected.append(Rejected(where="feed", reason=f"{reason} (the option max_entries)"))
        entries.sort(key=lambda entry: entry.date.instant or times.EPOCH, reverse=True)
    return Feed(
        url=response.url,
        site=site,
        title=one_line(from_html(str(document.feed.get("title") or ""), 400)) or site,
        lang=language(document.feed.get("language")),
        entries=tuple(entries[:max_entries]),
        rejected=tuple(rejected),
        is_complete=is_complete,
    )


def mention(feed: Feed, entry: Entry, fetched_at: datetime) -> tuple[Mention, str]:
    """Make a Mention of an entry, and return it with all words to match. Raises BadItem."""
    raw = entry.raw
    title = one_line(_words(raw, "title"), 500)
    summary = _words(raw, "summary")
    content = "\n".join(_plain(detail) for detail in _dicts(raw.get("content"))[:3])
    body = summary or content
    text = body if body.startswith(title) else "\n".join(part for part in (title, body) if part)
    if not text:
        raise BadItem("it has neither a title nor a text")
    link = _link(feed, raw)
    entry_mention = Mention(
        source="rss",
        external_id=entry.id,
        author=_author(feed, raw),
        text=text,
        published_at=_published_at(entry.date, fetched_at),
        fetched_at=fetched_at,
        url=link,
        lang=language(_detail(raw, "title").get("language")) or feed.lang,
    )
    return entry_mention, "\n".join((title, summary, content, link or ""))


def _run_feedparser(response: HttpResponse) -> Any:
    """Return feedparser's reading of the body. Raises NotAFeed."""
    # no content-location: with one, feedparser makes an address of every short guid
    headers = {"content-type": response.content_type or ""}
    try:
        # BytesIO: bytes or text would be tried as an address or a file's name first
        document = feedparser.parse(
            io.BytesIO(response.body),
            response_headers=headers,
            sanitize_html=False,  # from_html drops all markup
            resolve_relative_uris=False,
        )
    except bounded_feedparser.CostlyFeed as error:
        raise NotAFeed(str(error)) from error
    except _PARSER_BUGS as error:
        raise NotAFeed(type(error).__name__) from error
    if not document.get("version") and not document.entries:
        raise NotAFeed(_parse_error(document))
    return document


def _is_cut_off(document: Any, body: bytes) -> bool:
    """Tell whether XML is broken and has no end tag: the server died while it sent it."""
    broken = isinstance(document.get("bozo_exception"), SAXException)
    return broken and _END_TAG.search(body[-_TAIL:]) is None


def _parse_error(document: Any) -> str:
    reason = document.get("bozo_exception")
    return one_line(str(reason), 120) if reason else "no RSS or Atom in it"


def _published_at(date: EntryDate, fetched_at: datetime) -> datetime:
    """Return the time of an entry; UNDATED where the feed's date cannot be read.

    An entry without any date is new to us, so the time when we fetched it is the best one.
    """
    if date.instant is not None:
        return min(date.instant, fetched_at)
    return UNDATED if date.fault else fetched_at


def _author(feed: Feed, raw: Any) -> Author:
    author = str(raw.get("author") or "")
    mailed = _MAIL_AND_NAME.match(author)  # feedparser cuts addresses with a long ending in two
    name = mailed.group(1) if mailed else _detail(raw, "author").get("name") or author
    name = one_line(from_html(str(name), 400), 100)
    if not name:
        return Author(source="rss", external_id=feed.site, handle=feed.site, name=feed.title)
    # "admin" of one site is not "admin" of the next
    return Author(source="rss", external_id=f"{feed.site}/{name}", handle=name, name=name)


def _link(feed: Feed, raw: Any) -> str | None:
    try:
        return web_link(urljoin(feed.url, str(raw.get("link") or "")) if raw.get("link") else None)
    except ValueError:  # urljoin raises it on a broken host, as in http://[::1
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
    detail = raw.get(f"{key}_detail")
    return detail if isinstance(detail, dict) else {}


def _dicts(value: object) -> list[dict[str, Any]]:
    items = value if isinstance(value, list) else []
    return [item for item in items if isinstance(item, dict)]
