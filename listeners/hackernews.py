"""The source "hackernews": stories and comments, through Algolia's public search. No key.

Platform rules, from https://hn.algolia.com/api: `search_by_date` answers newest first and shows at
most 1,000 hits of a query; `numericFilters` cuts by `created_at_i` (seconds since 1970); words in
quotes are searched as a phrase when advancedSyntax is on. There is no OR between phrases, so every
term is a search of its own. Posts are indexed late, and now and then much later than written.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, Field

from earful.contracts import TRIED_AGAIN, BadItem, Permanent, Transient
from earful.limits import Limit
from earful.matching import Matcher
from earful.settings.load import Duration
from earful.types import Author, Batch, Engagement, Mention, Query
from listeners.backfill.page_request import BackfillPage, BackfillRules, PageRequest
from listeners.backfill.walk import backfill
from listeners.common import times
from listeners.common.authors import anonymous_author
from listeners.common.base import SourceListener
from listeners.common.json_fields import string
from listeners.common.options import Bytes, WebOptions, read_options
from listeners.common.plain_text import clean, from_html, one_line, web_link
from listeners.common.rejects import preview, read_items
from listeners.common.search_terms import search_terms
from listeners.common.values import count
from listeners.http.errors import safe_url
from listeners.http.fetch import Fetcher

PAGE = 1000  # hits requested at once
CEILING = 1000  # hits of one query that the platform shows, over all its pages

_ITEM = "https://news.ycombinator.com/item?id="
_USER = "https://news.ycombinator.com/user?id="
_FIELDS = "objectID,author,title,url,story_text,comment_text,points,num_comments,parent_id"
_FIELDS += ",created_at,created_at_i"


class HackerNewsOptions(WebOptions):
    """``options`` of a [[listen]] block with source = "hackernews"; see docs/sources.md."""

    endpoint: str = "https://hn.algolia.com/api/v1"
    kinds: Annotated[tuple[Literal["story", "comment"], ...], Field(min_length=1)] = (
        "story",
        "comment",
    )
    since: Duration = timedelta(days=7)
    overlap: Duration = timedelta(hours=24)
    max_requests: Annotated[int, Field(ge=4, le=500)] = 30
    # a page holds 1,000 posts with their full texts
    max_bytes: Bytes = 32 * 1024 * 1024


_TEXTS = ("story_text", "comment_text")
# what the site shows in place of a post that was deleted, or that moderators hid
_NO_WORDS = ("", "[deleted]", "[flagged]", "[dead]", "[delayed]", "[flagged] [dead]")


class HackerNews(SourceListener):
    """Search Hacker News for a query's terms."""

    name: ClassVar[str] = "hackernews"
    Options: ClassVar[type[BaseModel]] = HackerNewsOptions
    # https://hn.algolia.com/api
    limit: ClassVar[Limit | None] = Limit(requests=10_000, per=3600)
    handles_have_at: ClassVar[bool] = False

    def poll(self, query: Query, position: str | None) -> Iterator[Batch]:
        """Yield the posts that were written, or indexed, since ``position``.

        The first poll begins ``since`` ago. A poll makes at most ``max_requests`` requests; the
        next one goes on from there. A second with over 1,000 hits leaves a lost gap. Raises
        Transient when the site is away or its response is no search result, and Permanent when it
        refuses or any_of is empty.
        """
        options = read_options(HackerNewsOptions, query)
        terms = search_terms(query.any_of)
        if not terms:
            raise Permanent(f"{query.id}: any_of is empty", hint="Name at least one term.")
        rules = BackfillRules(
            first_lookback=options.since, overlap=options.overlap, max_requests=options.max_requests
        )
        now = self._clock()
        with Fetcher(self._clock, options.limits, meter=self._meter) as web:
            search = _Search(query, options, web, now)
            yield from backfill(
                position, parts=terms, fetch=search.fetch_page, rules=rules, now=now
            )


class _Search:
    """Fetch pages of a term's search results and read their hits."""

    def __init__(
        self, query: Query, options: HackerNewsOptions, web: Fetcher, now: datetime
    ) -> None:
        self._matcher = Matcher(query.any_of)
        self._options = options
        self._web = web
        self._now = now

    def fetch_page(self, step: PageRequest) -> BackfillPage:
        """Fetch one page with one request. Raises Transient when no hit has a readable time."""
        number, before = _cursor(step.cursor)
        hits, total = self._hits(step, number)
        seconds = [at for hit in hits if (at := _seconds(hit)) is not None]
        count = before + len(hits)
        has_more = bool(hits) and (total > count or len(hits) >= PAGE)
        if has_more and not seconds:
            raise Transient(
                f"{safe_url(self._options.endpoint)}: none of {len(hits)} hits has a readable "
                "created_at",
                hint=f"{TRIED_AGAIN} If it stays so, the platform has changed.",
            )
        # the next page is requested by time, because new posts shift page numbers; within one
        # second only the page number is left
        by_number = has_more and len(set(seconds)) == 1 and count < CEILING
        mentions, rejected = read_items(hits, self._mention, where=lambda hit: f"hit {_id(hit)}")
        return BackfillPage(
            mentions=mentions,
            rejected=rejected,
            newest=times.from_epoch(max(seconds)) if seconds else None,
            oldest=times.from_epoch(min(seconds)) if seconds else None,
            cursor=f"{number + 1}:{count}" if by_number else None,
            ceiling=f"{total:,} hits; the search shows {count:,}"
            if has_more and not by_number
            else "",
        )

    def _hits(self, step: PageRequest, number: int) -> tuple[list[object], int]:
        window = f"created_at_i>={times.to_epoch(step.since)}"
        if step.until is not None:
            window += f",created_at_i<{times.to_epoch(step.until)}"
        url = self._options.endpoint.rstrip("/") + "/search_by_date"
        answer = self._web.get(
            url,
            {
                "query": f'"{step.part}"',
                "tags": f"({','.join(self._options.kinds)})",
                "numericFilters": window,
                "hitsPerPage": PAGE,
                "page": number,
                "advancedSyntax": "true",
                # a term is a name: words that look like it are other words
                "typoTolerance": "false",
                "attributesToRetrieve": _FIELDS,
                "attributesToHighlight": "[]",
            },
            accept="application/json",
        )
        return _hits(url, answer.body)

    def _mention(self, hit: object) -> Mention | None:
        """Make a Mention of a hit; None for one without words. Raises BadItem."""
        if not isinstance(hit, dict):
            raise BadItem("it is not an object")
        number, seconds = _id(hit), _seconds(hit)
        if not number:
            raise BadItem("it has no objectID")
        if seconds is None:
            raise BadItem(f"created_at: {preview(hit.get('created_at'))} is not a time")
        title = one_line(from_html(string(hit, "title")), 500)
        body = from_html(next((text for key in _TEXTS if (text := string(hit, key))), ""))
        text = "\n".join(part for part in (title, body) if part not in _NO_WORDS)
        link = web_link(hit.get("url")) or ""
        if not self._matcher.matches(text) and self._matcher.matches(link):
            text = f"{text}\n{link}".strip()  # the link alone matches: show it as the reason
        if not text:
            return None
        return Mention(
            source="hackernews",
            external_id=number,
            author=_author(hit, number),
            text=text,
            published_at=times.from_epoch(seconds),
            fetched_at=self._now,
            url=f"{_ITEM}{number}" if number.isdecimal() else None,
            reply_to=_id(hit, "parent_id") or None,
            engagement=Engagement(
                likes=count(hit.get("points")), replies=count(hit.get("num_comments"))
            ),
        )


def _hits(url: str, body: bytes) -> tuple[list[object], int]:
    try:
        answer = json.loads(body)
        hits = answer["hits"]
        if not isinstance(hits, list):
            raise TypeError("hits is not a list")
    except (ValueError, RecursionError, TypeError, KeyError) as error:
        raise Transient(
            f"{safe_url(url)}: the answer is no search result ({type(error).__name__})",
            hint=f"{TRIED_AGAIN} If it stays so, check the option endpoint.",
        ) from error
    total = answer.get("nbHits")
    return hits, total if isinstance(total, int) else len(hits)


def _id(hit: object, key: str = "objectID") -> str:
    value = hit.get(key) if isinstance(hit, dict) else None
    return clean(str(value), 40) if isinstance(value, (str, int)) and value is not True else ""


def _seconds(hit: object) -> int | None:
    """Return the time of writing in seconds since 1970: created_at_i, else created_at."""
    if not isinstance(hit, dict):
        return None
    for key in ("created_at_i", "created_at"):
        try:
            return times.to_epoch(times.parse(hit.get(key)))
        except BadItem:
            # a hit whose number is off still has its text
            continue
    return None


def _author(hit: dict[Any, Any], number: str) -> Author:
    name = one_line(string(hit, "author"), 100)
    if not name:
        return anonymous_author("hackernews", number)
    return Author(
        source="hackernews", external_id=name, handle=name, url=web_link(f"{_USER}{name}")
    )


def _cursor(cursor: str | None) -> tuple[int, int]:
    """Return the number of the page to fetch, and the count of hits on the pages before it."""
    number, _, before = (cursor or "0:0").partition(":")
    return int(number), int(before)
