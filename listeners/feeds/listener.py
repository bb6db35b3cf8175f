"""The source "rss": RSS and Atom feeds - news sites, blogs, review pages, search alerts.

A feed shows its newest entries and nothing else: what has moved out of that window between two
polls cannot be had any more, and is told of as a Gap. Formats: RSS 2.0 and RFC 4287 (Atom), read
by feedparser; conditional requests: RFC 9110 section 13.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field, OnErrorOmit, model_validator

from earful.contracts import TRIED_AGAIN, Permanent, Transient
from earful.enums import GapKind
from earful.matching import Matcher
from earful.types import Batch, Gap, Mention, Query, Rejected, Seen
from listeners.common import times
from listeners.common.base import SourceListener
from listeners.common.cooldown import cooldown_until, is_cooling_down
from listeners.common.options import WebOptions, read_options
from listeners.common.position import Instant, Position, TolerantRecord
from listeners.common.rejects import read_items
from listeners.feeds.parser import Entry, Feed, NotAFeed, fingerprint, mention, parse
from listeners.http.errors import combine_errors, safe_url
from listeners.http.fetch import Fetcher

_ACCEPT = "application/atom+xml, application/rss+xml, application/xml;q=0.9, */*;q=0.5"


class RssOptions(WebOptions):
    """``options`` of a [[listen]] block with source = "rss"; docs/sources.md explains each."""

    url: str | None = None
    urls: tuple[str, ...] = ()
    all: bool = False
    max_entries: Annotated[int, Field(ge=1, le=5000)] = 1000

    @model_validator(mode="after")
    def _some(self) -> RssOptions:
        if not self.feeds():
            raise ValueError('url: there is none; give url = "https://…/feed.xml" or urls = […]')
        return self

    def feeds(self) -> list[str]:
        """Every address, once."""
        return list(dict.fromkeys([*([self.url] if self.url else []), *self.urls]))


class _Known(TolerantRecord):
    """What a position holds of one feed. ``seen`` are fingerprints of the window's entries,
    ``newest``, ``looked`` and ``wait`` seconds since 1970, ``asked`` a fingerprint of what we
    looked for."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    # with an etag and no entries, a site would answer that nothing is new
    all_or_nothing: ClassVar[bool] = True

    etag: str | None = None
    modified: str | None = None
    seen: tuple[str, ...] = ()
    newest: Instant | None = None
    looked: Instant | None = None
    asked: str = ""
    wait: Instant = 0


class _Position(Position):
    """Every feed by the fingerprint of its address: an address can hold a key."""

    feeds: dict[str, OnErrorOmit[_Known]] = Field(default_factory=dict)

    @classmethod
    def of(cls, known: Mapping[str, _Known]) -> _Position:
        """The position for feeds by their address."""
        return cls(feeds={fingerprint(url): one for url, one in known.items()})


class Rss(SourceListener):
    """Reads feeds and keeps the entries that name what a query looks for."""

    name: ClassVar[str] = "rss"
    Options: ClassVar[type[BaseModel]] = RssOptions
    handles_have_at: ClassVar[bool] = False

    def poll(self, query: Query, position: str | None) -> Iterator[Batch]:
        """One batch for each feed that has something new.

        With several feeds, one that fails is told of as Rejected and the others go on; when all
        fail, and with a single feed, the error is raised: Transient, or Permanent when the
        address has never given a feed or the site refuses.
        """
        options = read_options(RssOptions, query)
        with Fetcher(self._clock, options.limits, meter=self._meter) as web:
            yield from _Poll(query, options, web, self._clock()).batches(position)


class _Poll:
    """One look at every feed."""

    def __init__(self, query: Query, options: RssOptions, web: Fetcher, now: datetime) -> None:
        self._options = options
        self._web = web
        self._now = now
        any_of = () if options.all else query.any_of
        self._matcher = Matcher(any_of, query.none_of)
        self._languages = {code.partition("-")[0].lower() for code in query.languages}
        self._parts = _names(options.feeds())
        self._asked = fingerprint(json.dumps([any_of, query.none_of, query.languages]))

    def batches(self, position: str | None) -> Iterator[Batch]:
        stored = _Position.load(position).feeds
        feeds = self._options.feeds()
        known = {url: stored.get(fingerprint(url), _Known()) for url in feeds}
        failed: dict[str, Transient | Permanent] = {}
        worked = 0
        for url in feeds:
            if is_cooling_down(known[url].wait, times.to_epoch(self._now)):
                continue
            try:
                batch, known[url] = self._look(url, known[url])
            except (Transient, Permanent) as error:
                failed[url] = error
                known[url] = self._put_off(known[url], error)
                continue
            worked += 1
            yield replace(batch, position=_Position.of(known).dump(), more=len(feeds) > 1)
        if failed and not worked:
            raise combine_errors(list(failed.values()))
        if len(feeds) > 1 and (failed or worked):
            told = [Rejected(where=safe_url(url), reason=str(why)) for url, why in failed.items()]
            yield Batch(mentions=(), position=_Position.of(known).dump(), rejected=tuple(told))

    def _look(self, url: str, known: _Known) -> tuple[Batch, _Known]:
        """What a feed has that was not seen, and what to remember of it."""
        same = known.asked == self._asked  # else look at everything again: the terms have changed
        answer = self._web.get(
            url,
            accept=_ACCEPT,
            etag=known.etag if same else None,
            modified=known.modified if same else None,
        )
        now = times.to_epoch(self._now)
        if answer.not_modified:
            seen = self._seen(url, known.looked)
            looked = known.model_copy(update={"wait": 0, "looked": now})
            return Batch(mentions=(), position=None, seen=seen), looked
        try:
            feed = parse(answer, most=self._options.max_entries)
        except NotAFeed as error:
            raise _no_feed(url, known, str(error)) from error
        before = known.seen if same else ()
        known_before = set(before)
        mentions, rejected = read_items(
            (entry for entry in feed.entries if entry.fingerprint not in known_before),
            lambda entry: self._mention(feed, entry),
            where=lambda entry: f"entry {entry.id[:80]}",
            keep_raw=False,
        )
        told = (*feed.rejected, *rejected)
        if not feed.whole:
            batch = Batch(mentions=mentions, position=None, rejected=told)
            return batch, self._half(feed, known.model_copy(update={"seen": before}))
        gap = self._gap(url, feed, known)
        oldest = self._oldest(feed)
        since = known.looked if known.looked is not None and not gap else oldest
        batch = Batch(
            mentions=mentions,
            position=None,
            seen=self._seen(url, since),
            gaps=(gap,) if gap else (),
            rejected=told,
        )
        dates = [entry.published_at for entry in feed.entries if entry.published_at]
        newest = times.to_epoch(min(max(dates, default=self._now), self._now))
        return batch, _Known(
            etag=answer.etag,
            modified=answer.modified,
            seen=tuple(entry.fingerprint for entry in feed.entries) or known.seen,
            newest=newest if feed.entries else known.newest,
            looked=now,
            asked=self._asked,
        )

    def _half(self, feed: Feed, known: _Known) -> _Known:
        """What to remember of a feed that broke off: its entries, and nothing by which a site, or
        the ledger, could take the rest of it for read."""
        seen = dict.fromkeys((*(entry.fingerprint for entry in feed.entries), *known.seen))
        return known.model_copy(
            update={
                "etag": None,
                "modified": None,
                "seen": tuple(seen)[: self._options.max_entries],
                "asked": self._asked,
                "wait": 0,
            }
        )

    def _mention(self, feed: Feed, entry: Entry) -> Mention | None:
        """The entry as a Mention; None when it does not name what we look for. Raises BadItem."""
        made, words = mention(feed, entry, self._now)
        if not self._wanted(made, words):
            return None
        every = self._options.all
        return replace(made, direct=every, context="" if every else words)

    def _wanted(self, made: Mention, words: str) -> bool:
        foreign = bool(self._languages and made.lang) and made.lang not in self._languages
        return not foreign and self._matcher.matches(words)

    def _seen(self, url: str, since: int | None) -> tuple[Seen, ...]:
        """Of a feed that gives no dates nobody can say since when it was seen: since now."""
        begin = self._now if since is None else times.from_epoch(since)
        return (Seen(since=min(begin, self._now), until=self._now, part=self._parts[url]),)

    def _gap(self, url: str, feed: Feed, known: _Known) -> Gap | None:
        """A Gap when nothing that we knew is left in the window, and its dates say so too.

        Some feeds give their entries new ids at every look: those would have a gap each time, but
        their dates overlap.
        """
        if not known.seen or known.newest is None or not feed.entries:
            return None
        if {entry.fingerprint for entry in feed.entries} & set(known.seen):
            return None
        oldest = self._oldest(feed)
        since = times.from_epoch(known.newest)
        until = self._now if oldest is None else times.from_epoch(oldest)
        if since >= until:
            return None
        return Gap(
            since=since,
            until=until,
            reason=f"feed window moved on ({feed.site} shows {len(feed.entries)} entries)",
            kind=GapKind.WINDOW,
            part=self._parts[url],
            lost=True,
        )

    def _oldest(self, feed: Feed) -> int | None:
        dates = [entry.published_at for entry in feed.entries if entry.published_at]
        return times.to_epoch(min(min(dates), self._now)) if dates else None

    def _put_off(self, known: _Known, error: Transient | Permanent) -> _Known:
        wait = cooldown_until(error, times.to_epoch(self._now))
        return known.model_copy(update={"wait": wait})


def _no_feed(url: str, known: _Known, trouble: str) -> Transient | Permanent:
    """A page where a feed was yesterday will pass; where none ever was, the address is wrong."""
    if known.asked:
        return Transient(f"{safe_url(url)}: what came is no feed ({trouble})", hint=TRIED_AGAIN)
    return Permanent(
        f"{safe_url(url)}: what came is no feed ({trouble}); give the address of the RSS or Atom "
        "feed itself, not of the page that it belongs to"
    )


def _names(feeds: Sequence[str]) -> dict[str, str]:
    """What the ledger calls each feed: its address without what may be a key."""
    names = [safe_url(url) for url in feeds]
    return {
        url: name if names.count(name) == 1 else f"{name} {fingerprint(url)[:6]}"
        for url, name in zip(feeds, names, strict=True)
    }
