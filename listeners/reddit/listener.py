"""The source "reddit": submissions, comments, and mentions of our account, by praw.

Platform rules, from https://www.reddit.com/dev/api#listings: listings answer newest first, at most
100 things a page; ``after`` names the last thing of the page before. A listing ends after about
1,000 things, although older ones exist (https://www.reddit.com/r/redditdev/wiki/api/faq), a search
often sooner, and no listing takes a time window. Search finds submissions only. When the thing that
``after`` names was removed meanwhile, Reddit answers with an empty page.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, Field, model_validator

from earful.contracts import Permanent
from earful.limits import Limit
from earful.matching import Matcher
from earful.settings.load import Duration
from earful.types import Batch, Mention, Query, Rejected
from listeners.backfill.page_request import BackfillPage, BackfillRules, PageRequest, StaleCursor
from listeners.backfill.walk import backfill
from listeners.common.authors import is_anonymous
from listeners.common.base import SourceListener
from listeners.common.options import Bytes, SafeAddress, WebOptions, read_options
from listeners.common.rechecks import has_changed, raise_if_doubtful
from listeners.http.errors import HttpRefusal
from listeners.reddit import posts
from listeners.reddit.client import CLOSED, RedditClient

_PAGE = 100
# from this number of things on, the end of a listing may be Reddit's ceiling: hidden things are
# missing from its 1,000, and searches end sooner
_LISTING_CEILING = 900
_SEARCH_CEILING = 200
_SITE_WIDE = {"all", "popular"}


class RedditOptions(WebOptions):
    """The ``options`` of a [[listen]] block with source = "reddit"; see docs/sources/reddit.md."""

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
    def _require_subreddits(self) -> RedditOptions:
        wide = [name for name in self.subreddits if name.lower() in _SITE_WIDE]
        if wide and {"submissions", "comments"} & set(self.kinds):
            raise ValueError(
                f"subreddits: {wide[0]!r} is more than Reddit lets one account read; name the "
                'subreddits, or give kinds = ["search"]'
            )
        return self


class Reddit(SourceListener):
    """Search Reddit, and read new posts of subreddits and our account's mentions."""

    name: ClassVar[str] = "reddit"
    Options: ClassVar[type[BaseModel]] = RedditOptions
    # Reddit Data API Wiki, "Free access rate limits"
    limit: ClassVar[Limit | None] = Limit(requests=100, per=60)

    def poll(self, query: Query, position: str | None) -> Iterator[Batch]:
        """Yield posts written since ``position``; the first poll starts ``since`` ago.

        Gaps: posts that a limit or an outage cut off. Lost gaps: posts behind Reddit's ceiling, and
        those of a closed subreddit while others can be read. Transient: Reddit is away, busy, or
        its response is no listing. Permanent: secrets are missing or refused, or every listing is
        closed.
        """
        options = read_options(RedditOptions, query)
        listings = _listings(query, options)
        rules = BackfillRules(
            first_lookback=options.since,
            overlap=options.overlap,
            max_requests=options.max_requests,
            can_seek=False,
        )
        with closing(self._client(query, options)) as client:
            fetch = _Poll(client, listings).fetch
            yield from backfill(
                position, parts=list(listings), fetch=fetch, rules=rules, now=client.now
            )

    def recheck(self, query: Query, mentions: Sequence[Mention]) -> Batch:
        """Return posts with a new text or new counts as mentions, and those that are gone.

        Ids that Reddit cannot have given are skipped. Raises as poll(), and Doubtful.
        """
        stored = {
            mention.external_id: mention
            for mention in mentions
            if posts.is_fullname(mention.external_id)
        }
        if not stored:
            return Batch(mentions=(), position=None)
        with closing(self._client(query, read_options(RedditOptions, query))) as client:
            page = client.fetch_listing("api/info/", {"id": ",".join(stored), "limit": _PAGE})
        current = {mention.external_id: mention for mention in page.mentions}
        unreadable = {item.where.removeprefix("thing ") for item in page.rejected}
        missing = stored.keys() - current.keys() - page.withheld.keys() - unreadable
        gone = dict.fromkeys(missing, "not shown any more") | dict(page.withheld)
        # Reddit's terms want every trace of a deleted account removed
        gone |= {
            name: "its author's account is deleted"
            for name in page.orphans & stored.keys()
            if not is_anonymous(stored[name].author)
        }
        batch = Batch(
            mentions=tuple(
                replace(mention, direct=before.direct, brands=before.brands)
                for name, mention in current.items()
                if (before := stored.get(name))
                and name not in gone
                and has_changed(before, mention)
            ),
            position=None,
            gone=tuple(posts.gone(name, gone[name]) for name in stored if name in gone),
        )
        return raise_if_doubtful(batch, "Reddit", requested=len(stored), visible=page.count)

    def _client(self, query: Query, options: RedditOptions) -> RedditClient:
        return RedditClient(
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
    """A listing to read.

    ``path``, ``params``: its address. ``matcher``: the posts to keep, None for all. ``direct``: its
    posts are addressed to us. ``ceiling_at``: from this number of things on, its end may be
    Reddit's ceiling.
    """

    path: str
    params: Mapping[str, str]
    matcher: Matcher | None = None
    direct: bool = False
    ceiling_at: int = _LISTING_CEILING


class _Poll:
    """Fetch the pages of one poll, and remember counts and closed listings between them."""

    def __init__(self, client: RedditClient, listings: Mapping[str, _Listing]) -> None:
        self._client = client
        self._listings = listings
        self._counts: dict[str, int] = {}
        self._closed: set[str] = set()
        self._empty: set[str] = set()

    def fetch(self, step: PageRequest) -> BackfillPage:
        """Fetch a page of one listing."""
        listing = self._listings[step.part]
        before = self._counts.get(step.part, 0) if step.cursor else 0
        params: dict[str, str | int] = {**listing.params, "limit": _PAGE, "show": "all"}
        if step.cursor:
            params |= {"after": step.cursor, "count": before}
        try:
            page = self._client.fetch_listing(
                listing.path, params, direct=listing.direct, matcher=listing.matcher
            )
        except HttpRefusal as error:
            return self._refused(step.part, error)
        self._counts[step.part] = before + page.count
        return BackfillPage(
            mentions=page.mentions,
            rejected=page.rejected,
            gone=page.gone,
            oldest=page.oldest,
            newest=page.newest,
            cursor=page.after if page.count else None,
            ceiling=self._ceiling(step, listing, page),
        )

    def _ceiling(self, step: PageRequest, listing: _Listing, page: posts.ListingPage) -> str:
        """Return the reason of an early end of a listing; "" where all posts were read.

        Raises StaleCursor for the first empty page behind a cursor.
        """
        if page.after and page.count:
            return ""
        count = self._counts[step.part]
        if count >= listing.ceiling_at:
            return f"Reddit shows no more of a listing than this ({count} posts)"
        if page.count or not step.cursor:
            return ""
        if step.part in self._empty:
            return f"Reddit gave an empty page behind {count} posts, twice"
        self._empty.add(step.part)
        raise StaleCursor  # the last post of the page before was removed meanwhile

    def _refused(self, part: str, error: HttpRefusal) -> BackfillPage:
        """Skip a closed subreddit and report it; raise the error when all of them are closed."""
        self._closed.add(part)
        if error.status not in CLOSED or len(self._closed) == len(self._listings):
            raise error
        refusal = Rejected(where=part, reason=str(error))
        return BackfillPage(mentions=(), rejected=(refusal,), ceiling=str(error))


def _listings(query: Query, options: RedditOptions) -> dict[str, _Listing]:
    """Return the listings of a query by their names in the coverage ledger."""
    kinds = set(options.kinds)
    searches = posts.searches(query.any_of)
    if not searches and kinds != {"mentions"}:
        raise Permanent(f"{query.id}: any_of is empty", hint="Name at least one term.")
    listings: dict[str, _Listing] = {}
    ours = Matcher(query.any_of)
    for name in dict.fromkeys(subreddit.lower() for subreddit in options.subreddits):
        if "search" in kinds:
            params = {"sort": "new", "type": "link", "t": "all", "restrict_sr": "on"}
            # without it Reddit leaves out posts marked 18+
            params["include_over_18"] = "on"
            if name in _SITE_WIDE:
                params["restrict_sr"] = "off"
            for terms in searches:
                listings[f"r/{name} search {terms}"] = _Listing(
                    path=f"r/{name}/search/",
                    params=params | {"q": terms},
                    ceiling_at=_SEARCH_CEILING,
                )
        # Reddit cannot search new posts and comments of a subreddit, so the matcher picks ours
        if "submissions" in kinds:
            listings[f"r/{name} submissions"] = _Listing(
                path=f"r/{name}/new", params={}, matcher=ours
            )
        if "comments" in kinds:
            listings[f"r/{name} comments"] = _Listing(
                path=f"r/{name}/comments/", params={}, matcher=ours
            )
    if "mentions" in kinds:
        listings["mentions"] = _Listing(
            path="message/mentions", params={"mark": "false"}, direct=True
        )
    return listings
