"""The source "youtube": comments under our and named videos, by Google's client. Needs a key.

Google's client comes with the extra ``youtube``. listeners/youtube/client.py calls it, and
listeners/youtube/backfills.py names the platform's rules that the backfills follow.
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
from listeners.common.options import account_secret, read_options
from listeners.common.rechecks import has_changed, raise_if_doubtful
from listeners.youtube import comments
from listeners.youtube.options import YoutubeOptions

if TYPE_CHECKING:
    from listeners.youtube.client import YoutubeClient

_HINT = "Make an API key at https://console.cloud.google.com/apis/credentials."
# ids of one lookup: Google's client sends an address beyond 2,048 characters as a POST
_LOOKUP = 25


class Youtube(SourceListener):
    """Read comments under videos, and search for videos that name a query's terms."""

    name: ClassVar[str] = "youtube"
    Options: ClassVar[type[BaseModel]] = YoutubeOptions
    # https://developers.google.com/youtube/v3/determine_quota_cost; quota days are Pacific time
    limit: ClassVar[Limit | None] = Limit(units_per_day=10_000, zone="America/Los_Angeles")

    def poll(self, query: Query, position: str | None) -> Iterator[Batch]:
        """Yield comments written since ``position``; the first poll starts ``since`` ago.

        Every request reserves its units in the spend meter. Gaps: comments that a limit, the units
        or an outage cut off. Lost gaps: comments of a closed video while others can be read.
        Transient: YouTube is away, busy, or its response is invalid. Spent: the units are used up.
        Permanent: there is no key, YouTube refuses it, or every named video and channel is closed.
        """
        options = read_options(YoutubeOptions, query)
        if options.search and not query.any_of:
            raise Permanent(
                f"{query.id}: any_of is empty", hint="Name a term to search videos for."
            )
        with closing(self._client(query, options)) as client:
            from listeners.youtube.backfills import Poll  # needs Google's client

            yield from Poll(client, query, options).batches(position)

    def recheck(self, query: Query, mentions: Sequence[Mention]) -> Batch:
        """Return comments with a new text or new likes as mentions, and those that are gone.

        Ids that YouTube cannot have given are skipped. Raises as poll(), and Doubtful.
        """
        stored = {mention.external_id: mention for mention in mentions}
        video_ids = [number for number in stored if comments.is_video(number)]
        comment_ids = [number for number in stored if comments.is_comment(number)]
        if not (video_ids or comment_ids):
            return Batch(mentions=(), position=None)
        visible: set[str] = set()
        current: dict[str, Mention] = {}
        with closing(self._client(query, read_options(YoutubeOptions, query))) as client:
            reader = comments.Reader(fetched_at=client.now)
            for ids in _chunks(comment_ids):
                request = client.api.comments().list(
                    part="snippet", id=",".join(ids), textFormat="plainText"
                )
                visible_ids, readable = client.fetch(
                    request, lambda answer: _looked_up(reader, answer)
                )
                visible |= visible_ids
                current |= readable
            for ids in _chunks(video_ids):
                request = client.api.videos().list(part="id", id=",".join(ids))
                visible |= client.fetch(request, comments.ids_of)
        ids = [*comment_ids, *video_ids]
        batch = Batch(
            mentions=tuple(
                _completed(mention, stored[number])
                for number, mention in current.items()
                if number in stored and has_changed(stored[number], mention)
            ),
            position=None,
            gone=tuple(comments.gone(number) for number in ids if number not in visible),
        )
        return raise_if_doubtful(batch, "YouTube", requested=len(ids), visible=len(visible))

    def _client(self, query: Query, options: YoutubeOptions) -> YoutubeClient:
        try:
            from listeners.youtube.client import YoutubeClient
        except ImportError as error:
            raise Permanent(
                f"Google's client is not installed ({error})",
                hint="Run `pip install 'earful[youtube]'`.",
            ) from error
        return YoutubeClient(
            account_secret(query, "API_KEY", hint=_HINT),
            endpoint=options.endpoint,
            limits=options.limits,
            clock=self._clock,
            meter=self._meter,
        )


def _completed(current: Mention, stored: Mention) -> Mention:
    """Return the current mention with the facts that a lookup lacks: addressee, brands, video."""
    url = current.url or stored.url
    return replace(current, direct=stored.direct, brands=stored.brands, url=url)


def _chunks(ids: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(ids), _LOOKUP):
        yield ids[start : start + _LOOKUP]


def _looked_up(reader: comments.Reader, answer: object) -> tuple[set[str], dict[str, Mention]]:
    """Return the ids in a lookup's answer, and its readable comments by id."""
    mentions = reader.comments(answer).mentions
    return comments.ids_of(answer), {mention.external_id: mention for mention in mentions}
