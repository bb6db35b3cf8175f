"""Polling: what fails is put off or paused alone, and nothing that came before it is lost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
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
    keep,
    mention,
    number,
    rows,
)
from two_listeners import SECOND, ask, script, state_of

from earful.contracts import BadItem, Listener, Permanent, Transient
from earful.types import Batch, Gap, Query, Seen
from pipeline.backoff import backoff
from pipeline.poll import poll
from storage.collecting import polling
from storage.database.engine import Database
from storage.entities import brands


@pytest.fixture
def db(db: Database) -> Database:
    brands.sync(db, [ACME, RIVAL, OTHER])
    polling.register(db, [QUERY])
    return db


def test_every_batch_moves_the_place_and_the_next_poll_is_due_in_its_rhythm(
    db: Database, clock: FrozenClock
) -> None:
    listener = FakeListener(
        [
            [batch(mention(1), position="p1"), batch(mention(2), position="p2")],
            [batch(mention(2), mention(3), position="p3")],
        ]
    )
    first = ask(db, clock, listener)
    assert (first.queries, first.seen, first.new, first.failed) == (1, 2, 2, 0)
    assert state_of(db).due_at == NOW + timedelta(minutes=15)
    clock.forward(minutes=14, seconds=59)
    assert ask(db, clock, listener).queries == 0
    clock.forward(seconds=1)
    assert ask(db, clock, listener).new == 1
    assert listener.asked == [(QUERY.id, None), (QUERY.id, "p2")]
    assert number(db, "mention") == 3


def test_transient_trouble_keeps_what_came_and_is_tried_again(
    db: Database, clock: FrozenClock
) -> None:
    listener = FakeListener(
        [
            [batch(mention(1), position="p1"), Transient("answered 503")],
            [batch(mention(2), position="p2")],
        ]
    )
    assert ask(db, clock, listener).failed == 1
    state = state_of(db)
    assert (state.stored, state.failures, state.error, state.paused) == (
        1,
        1,
        "answered 503",
        False,
    )
    assert state.due_at is not None
    assert timedelta(seconds=48) <= state.due_at - NOW <= timedelta(seconds=72)
    clock.now = state.due_at
    assert ask(db, clock, listener).new == 1
    assert listener.asked[1] == (QUERY.id, "p1")
    state = state_of(db)
    assert (state.failures, state.error) == (0, None)


def test_waits_double_up_to_a_limit(db: Database, clock: FrozenClock) -> None:
    listener = FakeListener([[Transient("503")] for _ in range(12)])
    waits = []
    for _ in range(12):
        ask(db, clock, listener)
        due = state_of(db).due_at
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
    db: Database, clock: FrozenClock, said: float, least: int, most: int
) -> None:
    ask(db, clock, script(Transient("429", retry_after=said)))
    due = state_of(db).due_at
    assert due is not None
    assert timedelta(seconds=least) <= due - NOW <= timedelta(seconds=most)


def test_queries_that_failed_together_do_not_come_back_together() -> None:
    minute, hour = timedelta(minutes=1), timedelta(hours=1)
    assert len({backoff(3, first=minute, longest=hour) for _ in range(20)}) > 15


def test_permanent_trouble_pauses_until_it_is_resumed(db: Database, clock: FrozenClock) -> None:
    listener = FakeListener([[Permanent("no such feed")], [batch(mention(1))]])
    assert ask(db, clock, listener).failed == 1
    assert (state_of(db).paused, state_of(db).error) == (True, "no such feed")
    clock.forward(days=400)
    polling.make_due(db, [QUERY.id])
    polling.register(db, [QUERY])
    assert ask(db, clock, listener).queries == 0
    polling.resume(db, QUERY.id)
    assert ask(db, clock, listener).new == 1
    assert (state_of(db).paused, state_of(db).error) == (False, None)


@pytest.mark.parametrize(
    "changed",
    [
        replace(QUERY, options={"url": "https://feed.example/other"}),
        replace(QUERY, any_of=("acme", "acme air")),
        replace(QUERY, every=60.0),
    ],
)
def test_permanent_trouble_ends_when_settings_change(
    db: Database, clock: FrozenClock, changed: Query
) -> None:
    listener = FakeListener([[batch(position="p9"), Permanent("no such feed")], []])
    ask(db, clock, listener)
    polling.register(db, [changed])
    assert not state_of(db).paused
    found = poll(db, [changed], clock=clock, listener_for=lambda _query: listener)
    assert found.queries == 1
    assert listener.asked[-1] == (QUERY.id, "p9"), "the place is kept"


def test_a_query_switched_off_is_not_asked(db: Database, clock: FrozenClock) -> None:
    off = replace(QUERY, enabled=False)
    polling.register(db, [off])
    listener = script(batch(mention(1)))
    found = poll(db, [off], clock=clock, listener_for=lambda _query: listener)
    assert found.queries == 0


def test_a_bad_item_is_counted_with_its_reason_and_the_place_stays(
    db: Database, clock: FrozenClock
) -> None:
    listener = script(batch(mention(1), position="p1"), BadItem("entry 7 has no date"))
    found = ask(db, clock, listener)
    assert (found.new, found.rejected, found.failed) == (1, 1, 0)
    assert rows(db, "SELECT reason FROM rejected") == [("entry 7 has no date",)]
    assert polling.read_position(db, QUERY.id) == "p1"
    assert state_of(db).due_at == NOW + timedelta(minutes=15)
    assert "1 unreadable" in str(found)


def test_a_bug_is_put_off_the_others_are_polled_and_it_is_raised(
    db: Database, clock: FrozenClock
) -> None:
    polling.register(db, [QUERY, SECOND])
    broken = script(batch(mention(1), position="p1"), ZeroDivisionError("oh"))
    sound = script(batch(mention(2)))
    with pytest.raises(ExceptionGroup) as caught:
        ask(db, clock, broken, sound)
    assert [type(one) for one in caught.value.exceptions] == [ZeroDivisionError]
    assert number(db, "mention") == 2
    state = state_of(db)
    assert "ZeroDivisionError('oh')" in (state.error or "")
    assert state.due_at is not None
    assert state.due_at > NOW
    assert not state.paused
    assert state_of(db, SECOND.id).error is None
    assert polling.read_position(db, QUERY.id) == "p1"


def test_a_listener_that_is_not_there_is_that_querys_trouble_alone(
    db: Database, clock: FrozenClock
) -> None:
    polling.register(db, [QUERY, SECOND])
    sound = script(batch(mention(2)))

    def listener_for(query: Query) -> Listener:
        if query.source == "fake":
            raise KeyError(query.source)
        return sound

    with pytest.raises(ExceptionGroup):
        poll(db, [QUERY, SECOND], clock=clock, listener_for=listener_for)
    assert number(db, "mention") == 1


def test_stopped_between_batches_it_goes_on_at_once_when_it_is_back(
    db: Database, clock: FrozenClock
) -> None:
    them = [batch(mention(n), position=f"p{n}") for n in range(1, 5)]
    told = iter([False, False, True, True, True])
    first = FakeListener([[*them]])
    assert ask(db, clock, first, stop=lambda: next(told)).new == 2
    assert polling.read_position(db, QUERY.id) == "p2"
    due = state_of(db).due_at
    assert due is not None
    assert due <= NOW + timedelta(minutes=1), "not only when the next round would have been"
    clock.now = due
    again = FakeListener([them[2:]])
    assert ask(db, clock, again).new == 2
    assert again.asked == [(QUERY.id, "p2")]
    assert number(db, "mention") == 4


def test_a_source_that_has_more_is_asked_soon(db: Database, clock: FrozenClock) -> None:
    ask(db, clock, script(batch(mention(1), more=True)))
    due = state_of(db).due_at
    assert due is not None
    assert due <= NOW + timedelta(minutes=1)


def test_stopped_before_it_began_it_asks_nobody(db: Database, clock: FrozenClock) -> None:
    listener = script(batch(mention(1)))
    assert ask(db, clock, listener, stop=lambda: True).queries == 0
    assert listener.asked == []


def test_what_waits_longest_is_asked_first_and_the_new_one_before_all(
    db: Database, clock: FrozenClock
) -> None:
    them = [replace(QUERY, id=f"fake/{name}") for name in ("late", "early", "new")]
    polling.register(db, them)
    polling.record_success(db, "fake/late", at=NOW, due_at=NOW - HOUR)
    polling.record_success(db, "fake/early", at=NOW, due_at=NOW - 2 * HOUR)
    listener = FakeListener([])
    poll(db, them, clock=clock, listener_for=lambda _query: listener)
    assert [one for one, _ in listener.asked] == ["fake/new", "fake/early", "fake/late"]


@pytest.mark.parametrize("every", [900, 10 * 86_400])
def test_a_clock_that_was_years_ahead_for_one_poll_makes_nothing_rest_for_years(
    db: Database, clock: FrozenClock, every: float
) -> None:
    query = replace(QUERY, every=every)
    listener = FakeListener([[batch(mention(n), position=f"p{n}")] for n in range(4)])

    def polled() -> int:
        return poll(db, [query], clock=clock, listener_for=lambda _query: listener).queries

    clock.forward(days=3 * 365)
    assert polled() == 1
    clock.forward(days=-3 * 365)
    assert polled() == 1
    assert polled() == 0  # what waits for its usual time waits
    clock.forward(seconds=-1)
    assert polled() == 0  # also where two machines' clocks differ a little
    clock.forward(seconds=1 + every)
    assert polled() == 1


def test_rows_that_name_their_brand_make_it_known(db: Database, clock: FrozenClock) -> None:
    listener = script(
        batch(
            mention(1, brands=("Acme Air", "Neu & Söhne")),
            mention(2, by="acmehelp"),
            mention(3, by="acmehelp", brands=("Rival Jet",)),
        )
    )
    ask(db, clock, listener)
    assert brands.all_brands(db)["neu-söhne"].name == "Neu & Söhne"
    links = rows(
        db, "SELECT external_id, brand_id, own FROM mention_brand JOIN mention ON id=mention_id"
    )
    assert {(row[0], row[1], bool(row[2])) for row in links} == {
        ("m-1", "acme-air", False),
        ("m-1", "neu-söhne", False),
        ("m-2", "acme-air", True),
        ("m-3", "rival-jet", False),
    }
    check_all(db)


def test_two_processes_at_the_same_query_store_everything_once(
    db: Database, clock: FrozenClock
) -> None:
    """Both asked before either had stored anything."""
    for _ in range(2):
        keep(db, mention(1), mention(2))
    assert number(db, "mention") == 2
    check_all(db)


def test_a_poll_that_another_process_has_overtaken_keeps_nothing_more(
    db: Database, clock: FrozenClock
) -> None:
    """Their accounts of what is still open would mix: a gap that nobody walks any more."""
    left = Gap(since=NOW - HOUR, until=NOW, reason="its limit")
    closed = Seen(since=NOW - HOUR, until=NOW)

    class Overtaken:
        name = "fake"

        def poll(self, query: Query, position: str | None) -> Iterator[Batch]:
            yield batch(mention(1), position="a1")
            other = script(
                batch(mention(2), position="b2", gaps=[left]),
                replace(batch(mention(3), position="b3"), seen=(closed,)),
            )
            assert ask(db, clock, other).new == 2
            yield batch(mention(4), position="a4", gaps=[left])
            raise AssertionError("it went on")

    found = ask(db, clock, Overtaken())
    assert (found.new, found.overtaken, found.failed) == (1, 1, 0)
    assert "1 polled by another process" in str(found)
    assert polling.read_position(db, QUERY.id) == "b3"
    assert number(db, "mention") == 3
    assert rows(db, "SELECT state FROM gap") == [("filled",)]
    assert state_of(db).due_at == NOW + timedelta(minutes=15)
    assert not state_of(db).failures
    check_all(db)


def test_an_item_given_up_on_does_not_bring_an_older_place_back(
    db: Database, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener = script(batch(mention(1), position="p1"), BadItem("entry 7 has no date"))
    monkeypatch.setattr(
        polling, "read_position", lambda _db, _query_id: "p0"
    )  # read before it moved
    with db.write() as connection:
        connection.exec_driver_sql("UPDATE query SET position = 'p0'")
    assert ask(db, clock, listener).overtaken == 1
    monkeypatch.undo()
    assert polling.read_position(db, QUERY.id) == "p1"
