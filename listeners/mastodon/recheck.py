"""Asking a Mastodon server what became of posts that were written on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from earful.contracts import BadItem
from earful.types import Gone, Mention
from listeners.http.errors import Refused
from listeners.mastodon import posts
from listeners.mastodon.client import Server

_GONE = {404, 410}


def recheck(
    server: Server,
    mentions: Sequence[Mention],
    changed: list[Mention],
    gone: list[Gone],
    now: datetime,
) -> None:
    """Ask for all at once, and for those that did not come one by one: a server may not know how
    to answer for several, and a post is gone only when it says so. A server that says it of
    everything that is asked, the question for several too, is not believed: it is in disorder."""
    known = {
        number: one
        for one in mentions
        if (number := posts.local_id(one.external_id, server.host)) is not None
    }
    several = _several(server, list(known))
    found = {str(one.get("id")): one for one in several or ()}
    missing: list[Gone] = []
    for number, stored in known.items():
        try:
            status = found.get(number) or server.status(number)
        except Refused as error:
            if error.status not in _GONE:
                raise
            missing.append(Gone(source=posts.SOURCE, external_id=stored.external_id))
            continue
        try:
            made = posts.mention(status, host=server.host, fetched_at=now, direct=stored.direct)
        except BadItem:
            continue  # it is there; that it cannot be read any more says nothing of what we have
        if made and (made.text, made.engagement) != (stored.text, stored.engagement):
            changed.append(made)
    if several is not None or len(missing) < len(known):
        gone += missing


def _several(server: Server, numbers: list[str]) -> list[Mapping[str, Any]] | None:
    """None where the server does not know the question."""
    try:
        return server.statuses(numbers) if numbers else []
    except Refused as error:
        if error.status not in _GONE:
            raise
        return None  # Mastodon before 4.3, and other servers
