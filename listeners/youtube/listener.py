"""The source "youtube": comments under our and named videos, by Google's client. Needs a key.

The client comes with the extra ``youtube``; listeners/youtube/client.py asks with it, and
listeners/youtube/backfills.py says which of the platform's rules the walks go by.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from pydantic import BaseModel

from earful.contracts import Permanent
from earful.limits import Limit
from earful.types import Batch, Mention, Query
from listeners.common.base import SourceListener
from listeners.common.options import account_secret, read
from listeners.common.rechecks import changed, trusted
from listeners.youtube import comments
from listeners.youtube.options import YoutubeOptions

if TYPE_CHECKING:
    from listeners.youtube.client import Desk

_HINT = "make an API key at https://console.cloud.google.com/apis/credentials"
_LOOKUP = 25  # ids of one lookup: an address beyond 2,048 characters becomes a POST


class Youtube(SourceListener):
    """Reads comments under videos, and searches for videos that name what a query looks for."""

    name: ClassVar[str] = "youtube"
    Options: ClassVar[type[BaseModel]] = YoutubeOptions
    # https://developers.google.com/youtube/v3/determine_quota_cost; quota days are Pacific time
    limit: ClassVar[Limit | None] = Limit(units_per_day=10_000, zone="America/Los_Angeles")

    def poll(self, query: Query, position: str | None) -> Iterator[Batch]:
        """What was written since ``position``; the first time since ``since`` ago.

        Every request's units are asked of the purse before. Gaps: what a limit, the units or an
        outage cut off; lost is what a video without comments hides while others can be read.
        Transient: YouTube is away, busy, or its answer is none. Spent: the units are used up.
        Permanent: there is no key, YouTube refuses it, or nothing that is named can be read.
        """
        options = read(YoutubeOptions, query)
        if options.search and not query.any_of:
            raise Permanent(f"{query.id}: any_of is empty; name a term to search videos for")
        with closing(self._desk(query, options)) as desk:
            from listeners.youtube.backfills import Poll  # needs Google's client

            yield from Poll(desk, query, options).batches(position)

    def recheck(self, query: Query, mentions: Sequence[Mention]) -> Batch:
        """Comments that were edited or whose likes moved, as mentions, and what is gone.

        Ids that YouTube cannot have given are left alone. Raises as poll(), and Doubtful.
        """
        stored = {one.external_id: one for one in mentions}
        videos = [number for number in stored if comments.is_video(number)]
        others = [number for number in stored if comments.is_comment(number)]
        if not (videos or others):
            return Batch(mentions=(), position=None)
        shown: set[str] = set()
        found: dict[str, Mention] = {}
        with closing(self._desk(query, read(YoutubeOptions, query))) as desk:
            reader = comments.Reader(fetched_at=desk.now)
            for ids in _chunks(others):
                request = desk.api.comments().list(
                    part="snippet", id=",".join(ids), textFormat="plainText"
                )
                some, now = desk.ask(request, lambda answer: _looked_up(reader, answer))
                shown |= some
                found |= now
            for ids in _chunks(videos):
                shown |= desk.ask(
                    desk.api.videos().list(part="id", id=",".join(ids)), comments.shown
                )
        asked = [*others, *videos]
        batch = Batch(
            mentions=tuple(
                _like(stored[number], one)
                for number, one in found.items()
                if number in stored and changed(stored[number], one)
            ),
            position=None,
            gone=tuple(comments.gone(number) for number in asked if number not in shown),
        )
        return trusted(batch, "YouTube", asked=len(asked), shown=len(shown))

    def _desk(self, query: Query, options: YoutubeOptions) -> Desk:
        try:
            from listeners.youtube.client import Desk
        except ImportError as error:
            raise Permanent(
                f"Google's client is not installed ({error}); run `pip install 'earful[youtube]'`"
            ) from error
        return Desk(
            account_secret(query, "API_KEY", hint=_HINT),
            endpoint=options.endpoint,
            limits=options.limits,
            clock=self._clock,
            meter=self._meter,
        )


def _like(stored: Mention, found: Mention) -> Mention:
    """``found`` with what a lookup does not say: whom it is for, and under which video it is."""
    return replace(found, direct=stored.direct, brands=stored.brands, url=found.url or stored.url)


def _chunks(ids: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(ids), _LOOKUP):
        yield ids[start : start + _LOOKUP]


def _looked_up(reader: comments.Reader, answer: object) -> tuple[set[str], dict[str, Mention]]:
    """The ids that a lookup shows, and the comments that can be read."""
    found = reader.comments(answer).mentions
    return comments.shown(answer), {one.external_id: one for one in found}
