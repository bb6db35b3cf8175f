"""A platform that keeps its rules and breaks whenever it likes, and what is kept of walking it."""

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
    """Newest first, ``size`` a page, ``ceiling`` posts a search, cursors that hold an offset."""

    size: int = 10
    ceiling: int | None = None
    addressed: bool = True
    now: datetime = START
    posts: list[Mention] = field(default_factory=list)
    asked: list[PageRequest] = field(default_factory=list)
    trouble: Callable[[int], None] = lambda _number: None
    same_token: bool = False

    def write(self, count: int, at: datetime | None = None, every: float = 1.0) -> None:
        begin = (at or self.now) - timedelta(seconds=every * count)
        for number in range(count):
            self.posts.append(post(len(self.posts), begin + timedelta(seconds=every * number)))

    def ask(self, step: PageRequest) -> BackfillPage:
        self.asked.append(step)
        self.trouble(len(self.asked))
        found = sorted(self.posts, key=lambda one: one.published_at, reverse=True)
        if self.addressed:
            until = step.until or datetime.max.replace(tzinfo=UTC)
            found = [one for one in found if step.since <= one.published_at < until]
        start = int(step.cursor or 0)
        shown = found[: self.ceiling][start : start + self.size]
        end = start + self.size
        more = end < len(found[: self.ceiling])
        cut = not more and self.ceiling is not None and len(found) > self.ceiling
        return BackfillPage(
            mentions=tuple(shown),
            oldest=shown[-1].published_at if shown else None,
            newest=shown[0].published_at if shown else None,
            cursor=("7" if self.same_token and start else str(end)) if more else None,
            ceiling=f"the search shows {self.ceiling} posts" if cut else "",
        )


class Ledger:
    """What a database would keep: ids, position, and what was seen of each second."""

    def __init__(self, platform: Platform, **rules: object) -> None:
        self.platform = platform
        given = {
            "first_lookback": 2 * HOUR,
            "overlap": timedelta(minutes=10),
            "max_requests": 30,
        } | rules
        self.rules = BackfillRules(**given, can_seek=platform.addressed)  # type: ignore[arg-type]
        self.position: str | None = None
        self.ids: list[str] = []
        self.seen: set[int] = set()
        self.lost: set[int] = set()
        self.reasons: list[tuple[GapKind, bool]] = []
        self.more = False
        self.open: set[int] = set()
        self.polled = START
        self.began: datetime = datetime.max.replace(tzinfo=UTC)

    def poll(self, kill_after: int | None = None, parts: tuple[str, ...] = ("p",)) -> None:
        for number, batch in enumerate(self.batches(parts), 1):
            self.keep(batch)
            if number == kill_after:
                return

    def batches(self, parts: tuple[str, ...] = ("p",)) -> Iterator[Batch]:
        platform = self.platform
        self.polled = platform.now
        self.began = min(self.began, platform.now)
        return backfill(
            self.position, parts=parts, fetch=platform.ask, rules=self.rules, now=platform.now
        )

    def keep(self, batch: Batch) -> None:
        self.position, self.more = batch.position, batch.more
        self.ids += [one.external_id for one in batch.mentions]
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
        return {one.external_id for one in self.platform.posts} - set(self.ids)

    def unexplained(self) -> set[int]:
        """Seconds of the wanted time that are neither seen, nor lost, nor open."""
        wanted = seconds(self.began - self.rules.first_lookback, self.polled)
        return wanted - self.seen - self.lost - self.open


def seconds(since: datetime, until: datetime) -> set[int]:
    return set(range(int(since.timestamp()), int(until.timestamp())))
