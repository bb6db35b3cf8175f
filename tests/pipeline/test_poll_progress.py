"""A platform fails one request in eight: every poll makes progress, so none waits for hours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from factories import ACME, HOUR, NOW, QUERY, FakeListener, FrozenClock, batch, mention, number
from two_listeners import ask, script, state_of

from earful.contracts import Transient
from earful.types import Batch, Mention, Query, Seen
from listeners.backfill.page_request import BackfillPage, BackfillRules, PageRequest
from listeners.backfill.walk import backfill
from storage.collecting import polling
from storage.database.engine import Database
from storage.entities import brands

POSTS = 3000
PAGE = 50


@pytest.fixture
def db(db: Database) -> Database:
    brands.sync(db, [ACME])
    polling.register(db, [QUERY])
    return db


class Flaky:
    """A newest-first platform with 3,000 posts of the last hours; each ``fails`` request fails."""

    name = "fake"

    def __init__(self, clock: FrozenClock, *, fails: int, max_requests: int = 60) -> None:
        self._clock = clock
        self._fails = fails
        self._rules = BackfillRules(
            first_lookback=6 * HOUR,
            overlap=timedelta(minutes=10),
            max_requests=max_requests,
            can_seek=True,
        )
        self.requests = 0
        self.posts: list[Mention] = [
            mention(at, published_at=NOW - timedelta(seconds=7 * at + 1)) for at in range(POSTS)
        ]

    def poll(self, _query: Query, position: str | None) -> Iterator[Batch]:
        yield from backfill(
            position, parts=[""], fetch=self._fetch, rules=self._rules, now=self._clock()
        )

    def _fetch(self, request: PageRequest) -> BackfillPage:
        self.requests += 1
        if self._fails and not self.requests % self._fails:
            raise Transient("answered 502")
        results = [
            post
            for post in self.posts
            if request.since <= post.published_at
            and (request.until is None or post.published_at < request.until)
        ]
        begin = int(request.cursor or 0)
        page = results[begin : begin + PAGE]
        end = begin + PAGE
        return BackfillPage(
            mentions=tuple(replace(post, fetched_at=self._clock()) for post in page),
            oldest=page[-1].published_at if page else None,
            newest=page[0].published_at if page else None,
            cursor=str(end) if end < len(results) else None,
        )


def _poll_until_done(db: Database, clock: FrozenClock, listener: Flaky) -> timedelta:
    for _ in range(300):
        ask(db, clock, listener)
        state = state_of(db)
        if number(db, "mention") == POSTS and not state.error:
            break
        assert state.due_at is not None
        clock.now = max(clock.now, state.due_at)
    return clock.now - NOW


def test_a_flaky_platform_is_read_within_minutes(db: Database, clock: FrozenClock) -> None:
    took = _poll_until_done(db, clock, Flaky(clock, fails=8))
    assert number(db, "mention") == POSTS
    # 20 hours before; each failure costs about a minute
    assert took <= timedelta(minutes=15)


def test_a_poll_with_progress_begins_the_count_anew(db: Database, clock: FrozenClock) -> None:
    listener = FakeListener(
        [
            [Transient("502")],
            [Transient("502")],
            [batch(mention(1), position="p1"), Transient("502")],
            [batch(mention(1), position="p1"), Transient("502")],
        ]
    )
    failures = []
    for _ in range(4):
        ask(db, clock, listener)
        state = state_of(db)
        failures.append(state.failures)
        assert state.due_at is not None
        clock.now = state.due_at
    # the fourth poll brought what was stored already
    assert failures == [1, 2, 1, 2]


def test_the_time_up_to_now_is_no_progress_and_earlier_time_is(
    db: Database, clock: FrozenClock
) -> None:
    def seen(until: timedelta) -> Batch:
        return batch(seen=(Seen(since=clock() - 2 * HOUR, until=clock() - until),))

    ask(db, clock, script(seen(timedelta(0)), Transient("502")))
    clock.forward(hours=1)
    ask(db, clock, script(seen(timedelta(0)), Transient("502")))
    assert state_of(db).failures == 2
    clock.forward(hours=1)
    ask(db, clock, script(seen(HOUR), Transient("502")))
    assert state_of(db).failures == 1


def test_open_windows_of_an_outage_are_read_on_at_once(db: Database, clock: FrozenClock) -> None:
    """A poll with few requests reads the newest first, and must not leave the rest for hours."""
    slow = Flaky(clock, fails=0, max_requests=8)
    polling.register(db, [replace(QUERY, every=6 * 3600.0)])
    took = timedelta(0)
    for _ in range(60):
        ask(db, clock, slow)
        if number(db, "mention") == POSTS:
            took = clock.now - NOW
            break
        due_at = state_of(db).due_at
        assert due_at is not None
        assert due_at - clock.now <= timedelta(minutes=1)
        clock.now = due_at
    assert timedelta(0) < took <= timedelta(minutes=30)
