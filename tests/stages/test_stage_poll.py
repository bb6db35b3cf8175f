"""Polling: what fails is put off or paused alone, and nothing that came before it is lost."""

from __future__ import annotations

import itertools
import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

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
    Step,
    batch,
    check_all,
    keep,
    mention,
    number,
    rows,
)

from earful.contracts import BadItem, Listener, Permanent, Transient
from earful.stages.backoff import backoff
from earful.stages.lanes import AT_ONCE, Lanes
from earful.stages.poll import Polled, poll
from earful.types import Batch, Gap, Query, Seen
from storage import brands, polling, queries
from storage.engine import Database
from storage.rows import SourceHealth

SECOND = replace(QUERY, id="fake/second", source="second")


@pytest.fixture
def house(db: Database) -> Database:
    brands.sync(db, [ACME, RIVAL, OTHER])
    polling.register(db, [QUERY])
    return db


def _poll(db: Database, clock: FrozenClock, *listeners: Listener, **other: Any) -> Polled:
    """Poll QUERY with the first listener and SECOND with the second."""
    found = {"fake": listeners[0], "second": listeners[-1]}
    wanted: Sequence[Query] = (QUERY, SECOND)[: len(listeners)]
    return poll(db, wanted, clock=clock, listener_for=lambda query: found[query.source], **other)


def _state(db: Database, query_id: str = QUERY.id) -> SourceHealth:
    (one,) = (one for one in queries.health(db).sources if one.query_id == query_id)
    return one


def _script(*steps: Step) -> FakeListener:
    return FakeListener([list(steps)])


def test_every_batch_moves_the_place_and_the_next_poll_is_due_in_its_rhythm(
    house: Database, clock: FrozenClock
) -> None:
    listener = FakeListener(
        [
            [batch(mention(1), position="p1"), batch(mention(2), position="p2")],
            [batch(mention(2), mention(3), position="p3")],
        ]
    )
    first = _poll(house, clock, listener)
    assert (first.queries, first.seen, first.new, first.failed) == (1, 2, 2, 0)
    assert _state(house).due_at == NOW + timedelta(minutes=15)
    clock.forward(minutes=14, seconds=59)
    assert _poll(house, clock, listener).queries == 0
    clock.forward(seconds=1)
    assert _poll(house, clock, listener).new == 1
    assert listener.asked == [(QUERY.id, None), (QUERY.id, "p2")]
    assert number(house, "mention") == 3


def test_transient_trouble_keeps_what_came_and_is_tried_again(
    house: Database, clock: FrozenClock
) -> None:
    listener = FakeListener(
        [
            [batch(mention(1), position="p1"), Transient("answered 503")],
            [batch(mention(2), position="p2")],
        ]
    )
    assert _poll(house, clock, listener).failed == 1
    state = _state(house)
    assert (state.stored, state.failures, state.error, state.paused) == (
        1,
        1,
        "answered 503",
        False,
    )
    assert state.due_at is not None
    assert timedelta(seconds=48) <= state.due_at - NOW <= timedelta(seconds=72)
    clock.now = state.due_at
    assert _poll(house, clock, listener).new == 1
    assert listener.asked[1] == (QUERY.id, "p1")
    state = _state(house)
    assert (state.failures, state.error) == (0, None)


def test_waits_double_up_to_a_limit(house: Database, clock: FrozenClock) -> None:
    listener = FakeListener([[Transient("503")] for _ in range(12)])
    waits = []
    for _ in range(12):
        _poll(house, clock, listener)
        due = _state(house).due_at
        assert due is not None
        waits.append((due - clock.now) / timedelta(minutes=1))
        clock.now = due
    for at, wait in enumerate(waits):
        assert 0.8 * min(2**at, 360) <= wait <= 1.2 * min(2**at, 360)


@pytest.mark.parametrize(
    ("said", "least", "most"),
    [
        (900.0, 900, 930),
        (1.0, 60, 66),
        (1e300, 86400, 86430),
        (float("inf"), 86400, 86430),
        (float("nan"), 48, 72),
        (-5.0, 48, 72),
    ],
)
def test_what_the_far_side_says_is_how_long_it_waits(
    house: Database, clock: FrozenClock, said: float, least: int, most: int
) -> None:
    _poll(house, clock, _script(Transient("429", retry_after=said)))
    due = _state(house).due_at
    assert due is not None
    assert timedelta(seconds=least) <= due - NOW <= timedelta(seconds=most)


def test_queries_that_failed_together_do_not_come_back_together() -> None:
    minute, hour = timedelta(minutes=1), timedelta(hours=1)
    assert len({backoff(3, first=minute, most=hour) for _ in range(20)}) > 15


def test_permanent_trouble_pauses_until_it_is_resumed(house: Database, clock: FrozenClock) -> None:
    listener = FakeListener([[Permanent("no such feed")], [batch(mention(1))]])
    assert _poll(house, clock, listener).failed == 1
    assert (_state(house).paused, _state(house).error) == (True, "no such feed")
    clock.forward(days=400)
    polling.all_due(house, [QUERY.id])
    polling.register(house, [QUERY])
    assert _poll(house, clock, listener).queries == 0
    polling.resume(house, QUERY.id)
    assert _poll(house, clock, listener).new == 1
    assert (_state(house).paused, _state(house).error) == (False, None)


@pytest.mark.parametrize(
    "changed",
    [
        replace(QUERY, options={"url": "https://feed.example/other"}),
        replace(QUERY, any_of=("acme", "acme air")),
        replace(QUERY, every=60.0),
    ],
)
def test_permanent_trouble_ends_when_settings_change(
    house: Database, clock: FrozenClock, changed: Query
) -> None:
    listener = FakeListener([[batch(position="p9"), Permanent("no such feed")], []])
    _poll(house, clock, listener)
    polling.register(house, [changed])
    assert not _state(house).paused
    found = poll(house, [changed], clock=clock, listener_for=lambda _query: listener)
    assert found.queries == 1
    assert listener.asked[-1] == (QUERY.id, "p9"), "the place is kept"


def test_a_query_switched_off_is_not_asked(house: Database, clock: FrozenClock) -> None:
    off = replace(QUERY, enabled=False)
    polling.register(house, [off])
    listener = _script(batch(mention(1)))
    found = poll(house, [off], clock=clock, listener_for=lambda _query: listener)
    assert found.queries == 0


def test_a_bad_item_is_counted_with_its_reason_and_the_place_stays(
    house: Database, clock: FrozenClock
) -> None:
    listener = _script(batch(mention(1), position="p1"), BadItem("entry 7 has no date"))
    found = _poll(house, clock, listener)
    assert (found.new, found.rejected, found.failed) == (1, 1, 0)
    assert rows(house, "SELECT reason FROM rejected") == [("entry 7 has no date",)]
    assert polling.position(house, QUERY.id) == "p1"
    assert _state(house).due_at == NOW + timedelta(minutes=15)
    assert "1 unreadable" in str(found)


def test_a_bug_is_put_off_the_others_are_polled_and_it_is_raised(
    house: Database, clock: FrozenClock
) -> None:
    polling.register(house, [QUERY, SECOND])
    broken = _script(batch(mention(1), position="p1"), ZeroDivisionError("oh"))
    sound = _script(batch(mention(2)))
    with pytest.raises(ExceptionGroup) as caught:
        _poll(house, clock, broken, sound)
    assert [type(one) for one in caught.value.exceptions] == [ZeroDivisionError]
    assert number(house, "mention") == 2
    state = _state(house)
    assert "ZeroDivisionError('oh')" in (state.error or "")
    assert state.due_at is not None
    assert state.due_at > NOW
    assert not state.paused
    assert _state(house, SECOND.id).error is None
    assert polling.position(house, QUERY.id) == "p1"


def test_a_listener_that_is_not_there_is_that_querys_trouble_alone(
    house: Database, clock: FrozenClock
) -> None:
    polling.register(house, [QUERY, SECOND])
    sound = _script(batch(mention(2)))

    def listener_for(query: Query) -> Listener:
        if query.source == "fake":
            raise KeyError(query.source)
        return sound

    with pytest.raises(ExceptionGroup):
        poll(house, [QUERY, SECOND], clock=clock, listener_for=listener_for)
    assert number(house, "mention") == 1


def test_stopped_between_batches_it_goes_on_at_once_when_it_is_back(
    house: Database, clock: FrozenClock
) -> None:
    them = [batch(mention(n), position=f"p{n}") for n in range(1, 5)]
    told = iter([False, False, True, True, True])
    first = FakeListener([[*them]])
    assert _poll(house, clock, first, stop=lambda: next(told)).new == 2
    assert polling.position(house, QUERY.id) == "p2"
    due = _state(house).due_at
    assert due is not None
    assert due <= NOW + timedelta(minutes=1), "not only when the next round would have been"
    clock.now = due
    again = FakeListener([them[2:]])
    assert _poll(house, clock, again).new == 2
    assert again.asked == [(QUERY.id, "p2")]
    assert number(house, "mention") == 4


def test_a_source_that_has_more_is_asked_soon(house: Database, clock: FrozenClock) -> None:
    _poll(house, clock, _script(batch(mention(1), more=True)))
    due = _state(house).due_at
    assert due is not None
    assert due <= NOW + timedelta(minutes=1)


def test_stopped_before_it_began_it_asks_nobody(house: Database, clock: FrozenClock) -> None:
    listener = _script(batch(mention(1)))
    assert _poll(house, clock, listener, stop=lambda: True).queries == 0
    assert listener.asked == []


def test_what_waits_longest_is_asked_first_and_the_new_one_before_all(
    house: Database, clock: FrozenClock
) -> None:
    them = [replace(QUERY, id=f"fake/{name}") for name in ("late", "early", "new")]
    polling.register(house, them)
    polling.succeeded(house, "fake/late", at=NOW, due_at=NOW - HOUR)
    polling.succeeded(house, "fake/early", at=NOW, due_at=NOW - 2 * HOUR)
    listener = FakeListener([])
    poll(house, them, clock=clock, listener_for=lambda _query: listener)
    assert [one for one, _ in listener.asked] == ["fake/new", "fake/early", "fake/late"]


@pytest.mark.parametrize("every", [900, 10 * 86_400])
def test_a_clock_that_was_years_ahead_for_one_poll_makes_nothing_rest_for_years(
    house: Database, clock: FrozenClock, every: float
) -> None:
    query = replace(QUERY, every=every)
    listener = FakeListener([[batch(mention(n), position=f"p{n}")] for n in range(4)])

    def polled() -> int:
        return poll(house, [query], clock=clock, listener_for=lambda _query: listener).queries

    clock.forward(days=3 * 365)
    assert polled() == 1
    clock.forward(days=-3 * 365)
    assert polled() == 1
    assert polled() == 0  # what waits for its usual time waits
    clock.forward(seconds=-1)
    assert polled() == 0  # also where two machines' clocks differ a little
    clock.forward(seconds=1 + every)
    assert polled() == 1


def test_rows_that_name_their_brand_make_it_known(house: Database, clock: FrozenClock) -> None:
    listener = _script(
        batch(
            mention(1, brands=("Acme Air", "Neu & Söhne")),
            mention(2, by="acmehelp"),
            mention(3, by="acmehelp", brands=("Rival Jet",)),
        )
    )
    _poll(house, clock, listener)
    assert brands.every(house)["neu-söhne"].name == "Neu & Söhne"
    links = rows(
        house, "SELECT external_id, brand_id, own FROM about JOIN mention ON id=mention_id"
    )
    assert {(row[0], row[1], bool(row[2])) for row in links} == {
        ("m-1", "acme-air", False),
        ("m-1", "neu-söhne", False),
        ("m-2", "acme-air", True),
        ("m-3", "rival-jet", False),
    }
    check_all(house)


def test_two_processes_at_the_same_query_store_everything_once(
    house: Database, clock: FrozenClock
) -> None:
    """Both asked before either had stored anything."""
    for _ in range(2):
        keep(house, mention(1), mention(2))
    assert number(house, "mention") == 2
    check_all(house)


def test_a_poll_that_another_process_has_overtaken_keeps_nothing_more(
    house: Database, clock: FrozenClock
) -> None:
    """Their accounts of what is still open would mix: a gap that nobody walks any more."""
    left = Gap(since=NOW - HOUR, until=NOW, reason="its limit")
    closed = Seen(since=NOW - HOUR, until=NOW)

    class Overtaken:
        name = "fake"

        def poll(self, query: Query, position: str | None) -> Iterator[Batch]:
            yield batch(mention(1), position="a1")
            other = _script(
                batch(mention(2), position="b2", gaps=[left]),
                replace(batch(mention(3), position="b3"), seen=(closed,)),
            )
            assert _poll(house, clock, other).new == 2
            yield batch(mention(4), position="a4", gaps=[left])
            raise AssertionError("it went on")

    found = _poll(house, clock, Overtaken())
    assert (found.new, found.overtaken, found.failed) == (1, 1, 0)
    assert "1 polled by another process" in str(found)
    assert polling.position(house, QUERY.id) == "b3"
    assert number(house, "mention") == 3
    assert rows(house, "SELECT state FROM gap") == [("filled",)]
    assert _state(house).due_at == NOW + timedelta(minutes=15)
    assert not _state(house).failures
    check_all(house)


def test_an_item_given_up_on_does_not_bring_an_older_place_back(
    house: Database, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener = _script(batch(mention(1), position="p1"), BadItem("entry 7 has no date"))
    monkeypatch.setattr(polling, "position", lambda _db, _query_id: "p0")  # read before it moved
    with house.write() as connection:
        connection.exec_driver_sql("UPDATE query SET position = 'p0'")
    assert _poll(house, clock, listener).overtaken == 1
    monkeypatch.undo()
    assert polling.position(house, QUERY.id) == "p1"


# --- side by side ---------------------------------------------------------------------------------
PATIENCE = 60.0  # seconds after which a wait that a bug made endless ends the test


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


def test_a_slow_account_holds_up_no_other(house: Database, clock: FrozenClock) -> None:
    """The first answers only when the second has been polled to its end."""
    polling.register(house, [QUERY, SECOND])
    quick = Meeting("second", batch(mention(2), mention(3)), until=_now())
    slow = Meeting("fake", batch(mention(1)), until=quick.over)
    found = _poll(house, clock, slow, quick)
    assert (found.queries, found.seen, found.new) == (2, 3, 3)
    assert str(found) == "3 new of 3 mentions from 2 queries"
    assert number(house, "mention") == 3
    check_all(house)


def test_the_queries_of_one_account_never_overlap(house: Database, clock: FrozenClock) -> None:
    """Twelve queries of three accounts: in each account one at a time, in the order of their due
    times, while the accounts overlap."""
    accounts = ("one", "two", "three")
    them = [
        replace(QUERY, id=f"fake/{account}/{n}", account=account)
        for n in range(4)
        for account in accounts
    ]
    polling.register(house, them)
    for nth, query in enumerate(them):
        due_at = NOW - HOUR + timedelta(seconds=nth)
        polling.succeeded(house, query.id, at=NOW - HOUR, due_at=due_at)
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

    assert poll(house, them, clock=clock, listener_for=lambda _query: Watch()).new == 12
    assert asked == {one: [f"fake/{one}/{n}" for n in range(4)] for one in accounts}


def _free(lanes: Lanes, account: str) -> bool:
    with lanes.enter(account) as free:
        return free


def test_a_round_leaves_an_account_alone_that_another_round_is_busy_with(
    house: Database, clock: FrozenClock
) -> None:
    """The next round comes while a slow account is still polled: the other one is polled again."""
    polling.register(house, [QUERY, SECOND])
    answer = threading.Event()
    slow = Meeting("fake", batch(mention(1)), until=answer)
    quick = FakeListener([[batch(mention(2))], [batch(mention(3))]], name="second")
    lanes = Lanes()
    with ThreadPoolExecutor(1) as other:
        first = other.submit(_poll, house, clock, slow, quick, lanes=lanes)
        try:
            assert slow.asked.wait(PATIENCE)
            while _state(house, SECOND.id).due_at is None or not _free(lanes, "second"):
                assert not first.done()
            polling.all_due(house, [QUERY.id, SECOND.id])
            second = _poll(house, clock, slow, quick, lanes=lanes)
            assert (second.queries, second.new) == (1, 1)
        finally:
            answer.set()
        assert first.result(PATIENCE).queries == 2
    assert number(house, "mention") == 3


def test_a_bug_in_one_account_does_not_stop_another_in_the_middle(
    house: Database, clock: FrozenClock
) -> None:
    polling.register(house, [QUERY, SECOND])
    failed = threading.Event()

    class Broken:
        name = "fake"

        def poll(self, query: Query, position: str | None) -> Iterator[Batch]:
            yield batch(mention(1))
            failed.set()
            raise ZeroDivisionError("oh")

    sound = Meeting("second", batch(mention(2)), until=failed)
    with pytest.raises(ExceptionGroup) as caught:
        _poll(house, clock, Broken(), sound)
    assert [type(one) for one in caught.value.exceptions] == [ZeroDivisionError]
    assert number(house, "mention") == 2
    assert _state(house, SECOND.id).due_at == NOW + timedelta(minutes=15)


def test_stop_ends_every_account_between_two_batches(house: Database, clock: FrozenClock) -> None:
    polling.register(house, [QUERY, SECOND])
    stop = threading.Event()
    both = threading.Barrier(2, action=stop.set)

    class Endless:
        def __init__(self, name: str) -> None:
            self.name = name

        def poll(self, query: Query, position: str | None) -> Iterator[Batch]:
            both.wait(PATIENCE)
            for n in range(1000):
                yield batch(mention(f"{self.name}-{n}"), position=f"{n}")

    found = _poll(house, clock, Endless("fake"), Endless("second"), stop=stop.is_set)
    assert (found.queries, found.new) == (2, 2)
    assert polling.position(house, QUERY.id) == polling.position(house, SECOND.id) == "0"


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
    house: Database,
    clock: FrozenClock,
    happens: Callable[[], None],
    raised: type[BaseException],
) -> None:
    """A process that is told to end ends after the batches that are under way, no later."""
    them = [replace(QUERY, id=f"fake/{n}", account=f"account-{n}") for n in range(AT_ONCE + 3)]
    polling.register(house, them)
    began = threading.Barrier(AT_ONCE)
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
        poll(house, them, clock=clock, listener_for=lambda _query: Endless())
    assert sorted(asked) == [one.id for one in them[:AT_ONCE]]
    assert set(threading.enumerate()) <= before
    check_all(house)
