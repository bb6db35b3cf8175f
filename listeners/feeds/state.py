"""The state of feeds between two polls, as a position stores it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import ConfigDict, Field, OnErrorOmit

from listeners.common.position import Instant, Position, TolerantRecord
from listeners.feeds.identity import fingerprint


class FeedState(TolerantRecord):
    """The state of one feed in a position.

    ``seen``: fingerprints of the window's entries, by their ids and by their content. ``newest``,
    ``read_at``, ``paused_at`` and ``paused_until``: seconds since 1970. ``terms``: a fingerprint of
    the query's terms and languages.
    """

    # the aliases are the keys of positions that are already stored
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)
    # with an etag and no entries, a site would answer that nothing is new
    all_or_nothing: ClassVar[bool] = True

    etag: str | None = None
    modified: str | None = None
    seen: tuple[str, ...] = ()
    newest: Instant | None = None
    read_at: Instant | None = Field(default=None, alias="looked")
    terms: str = Field(default="", alias="asked")
    paused_until: Instant = Field(default=0, alias="wait")
    paused_at: Instant = 0


class FeedsPosition(Position):
    """Every feed by the fingerprint of its address: an address can hold a key."""

    feeds: dict[str, OnErrorOmit[FeedState]] = Field(default_factory=dict)

    @classmethod
    def of(cls, states: Mapping[str, FeedState]) -> FeedsPosition:
        """Make the position from the feeds' states by address."""
        return cls(feeds={fingerprint(url): state for url, state in states.items()})
