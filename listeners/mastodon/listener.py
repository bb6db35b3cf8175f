"""Read hashtags, search and mentions from servers of the Mastodon API: the source "mastodon".

Platform rules: https://docs.joinmastodon.org/methods/timelines/#tag, .../methods/search/,
.../methods/notifications/, .../api/rate-limits/ (300 requests in 5 minutes). poll.py shares the
requests out between the parts of a query, and timeline.py reads a timeline without loss.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from pydantic import BaseModel

from earful.limits import Limit
from earful.types import Batch, Gone, Mention, Query
from listeners.common.base import SourceListener
from listeners.common.options import account_secret, read_options
from listeners.http.session import HttpSession
from listeners.mastodon import posts
from listeners.mastodon.client import HINTS, MastodonClient
from listeners.mastodon.options import MastodonOptions
from listeners.mastodon.poll import MastodonPoll
from listeners.mastodon.recheck import recheck

_TOKEN = "ACCESS_TOKEN"  # noqa: S105  (the name of the variable)
_HINT = "Make an access token on your server (Preferences, Development, New application)."


class Mastodon(SourceListener):
    """Reads servers of the Mastodon API for a query's terms."""

    name: ClassVar[str] = posts.SOURCE
    Options: ClassVar[type[BaseModel]] = MastodonOptions
    # https://docs.joinmastodon.org/api/rate-limits/
    limit: ClassVar[Limit | None] = Limit(requests=300, per=300)

    def poll(self, query: Query, position: str | None) -> Iterator[Batch]:
        """Yield the posts since ``position``; the first time, since ``since`` ago.

        Makes at most ``max_requests`` requests. When some of several servers or kinds fail, they
        are reported as Rejected and as gaps, and the others go on. When all fail, raises their
        error: Transient, Spent, or Permanent when a token is missing or a server refuses.
        """
        options = read_options(MastodonOptions, query)
        with self._session(options) as session:
            clients = self._clients(query, options, session)
            yield from MastodonPoll(query, options, clients, self._clock()).batches(position)

    def recheck(self, query: Query, mentions: Sequence[Mention]) -> Batch:
        """Return the posts that were changed or deleted.

        Covers posts that were written on one of the query's servers. A server does not say under
        which id it knows a post of another server.
        """
        options = read_options(MastodonOptions, query)
        changed: list[Mention] = []
        gone: list[Gone] = []
        with self._session(options) as session:
            for client in self._clients(query, options, session):
                recheck(client, mentions, changed, gone, self._clock())
        return Batch(mentions=tuple(changed), gone=tuple(gone), position=None)

    def _session(self, options: MastodonOptions) -> HttpSession:
        return HttpSession(clock=self._clock, meter=self._meter, limits=options.limits, hints=HINTS)

    def _clients(
        self, query: Query, options: MastodonOptions, session: HttpSession
    ) -> list[MastodonClient]:
        # A token goes to its own server only: blocks without an account read as strangers.
        has_token = options.needs_token or (query.account and len(options.instances) == 1)
        token = account_secret(query, _TOKEN, hint=_HINT) if has_token else None
        clients = [
            MastodonClient(url, session=session, token=token, timeout=options.timeout)
            for url in options.instances
        ]
        return list({client.host: client for client in clients}.values())
