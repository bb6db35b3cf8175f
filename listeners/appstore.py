"""The source "appstore": reviews of an app in Apple's App Store. No key.

Apple's feed of customer reviews, https://itunes.apple.com/COUNTRY/rss/customerreviews/page=N/
id=APP/sortby=mostrecent/json: one for each country's store, 50 reviews a page, newest first, and
10 pages ("CustomerReviews RSS page depth is limited to 10", it answers to the eleventh). Apple runs
it and does not document it any more. An edited review comes under its old id with a new time. Old
feeds begin with an entry for the app itself, and a single entry is not in a list. Where the JSON
has no times, the XML form of the same page has them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, Field, field_validator

from earful.contracts import TRIED_AGAIN, BadItem, Transient
from earful.settings.load import Duration
from earful.types import Author, Batch, Engagement, Mention, Query, Rating
from listeners.appstore_xml import parse_xml
from listeners.backfill.page_request import BackfillPage, BackfillRules, PageRequest
from listeners.backfill.walk import backfill
from listeners.common import times
from listeners.common.base import SourceListener
from listeners.common.options import WebOptions, read_options
from listeners.common.plain_text import from_html, one_line, web_link
from listeners.common.rejects import read_items
from listeners.common.values import count
from listeners.http.errors import HttpRefusal, safe_url
from listeners.http.fetch import Fetcher

_MAX_PAGES = 10  # the feed's depth, as it answers itself (see above)
_PAGE_SIZE = 50
_COUNTRY = re.compile(r"[a-z]{2}")
_ACCOUNT = re.compile(r"/id(\d{1,20})$")
_LAST_PAGE = re.compile(r"/page=(\d{1,3})/")


class AppReviewsOptions(WebOptions):
    """``options`` of a [[listen]] block with source = "appstore"; see docs/sources/appstore.md."""

    apps: Annotated[tuple[str, ...], Field(min_length=1)]
    countries: Annotated[tuple[str, ...], Field(min_length=1)]
    endpoint: str = "https://itunes.apple.com"
    since: Duration = timedelta(days=30)
    overlap: Duration = timedelta(hours=48)
    max_requests: Annotated[int, Field(ge=4, le=2000)] = 100

    @field_validator("apps")
    @classmethod
    def _numbers(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        numbers = tuple(app.strip().lower().removeprefix("id") for app in value)
        for app, number in zip(value, numbers, strict=True):
            if not (number.isascii() and number.isdecimal()):
                raise ValueError(
                    f"{app!r} is no app's number; it stands behind id in the app's address, as "
                    'in apps.apple.com/app/id1234567890: write "1234567890"'
                )
        return numbers

    @field_validator("countries")
    @classmethod
    def _codes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        codes = tuple(country.strip().lower() for country in value)
        for code in codes:
            if not _COUNTRY.fullmatch(code):
                raise ValueError(f"{code!r} is no country's code of two letters, as gr or us")
        return codes

    def parts(self) -> list[str]:
        """Return every feed to read, as APP/COUNTRY."""
        feeds = (f"{app}/{country}" for app in self.apps for country in self.countries)
        return list(dict.fromkeys(feeds))


class NoReviews(Transient):
    """A response is no feed of reviews."""


class AppReviews(SourceListener):
    """Read the reviews of apps."""

    name: ClassVar[str] = "appstore"
    Options: ClassVar[type[BaseModel]] = AppReviewsOptions
    handles_have_at: ClassVar[bool] = False

    def poll(self, query: Query, position: str | None) -> Iterator[Batch]:
        """Yield the reviews that were written, or edited, since ``position``.

        Reviews below the 500 newest of a store are a lost gap. Raises Transient when the feed is
        away or unreadable, and Permanent when Apple refuses.
        """
        options = read_options(AppReviewsOptions, query)
        rules = BackfillRules(
            first_lookback=options.since,
            overlap=options.overlap,
            max_requests=options.max_requests,
            can_seek=False,
        )
        now = self._clock()
        with Fetcher(self._clock, options.limits, meter=self._meter) as web:
            store = _Store(options.endpoint, web, now)
            yield from backfill(
                position, parts=options.parts(), fetch=store.fetch_page, rules=rules, now=now
            )


class _Store:
    """Fetch pages of an app's reviews and read them."""

    def __init__(self, endpoint: str, web: Fetcher, now: datetime) -> None:
        self._endpoint = endpoint.rstrip("/")
        self._web = web
        self._now = now

    def fetch_page(self, step: PageRequest) -> BackfillPage:
        """Fetch one page with one request. Raises Transient for a page that cannot be placed."""
        app, _, country = step.part.partition("/")
        number = int(step.cursor or 1)
        url = (
            f"{self._endpoint}/{country}/rss/customerreviews/page={number}/id={app}"
            "/sortby=mostrecent/json"
        )
        entries, pages = self._read_page(url)
        if not entries and number < pages:
            raise Transient(f"{safe_url(url)}: page {number} of {pages} is empty", hint=TRIED_AGAIN)
        mentions, rejected = read_items(
            (entry for entry in entries if not _is_app(entry)),
            lambda entry: self._mention(entry, app, country),
            where=lambda entry: f"review {_label(entry, 'id')[:40]}".strip(),
        )
        instants = [at for entry in entries if (at := _updated(entry)) is not None]
        full = len(entries) >= _PAGE_SIZE
        if full and not instants:
            raise Transient(
                f"{safe_url(url)}: no review on the page has a readable time",
                hint=f"{TRIED_AGAIN} If it stays so, the feed has changed.",
            )
        last = number >= _MAX_PAGES
        return BackfillPage(
            mentions=mentions,
            rejected=rejected,
            newest=max(instants, default=None),
            oldest=instants[-1] if instants else None,  # one out of order must not end the backfill
            cursor=str(number + 1) if entries and not last and (full or number < pages) else None,
            ceiling=f"the feed shows the {_MAX_PAGES * _PAGE_SIZE} newest reviews"
            if full and last
            else "",
        )

    def _read_page(self, url: str) -> tuple[list[Any], int]:
        """Return a page's entries, from the XML form of the feed where the JSON has no times."""
        entries, pages = _entries(url, self._web.get(url, accept="application/json").body)
        reviews = [entry for entry in entries if not _is_app(entry)]
        if not reviews or any(_updated(review) for review in reviews):
            return entries, pages
        address = f"{url.removesuffix('/json')}/xml"
        try:
            dated, dated_pages = _entries(
                address, self._web.get(address, accept="application/atom+xml").body
            )
        except (HttpRefusal, NoReviews):
            # a store without the XML form: its reviews are rejected for their times
            return entries, pages
        return (dated, dated_pages) if any(map(_updated, dated)) else (entries, pages)

    def _mention(self, entry: Any, app: str, country: str) -> Mention:
        if not isinstance(entry, dict):
            raise BadItem("it is not an object")
        number = one_line(_label(entry, "id"), 100)
        if not number:
            raise BadItem("it has no id")
        try:
            at = times.parse(_label(entry, "updated") or None)
        except BadItem as error:
            raise BadItem(f"updated: {error}") from None
        title = one_line(from_html(_label(entry, "title")), 500)
        text = "\n".join(part for part in (title, from_html(_label(entry, "content"))) if part)
        if not text:
            raise BadItem("it has neither title nor content")
        return Mention(
            source="appstore",
            external_id=number,
            author=_author(entry, number),
            text=text,
            published_at=min(at, self._now),
            edited_at=min(at, self._now),  # Apple's servers are not all up to date
            fetched_at=self._now,
            url=f"https://apps.apple.com/{country}/app/id{app}?see-all=reviews",
            engagement=Engagement(likes=count(_label(entry, "im:voteSum"))),
            rating=_rating(entry),
            direct=True,
        )


def _entries(url: str, body: bytes) -> tuple[list[Any], int]:
    """Return the feed's entries and the number of its last page (0: it gives none)."""
    try:
        is_xml = body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")
        feed = (parse_xml(body) if is_xml else json.loads(body))["feed"]
        entries = feed.get("entry", [])
    except (ValueError, RecursionError, TypeError, KeyError, AttributeError) as error:
        raise NoReviews(
            f"{safe_url(url)}: the answer is no feed of reviews ({type(error).__name__})",
            hint=f"{TRIED_AGAIN} If it stays so, check the option endpoint.",
        ) from error
    links = feed.get("link")
    pages = [
        int(match.group(1))
        for link in (links if isinstance(links, list) else [])
        if isinstance(link, dict)
        and isinstance(attributes := link.get("attributes"), dict)
        and attributes.get("rel") == "last"
        and (match := _LAST_PAGE.search(_string(attributes.get("href"))))
    ]
    # Apple does not put a single entry into a list
    return entries if isinstance(entries, list) else [entries], max(pages, default=0)


def _is_app(entry: Any) -> bool:
    """Tell the app's own entry, with which old feeds begin, from a review."""
    return isinstance(entry, dict) and "im:rating" not in entry and "im:name" in entry


def _label(entry: Any, *path: str) -> str:
    """Return the text at a path of an entry; the feed wraps each value as {"label": value}."""
    value = entry
    for step in (*path, "label"):
        value = value.get(step) if isinstance(value, dict) else None
    return _string(value).strip()


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""


def _updated(entry: Any) -> datetime | None:
    try:
        return times.parse(_label(entry, "updated") or None)
    except BadItem:
        return None


def _author(entry: Any, number: str) -> Author:
    name = one_line(_label(entry, "author", "name"), 120)
    link = web_link(_label(entry, "author", "uri"))
    match = _ACCOUNT.search(link or "")
    if match is None:
        # an author for each review: two people with the same name are not one customer
        identity = f"review-{number}"
        return Author(source="appstore", external_id=identity, handle=name or "anonymous")
    account = match.group(1)
    return Author(source="appstore", external_id=account, handle=name or account, url=link)


def _rating(entry: Any) -> Rating | None:
    stars = _label(entry, "im:rating")
    if stars not in {"1", "2", "3", "4", "5"}:
        return None
    return Rating(kind="stars", value=int(stars), lowest=1, highest=5)
