"""The source "reddit": submissions, comments, and mentions of our account, by praw.

Platform rules, from https://www.reddit.com/dev/api#listings: listings answer newest first, at most
100 things a page; ``after`` names the last thing of the page before. A listing ends after about
1,000 things whatever is behind them (https://www.reddit.com/r/redditdev/wiki/api/faq), search often
sooner, and none can be asked for a stretch of time. Search finds submissions only. When the thing
that ``after`` names was removed meanwhile, an empty page comes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, Field, model_validator

from earful import clock as wall
from earful.contracts import Permanent, SpendMeter
from earful.limits import UnlimitedMeter
from earful.matching import Matcher
from earful.settings.load import Duration
from earful.types import Batch, Mention, Query, Rejected
from listeners.backfill.walk import Page, Rules, StaleCursor, Step, walk
from listeners.common.options import Bytes, SafeAddress, WebOptions, read
from listeners.common.rechecks import changed, trusted
from listeners.http.errors import Refused
from listeners.reddit import posts
from listeners.reddit.client import CLOSED, Desk

_PAGE = 100
_LISTING_ENDS = 900  # things after which the end of a listing may be Reddit's ceiling: hidden ones
_SEARCH_ENDS = 200  # are missing from its 1,000, and searches end sooner
_TOO_WIDE = {"all", "popular"}


class RedditOptions(WebOptions):
    """``options`` of a [[listen]] block with source = "reddit"; docs/sources/reddit.md explains
    each."""

    contact: Annotated[
        str, Field(pattern=r"^[A-Za-z0-9_-]{3,20}$", description="an account's name without u/")
    ]
    kinds: Annotated[
        tuple[Literal["search", "submissions", "comments", "mentions"], ...], Field(min_length=1)
    ] = ("search",)
    subreddits: Annotated[
        tuple[
            Annotated[
                str,
                Field(pattern=r"^[A-Za-z0-9_]{2,21}$", description="a subreddit's name without r/"),
            ],
            ...,
        ],
        Field(min_length=1),
    ] = ("all",)
    since: Annotated[Duration, Field(ge=timedelta(minutes=1))] = timedelta(days=1)
    overlap: Annotated[Duration, Field(ge=timedelta(minutes=1))] = timedelta(hours=1)
    max_requests: Annotated[int, Field(ge=2, le=500)] = 50
    reddit_url: SafeAddress = "https://www.reddit.com"
    oauth_url: SafeAddress = "https://oauth.reddit.com"
    max_bytes: Bytes = 32 * 1024 * 1024

    @model_validator(mode="after")
    def _named(self) -> RedditOptions:
        wide = [one for one in self.subreddits if one.lower() in _TOO_WIDE]
        if wide and {"submissions", "comments"} & set(self.kinds):
            raise ValueError(
                f"subreddits: {wide[0]!r} is more than Reddit lets anybody read; name the "
                'subreddits, or give kinds = ["search"]'
            )
        return self


class Reddit:
    """Searches Reddit, reads what is new in subreddits, and our account's mentions."""

    name: ClassVar[str] = "reddit"
    Options: ClassVar[type[BaseModel]] = RedditOptions

    def __init__(self, *, clock: wall.Clock = wall.now, meter: SpendMeter | None = None) -> None:
        self._clock = clock
        self._meter = meter or UnlimitedMeter()

    def poll(self, query: Query, position: str | None) -> Iterator[Batch]:
        """What was written since ``position``; the first time since ``since`` ago.

        Gaps: what a limit or an outage cut off; lost is what is behind Reddit's ceiling, and what
        a closed subreddit hides, as long as others can be read. Transient: Reddit is away, busy,
        or its answer is no listing. Permanent: secrets are missing or refused, or nothing of what
        is asked for can be read.
        """
        options = read(RedditOptions, query)
        listings = _listings(query, options)
        rules = Rules(
            first=options.since,
            overlap=options.overlap,
            most=options.max_requests,
            addressed=False,
        )
        with closing(self._desk(query, options)) as desk:
            ask = _Poll(desk, listings).ask
            yield from walk(position, parts=list(listings), ask=ask, rules=rules, now=desk.now)

    def recheck(self, query: Query, mentions: Sequence[Mention]) -> Batch:
        """Posts that were edited or whose counts moved, as mentions, and those that are gone.

        Ids that Reddit cannot have given are left alone. Raises as poll(), and Doubtful.
        """
        stored = {one.external_id: one for one in mentions if posts.is_fullname(one.external_id)}
        if not stored:
            return Batch(mentions=(), position=None)
        with closing(self._desk(query, read(RedditOptions, query))) as desk:
            found = desk.posts("api/info/", {"id": ",".join(stored), "limit": _PAGE})
        known = {one.external_id: one for one in found.mentions}
        unread = {one.where.removeprefix("thing ") for one in found.rejected}
        missing = stored.keys() - known.keys() - found.away.keys() - unread
        gone = dict.fromkeys(missing, "not shown any more") | dict(found.away)
        # Reddit's terms want all that names the author removed then
        gone |= {
            name: "its author's account is deleted"
            for name in found.orphans & stored.keys()
            if not stored[name].author.external_id.startswith("anonymous-")
        }
        batch = Batch(
            mentions=tuple(
                replace(one, direct=before.direct, brands=before.brands)
                for name, one in known.items()
                if (before := stored.get(name)) and name not in gone and changed(before, one)
            ),
            position=None,
            gone=tuple(posts.gone(name, gone[name]) for name in stored if name in gone),
        )
        return trusted(batch, "Reddit", asked=len(stored), shown=found.count)

    def _desk(self, query: Query, options: RedditOptions) -> Desk:
        return Desk(
            query,
            contact=options.contact,
            addresses=(options.reddit_url, options.oauth_url),
            limits=options.limits,
            clock=self._clock,
            meter=self._meter,
            as_user="mentions" in options.kinds,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listing:
    """One listing: where it is, what of it is wanted, and from how many things on its end may be
    Reddit's ceiling."""

    path: str
    params: Mapping[str, str]
    wanted: Matcher | None = None
    direct: bool = False
    ends: int = _LISTING_ENDS


class _Poll:
    """One poll's requests."""

    def __init__(self, desk: Desk, listings: Mapping[str, _Listing]) -> None:
        self._desk = desk
        self._listings = listings
        self._shown: dict[str, int] = {}
        self._closed: set[str] = set()
        self._empty: set[str] = set()

    def ask(self, step: Step) -> Page:
        """A page of one listing."""
        listing = self._listings[step.part]
        before = self._shown.get(step.part, 0) if step.cursor else 0
        params: dict[str, str | int] = {**listing.params, "limit": _PAGE, "show": "all"}
        if step.cursor:
            params |= {"after": step.cursor, "count": before}
        try:
            page = self._desk.posts(
                listing.path, params, direct=listing.direct, wanted=listing.wanted
            )
        except Refused as error:
            return self._refused(step.part, error)
        self._shown[step.part] = before + page.count
        return Page(
            mentions=page.mentions,
            rejected=page.rejected,
            gone=page.gone,
            oldest=page.oldest,
            newest=page.newest,
            cursor=page.after if page.count else None,
            ceiling=self._ceiling(step, listing, page),
        )

    def _ceiling(self, step: Step, listing: _Listing, page: posts.Posts) -> str:
        """Why a listing ends here, where that may not be because nothing is behind it."""
        if page.after and page.count:
            return ""
        shown = self._shown[step.part]
        if shown >= listing.ends:
            return f"Reddit shows no more of a listing than this ({shown} posts)"
        if page.count or not step.cursor:
            return ""
        if step.part in self._empty:
            return f"Reddit gave an empty page behind {shown} posts, twice"
        self._empty.add(step.part)
        raise StaleCursor  # the post that the last page ended with was taken away meanwhile

    def _refused(self, part: str, error: Refused) -> Page:
        """A closed subreddit must not keep us from the others; nothing but closed ones must."""
        self._closed.add(part)
        if error.status not in CLOSED or len(self._closed) == len(self._listings):
            raise error
        told = Rejected(where=part, reason=str(error))
        return Page(mentions=(), rejected=(told,), ceiling=str(error))


def _listings(query: Query, options: RedditOptions) -> dict[str, _Listing]:
    """The listings of a query by the name that coverage has for them."""
    kinds = set(options.kinds)
    searches = posts.searches(query.any_of)
    if not searches and kinds != {"mentions"}:
        raise Permanent(f"{query.id}: any_of is empty; name at least one term to look for")
    found: dict[str, _Listing] = {}
    ours = Matcher(query.any_of)
    for name in dict.fromkeys(one.lower() for one in options.subreddits):
        if "search" in kinds:
            inside = {"sort": "new", "type": "link", "t": "all", "restrict_sr": "on"}
            inside["include_over_18"] = "on"  # without it Reddit leaves out what is marked 18+
            if name in _TOO_WIDE:
                inside["restrict_sr"] = "off"
            for terms in searches:
                found[f"r/{name} search {terms}"] = _Listing(
                    path=f"r/{name}/search/", params=inside | {"q": terms}, ends=_SEARCH_ENDS
                )
        if "submissions" in kinds:
            found[f"r/{name} submissions"] = _Listing(path=f"r/{name}/new", params={}, wanted=ours)
        if "comments" in kinds:
            found[f"r/{name} comments"] = _Listing(
                path=f"r/{name}/comments/", params={}, wanted=ours
            )
    if "mentions" in kinds:
        found["mentions"] = _Listing(path="message/mentions", params={"mark": "false"}, direct=True)
    return found
