"""The identity of a feed's entries: by their ids, and by their content where ids change.

Some sites give every entry a new guid with each build. An entry with the link, title and date of
another one is that other one.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from earful.types import Rejected
from listeners.common.plain_text import clean
from listeners.feeds.dates import DateRules, EntryDate, entry_date

_GLOBAL_ID = ("http://", "https://", "tag:", "urn:")  # the same in every feed that carries it
_LONGEST_ID = 200  # characters; a longer one is hashed like an id that only this feed knows
_MAX_REJECTS = 100  # a feed with one id for all entries would fill the batch with rejects
# parameters that tell a site where a reader came from; they change, and the page does not
_TRACKING = re.compile(r"utm_\w+|fbclid|gclid|dclid|msclkid|mc_[ce]id|xtor|cmpid|ocid|_ga", re.I)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry: its identity, its date, and feedparser's reading of it.

    ``fingerprint`` is a short hash of the id, ``content`` one of link, title and date. A position
    holds both for each entry of the feed.
    """

    id: str
    date: EntryDate
    content: str
    raw: Any

    @property
    def fingerprint(self) -> str:
        """Return a short hash of the id."""
        return fingerprint(self.id)

    def is_in(self, seen: set[str]) -> bool:
        """Tell whether an earlier look has seen this entry, under this id or another."""
        return self.content in seen or self.fingerprint in seen


def fingerprint(text: str) -> str:
    """Return a hash of ``text`` in 10 hexadecimal digits."""
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=5).hexdigest()


def distinct_entries(
    place: str, raws: Iterable[Any], rules: DateRules
) -> tuple[list[Entry], list[Rejected]]:
    """Return each entry once; reject another entry under the id of an earlier one.

    Broken feeds use one id for all entries. ``place`` is the feed's host and path.
    """
    entries: list[Entry] = []
    shapes: dict[str, tuple[str, str]] = {}
    contents: set[str] = set()
    rejected: list[Rejected] = []
    for number, raw in enumerate(raws, 1):
        shape = str(raw.get("link") or ""), str(raw.get("title") or "")
        identity = _identity(place, raw, shape)
        if identity not in shapes:
            shapes[identity] = shape
            date = entry_date(raw, rules)
            content = fingerprint("\0".join((place, *(_content(raw, shape, date) or (identity,)))))
            if content not in contents:
                contents.add(content)
                entries.append(Entry(id=identity, date=date, content=content, raw=raw))
        elif shapes[identity] != shape and len(rejected) < _MAX_REJECTS:
            reason = f"its id {identity[:80]!r} is an earlier entry's in the same feed"
            rejected.append(
                Rejected(where=f"entry {number}", reason=reason, raw=clean(" ".join(shape), 500))
            )
    return entries, rejected


def _identity(place: str, raw: Any, shape: tuple[str, str]) -> str:
    feed_id = clean(str(raw.get("id") or ""), 4096)
    if feed_id.startswith(_GLOBAL_ID) and len(feed_id) <= _LONGEST_ID:
        return feed_id
    # "17" is another entry in another feed, so the feed is part of the id
    parts = (place, feed_id) if feed_id else (place, *shape)
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:32]


def _content(raw: Any, shape: tuple[str, str], date: EntryDate) -> tuple[str, ...]:
    """Return link, title and date of an entry, and its text where one of them is missing.

    One of the three alone is not enough: a live blog gives all its entries one link. The result is
    empty then.
    """
    # without a link, feedparser takes a guid for one
    address = "" if shape[0] == raw.get("id") and "://" not in shape[0] else shape[0]
    link, title = _same_page(address) or _enclosure(raw), " ".join(shape[1].split())
    at = date.instant.isoformat() if date.instant else date.text
    if link and title and at:
        return link, title, at
    if [link, title, at].count("") > 1:
        return ()
    return link, title, at, str(raw.get("summary") or ""), str(raw.get("content") or "")


def _same_page(link: str) -> str:
    """Return a link without the parameters that only count readers."""
    if "?" not in link:
        return link.strip()
    try:
        parts = urlsplit(link.strip())
    except ValueError:
        return link.strip()
    fields = parse_qsl(parts.query, keep_blank_values=True)
    query = urlencode([field for field in fields if not _TRACKING.fullmatch(field[0])])
    return urlunsplit(parts._replace(query=query))


def _enclosure(raw: Any) -> str:
    """Return the address of a podcast's file."""
    links = raw.get("links")
    for link in links if isinstance(links, list) else []:
        if isinstance(link, dict) and link.get("rel") == "enclosure":
            return _same_page(str(link.get("href") or ""))
    return ""
