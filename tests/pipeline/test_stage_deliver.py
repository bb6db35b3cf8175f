"""Sending: once when it works, later when it does not, never when it cannot, and never dropped."""

from __future__ import annotations

from datetime import timedelta

import pytest
from factories import NOW, FakeNotifier, FrozenClock, deliveries_by_state, rows

from earful.contracts import Permanent, Transient
from earful.enums import DeliveryState
from earful.messages import Message
from pipeline.deliver import deliver
from storage import queries
from storage.cases import deliveries
from storage.database.engine import Database


def _queue(db: Database, key: str = "k1", channel: str = "desk") -> None:
    with db.write() as transaction:
        deliveries.enqueue(
            transaction,
            key=key,
            channel=channel,
            message=Message(subject=key, text="news"),
            due_at=NOW,
        )


def _state(db: Database, key: str = "k1") -> tuple[str, int, str | None]:
    (row,) = rows(db, "SELECT state, attempts, error FROM delivery WHERE key = :k", k=key)
    return row.state, row.attempts, row.error


def test_each_is_sent_once_with_its_key(db: Database, clock: FrozenClock) -> None:
    desk, boss = FakeNotifier(), FakeNotifier("boss")
    _queue(db, "a")
    _queue(db, "b", "boss")
    assert deliver(db, {"desk": desk, "boss": boss}, clock=clock).sent == 2
    assert deliver(db, {"desk": desk, "boss": boss}, clock=clock).sent == 0
    assert [key for key, _ in desk.got] == ["a"]
    assert [key for key, _ in boss.got] == ["b"]
    assert deliveries_by_state(db) == {DeliveryState.SENT: 2}


def test_transient_trouble_is_tried_again_with_longer_waits(
    db: Database, clock: FrozenClock
) -> None:
    desk = FakeNotifier(raises=[Transient("greylisted")] * 3)
    _queue(db)
    for attempt in range(3):
        assert deliver(db, {"desk": desk}, clock=clock).put_off == 1
        assert _state(db) == ("queued", attempt + 1, "greylisted")
        assert deliver(db, {"desk": desk}, clock=clock).put_off == 0, "not before it is due"
        clock.forward(seconds=1.2 * 30 * 2**attempt)
    assert deliver(db, {"desk": desk}, clock=clock).sent == 1
    assert _state(db) == ("sent", 4, None)


def test_the_far_sides_wait_is_kept(db: Database, clock: FrozenClock) -> None:
    _queue(db)
    deliver(db, {"desk": FakeNotifier(raises=[Transient("slow", retry_after=7200)])}, clock=clock)
    (row,) = rows(db, "SELECT due_at FROM delivery")
    due = timedelta(microseconds=row.due_at) / timedelta(seconds=1)
    assert due - NOW.timestamp() == 7200


def test_tried_thirty_times_it_is_given_up_where_people_see_it(
    db: Database, clock: FrozenClock
) -> None:
    desk = FakeNotifier(raises=[Transient("down")] * 40)
    _queue(db)
    tries = dead = 0
    while not dead:
        found = deliver(db, {"desk": desk}, clock=clock)
        tries, dead = tries + 1, found.dead
        clock.forward(hours=2)
    assert tries == 30
    assert _state(db) == ("dead", 30, "down (tried 30 times)")
    assert queries.health(db).deliveries_dead == 1


def test_permanent_trouble_is_given_up_and_can_be_revived(db: Database, clock: FrozenClock) -> None:
    desk = FakeNotifier(raises=[Permanent("no such mailbox")])
    _queue(db)
    assert deliver(db, {"desk": desk}, clock=clock).dead == 1
    assert _state(db) == ("dead", 1, "no such mailbox")
    assert deliver(db, {"desk": desk}, clock=clock).sent == 0
    deliveries.requeue_dead(db, channel=None, due_at=clock())
    assert deliver(db, {"desk": desk}, clock=clock).sent == 1


def test_an_unknown_channel_is_given_up_with_its_name(db: Database, clock: FrozenClock) -> None:
    desk = FakeNotifier()
    _queue(db, "a", "gone")
    _queue(db, "b")
    found = deliver(db, {"desk": desk}, clock=clock)
    assert (found.sent, found.dead) == (1, 1)
    assert _state(db, "a") == ("dead", 1, "there is no [[channel]] 'gone' any more")


def test_one_channels_bug_does_not_hold_up_another_and_is_raised(
    db: Database, clock: FrozenClock
) -> None:
    broken, sound = FakeNotifier("boss", raises=[ZeroDivisionError("oh")]), FakeNotifier()
    _queue(db, "a", "boss")
    _queue(db, "b")
    with pytest.raises(ExceptionGroup) as caught:
        deliver(db, {"desk": sound, "boss": broken}, clock=clock)
    assert [type(one) for one in caught.value.exceptions] == [ZeroDivisionError]
    assert [key for key, _ in sound.got] == ["b"]
    state, attempts, error = _state(db, "a")
    assert (state, attempts) == ("queued", 1)
    assert "ZeroDivisionError('oh')" in (error or "")


def test_killed_while_sending_it_is_sent_again_under_the_same_key(
    db: Database, clock: FrozenClock
) -> None:
    desk = FakeNotifier(raises=[KeyboardInterrupt()])  # type: ignore[list-item]
    _queue(db)
    with pytest.raises(KeyboardInterrupt):
        deliver(db, {"desk": desk}, clock=clock)
    assert _state(db)[0] == "sending"
    assert deliver(db, {"desk": desk}, clock=clock).sent == 0, "the lease still holds"
    clock.forward(minutes=5, seconds=1)
    assert deliver(db, {"desk": desk}, clock=clock).sent == 1
    assert [key for key, _ in desk.got] == ["k1"]


def test_a_stop_leaves_the_rest_for_the_next_time(db: Database, clock: FrozenClock) -> None:
    desk = FakeNotifier()
    for n in range(3):
        _queue(db, f"k{n}")
    assert deliver(db, {"desk": desk}, clock=clock, stop=lambda: bool(desk.got)).sent == 1
    assert deliver(db, {"desk": desk}, clock=clock).sent == 2
