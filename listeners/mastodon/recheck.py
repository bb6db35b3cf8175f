"""Ask a Mastodon server which stored posts were changed or deleted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from earful.contracts import BadItem
from earful.types import Gone, Mention
from listeners.http.errors import HttpRefusal
from listeners.mastodon import posts
from listeners.mastodon.client import MastodonClient

_GONE = {404, 410}


def recheck(
    client: MastodonClient,
    mentions: Sequence[Mention],
    changed: list[Mention],
    gone: list[Gone],
    now: datetime,
) -> None:
    """Add this server's changed posts to ``changed``, and its deleted ones to ``gone``.

    1. Ask for all of the server's own posts at once. Some servers do not know this request.
    2. Ask for each post that did not come by itself. Only a 404 or 410 means that it is gone.
    3. A server that answers so to every request, also to the first one, is broken: then nothing
       counts as gone.
    """
    stored = {
        status_id: mention
        for mention in mentions
        if (status_id := posts.local_id(mention.external_id, client.host)) is not None
    }
    batch = _fetch_batch(client, list(stored))
    statuses = {str(status.get("id")): status for status in batch or ()}
    missing: list[Gone] = []
    for status_id, mention in stored.items():
        try:
            status = statuses.get(status_id) or client.status(status_id)
        except HttpRefusal as error:
            if error.status not in _GONE:
                raise
            missing.append(Gone(source=posts.SOURCE, external_id=mention.external_id))
            continue
        if fresh := _parse_change(status, mention, client.host, now):
            changed.append(fresh)
    if batch is not None or len(missing) < len(stored):
        gone += missing


def _parse_change(status: object, mention: Mention, host: str, now: datetime) -> Mention | None:
    """Return the fresh mention; None when it is unreadable or reads as the stored one does."""
    try:
        fresh = posts.to_mention(status, host=host, fetched_at=now, direct=mention.direct)
    except BadItem:
        # An unreadable post still exists, and the stored text may still be right.
        return None
    if fresh and (fresh.text, fresh.engagement) != (mention.text, mention.engagement):
        return fresh
    return None


def _fetch_batch(client: MastodonClient, status_ids: list[str]) -> list[Mapping[str, Any]] | None:
    """Fetch several statuses; None where the server does not know this request."""
    try:
        return client.statuses(status_ids) if status_ids else []
    except HttpRefusal as error:
        if error.status not in _GONE:
            raise
        # Mastodon before 4.3 and other software do not know the request.
        return None
