"""The walk and the ledger against a platform drawn by lot, told by one that knows everything.

Posts are shown late by up to half of the overlap, its clock is off, a search shows so many and no
more, cursors expire or come again, polls are killed between any two requests or refused. Afterwards
every post is stored or lies in a gap, every second is accounted for, and nothing stays open.
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
ME = Author(source="fake", external_id="a", handle="a")
TROUBLE: tuple[EdgeError, ...] = (
    Transient("away"),
    Permanent("no"),
    Spent("no money", kind=GapKind.BUDGET),
    Spent("slowly", kind=GapKind.LIMIT),
)


class Killed(BaseException):
    """The process ended here."""


@dataclass(frozen=True, slots=True)
class Post:
    """``at`` is what the platform says, ``shown`` when it began to show it, by our clock."""

    at: int
    number: int
    shown: int


@dataclass(slots=True)
class Plan:
    """What goes wrong in one poll, at its nth request."""

    kill_at: int = 0
    fail_at: int = 0
    stale_at: int = 0
    repeats: bool = False


@dataclass
class World:
    """The platform, the clocks, and what was kept of polling it."""

    dice: random.Random
    addressed: bool
    now: int = BEGIN
    plan: Plan = field(default_factory=Plan)
    number: int = 0
    requests: int = 0
    position: str | None = None
    began: int = 0
    polled: int = 0
    stored: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        dice = self.dice
        self.parts = [f"part {n}" for n in range(dice.choice((1, 2, 3)))]
        self.posts: dict[str, list[Post]] = {name: [] for name in self.parts}
        self.claims: dict[str, PartLedger] = dict.fromkeys(self.parts, PartLedger())
        self.overlap = dice.choice((60, 300, 600, 3600))
        self.skew = dice.choice((0, 0, -420, 420))
        # where all is read from the newest post on, what a ceiling hides is hidden for ever
        self.ceiling = dice.choice((20, 50, 10**6)) if self.addressed else 10**6
        self.every = dice.choice((60, 300, 900, 3600))
        self.rules = BackfillRules(
            first_lookback=timedelta(seconds=dice.choice((600, 7200))),
            overlap=timedelta(seconds=self.overlap),
            max_requests=30,
            can_seek=self.addressed,
        )

    def live(self, seconds: int) -> None:
        """Time passes, and people write: now and then many at once."""
        end = self.now + seconds
        many = min(int(0.03 * seconds * self.dice.random()), 150)
        moments = [self.dice.randint(self.now, end) for _ in range(many)]
        if self.dice.random() < 0.05:
            moments += [self.dice.randint(self.now, end)] * self.dice.randint(2, 19)
        for moment in sorted(moments):
            late = self.dice.randint(0, self.overlap // 2) if self.dice.random() < 0.2 else 0
            self.number += 1
            name = self.dice.choice(self.parts)
            self.posts[name].append(Post(moment + self.skew, self.number, moment + late))
        self.now = end

    def poll(self, plan: Plan) -> None:
        self.plan, self.requests, self.polled = plan, 0, self.now
        found = backfill(
            self.position,
            parts=self.parts,
            fetch=self.ask,
            rules=self.rules,
            now=times.from_epoch(self.now),
        )
        try:
            for batch in found:
                self.keep(batch)
        except (Killed, EdgeError):
            pass
        assert self.requests <= self.rules.max_requests

    def ask(self, step: PageRequest) -> BackfillPage:
        self.requests += 1
        self.now += self.dice.choice((0, 0, 1, 3))
        if self.requests == self.plan.kill_at:
            raise Killed
        if self.requests == self.plan.fail_at:
            raise self.dice.choice(TROUBLE)
        if step.cursor and self.requests == self.plan.stale_at:
            raise StaleCursor
        return self.page(step)

    def page(self, step: PageRequest) -> BackfillPage:
        """Newest first; a cursor names the post that the last page ended with."""
        at, number, before = map(int, (step.cursor or f"{10**11}:0:0").split(":"))
        wanted = self.shown(step)
        rest = [one for one in wanted if (one.at, one.number) < (at, number)]
        allowed = rest[: max(self.ceiling - before, 0)]
        page, more = allowed[:PAGE], len(allowed) > PAGE
        cursor = f"{page[-1].at}:{page[-1].number}:{before + len(page)}" if more else None
        if more and step.cursor and self.plan.repeats:
            cursor = step.cursor
        return BackfillPage(
            mentions=tuple(self.mention(step.part, one) for one in page),
            newest=times.from_epoch(page[0].at) if page else None,
            oldest=times.from_epoch(page[-1].at) if page else None,
            cursor=cursor,
            ceiling="it shows no more" if len(rest) > len(allowed) and not more else "",
        )

    def shown(self, step: PageRequest) -> list[Post]:
        since, until = times.to_epoch(step.since), 10**12
        if not self.addressed:
            since = 0
        elif step.until is not None:
            until = times.to_epoch(step.until)
        found = [one for one in self.posts[step.part] if one.shown <= self.now]
        found = [one for one in found if since <= one.at < until]
        return sorted(found, key=lambda one: (one.at, one.number), reverse=True)

    def mention(self, part: str, one: Post) -> Mention:
        at = times.from_epoch(one.at)
        name = f"{part}/{one.number}"
        return Mention(
            source="fake", external_id=name, author=ME, text="t", published_at=at, fetched_at=at
        )

    def keep(self, batch: Batch) -> None:
        """One transaction: what is stored, the ledger, the position."""
        self.began = self.began or self.polled
        self.position = batch.position
        self.stored.update(one.external_id for one in batch.mentions)
        for name in self.parts:
            seen = [one for one in batch.seen if one.part == name]
            gaps = [one for one in batch.gaps if one.part == name]
            self.claims[name] = apply_claims(
                self.claims[name], seen, gaps, times.from_epoch(self.now)
            )
            for claim in seen:
                self.check(name, times.to_epoch(claim.since), times.to_epoch(claim.until))

    def check(self, part: str, since: int, until: int) -> None:
        """Nothing is claimed as seen of which a post that was shown is not stored."""
        for one in self.posts[part]:
            if since <= one.at < until and one.shown <= self.polled:
                assert f"{part}/{one.number}" in self.stored

    def quiet(self) -> bool:
        return self.position is not None and '"open":[[' not in self.position


def a_plan(dice: random.Random) -> Plan:
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


@pytest.mark.parametrize("addressed", [True, False])
@pytest.mark.parametrize("seed", SEEDS)
def test_every_post_is_stored_or_lies_in_a_gap(seed: int, addressed: bool) -> None:
    dice = random.Random(seed)
    world = World(dice, addressed)
    for _ in range(dice.randint(3, 40)):
        world.live(world.every * dice.choice((1, 1, 1, 4)))
        world.poll(a_plan(dice))
    polls = 0
    end = world.now + 2 * (world.overlap + world.every)
    while world.now < end or not world.quiet():
        polls += 1
        assert polls < 500, world.position
        world.now += 60
        world.poll(Plan())
    assert len(world.position or "") < 400 * len(world.parts)
    wanted = (
        times.from_epoch(world.began) - world.rules.first_lookback,
        times.from_epoch(world.polled),
    )
    for name, claims in world.claims.items():
        lost = [one.interval for one in claims.gaps if one.state == "lost"]
        assert not [one for one in claims.gaps if one.state == "open"]
        assert intervals.subtract([wanted], [*claims.covered, *lost]) == ()
        for one in world.posts[name]:
            at = times.from_epoch(one.at)
            if not wanted[0] <= at < wanted[1] or f"{name}/{one.number}" in world.stored:
                continue
            assert any(since <= at < until for since, until in lost), (name, one)
