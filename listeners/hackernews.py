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

from earful import clock as wall
from earful.contracts import BadItem, Permanent, Purse, Transient
from earful.purse import OpenPurse
from earful.settings import Duration
from earful.types import Author, Batch, Engagement, Mention, Query, Rejected
from listeners import times
from listeners.fetch import Fetcher, Limits, shown
from listeners.match import Matcher, fold
from listeners.newest_first import PAGE, Page, Trail
from listeners.options import Bytes, ListenerOptions, Seconds, read
from listeners.plain import clean, from_html, one_line, web_link
from listeners.rows import count

_ITEM = "https://news.ycombinator.com/item?id="
_USER = "https://news.ycombinator.com/user?id="
_FIELDS = "objectID,author,title,url,story_text,comment_text,points,num_comments,parent_id"
_FIELDS += ",created_at,created_at_i"


class HackerNewsOptions(ListenerOptions):
    """``options`` of a [[listen]] block with source = "hackernews"; see docs/sources.md."""

    endpoint: str = "https://hn.algolia.com/api/v1"
    kinds: Annotated[tuple[Literal["story", "comment"], ...], Field(min_length=1)] = (
        "story",
        "comment",
    )
    since: Duration = timedelta(days=7)
    overlap: Duration = timedelta(hours=24)
    max_requests: Annotated[int, Field(ge=1, le=500)] = 30
    timeout: Seconds = 15.0
    deadline: Seconds = 60.0
    max_bytes: Bytes = 32 * 1024 * 1024


class HackerNews:
    """Searches Hacker News for a query's terms."""

    name: ClassVar[str] = "hackernews"
    Options: ClassVar[type[BaseModel]] = HackerNewsOptions

    def __init__(self, *, clock: wall.Clock = wall.now, purse: Purse | None = None) -> None:
        self._clock = clock
        self._purse = purse or OpenPurse()

    def poll(self, query: Query, position: str | None) -> Iterator[Batch]:
        """What was written, or indexed, since ``position``; the first time since ``since`` ago.

        Makes at most ``max_requests`` requests; a walk that is cut by that goes on at the next
        poll, and the last batch then says ``more``. Gaps: seconds with over 1,000 hits.
        Transient: the site is away, or its answer is no search result. Permanent: it refuses.
        """
        options = read(HackerNewsOptions, query)
        limits = Limits(
            timeout=options.timeout, deadline=options.deadline, max_bytes=options.max_bytes
        )
        with Fetcher(self._clock, limits, purse=self._purse) as web:
            yield from _Poll(query, options, web, self._clock()).batches(position)


class _Poll:
    """One poll: every term's trail is walked until the budget of requests is spent."""

    def __init__(
        self, query: Query, options: HackerNewsOptions, web: Fetcher, now: datetime
    ) -> None:
        self._options = options
        self._web = web
        self._now = now
        self._left = options.max_requests
        self._matcher = Matcher(query.any_of, query.none_of)
        self._terms = search_terms(query.any_of)
        if not self._terms:
            raise Permanent(f"{query.id}: any_of is empty; name at least one term to search for")

    def batches(self, position: str | None) -> Iterator[Batch]:
        trails = self._trails(position)
        # one busy term must not spend every poll's budget: the next poll begins behind it
        turn = self._terms.index(found) if (found := _turn(position)) in self._terms else 0
        order = self._terms[turn:] + self._terms[:turn]
        for number, term in enumerate(order, 1):
            yield from self._walk(term, trails)
            if self._left <= 0:
                turn_next = order[number % len(order)]
                break
        else:
            turn_next = order[0]
        unfinished = any(not trail.done for trail in trails.values())
        since = None if unfinished else max(trail.complete_since() for trail in trails.values())
        yield Batch(
            mentions=(),
            position=_position(trails, turn_next),
            complete_since=since,
            more=unfinished,
        )

    def _walk(self, term: str, trails: dict[str, Trail]) -> Iterator[Batch]:
        trail = trails[term]
        while not trail.done and self._left > 0:
            low, high, number = trail.wanted()
            answer, hits = self._ask(term, low, high, number)
            gap = trail.met(answer)
            mentions, rejected = self._read(hits)
            yield Batch(
                mentions=mentions,
                position=_position(trails, term),
                gaps=(gap,) if gap else (),
                rejected=rejected,
                more=True,
            )

    def _trails(self, position: str | None) -> dict[str, Trail]:
        known = _load(position).get("terms")
        known = known if isinstance(known, dict) else {}
        now = times.to_epoch(self._now)
        first = now - int(self._options.since.total_seconds())
        overlap = int(self._options.overlap.total_seconds())
        return {
            term: Trail.load(known.get(term), first=first, overlap=overlap, now=now)
            for term in self._terms
        }

    def _ask(self, term: str, low: int, high: int | None, number: int) -> tuple[Page, list[object]]:
        self._left -= 1
        window = f"created_at_i>={low}" + ("" if high is None else f",created_at_i<={high}")
        url = self._options.endpoint.rstrip("/") + "/search_by_date"
        answer = self._web.get(
            url,
            {
                "query": f'"{term}"',
                "tags": f"({','.join(self._options.kinds)})",
                "numericFilters": window,
                "hitsPerPage": PAGE,
                "page": number,
                "advancedSyntax": "true",
                "typoTolerance": "false",
                "attributesToRetrieve": _FIELDS,
                "attributesToHighlight": "[]",
            },
            accept="application/json",
        )
        hits, total = _hits(url, answer.body)
        seen = [(_id(hit), at) for hit in hits if (at := _seconds(hit)) is not None]
        if hits and not seen and (total > len(hits) or len(hits) >= PAGE):
            raise Transient(
                f"{shown(url)}: none of {len(hits)} hits has a readable created_at; it will be "
                "tried again, and if it stays so the platform has changed"
            )
        return Page(seen=seen, size=len(hits), total=total, number=number), hits

    def _read(self, hits: list[object]) -> tuple[tuple[Mention, ...], tuple[Rejected, ...]]:
        mentions, rejected = [], []
        for hit in hits:
            try:
                mention = self._mention(hit)
            except BadItem as error:
                raw = clean(repr(hit)[:600], 500)
                rejected.append(Rejected(where=f"hit {_id(hit)}", reason=str(error), raw=raw))
                continue
            if mention is not None:
                mentions.append(mention)
        return tuple(mentions), tuple(rejected)

    def _mention(self, hit: object) -> Mention | None:
        """The hit as a Mention, None when it does not name what we look for. Raises BadItem."""
        if not isinstance(hit, dict):
            raise BadItem("it is not an object")
        number, seconds = _id(hit), _seconds(hit)
        if not number:
            raise BadItem("it has no objectID")
        if seconds is None:
            raise BadItem(f"created_at: {hit.get('created_at')!r} is not a time")
        title = one_line(from_html(_string(hit, "title")), 500)
        body = from_html(_string(hit, "story_text") or _string(hit, "comment_text"))
        text = "\n".join(part for part in (title, body) if part)
        link = web_link(hit.get("url")) or ""
        if not self._matcher.matches(f"{text}\n{link}"):
            return None
        if not self._matcher.matches(text):
            text = f"{text}\n{link}".strip()  # the link alone names us: show why it is here
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


def search_terms(any_of: tuple[str, ...]) -> list[str]:
    """What to search for: handles without their sign, no term twice, and none that a shorter one
    finds anyway ("Acme Plus" beside "Acme")."""
    folded = dict.fromkeys(
        term for one in any_of if (term := fold(one.replace('"', " ")).lstrip("@#"))
    )
    return [
        term
        for term in folded
        if not any(
            other != term and other.isascii() and Matcher([other]).matches(term) for other in folded
        )
    ]


def _hits(url: str, body: bytes) -> tuple[list[object], int]:
    try:
        answer = json.loads(body)
        hits = answer["hits"]
        if not isinstance(hits, list):
            raise TypeError("hits is not a list")
    except (ValueError, RecursionError, TypeError, KeyError) as error:
        raise Transient(
            f"{shown(url)}: the answer is no search result ({type(error).__name__}); it will be "
            "tried again, and if it stays so check the option endpoint"
        ) from error
    total = answer.get("nbHits")
    return hits, total if isinstance(total, int) else len(hits)


def _id(hit: object, key: str = "objectID") -> str:
    value = hit.get(key) if isinstance(hit, dict) else None
    return clean(str(value), 40) if isinstance(value, (str, int)) and value is not True else ""


def _string(hit: dict[Any, Any], key: str) -> str:
    value = hit.get(key)
    return value if isinstance(value, str) else ""


def _seconds(hit: object) -> int | None:
    """When it was written, in seconds since 1970: created_at_i, else created_at in ISO 8601."""
    if not isinstance(hit, dict):
        return None
    for key in ("created_at_i", "created_at"):
        try:
            return times.to_epoch(times.parse(hit.get(key)))
        except BadItem:
            continue
    return None


def _author(hit: dict[Any, Any], number: str) -> Author:
    name = one_line(_string(hit, "author"), 100)
    if not name:
        # each one for itself: two people without a name are not one customer
        identity = f"anonymous-{number}"
        return Author(source="hackernews", external_id=identity, handle="anonymous")
    return Author(
        source="hackernews", external_id=name, handle=name, url=web_link(f"{_USER}{name}")
    )


def _position(trails: dict[str, Trail], turn: str) -> str:
    terms = {term: trail.dump() for term, trail in trails.items()}
    return json.dumps({"turn": turn, "terms": terms}, ensure_ascii=False, separators=(",", ":"))


def _load(position: str | None) -> dict[str, Any]:
    try:
        found = json.loads(position) if position else {}
    except ValueError:  # a damaged position costs a second reading, never a mention
        return {}
    return found if isinstance(found, dict) else {}


def _turn(position: str | None) -> str:
    found = _load(position).get("turn")
    return found if isinstance(found, str) else ""
