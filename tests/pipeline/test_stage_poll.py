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
from polling_two import SECOND, ask, script, state_of

from earful.contracts import BadItem, Listener, Permanent, Transient
from earful.types import Batch, Gap, Query, Seen
from pipeline.backoff import backoff
from pipeline.poll import poll
from storage.collecting import polling
from storage.database.engine import Database
from storage.entities import brands


@pytest.fixture
def house(db: Database) -> Database:
    brands.sync(db, [ACME, RIVAL, OTHER])
    polling.register(db, [QUERY])
    return db


def test_every_batch_moves_the_place_and_the_next_poll_is_due_in_its_rhythm(
    house: Database, clock: FrozenClock
) -> None:
    listener = FakeListener(
        [
            [batch(mention(1), position="p1"), batch(mention(2), position="p2")],
            [batch(mention(2), mention(3), position="p3")],
        ]
    )
    first = ask(house, clock, listener)
    assert (first.queries, first.seen, first.new, first.failed) == (1, 2, 2, 0)
    assert state_of(house).due_at == NOW + timedelta(minutes=15)
    clock.forward(minutes=14, seconds=59)
    assert ask(house, clock, listener).queries == 0
    clock.forward(seconds=1)
    assert ask(house, clock, listener).new == 1
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
    assert ask(house, clock, listener).failed == 1
    state = state_of(house)
    assert (state.stored, state.failures, state.error, state.paused) == (
        1,
        1,
        "answered 503",
        False,
    )
    assert state.due_at is not None
    assert timedelta(seconds=48) <= state.due_at - NOW <= timedelta(seconds=72)
    clock.now = state.due_at
    assert ask(house, clock, listener).new == 1
    assert listener.asked[1] == (QUERY.id, "p1")
    state = state_of(house)
    assert (state.failures, state.error) == (0, None)


def test_waits_double_up_to_a_limit(house: Database, clock: FrozenClock) -> None:
    listener = FakeListener([[Transient("503")] for _ in range(12)])
    waits = []
    for _ in range(12):
        ask(house, clock, listener)
        due = state_of(house).due_at
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
    ask(house, clock, script(Transient("429", retry_after=said)))
    due = state_of(house).due_at
    assert due is not None
    assert timedelta(seconds=least) <= due - NOW <= timedelta(seconds=most)


def test_queries_that_failed_together_do_not_come_back_together() -> None:
    minute, hour = timedelta(minutes=1), timedelta(hours=1)
    assert len({backoff(3, first=minute, most=hour) for _ in range(20)}) > 15


def test_permanent_trouble_pauses_until_it_is_resumed(house: Database, clock: FrozenClock) -> None:
    listener = FakeListener([[Permanent("no such feed")], [batch(mention(1))]])
    assert ask(house, clock, listener).failed == 1
    assert (state_of(house).paused, state_of(house).error) == (True, "no such feed")
    clock.forward(days=400)
    polling.all_due(house, [QUERY.id])
    polling.register(house, [QUERY])
    assert ask(house, clock, listener).queries == 0
    polling.resume(house, QUERY.id)
    assert ask(house, clock, listener).new == 1
    assert (state_of(house).paused, state_of(house).error) == (False, None)


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
    ask(house, clock, listener)
    polling.register(house, [changed])
    assert not state_of(house).paused
    found = poll(house, [changed], clock=clock, listener_for=lambda _query: listener)
    assert found.queries == 1
    assert listener.asked[-1] == (QUERY.id, "p9"), "the place is kept"


def test_a_query_switched_off_is_not_asked(house: Database, clock: FrozenClock) -> None:
    off = replace(QUERY, enabled=False)
    polling.register(house, [off])
    listener = script(batch(mention(1)))
    found = poll(house, [off], clock=clock, listener_for=lambda _query: listener)
    assert found.queries == 0


def test_a_bad_item_is_counted_with_its_reason_and_the_place_stays(
    house: Database, clock: FrozenClock
) -> None:
    listener = script(batch(mention(1), position="p1"), BadItem("entry 7 has no date"))
    found = ask(house, clock, listener)
    assert (found.new, found.rejected, found.failed) == (1, 1, 0)
    assert rows(house, "SELECT reason FROM rejected") == [("entry 7 has no date",)]
    assert polling.position(house, QUERY.id) == "p1"
    assert state_of(house).due_at == NOW + timedelta(minutes=15)
    assert "1 unreadable" in str(found)


def test_a_bug_is_put_off_the_others_are_polled_and_it_is_raised(
    house: Database, clock: FrozenClock
) -> None:
    polling.register(house, [QUERY, SECOND])
    broken = script(batch(mention(1), position="p1"), ZeroDivisionError("oh"))
    sound = script(batch(mention(2)))
    with pytest.raises(ExceptionGroup) as caught:
        ask(house, clock, broken, sound)
    assert [type(one) for one in caught.value.exceptions] == [ZeroDivisionError]
    assert number(house, "mention") == 2
    state = state_of(house)
    assert "ZeroDivisionError('oh')" in (state.error or "")
    assert state.due_at is not None
    assert state.due_at > NOW
    assert not state.paused
    assert state_of(house, SECOND.id).error is None
    assert polling.position(house, QUERY.id) == "p1"


def test_a_listener_that_is_not_there_is_that_querys_trouble_alone(
    house: Database, clock: FrozenClock
) -> None:
    polling.register(house, [QUERY, SECOND])
    sound = script(batch(mention(2)))

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
    assert ask(house, clock, first, stop=lambda: next(told)).new == 2
    assert polling.position(house, QUERY.id) == "p2"
    due = state_of(house).due_at
    assert due is not None
    assert due <= NOW + timedelta(minutes=1), "not only when the next round would have been"
    clock.now = due
    again = FakeListener([them[2:]])
    assert ask(house, clock, again).new == 2
    assert again.asked == [(QUERY.id, "p2")]
    assert number(house, "mention") == 4


def test_a_source_that_has_more_is_asked_soon(house: Database, clock: FrozenClock) -> None:
    ask(house, clock, script(batch(mention(1), more=True)))
    due = state_of(house).due_at
    assert due is not None
    assert due <= NOW + timedelta(minutes=1)


def test_stopped_before_it_began_it_asks_nobody(house: Database, clock: FrozenClock) -> None:
    listener = script(batch(mention(1)))
    assert ask(house, clock, listener, stop=lambda: True).queries == 0
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
    listener = script(
        batch(
            mention(1, brands=("Acme Air", "Neu & Söhne")),
            mention(2, by="acmehelp"),
            mention(3, by="acmehelp", brands=("Rival Jet",)),
        )
    )
    ask(house, clock, listener)
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
            other = script(
                batch(mention(2), position="b2", gaps=[left]),
                replace(batch(mention(3), position="b3"), seen=(closed,)),
            )
            assert ask(house, clock, other).new == 2
            yield batch(mention(4), position="a4", gaps=[left])
            raise AssertionError("it went on")

    found = ask(house, clock, Overtaken())
    assert (found.new, found.overtaken, found.failed) == (1, 1, 0)
    assert "1 polled by another process" in str(found)
    assert polling.position(house, QUERY.id) == "b3"
    assert number(house, "mention") == 3
    assert rows(house, "SELECT state FROM gap") == [("filled",)]
    assert state_of(house).due_at == NOW + timedelta(minutes=15)
    assert not state_of(house).failures
    check_all(house)


def test_an_item_given_up_on_does_not_bring_an_older_place_back(
    house: Database, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener = script(batch(mention(1), position="p1"), BadItem("entry 7 has no date"))
    monkeypatch.setattr(polling, "position", lambda _db, _query_id: "p0")  # read before it moved
    with house.write() as connection:
        connection.exec_driver_sql("UPDATE query SET position = 'p0'")
    assert ask(house, clock, listener).overtaken == 1
    monkeypatch.undo()
    assert polling.position(house, QUERY.id) == "p1"
