"""Keep the open windows of a backfill: the spans of time that are still to be read.

All times are whole seconds since 1970. This module makes no requests; its records are stored as
JSON in a query's position. A window is half-open. Its end is the second after the oldest post
read, so posts that share this second are requested again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, OnErrorOmit, PlainSerializer

from earful.enums import GapKind
from listeners.common.position import Instant, Position

RESUME_NONE = (0, "")  # sorts before every old window, so it leaves their order as it is

# windows of one part; beyond it neighbours are joined, because re-reading costs less than a
# position that grows with every outage (test_trouble_below_the_new_posts_keeps_the_position_small)
_MAX_WINDOWS = 50


@dataclass(slots=True, kw_only=True, eq=False)
class OpenWindow:
    """Describe one window [low, high) that is still to be read.

    Everything before ``reread_until`` was read by an earlier poll, and is only read again.
    ``stalled_polls`` counts polls without progress; ``kind`` and ``reason`` say why the last one
    stopped. ``start_high`` (its ``high`` when this poll began) and ``requests`` belong to this
    poll and are not stored.
    """

    low: Instant
    high: Instant
    reread_until: Instant
    stalled_polls: Instant = 0
    kind: GapKind = GapKind.LIMIT
    reason: str = ""
    start_high: int = 0
    requests: int = 0

    def __post_init__(self) -> None:
        if self.low >= self.high:
            raise ValueError("an empty window")

    def unread_span(self) -> tuple[int, int] | None:
        """Return its span that was never read, or None if all of it is read again."""
        since = max(self.low, self.reread_until)
        return (since, self.high) if since < self.high else None

    def set_reason(self, kind: GapKind, reason: str) -> None:
        """Record why the window stays open."""
        self.kind, self.reason = kind, reason


# the order of a stored row: stored positions hold it, so it never changes
_ROW_FIELDS = ("low", "high", "reread_until", "stalled_polls", "kind", "reason")
_MAX_REASON = 200


def _from_row(row: Any) -> Any:
    """Name the fields of a stored window, which is a list because a position can hold many."""
    if isinstance(row, list) and len(row) == len(_ROW_FIELDS):
        return dict(zip(_ROW_FIELDS, row, strict=True))
    return row


def _to_row(window: OpenWindow) -> list[int | str]:
    span = [window.low, window.high, window.reread_until, window.stalled_polls]
    return [*span, window.kind.value, window.reason[:_MAX_REASON]]


_StoredWindow = Annotated[OpenWindow, BeforeValidator(_from_row), PlainSerializer(_to_row)]


# the aliases are the keys of positions stored by earlier versions
@dataclass(slots=True, kw_only=True)
class PartProgress:
    """Remember how far one search of a query was read.

    ``oldest_wanted``: nothing older is requested. ``newest_seen``: the newest post read.
    ``opened_until``: the end of the newest window ever opened; it is later than ``newest_seen``
    while no new posts appear. ``last_full_overlap_at``: when the whole overlap was last read.
    """

    oldest_wanted: Annotated[Instant, Field(alias="floor")]
    newest_seen: Annotated[Instant, Field(alias="mark")]
    opened_until: Annotated[Instant, Field(alias="seen")] = 0
    last_full_overlap_at: Annotated[Instant, Field(alias="deep")] = 0
    windows: Annotated[list[_StoredWindow], Field(alias="open")] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.opened_until = max(self.opened_until, self.oldest_wanted)
        for window in self.windows:
            window.start_high = window.high

    def clamp_future(self, now: int, first: int) -> None:
        """Correct times that a clock running ahead wrote.

        No time after ``now`` was read. The newest post read says how far earlier polls came. An
        ``oldest_wanted`` in the future becomes ``first``, the start of a very first poll.
        """
        if self.oldest_wanted > now:
            self.oldest_wanted = first
            self.newest_seen = first if self.newest_seen > now else self.newest_seen
        self.newest_seen = min(self.newest_seen, now)
        if self.opened_until > now:
            self.opened_until = max(self.newest_seen, self.oldest_wanted)
        if self.last_full_overlap_at > now:
            self.last_full_overlap_at = 0
        self.windows = [window for window in self.windows if window.low < now]
        for window in self.windows:
            window.high = window.start_high = min(window.high, now)
            window.reread_until = min(window.reread_until, self.opened_until)

    def open_window(self, now: int, low: int) -> OpenWindow:
        """Open a window from ``low`` up to ``now``, or extend the newest one if it has no page."""
        high = max(now, low + 1)
        for window in self.windows:
            # a long outage extends one window instead of opening one per poll
            # (test_a_long_outage_keeps_one_window_open)
            if window.high >= self.opened_until:
                window.low = min(window.low, low)
                window.high = window.start_high = high
                break
        else:
            window = OpenWindow(low=low, high=high, reread_until=self.opened_until, start_high=high)
            self.windows.append(window)
        self.opened_until = max(self.opened_until, now)
        return window

    def skip_open_windows(self, low: int) -> int:
        """Return ``low``, or the end of the old windows above it, which are read anyway."""
        for window in sorted(self.windows, key=lambda window: window.low):
            if window.low <= low < window.high < self.opened_until:
                low = window.high
        return low

    def close(self, since: int, until: int) -> None:
        """Remove [since, until) from every open window."""
        windows: list[OpenWindow] = []
        for window in self.windows:
            if until <= window.low or since >= window.high:
                windows.append(window)
                continue
            if window.low < since and window.high > until:
                windows.append(
                    OpenWindow(
                        low=window.low,
                        high=since,
                        reread_until=window.reread_until,
                        start_high=since,
                    )
                )
            if window.high > until:
                window.low = until
                windows.append(window)
            elif window.low < since:
                window.high = since
                windows.append(window)
        self.windows = windows

    def unread_spans(self, since: int, until: int) -> list[tuple[int, int]]:
        """Return the spans of [since, until) that are open and were never read, in order."""
        spans: list[tuple[int, int]] = []
        by_start = sorted(self.windows, key=lambda window: max(window.low, window.reread_until))
        for window in by_start:
            low = max([window.low, window.reread_until, since, *(end for _, end in spans)])
            high = min(window.high, until)
            if low < high:
                spans.append((low, high))
        return spans

    def drop_before(self, cutoff: int) -> list[tuple[int, int]]:
        """Stop requesting posts older than ``cutoff``; return the unread spans among them."""
        lost = self.unread_spans(0, cutoff)
        self.close(0, cutoff)
        self.oldest_wanted = max(self.oldest_wanted, cutoff)
        return lost

    def join_windows(self) -> None:
        """Join the closest neighbours until the position holds few enough windows."""
        self.windows.sort(key=lambda window: window.low)
        self._join_overlaps()
        while len(self.windows) > _MAX_WINDOWS:
            distances = [upper.low - lower.high for lower, upper in pairwise(self.windows)]
            index = distances.index(min(distances))
            lower, upper = self.windows[index], self.windows.pop(index + 1)
            lower.high = lower.start_high = max(lower.high, upper.high)
            lower.reread_until = min(lower.reread_until, upper.reread_until)

    def _join_overlaps(self) -> None:
        """Join windows that overlap and hold nothing unread."""
        windows: list[OpenWindow] = []
        previous: OpenWindow | None = None
        for window in self.windows:
            if window.unread_span():
                windows.append(window)
            elif previous is not None and window.low <= previous.high:
                previous.high = previous.start_high = max(previous.high, window.high)
            else:
                windows.append(window)
                previous = window
        self.windows = windows


class BackfillPosition(Position):
    """Store how far each part was read, and the order of the next poll.

    ``next_part``: the part whose newest posts are requested first. ``resume_last``: the old window
    at which the last poll ended, as its ``low`` and part. If it is set, the newest posts come
    before all old windows, and this window and older ones come last.
    """

    model_config = ConfigDict(populate_by_name=True)

    parts: dict[str, OnErrorOmit[PartProgress]] = Field(default_factory=dict)
    next_part: str = Field(default="", alias="turn")
    resume_last: tuple[Instant, str] | None = Field(default=None, alias="cut")
