"""The backfill and the coverage ledger against random platforms that know their every post.

Posts appear late by up to half of the overlap, the platform's clock is off, a search has a ceiling,
cursors expire or repeat, polls are killed between any two requests or refused. Afterwards every
post is stored or lies in a gap, every second is accounted for, and nothing stays open.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from earful import intervals
from earful.contracts import EdgeError, Permanent, Spent, Transient
from earful.enums import GapKind
from earful.types import Author, Batch, Mention
from listeners.backfill.page_request import BackfillPage, BackfillRules, PageRequest, StaleCursor
from listeners.backfill.walk import backfill
from listeners.common import times
from storage.collecting.coverage_rules import PartLedger, apply_claims

BEGIN = 1_700_000_000
PAGE = 40
AUTHOR = Author(source="fake", external_id="a", handle="a")
ERRORS: tuple[EdgeError, ...] = (
    Transient("away"),
    Permanent("no"),
    Spent("no money", kind=GapKind.BUDGET),
    Spent("slowly", kind=GapKind.LIMIT),
)


class Killed(BaseException):
    """End the process at this request."""


@dataclass(frozen=True, slots=True)
class Post:
    """Hold ``at``, the time by the platform, and ``visible_from``, by our clock."""

    at: int
    number: int
    visible_from: int


@dataclass(slots=True)
class Plan:
    """List the faults of one poll, each by the number of its request."""

    kill_at: int = 0
    fail_at: int = 0
    stale_at: int = 0
    repeats: bool = False


@dataclass
class World:
    """Hold the platform, the clocks, and everything stored by polling it."""

    dice: random.Random
    can_seek: bool
    now: int = BEGIN
    plan: Plan = field(default_factory=Plan)
    number: int = 0
    requests: int = 0
    position: str | None = None
    first_poll_at: int = 0
    last_poll_at: int = 0
    stored: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        dice = self.dice
        self.parts = [f"part {n}" for n in range(dice.choice((1, 2, 3)))]
        self.posts: dict[str, list[Post]] = {name: [] for name in self.parts}
        self.claims: dict[str, PartLedger] = dict.fromkeys(self.parts, PartLedger())
        self.overlap = dice.choice((60, 300, 600, 3600))
        self.skew = dice.choice((0, 0, -420, 420))
        # without seeking, posts below a ceiling stay hidden for ever
        self.ceiling = dice.choice((20, 50, 10**6)) if self.can_seek else 10**6
        self.interval = dice.choice((60, 300, 900, 3600))
        self.rules = BackfillRules(
            first_lookback=timedelta(seconds=dice.choice((600, 7200))),
            overlap=timedelta(seconds=self.overlap),
            max_requests=30,
            can_seek=self.can_seek,
        )

    def live(self, seconds: int) -> None:
        """Let time pass, and write posts, now and then several in one second."""
        end = self.now + seconds
        count = min(int(0.03 * seconds * self.dice.random()), 150)
        moments = [self.dice.randint(self.now, end) for _ in range(count)]
        if self.dice.random() < 0.05:
            moments += [self.dice.randint(self.now, end)] * self.dice.randint(2, 19)
        for moment in sorted(moments):
            delay = self.dice.randint(0, self.overlap // 2) if self.dice.random() < 0.2 else 0
            self.number += 1
            name = self.dice.choice(self.parts)
            self.posts[name].append(Post(moment + self.skew, self.number, moment + delay))
        self.now = end

    def poll(self, plan: Plan) -> None:
        self.plan, self.requests, self.last_poll_at = plan, 0, self.now
        batches = backfill(
            self.position,
            parts=self.parts,
            fetch=self.fetch_page,
            rules=self.rules,
            now=times.from_epoch(self.now),
        )
        try:
            for batch in batches:
                self.store(batch)
        except (Killed, EdgeError):
            pass
        assert self.requests <= self.rules.max_requests

    def fetch_page(self, request: PageRequest) -> BackfillPage:
        self.requests += 1
        self.now += self.dice.choice((0, 0, 1, 3))
        if self.requests == self.plan.kill_at:
            raise Killed
        if self.requests == self.plan.fail_at:
            raise self.dice.choice(ERRORS)
        if request.cursor and self.requests == self.plan.stale_at:
            raise StaleCursor
        return self.page(request)

    def page(self, request: PageRequest) -> BackfillPage:
        """Answer newest first; a cursor names the last post of the previous page."""
        at, number, before = map(int, (request.cursor or f"{10**11}:0:0").split(":"))
        results = self.search(request)
        remaining = [post for post in results if (post.at, post.number) < (at, number)]
        allowed = remaining[: max(self.ceiling - before, 0)]
        page, has_more = allowed[:PAGE], len(allowed) > PAGE
        cursor = f"{page[-1].at}:{page[-1].number}:{before + len(page)}" if has_more else None
        if has_more and request.cursor and self.plan.repeats:
            cursor = request.cursor
        return BackfillPage(
            mentions=tuple(self.mention(request.part, post) for post in page),
            newest=times.from_epoch(page[0].at) if page else None,
            oldest=times.from_epoch(page[-1].at) if page else None,
            cursor=cursor,
            ceiling="it shows no more" if len(remaining) > len(allowed) and not has_more else "",
        )

    def search(self, request: PageRequest) -> list[Post]:
        since, until = times.to_epoch(request.since), 10**12
        if not self.can_seek:
            since = 0
        elif request.until is not None:
            until = times.to_epoch(request.until)
        results = [post for post in self.posts[request.part] if post.visible_from <= self.now]
        results = [post for post in results if since <= post.at < until]
        return sorted(results, key=lambda post: (post.at, post.number), reverse=True)

    def mention(self, part: str, post: Post) -> Mention:
        at = times.from_epoch(post.at)
        name = f"{part}/{post.number}"
        return Mention(
            source="fake", external_id=name, author=AUTHOR, text="t", published_at=at, fetched_at=at
        )

    def store(self, batch: Batch) -> None:
        """Store a batch in one transaction: mentions, ledger and position."""
        self.first_poll_at = self.first_poll_at or self.last_poll_at
        self.position = batch.position
        self.stored.update(mention.external_id for mention in batch.mentions)
        for name in self.parts:
            seen = [span for span in batch.seen if span.part == name]
            gaps = [gap for gap in batch.gaps if gap.part == name]
            self.claims[name] = apply_claims(
                self.claims[name], seen, gaps, times.from_epoch(self.now)
            )
            for claim in seen:
                self.check_claim(name, times.to_epoch(claim.since), times.to_epoch(claim.until))

    def check_claim(self, part: str, since: int, until: int) -> None:
        """Assert that a claim covers no visible post that is not stored."""
        for post in self.posts[part]:
            if since <= post.at < until and post.visible_from <= self.last_poll_at:
                assert f"{part}/{post.number}" in self.stored

    def is_quiet(self) -> bool:
        return self.position is not None and '"open":[[' not in self.position


def draw_plan(dice: random.Random) -> Plan:
    nth = dice.randint(1, 8)
    return dice.choice(
        (
            Plan(),
            Plan(),
            Plan(kill_at=nth),
            Plan(fail_at=nth),
            Plan(stale_at=nth),
            Plan(repeats=True),
        )
    )


SEEDS = [
    *range(120, 140),
    *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(140, 180)),
]


@pytest.mark.parametrize("can_seek", [True, False])
@pytest.mark.parametrize("seed", SEEDS)
def test_every_post_is_stored_or_lies_in_a_gap(seed: int, can_seek: bool) -> None:
    dice = random.Random(seed)
    world = World(dice, can_seek)
    for _ in range(dice.randint(3, 40)):
        world.live(world.interval * dice.choice((1, 1, 1, 4)))
        world.poll(draw_plan(dice))
    polls = 0
    end = world.now + 2 * (world.overlap + world.interval)
    while world.now < end or not world.is_quiet():
        polls += 1
        assert polls < 500, world.position
        world.now += 60
        world.poll(Plan())
    assert len(world.position or "") < 400 * len(world.parts)
    requested = (
        times.from_epoch(world.first_poll_at) - world.rules.first_lookback,
        times.from_epoch(world.last_poll_at),
    )
    for name, claims in world.claims.items():
        lost = [gap.interval for gap in claims.gaps if gap.state == "lost"]
        assert not [gap for gap in claims.gaps if gap.state == "open"]
        assert intervals.subtract([requested], [*claims.covered, *lost]) == ()
        for post in world.posts[name]:
            at = times.from_epoch(post.at)
            if not requested[0] <= at < requested[1] or f"{name}/{post.number}" in world.stored:
                continue
            assert any(since <= at < until for since, until in lost), (name, post)
