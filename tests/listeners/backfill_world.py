"""A newest-first platform that fails on request, and a ledger of what a backfill stored of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from earful.enums import GapKind
from earful.types import Author, Batch, Mention
from listeners.backfill.page_request import BackfillPage, BackfillRules, PageRequest
from listeners.backfill.walk import backfill

START = datetime(2024, 5, 20, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def post(number: int, at: datetime) -> Mention:
    author = Author(source="fake", external_id="a", handle="a")
    return Mention(
        source="fake",
        external_id=str(number),
        author=author,
        text="t",
        published_at=at,
        fetched_at=at,
    )


@dataclass
class Platform:
    """Answer newest first, with ``size`` posts a page and ``ceiling`` posts a search.

    Cursors hold an offset. ``before_request`` gets each request's number, and may raise.
    """

    size: int = 10
    ceiling: int | None = None
    can_seek: bool = True
    now: datetime = START
    posts: list[Mention] = field(default_factory=list)
    requests: list[PageRequest] = field(default_factory=list)
    before_request: Callable[[int], None] = lambda _number: None
    repeats_token: bool = False

    def write(self, count: int, at: datetime | None = None, spacing: float = 1.0) -> None:
        begin = (at or self.now) - timedelta(seconds=spacing * count)
        for number in range(count):
            self.posts.append(post(len(self.posts), begin + timedelta(seconds=spacing * number)))

    def fetch_page(self, request: PageRequest) -> BackfillPage:
        self.requests.append(request)
        self.before_request(len(self.requests))
        results = sorted(self.posts, key=lambda post: post.published_at, reverse=True)
        if self.can_seek:
            until = request.until or datetime.max.replace(tzinfo=UTC)
            results = [post for post in results if request.since <= post.published_at < until]
        start = int(request.cursor or 0)
        page = results[: self.ceiling][start : start + self.size]
        end = start + self.size
        has_more = end < len(results[: self.ceiling])
        is_cut = not has_more and self.ceiling is not None and len(results) > self.ceiling
        return BackfillPage(
            mentions=tuple(page),
            oldest=page[-1].published_at if page else None,
            newest=page[0].published_at if page else None,
            cursor=("7" if self.repeats_token and start else str(end)) if has_more else None,
            ceiling=f"the search shows {self.ceiling} posts" if is_cut else "",
        )


class Ledger:
    """Keep what a database would: ids, position, and the state of each second."""

    def __init__(self, platform: Platform, **rules: object) -> None:
        self.platform = platform
        options = {
            "first_lookback": 2 * HOUR,
            "overlap": timedelta(minutes=10),
            "max_requests": 30,
        } | rules
        self.rules = BackfillRules(**options, can_seek=platform.can_seek)  # type: ignore[arg-type]
        self.position: str | None = None
        self.ids: list[str] = []
        self.seen: set[int] = set()
        self.lost: set[int] = set()
        self.reasons: list[tuple[GapKind, bool]] = []
        self.more = False
        self.open: set[int] = set()
        self.last_poll_at = START
        self.first_poll_at: datetime = datetime.max.replace(tzinfo=UTC)

    def poll(self, kill_after: int | None = None, parts: tuple[str, ...] = ("p",)) -> None:
        for number, batch in enumerate(self.batches(parts), 1):
            self.store(batch)
            if number == kill_after:
                return

    def batches(self, parts: tuple[str, ...] = ("p",)) -> Iterator[Batch]:
        platform = self.platform
        self.last_poll_at = platform.now
        self.first_poll_at = min(self.first_poll_at, platform.now)
        return backfill(
            self.position,
            parts=parts,
            fetch=platform.fetch_page,
            rules=self.rules,
            now=platform.now,
        )

    def store(self, batch: Batch) -> None:
        self.position, self.more = batch.position, batch.more
        self.ids += [mention.external_id for mention in batch.mentions]
        for seen in batch.seen:
            self.seen |= seconds(seen.since, seen.until)
        self.open = set()
        for gap in batch.gaps:
            self.reasons.append((gap.kind, gap.lost))
            if gap.lost:
                self.lost |= seconds(gap.since, gap.until)
            else:
                self.open |= seconds(gap.since, gap.until)

    def missing(self) -> set[str]:
        return {post.external_id for post in self.platform.posts} - set(self.ids)

    def unexplained(self) -> set[int]:
        """Return the requested seconds that are neither seen, nor lost, nor open."""
        requested = seconds(self.first_poll_at - self.rules.first_lookback, self.last_poll_at)
        return requested - self.seen - self.lost - self.open


def seconds(since: datetime, until: datetime) -> set[int]:
    return set(range(int(since.timestamp()), int(until.timestamp())))
