"""Search Bluesky and read an account's mentions, or filter its stream: the source "bluesky".

poll.py reads the search and the mentions, jetstream.py reads the stream of all posts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from pydantic import BaseModel

from earful.contracts import BadItem
from earful.limits import Limit
from earful.types import Batch, Gone, Mention, Query
from listeners.bluesky import posts
from listeners.bluesky.client import HINTS, AccountClient, XrpcClient
from listeners.bluesky.jetstream import JetstreamPoll
from listeners.bluesky.options import BlueskyOptions
from listeners.bluesky.poll import BlueskyPoll
from listeners.common.base import SourceListener
from listeners.common.json_fields import string
from listeners.common.options import account_secret, read_options
from listeners.common.rechecks import has_changed, raise_if_doubtful
from listeners.http.session import HttpSession

_PASSWORD = "APP_PASSWORD"  # noqa: S105  (the name of the variable)
_HINT = "Make an app password (Settings, Privacy and security, App passwords)."


class Bluesky(SourceListener):
    """Searches Bluesky, or reads its stream, for a query's terms."""

    name: ClassVar[str] = posts.SOURCE
    Options: ClassVar[type[BaseModel]] = BlueskyOptions
    # https://docs.bsky.app/docs/advanced-guides/rate-limits
    limit: ClassVar[Limit | None] = Limit(requests=3000, per=300)

    def poll(self, query: Query, position: str | None) -> Iterator[Batch]:
        """Yield the posts since ``position``; the first time, since ``since`` ago.

        The search makes at most ``max_requests`` requests. The stream is read for at most
        ``seconds``, and the first time it begins now. Raises Transient when Bluesky cannot be
        reached or sends unreadable answers, and Permanent when the login is missing or refused.
        """
        options = read_options(BlueskyOptions, query)
        with self._session(options) as session:
            if options.mode == "jetstream":
                xrpc = XrpcClient(options.api, session)
                yield from JetstreamPoll(
                    options.jetstream,
                    query=query,
                    clock=self._clock,
                    meter=self._meter,
                    timeout=options.timeout,
                    seconds=options.seconds,
                    profiles=xrpc.profiles,
                ).batches(position)
            else:
                account = self._account(query, options, session)
                yield from BlueskyPoll(query, options, account, self._clock()).batches(position)

    def recheck(self, query: Query, mentions: Sequence[Mention]) -> Batch:
        """Return the posts that were changed, or are no longer public.

        Asks without a login: an account that blocks ours has not deleted its posts. Raises
        Transient, Permanent, and Doubtful when the network shows none of many.
        """
        options = read_options(BlueskyOptions, query)
        stored = {
            mention.external_id: mention
            for mention in mentions
            if mention.external_id.startswith("at://")
        }
        with self._session(options) as session:
            views = XrpcClient(options.api, session).posts(list(stored))
        views_by_uri = {string(view, "uri"): view for view in views}
        gone = [
            Gone(source=posts.SOURCE, external_id=uri) for uri in stored if uri not in views_by_uri
        ]
        edited: list[Mention] = []
        for uri, mention in stored.items():
            view = views_by_uri.get(uri)
            try:
                fresh = posts.to_mention(view, fetched_at=self._clock(), direct=mention.direct)
            except BadItem:
                # Gone, or unreadable: then the stored text may still be right.
                continue
            if has_changed(mention, fresh):
                edited.append(fresh)
        batch = Batch(mentions=tuple(edited), gone=tuple(gone), position=None)
        return raise_if_doubtful(batch, options.api, requested=len(stored), visible=len(views))

    def _session(self, options: BlueskyOptions) -> HttpSession:
        return HttpSession(clock=self._clock, meter=self._meter, limits=options.limits, hints=HINTS)

    def _account(
        self, query: Query, options: BlueskyOptions, session: HttpSession
    ) -> AccountClient:
        password = account_secret(query, _PASSWORD, hint=_HINT)
        handle = options.handle.strip().lstrip("@")
        return AccountClient(
            XrpcClient(options.service, session), options.service, handle, password
        )
