"""Read events of the Jetstream: https://github.com/bluesky-social/jetstream."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, TypeGuard

from earful.contracts import BadItem
from listeners.common import times
from listeners.common.json_fields import is_instant, string

POST_COLLECTION = "app.bsky.feed.post"


def parse_event(message: str | bytes) -> tuple[int, dict[str, Any] | None]:
    """Return an event's instant, and its post in the form of a postView.

    The instant is in microseconds since 1970. The post is None for events that neither create nor
    change one. Raises BadItem for an unreadable event.
    """
    try:
        event = json.loads(message)
        at = event["time_us"]
        if not _is_micros(at):
            raise TypeError("time_us is no instant")
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise BadItem(f"it cannot be read ({type(error).__name__})") from error
    return at, _post_view(event, at)


def to_micros(instant: datetime) -> int:
    """Return whole microseconds since 1970."""
    return (instant - times.EPOCH) // timedelta(microseconds=1)


def from_micros(micros: int) -> datetime:
    """Return the instant of so many microseconds since 1970."""
    return times.EPOCH + timedelta(microseconds=micros)


def _post_view(event: Mapping[str, Any], at: int) -> dict[str, Any] | None:
    commit = event.get("commit")
    if not isinstance(commit, Mapping) or commit.get("operation") not in ("create", "update"):
        return None
    record, author_did = commit.get("record"), string(event, "did")
    if commit.get("collection") != POST_COLLECTION or not isinstance(record, Mapping):
        return None
    return {
        "uri": f"at://{author_did}/{POST_COLLECTION}/{string(commit, 'rkey')}",
        "record": record,
        "author": {"did": author_did},
        "indexedAt": from_micros(at).isoformat(),
    }


def _is_micros(value: object) -> TypeGuard[int]:
    return type(value) is int and value > 0 and is_instant(value // 1_000_000)
