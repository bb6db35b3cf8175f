"""The contract between a backfill and a listener: the requests, the pages and the rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from earful.types import Gone, Mention, Rejected


class StaleCursor(Exception):
    """The platform no longer accepts the cursor, so the window is requested from its top."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRequest:
    """Request one page of the posts of ``part`` written in [since, until).

    Both times are whole seconds; ``until`` is None for "up to now". ``cursor`` comes from the
    previous page, and is used with the same ``since`` and ``until``.
    """

    part: str
    since: datetime
    until: datetime | None
    cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillPage:
    """Hold the result of one request, newest post first.

    ``newest`` and ``oldest`` are the times of the first and the last item in the platform's order
    with a readable time. Items pinned to the top do not count. ``cursor`` leads to the next page.
    None says that the platform has no more posts of this window, or shows no more; then
    ``ceiling`` is the reason.
    """

    mentions: tuple[Mention, ...]
    rejected: tuple[Rejected, ...] = ()
    gone: tuple[Gone, ...] = ()
    oldest: datetime | None = None
    newest: datetime | None = None
    cursor: str | None = None
    ceiling: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillRules:
    """Describe how a source may be read backwards.

    ``first_lookback``: how far the very first poll reads back. ``overlap``: how far below the
    newest stored post a poll reads again. Every poll reads five minutes of it, and all of it is
    read twice in its span. So a post is found that is indexed up to half the overlap late, and
    re-reading costs the same at any polling interval. ``max_requests``: of one poll, at least 4.
    ``retention``: how long the platform keeps posts in this search (None: for ever). ``can_seek``:
    the platform accepts a window that ends before now. If not, every reading begins at the newest
    post.
    """

    first_lookback: timedelta
    overlap: timedelta
    max_requests: int
    retention: timedelta | None = None
    can_seek: bool = True


FetchPage = Callable[[PageRequest], BackfillPage]
