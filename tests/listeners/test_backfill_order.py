"""The order of a backfill: no part, old window or failing response blocks the others."""

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
BeforeRequest = Callable[[int, PageRequest], None]


class PartedPlatform:
    """Hold three parts with posts of their own; ``before_request`` may refuse a request."""

    def __init__(self, *, max_requests: int, can_seek: bool = True) -> None:
        self.now = START
        self.parts = {name: Platform(can_seek=can_seek) for name in PARTS}
        self.before_request: BeforeRequest = lambda _number, _request: None
        self.rules = BackfillRules(
            first_lookback=2 * HOUR,
            overlap=timedelta(minutes=10),
            max_requests=max_requests,
            can_seek=can_seek,
        )
        self.position: str | None = None
        self.stored_ids: dict[str, set[str]] = {name: set() for name in PARTS}
        self.requests = 0
        self.part = ""

    def write(self, name: str, count: int, spacing: float = 0.2) -> None:
        self.parts[name].now = self.now
        self.parts[name].write(count, spacing=spacing)

    def poll(self, kill_after: int | None = None) -> None:
        """Run one poll, and raise the error that ends it."""
        self.requests = 0
        batches = backfill(
            self.position, parts=PARTS, fetch=self.fetch_page, rules=self.rules, now=self.now
        )
        for number, batch in enumerate(batches, 1):
            self.position = batch.position
            self.stored_ids[self.part] |= {mention.external_id for mention in batch.mentions}
            if number == kill_after:
                return

    def fetch_page(self, request: PageRequest) -> BackfillPage:
        self.requests += 1
        self.part = request.part
        self.before_request(self.requests, request)
        return self.parts[request.part].fetch_page(request)

    def missing(self, name: str) -> int:
        return len(self.parts[name].posts) - len(self.stored_ids[name])

    def poll_six_times(self, interval: timedelta, error: type[EdgeError] | None = None) -> None:
        """Poll six times, and write one post in each part before each poll."""
        for _ in range(6):
            self.now += interval
            for name in PARTS:
                self.write(name, 1)
            if error is None:
                self.poll()
            else:
                with pytest.raises(error):
                    self.poll()


def test_a_part_with_a_long_past_leaves_requests_to_the_others() -> None:
    platform = PartedPlatform(max_requests=8)
    for name in PARTS:
        platform.write(name, 3)
    platform.write("a", 3000)
    platform.poll_six_times(MINUTE)
    assert platform.missing("b") == platform.missing("c") == 0
    assert len(platform.stored_ids["a"]) > 150, "the busy part gets the other requests"


@pytest.mark.parametrize("allowed", [1, 2, 3, 8])
def test_a_budget_smaller_than_a_poll_reaches_every_part(allowed: int) -> None:
    """The busy part would spend each day's budget alone; so would the past of its first poll."""
    platform = PartedPlatform(max_requests=30)
    platform.write("a", 3000)

    def refuse(number: int, _request: PageRequest) -> None:
        if number > allowed:
            raise Spent("the budget is used up", kind=GapKind.BUDGET)

    platform.before_request = refuse
    for _ in range(3):
        platform.poll_six_times(MINUTE, Spent)
    for name in PARTS:
        assert platform.stored_ids[name] & {
            post.external_id for post in platform.parts[name].posts[-6:]
        }, name


@pytest.mark.parametrize("error", [Transient, Permanent])
def test_an_old_window_that_always_fails_does_not_stop_new_posts(
    error: type[Transient | Permanent],
) -> None:
    platform = PartedPlatform(max_requests=10)
    platform.write("a", 300, spacing=20)
    platform.write("b", 150, spacing=20)
    platform.poll()
    platform.poll()

    def fail(_number: int, request: PageRequest) -> None:
        if request.part == "a" and request.until is not None:
            raise error("an unreadable page")

    platform.before_request = fail
    new_from = {name: len(platform.parts[name].posts) for name in PARTS}
    failed = 0
    for _ in range(12):
        platform.now += HOUR
        for name in PARTS:
            platform.write(name, 1)
        try:
            platform.poll()
        except error:
            failed += 1
    assert failed > 8
    for name in PARTS:
        written = {post.external_id for post in platform.parts[name].posts[new_from[name] :]}
        assert written <= platform.stored_ids[name], name
    assert platform.missing("a") > 0
    assert platform.missing("b") == 0, "its old window did not wait behind the failing one"


@pytest.mark.parametrize("can_seek", [True, False])
@pytest.mark.parametrize("error", [Transient, Permanent])
def test_a_part_that_always_fails_does_not_stop_the_others(
    error: type[Transient | Permanent], can_seek: bool
) -> None:
    platform = PartedPlatform(max_requests=10, can_seek=can_seek)

    def fail(_number: int, request: PageRequest) -> None:
        if request.part == "a":
            raise error("the search is broken")

    platform.before_request = fail
    platform.poll_six_times(HOUR, error)
    assert platform.missing("b") == platform.missing("c") == 0
    platform.before_request = lambda _number, _request: None
    platform.poll()
    platform.poll()
    assert platform.missing("a") == 0


def test_a_part_in_which_the_process_always_dies_does_not_stop_the_others() -> None:
    platform = PartedPlatform(max_requests=10)
    platform.write("a", 3000)
    for _ in range(4):
        platform.now += MINUTE
        platform.write("b", 1)
        platform.poll(kill_after=2)
    assert platform.stored_ids["b"]


def test_old_windows_come_first_after_a_poll_without_an_error() -> None:
    platform = PartedPlatform(max_requests=4)
    platform.write("a", 200)
    platform.poll()

    def fail(number: int, _request: PageRequest) -> None:
        if number == 1:
            raise Transient("away")

    platform.before_request = fail
    with pytest.raises(Transient):
        platform.poll()
    platform.before_request = lambda _number, _request: None
    untils = []
    for _ in range(2):
        platform.now += MINUTE
        platform.write("a", 100)
        start = len(platform.parts["a"].requests)
        platform.poll()
        untils.append(platform.parts["a"].requests[start].until)
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
    "resume_last", ["7", '["b", 7]', "[7]", '[7, "b", 1]', "{}", "null", '[true, "b"]']
)
def test_a_damaged_order_is_left_out(resume_last: str) -> None:
    damaged = BackfillPosition.load(f'{{"turn": 7, "cut": {resume_last}, "parts": {{}}}}')
    assert damaged == BackfillPosition()


# --- coverage that it reports --------------------------------------------------------------------


@pytest.mark.parametrize("parts", [PARTS, (*PARTS, "new")])
def test_a_killed_poll_claims_no_coverage_of_parts_it_did_not_reach(
    sqlite: Database, parts: tuple[str, ...]
) -> None:
    """The first poll ever, and the first after settings have changed."""
    brands.sync(sqlite, [ACME])
    polling.register(sqlite, [QUERY])
    platform = PartedPlatform(max_requests=30)
    platform.parts["new"] = Platform()
    for name in PARTS:
        platform.write(name, 5)
    first = backfill(
        None, parts=PARTS, fetch=platform.fetch_page, rules=platform.rules, now=platform.now
    )
    batches = [next(first)] if parts == PARTS else list(first)
    for batch in batches:
        ingest.store(sqlite, QUERY, batch, about(), platform.now)
    if parts != PARTS:
        polling.register(sqlite, [replace(QUERY, any_of=parts)])
        platform.now += HOUR
        second = backfill(
            batches[-1].position,
            parts=parts,
            fetch=platform.fetch_page,
            rules=platform.rules,
            now=platform.now,
        )
        ingest.store(sqlite, QUERY, next(second), about(), platform.now)
    window = Window(since=platform.now - HOUR, until=platform.now)
    (coverage,) = coverage_report.read_coverage(sqlite, [QUERY.id], window)
    assert {part.part for part in coverage.parts if part.live} == set(parts)
    assert coverage.share == 0
    assert polling.complete_until(sqlite, QUERY.id) == (None if parts == PARTS else START)


# --- without seeking -----------------------------------------------------------------------------


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
def test_an_overlap_cut_by_an_error_is_read_at_the_next_poll(
    error: EdgeError | None,
) -> None:
    """All new posts were read, but a late post of the overlap is below the cut.

    None stands for a repeated page token.
    """
    platform = Platform(can_seek=False)
    ledger = Ledger(platform, overlap=MINUTE * 4)
    platform.write(30, spacing=5)
    ledger.poll()
    late = post(998, platform.now - timedelta(seconds=110))
    platform.posts.append(late)
    platform.now += HOUR / 4
    platform.write(15)
    start = len(platform.requests)

    def fail(count: int) -> None:
        if error is not None and count == start + 3:
            raise error

    platform.before_request = fail
    platform.repeats_token = error is None
    if error is None:
        ledger.poll()
    else:
        with pytest.raises(type(error)):
            ledger.poll()
    assert ledger.missing() == {late.external_id}
    platform.before_request, platform.repeats_token = lambda _number: None, False
    platform.now += HOUR / 4
    platform.write(40)
    ledger.poll()
    assert not ledger.missing() and not ledger.unexplained() and not ledger.lost


def test_trouble_below_the_new_posts_keeps_the_position_small() -> None:
    platform = Platform(can_seek=False)
    ledger = Ledger(platform)
    ledger.poll()

    def fail(count: int) -> None:
        if (count - start) == 3:
            raise Transient("away")

    platform.before_request = fail
    for _ in range(60):
        platform.now += HOUR / 4
        platform.write(25, spacing=30)
        start = len(platform.requests)
        with pytest.raises(Transient):
            ledger.poll()
    assert len(ledger.position or "") < 6000
    platform.before_request = lambda _number: None
    for _ in range(40):
        ledger.poll()
        platform.now += HOUR / 4
    assert '"open":[]' in (ledger.position or "")
    assert not ledger.unexplained()
