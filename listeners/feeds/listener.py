"""The source "rss": RSS and Atom feeds - news sites, blogs, review pages, search alerts.

A feed shows only its newest entries. Entries that moved out of that window between two polls are
lost, and a Gap reports them. Formats: RSS 2.0 and RFC 4287 (Atom), read
by feedparser; conditional requests: RFC 9110 section 13.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Annotated, ClassVar

from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    model_validator,
)

from earful.contracts import TRIED_AGAIN, Permanent, Transient
from earful.enums import GapKind
from earful.matching import Matcher
from earful.settings.load import Zone
from earful.types import Batch, Gap, Mention, Query, Rejected, Seen
from listeners.common import times
from listeners.common.base import SourceListener
from listeners.common.cooldown import cooldown_until, is_cooling_down
from listeners.common.options import WebOptions, read_options
from listeners.common.rejects import read_items
from listeners.feeds.dates import DateRules, EntryDate
from listeners.feeds.identity import Entry, fingerprint
from listeners.feeds.parser import Feed, NotAFeed, mention, parse
from listeners.feeds.state import FeedsPosition, FeedState
from listeners.http.errors import combine_errors, safe_url
from listeners.http.fetch import Fetcher, HttpResponse

_ACCEPT = "application/atom+xml, application/rss+xml, application/xml;q=0.9, */*;q=0.5"


class RssOptions(WebOptions):
    """``options`` of a [[listen]] block with source = "rss"; docs/sources.md explains each."""

    url: str | None = None
    urls: tuple[str, ...] = ()
    all: bool = False
    max_entries: Annotated[int, Field(ge=1, le=5000)] = 1000
    dates: Annotated[str, AfterValidator(times.check_order)] | None = None
    timezone: Zone | None = None

    @model_validator(mode="after")
    def _require_address(self) -> RssOptions:
        if not self.feeds():
            raise ValueError('url: there is none; give url = "https://…/feed.xml" or urls = […]')
        return self

    def feeds(self) -> list[str]:
        """Return every address, once."""
        return list(dict.fromkeys([*([self.url] if self.url else []), *self.urls]))


class Rss(SourceListener):
    """Read feeds and keep the entries that match a query's terms."""

    name: ClassVar[str] = "rss"
    Options: ClassVar[type[BaseModel]] = RssOptions
    handles_have_at: ClassVar[bool] = False

    def poll(self, query: Query, position: str | None) -> Iterator[Batch]:
        """Yield one batch for each feed that was read.

        With several feeds, a failed one is reported as Rejected and the others go on. When all
        fail, and with a single feed, the error is raised: Transient, or Permanent when the
        address has never given a feed or the site refuses.
        """
        options = read_options(RssOptions, query)
        with Fetcher(self._clock, options.limits, meter=self._meter) as web:
            yield from _Poll(query, options, web, self._clock()).batches(position)


class _Poll:
    """One poll of every feed."""

    def __init__(self, query: Query, options: RssOptions, web: Fetcher, now: datetime) -> None:
        self._options = options
        self._web = web
        self._now = now
        self._date_rules = DateRules.of(now, options.dates, options.timezone)
        any_of = () if options.all else query.any_of
        self._matcher = Matcher(any_of, query.none_of)
        self._languages = {code.partition("-")[0].lower() for code in query.languages}
        self._parts = _part_names(options.feeds())
        self._terms = fingerprint(json.dumps([any_of, query.none_of, query.languages]))

    def batches(self, position: str | None) -> Iterator[Batch]:
        stored = FeedsPosition.load(position).feeds
        feeds = self._options.feeds()
        states = {url: stored.get(fingerprint(url), FeedState()) for url in feeds}
        failed: dict[str, Transient | Permanent] = {}
        read_count = 0
        for url in feeds:
            state = states[url]
            now = times.to_epoch(self._now)
            if is_cooling_down(state.paused_until, now, state.paused_at):
                continue
            try:
                batch, states[url] = self._read_feed(url, states[url])
            except (Transient, Permanent) as error:
                failed[url] = error
                states[url] = self._pause(states[url], error)
                continue
            read_count += 1
            # with several feeds a last batch follows, with those that failed
            yield replace(batch, position=FeedsPosition.of(states).dump(), more=len(feeds) > 1)
        if failed and not read_count:
            raise combine_errors(list(failed.values()))
        if len(feeds) > 1 and (failed or read_count):
            rejected = tuple(
                Rejected(where=safe_url(url), reason=str(error)) for url, error in failed.items()
            )
            yield Batch(mentions=(), position=FeedsPosition.of(states).dump(), rejected=rejected)

    def _read_feed(self, url: str, state: FeedState) -> tuple[Batch, FeedState]:
        """Read one feed; return its new entries and the feed's next state.

        1. Fetch it, conditionally while the query's terms stay the same.
        2. Unchanged: only the coverage moves on to now.
        3. Make mentions of the entries that are not seen yet; new terms read all entries again.
        4. Cut off in the middle: store its entries, and report no coverage.
        5. Complete: report the coverage, and the gap where the window moved on.
        """
        same_terms = state.terms == self._terms
        response = self._web.get(
            url,
            accept=_ACCEPT,
            etag=state.etag if same_terms else None,
            modified=state.modified if same_terms else None,
        )
        if response.not_modified:
            now = times.to_epoch(self._now)
            batch = Batch(mentions=(), position=None, seen=self._seen(url, state.read_at))
            return batch, state.model_copy(update={"paused_until": 0, "read_at": now})
        try:
            feed = parse(response, max_entries=self._options.max_entries, rules=self._date_rules)
        except NotAFeed as error:
            raise _no_feed(url, state, str(error)) from error
        seen = state.seen if same_terms else ()
        mentions, rejected = self._new_mentions(feed, set(seen))
        if not feed.is_complete:
            batch = Batch(mentions=mentions, position=None, rejected=rejected)
            return batch, self._cut_off_state(feed, state.model_copy(update={"seen": seen}))
        gap = self._gap(url, feed, state)
        # with a gap the coverage starts again at the oldest entry that the feed still shows
        since = state.read_at if state.read_at is not None and not gap else self._oldest(feed)
        batch = Batch(
            mentions=mentions,
            position=None,
            seen=self._seen(url, since),
            gaps=(gap,) if gap else (),
            rejected=rejected,
        )
        return batch, self._next_state(feed, response, state)

    def _new_mentions(
        self, feed: Feed, seen: set[str]
    ) -> tuple[tuple[Mention, ...], tuple[Rejected, ...]]:
        """Make mentions of the feed's entries that are not in ``seen`` (fingerprints)."""
        entries = [entry for entry in feed.entries if not entry.is_in(seen)]
        mentions, rejected = read_items(
            entries,
            lambda entry: self._mention(feed, entry),
            where=lambda entry: f"entry {entry.id[:80]}",
            keep_raw=False,
        )
        stored = {entry_mention.external_id for entry_mention in mentions}
        undated = [entry.date for entry in entries if entry.date.fault and entry.id in stored]
        return mentions, (*feed.rejected, *rejected, *_undated_note(undated))

    def _next_state(self, feed: Feed, response: HttpResponse, state: FeedState) -> FeedState:
        """Return the state of a feed that was read completely.

        An empty feed keeps the entries and the newest date of ``state``.
        """
        dates = [entry.date.instant for entry in feed.entries if entry.date.instant]
        newest = times.to_epoch(min(max(dates, default=self._now), self._now))
        return FeedState(
            etag=response.etag,
            modified=response.modified,
            seen=_seen_prints(feed) or state.seen,
            newest=newest if feed.entries else state.newest,
            read_at=times.to_epoch(self._now),
            terms=self._terms,
        )

    def _cut_off_state(self, feed: Feed, state: FeedState) -> FeedState:
        """Return the state of a feed that was cut off.

        It adds the entries. It keeps no ETag and no new ``read_at``, so that neither the site nor
        the ledger takes the missing entries for read.
        """
        seen = dict.fromkeys((*_seen_prints(feed), *state.seen))
        return state.model_copy(
            update={
                "etag": None,
                "modified": None,
                "seen": tuple(seen)[: 2 * self._options.max_entries],
                "terms": self._terms,
                "paused_until": 0,
            }
        )

    def _mention(self, feed: Feed, entry: Entry) -> Mention | None:
        """Make a Mention of an entry; None when the query does not match. Raises BadItem."""
        entry_mention, words = mention(feed, entry, self._now)
        if not self._is_match(entry_mention, words):
            return None
        # with the option all, the feed itself is about the brand, in any words
        direct = self._options.all
        return replace(entry_mention, direct=direct, context="" if direct else words)

    def _is_match(self, entry_mention: Mention, words: str) -> bool:
        lang = entry_mention.lang
        foreign = bool(self._languages and lang) and lang not in self._languages
        return not foreign and self._matcher.matches(words)

    def _seen(self, url: str, since: int | None) -> tuple[Seen, ...]:
        """Return the coverage since an instant in seconds since 1970; None: since now.

        A feed without dates has unknown coverage, so it starts now.
        """
        begin = self._now if since is None else times.from_epoch(since)
        return (Seen(since=min(begin, self._now), until=self._now, part=self._parts[url]),)

    def _gap(self, url: str, feed: Feed, state: FeedState) -> Gap | None:
        """Return a Gap when no seen entry is left in the window and its dates do not overlap.

        Some feeds give their entries new ids at every poll. Their dates overlap, so they have none.
        """
        if not state.seen or state.newest is None or not feed.entries:
            return None
        seen = set(state.seen)
        if any(entry.is_in(seen) for entry in feed.entries):
            return None
        oldest = self._oldest(feed)
        since = times.from_epoch(state.newest)
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
        dates = [entry.date.instant for entry in feed.entries if entry.date.instant]
        return times.to_epoch(min(min(dates), self._now)) if dates else None

    def _pause(self, state: FeedState, error: Transient | Permanent) -> FeedState:
        now = times.to_epoch(self._now)
        pause = {"paused_until": cooldown_until(error, now), "paused_at": now}
        return state.model_copy(update=pause)


def _seen_prints(feed: Feed) -> tuple[str, ...]:
    return tuple(mark for entry in feed.entries for mark in (entry.fingerprint, entry.content))


def _undated_note(dates: Sequence[EntryDate]) -> tuple[Rejected, ...]:
    """Tell people of entries that are stored without a date, with the first date as it stands."""
    if not dates:
        return ()
    entries = "an entry is" if len(dates) == 1 else f"{len(dates):,} entries are"
    reason = f"{entries} stored as undated, and none raises an alert: {dates[0].fault}"
    hint = "the options dates and timezone decide how the feed's dates are read"
    return (Rejected(where="feed", reason=f"{reason} ({hint})", raw=dates[0].text[:200]),)


def _no_feed(url: str, state: FeedState, trouble: str) -> Transient | Permanent:
    """Make the error for a page that is no feed.

    It is transient where a feed was read before. Where none ever was, the address is wrong.
    """
    if state.terms:
        return Transient(f"{safe_url(url)}: what came is no feed ({trouble})", hint=TRIED_AGAIN)
    return Permanent(
        f"{safe_url(url)}: what came is no feed ({trouble})",
        hint="Give the address of the RSS or Atom feed itself, not of the page that it belongs to.",
    )


def _part_names(feeds: Sequence[str]) -> dict[str, str]:
    """Return each feed's name in the coverage ledger: its address without query and login.

    Two addresses that differ only in their query get a fingerprint each.
    """
    names = [safe_url(url) for url in feeds]
    return {
        url: name if names.count(name) == 1 else f"{name} {fingerprint(url)[:6]}"
        for url, name in zip(feeds, names, strict=True)
    }
