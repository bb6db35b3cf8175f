"""The walk's order: no part, no past and no failing answer keeps all the rest from being asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from backfill_world import HOUR, START, Ledger, Platform, post
from factories import ACME, QUERY, about

from earful.clock import Window
from earful.contracts import EdgeError, Permanent, Spent, Transient
from earful.enums import GapKind
from listeners.backfill.page_request import BackfillPage, BackfillRules, PageRequest
from listeners.backfill.walk import backfill
from listeners.backfill.windows import BackfillPosition, OpenWindow, PartProgress
from storage.collecting import coverage_report, ingest, polling
from storage.database.engine import Database
from storage.entities import brands

PARTS = ("a", "b", "c")
MINUTE = timedelta(minutes=1)
Trouble = Callable[[int, PageRequest], None]


class Town:
    """Three parts with posts of their own; ``trouble`` may refuse a poll's nth request."""

    def __init__(self, *, max_requests: int, addressed: bool = True) -> None:
        self.now = START
        self.parts = {name: Platform(addressed=addressed) for name in PARTS}
        self.trouble: Trouble = lambda _number, _step: None
        self.rules = BackfillRules(
            first_lookback=2 * HOUR,
            overlap=timedelta(minutes=10),
            max_requests=max_requests,
            can_seek=addressed,
        )
        self.position: str | None = None
        self.read: dict[str, set[str]] = {name: set() for name in PARTS}
        self.requests = 0
        self.part = ""

    def write(self, name: str, count: int, every: float = 0.2) -> None:
        self.parts[name].now = self.now
        self.parts[name].write(count, every=every)

    def poll(self, kill_after: int | None = None) -> None:
        """One poll; what ends it is raised."""
        self.requests = 0
        found = backfill(self.position, parts=PARTS, fetch=self.ask, rules=self.rules, now=self.now)
        for number, batch in enumerate(found, 1):
            self.position = batch.position
            self.read[self.part] |= {one.external_id for one in batch.mentions}
            if number == kill_after:
                return

    def ask(self, step: PageRequest) -> BackfillPage:
        self.requests += 1
        self.part = step.part
        self.trouble(self.requests, step)
        return self.parts[step.part].ask(step)

    def missing(self, name: str) -> int:
        return len(self.parts[name].posts) - len(self.read[name])

    def many_polls(self, every: timedelta, error: type[EdgeError] | None = None) -> None:
        """Six polls; one post is written in each part before each."""
        for _ in range(6):
            self.now += every
            for name in PARTS:
                self.write(name, 1)
            if error is None:
                self.poll()
            else:
                with pytest.raises(error):
                    self.poll()


def test_a_part_with_a_long_past_leaves_requests_to_the_others() -> None:
    town = Town(max_requests=8)
    for name in PARTS:
        town.write(name, 3)
    town.write("a", 3000)
    town.many_polls(MINUTE)
    assert town.missing("b") == town.missing("c") == 0
    assert len(town.read["a"]) > 150, "the rest is the busy part's"


@pytest.mark.parametrize("allowed", [1, 2, 3, 8])
def test_a_budget_smaller_than_a_poll_reaches_every_part(allowed: int) -> None:
    """The busy part would spend each day's budget alone; so would the past of its first poll."""
    town = Town(max_requests=30)
    town.write("a", 3000)

    def refuse(number: int, _step: PageRequest) -> None:
        if number > allowed:
            raise Spent("the budget is used up", kind=GapKind.BUDGET)

    town.trouble = refuse
    for _ in range(3):
        town.many_polls(MINUTE, Spent)
    for name in PARTS:
        assert town.read[name] & {one.external_id for one in town.parts[name].posts[-6:]}, name


@pytest.mark.parametrize("error", [Transient, Permanent])
def test_an_old_stretch_that_always_fails_does_not_stop_what_is_new(
    error: type[Transient | Permanent],
) -> None:
    town = Town(max_requests=10)
    town.write("a", 300, every=20)
    town.write("b", 150, every=20)
    town.poll()
    town.poll()

    def fail(_number: int, step: PageRequest) -> None:
        if step.part == "a" and step.until is not None:
            raise error("a page that nobody can read")

    town.trouble = fail
    new = {name: len(town.parts[name].posts) for name in PARTS}
    failed = 0
    for _ in range(12):
        town.now += HOUR
        for name in PARTS:
            town.write(name, 1)
        try:
            town.poll()
        except error:
            failed += 1
    assert failed > 8
    for name in PARTS:
        written = {one.external_id for one in town.parts[name].posts[new[name] :]}
        assert written <= town.read[name], name
    assert town.missing("a") > 0
    assert town.missing("b") == 0, "its past did not wait behind the one that fails"


@pytest.mark.parametrize("addressed", [True, False])
@pytest.mark.parametrize("error", [Transient, Permanent])
def test_a_part_that_always_fails_does_not_stop_the_others(
    error: type[Transient | Permanent], addressed: bool
) -> None:
    town = Town(max_requests=10, addressed=addressed)

    def fail(_number: int, step: PageRequest) -> None:
        if step.part == "a":
            raise error("the search is broken")

    town.trouble = fail
    town.many_polls(HOUR, error)
    assert town.missing("b") == town.missing("c") == 0
    town.trouble = lambda _number, _step: None
    town.poll()
    town.poll()
    assert town.missing("a") == 0


def test_a_part_in_which_the_process_always_dies_does_not_stop_the_others() -> None:
    town = Town(max_requests=10)
    town.write("a", 3000)
    for _ in range(4):
        town.now += MINUTE
        town.write("b", 1)
        town.poll(kill_after=2)
    assert town.read["b"]


def test_what_is_old_comes_first_again_after_a_poll_without_an_error() -> None:
    town = Town(max_requests=4)
    town.write("a", 200)
    town.poll()

    def fail(number: int, _step: PageRequest) -> None:
        if number == 1:
            raise Transient("away")

    town.trouble = fail
    with pytest.raises(Transient):
        town.poll()
    town.trouble = lambda _number, _step: None
    untils = []
    for _ in range(2):
        town.now += MINUTE
        town.write("a", 100)
        begun = len(town.parts["a"].asked)
        town.poll()
        untils.append(town.parts["a"].asked[begun].until)
    assert untils[0] is None
    assert untils[1] is not None


def test_the_order_is_kept_in_the_position() -> None:
    part = PartProgress(
        oldest_wanted=1,
        newest_seen=2,
        opened_until=3,
        windows=[OpenWindow(low=1, high=2, reread_until=1)],
    )
    fresh = BackfillPosition(parts={"a": part})
    for order in ({}, {"next_part": "a"}, {"next_part": "a", "resume_last": (7, "b")}):
        stored = fresh.model_copy(update=order)
        loaded = BackfillPosition.load(stored.dump())
        assert loaded.next_part == stored.next_part
        assert loaded.resume_last == stored.resume_last
        assert loaded.parts.keys() == {"a"}


@pytest.mark.parametrize(
    "cut", ["7", '["b", 7]', "[7]", '[7, "b", 1]', "{}", "null", '[true, "b"]']
)
def test_a_damaged_order_is_left_out(cut: str) -> None:
    damaged = BackfillPosition.load(f'{{"turn": 7, "cut": {cut}, "parts": {{}}}}')
    assert damaged == BackfillPosition()


# --- what is told of it --------------------------------------------------------------------------


@pytest.mark.parametrize("parts", [PARTS, (*PARTS, "new")])
def test_killed_in_a_poll_it_has_not_seen_what_it_did_not_come_to(
    sqlite: Database, parts: tuple[str, ...]
) -> None:
    """The first poll ever, and the first after settings have changed."""
    brands.sync(sqlite, [ACME])
    polling.register(sqlite, [QUERY])
    town = Town(max_requests=30)
    town.parts["new"] = Platform()
    for name in PARTS:
        town.write(name, 5)
    first = backfill(None, parts=PARTS, fetch=town.ask, rules=town.rules, now=town.now)
    kept = [next(first)] if parts == PARTS else list(first)
    for batch in kept:
        ingest.store(sqlite, QUERY, batch, about(), town.now)
    if parts != PARTS:
        polling.register(sqlite, [replace(QUERY, any_of=parts)])
        town.now += HOUR
        again = backfill(
            kept[-1].position, parts=parts, fetch=town.ask, rules=town.rules, now=town.now
        )
        ingest.store(sqlite, QUERY, next(again), about(), town.now)
    window = Window(since=town.now - HOUR, until=town.now)
    (found,) = coverage_report.read_coverage(sqlite, [QUERY.id], window)
    assert {one.part for one in found.parts if one.live} == set(parts)
    assert found.share == 0
    assert polling.complete_until(sqlite, QUERY.id) == (None if parts == PARTS else START)


# --- where every walk begins at the newest post ------------------------------------------------


@pytest.mark.parametrize(
    "error",
    [
        Transient("away"),
        Permanent("no"),
        Spent("no money", kind=GapKind.BUDGET),
        Spent("slowly", kind=GapKind.LIMIT),
        None,
    ],
)
def test_an_overlap_that_trouble_cut_is_looked_at_at_the_next_poll(
    error: EdgeError | None,
) -> None:
    """What is new had all been met; what was late among the known came behind the cut. None: the
    same page token again."""
    platform = Platform(addressed=False)
    ledger = Ledger(platform, overlap=MINUTE * 4)
    platform.write(30, every=5)
    ledger.poll()
    late = post(998, platform.now - timedelta(seconds=110))
    platform.posts.append(late)
    platform.now += HOUR / 4
    platform.write(15)
    begun = len(platform.asked)

    def cut(asked: int) -> None:
        if error is not None and asked == begun + 3:
            raise error

    platform.trouble = cut
    platform.same_token = error is None
    if error is None:
        ledger.poll()
    else:
        with pytest.raises(type(error)):
            ledger.poll()
    assert ledger.missing() == {late.external_id}
    platform.trouble, platform.same_token = lambda _asked: None, False
    platform.now += HOUR / 4
    platform.write(40)
    ledger.poll()
    assert not ledger.missing() and not ledger.unexplained() and not ledger.lost


def test_trouble_below_the_new_posts_keeps_the_position_small() -> None:
    platform = Platform(addressed=False)
    ledger = Ledger(platform)
    ledger.poll()

    def fail(asked: int) -> None:
        if (asked - begun) == 3:
            raise Transient("away")

    platform.trouble = fail
    for _ in range(60):
        platform.now += HOUR / 4
        platform.write(25, every=30)
        begun = len(platform.asked)
        with pytest.raises(Transient):
            ledger.poll()
    assert len(ledger.position or "") < 6000
    platform.trouble = lambda _asked: None
    for _ in range(40):
        ledger.poll()
        platform.now += HOUR / 4
    assert '"open":[]' in (ledger.position or "")
    assert not ledger.unexplained()
