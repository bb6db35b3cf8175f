"""Accounts are polled side by side, an account's queries in turn; what ends one leaves the rest."""

from __future__ import annotations

import itertools
import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from factories import (
    ACME,
    HOUR,
    NOW,
    OTHER,
    QUERY,
    RIVAL,
    FakeListener,
    FrozenClock,
    batch,
    check_all,
    mention,
    number,
)
from two_listeners import SECOND, ask, state_of

from earful.types import Batch, Query
from pipeline.account_locks import MAX_PARALLEL, AccountLocks
from pipeline.poll import poll
from storage.collecting import polling
from storage.database.engine import Database
from storage.entities import brands

PATIENCE = 60.0  # seconds after which a wait that a bug made endless ends the test


@pytest.fixture
def db(db: Database) -> Database:
    brands.sync(db, [ACME, RIVAL, OTHER])
    polling.register(db, [QUERY])
    return db


@dataclass(slots=True)
class Meeting:
    """A listener that says when it was asked, and answers once ``until`` is set."""

    name: str
    brings: Batch
    until: threading.Event
    asked: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)

    def poll(self, query: Query, position: str | None) -> Iterator[Batch]:
        self.asked.set()
        assert self.until.wait(PATIENCE), f"{self.name} waited for nothing"
        yield self.brings
        self.over.set()


def _now() -> threading.Event:
    event = threading.Event()
    event.set()
    return event


def test_a_slow_account_holds_up_no_other(db: Database, clock: FrozenClock) -> None:
    """The first answers only when the second has been polled to its end."""
    polling.register(db, [QUERY, SECOND])
    quick = Meeting("second", batch(mention(2), mention(3)), until=_now())
    slow = Meeting("fake", batch(mention(1)), until=quick.over)
    found = ask(db, clock, slow, quick)
    assert (found.queries, found.seen, found.new) == (2, 3, 3)
    assert str(found) == "3 new of 3 mentions from 2 queries"
    assert number(db, "mention") == 3
    check_all(db)


def test_the_queries_of_one_account_never_overlap(db: Database, clock: FrozenClock) -> None:
    """Twelve queries of three accounts: in each account one at a time, in the order of their due
    times, while the accounts overlap."""
    accounts = ("one", "two", "three")
    them = [
        replace(QUERY, id=f"fake/{account}/{n}", account=account)
        for n in range(4)
        for account in accounts
    ]
    polling.register(db, them)
    for nth, query in enumerate(them):
        due_at = NOW - HOUR + timedelta(seconds=nth)
        polling.record_success(db, query.id, at=NOW - HOUR, due_at=due_at)
    together = threading.Barrier(len(accounts))
    inside: Counter[str] = Counter()
    asked: dict[str, list[str]] = {account: [] for account in accounts}

    class Watch:
        name = "fake"

        def poll(self, query: Query, position: str | None) -> Iterator[Batch]:
            inside[query.account] += 1
            assert inside[query.account] == 1, "two queries of one account at the same time"
            asked[query.account].append(query.id)
            together.wait(PATIENCE)  # one of each account is here, or nobody goes on
            yield batch(mention(query.id))
            together.wait(PATIENCE)
            inside[query.account] -= 1

    assert poll(db, them, clock=clock, listener_for=lambda _query: Watch()).new == 12
    assert asked == {one: [f"fake/{one}/{n}" for n in range(4)] for one in accounts}


def _free(account_locks: AccountLocks, account: str) -> bool:
    with account_locks.try_lock(account) as free:
        return free


def test_a_round_leaves_an_account_alone_that_another_round_is_busy_with(
    db: Database, clock: FrozenClock
) -> None:
    """The next round comes while a slow account is still polled: the other one is polled again."""
    polling.register(db, [QUERY, SECOND])
    answer = threading.Event()
    slow = Meeting("fake", batch(mention(1)), until=answer)
    quick = FakeListener([[batch(mention(2))], [batch(mention(3))]], name="second")
    account_locks = AccountLocks()
    with ThreadPoolExecutor(1) as other:
        first = other.submit(ask, db, clock, slow, quick, account_locks=account_locks)
        try:
            assert slow.asked.wait(PATIENCE)
            while state_of(db, SECOND.id).due_at is None or not _free(account_locks, "second"):
                assert not first.done()
            polling.make_due(db, [QUERY.id, SECOND.id])
            second = ask(db, clock, slow, quick, account_locks=account_locks)
            assert (second.queries, second.new) == (1, 1)
        finally:
            answer.set()
        assert first.result(PATIENCE).queries == 2
    assert number(db, "mention") == 3


def test_a_bug_in_one_account_does_not_stop_another_in_the_middle(
    db: Database, clock: FrozenClock
) -> None:
    polling.register(db, [QUERY, SECOND])
    failed = threading.Event()

    class Broken:
        name = "fake"

        def poll(self, query: Query, position: str | None) -> Iterator[Batch]:
            yield batch(mention(1))
            failed.set()
            raise ZeroDivisionError("oh")

    sound = Meeting("second", batch(mention(2)), until=failed)
    with pytest.raises(ExceptionGroup) as caught:
        ask(db, clock, Broken(), sound)
    assert [type(one) for one in caught.value.exceptions] == [ZeroDivisionError]
    assert number(db, "mention") == 2
    assert state_of(db, SECOND.id).due_at == NOW + timedelta(minutes=15)


def test_stop_ends_every_account_between_two_batches(db: Database, clock: FrozenClock) -> None:
    polling.register(db, [QUERY, SECOND])
    stop = threading.Event()
    both = threading.Barrier(2, action=stop.set)

    class Endless:
        def __init__(self, name: str) -> None:
            self.name = name

        def poll(self, query: Query, position: str | None) -> Iterator[Batch]:
            both.wait(PATIENCE)
            for n in range(1000):
                yield batch(mention(f"{self.name}-{n}"), position=f"{n}")

    found = ask(db, clock, Endless("fake"), Endless("second"), stop=stop.is_set)
    assert (found.queries, found.new) == (2, 2)
    assert polling.read_position(db, QUERY.id) == polling.read_position(db, SECOND.id) == "0"


class Ended(BaseException):
    """The process is told to end."""


def _ends() -> None:
    raise Ended


def _ctrl_c() -> None:
    os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture
def ctrl_c_counts() -> Iterator[None]:
    """Also where the tests are run by several processes, which ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c_counts")
@pytest.mark.parametrize(("happens", "raised"), [(_ends, Ended), (_ctrl_c, KeyboardInterrupt)])
def test_what_ends_a_round_leaves_nothing_running(
    db: Database,
    clock: FrozenClock,
    happens: Callable[[], None],
    raised: type[BaseException],
) -> None:
    """A process that is told to end ends after the batches that are under way, no later."""
    them = [replace(QUERY, id=f"fake/{n}", account=f"account-{n}") for n in range(MAX_PARALLEL + 3)]
    polling.register(db, them)
    began = threading.Barrier(MAX_PARALLEL)
    asked: list[str] = []

    class Endless:
        name = "fake"

        def poll(self, query: Query, position: str | None) -> Iterator[Batch]:
            asked.append(query.id)
            began.wait(PATIENCE)
            if query.id == "fake/0":
                happens()
            for n in itertools.count():
                yield batch(mention(f"{query.id}-{n}"), position=f"{n}")

    before = set(threading.enumerate())
    with pytest.raises(raised):
        poll(db, them, clock=clock, listener_for=lambda _query: Endless())
    assert sorted(asked) == [one.id for one in them[:MAX_PARALLEL]]
    assert set(threading.enumerate()) <= before
    check_all(db)
