"""The outbox: queued once, held by one, never dropped, never overwritten by who came too late."""

from __future__ import annotations

import threading
from datetime import timedelta

from factories import NOW, deliveries_by_state, number, rows

from earful.enums import DeliveryState
from earful.messages import Delivery, Message
from storage.cases import deliveries
from storage.cases.deliveries import DigestCursor
from storage.database.engine import Database

LEASE = timedelta(minutes=5)
SECOND = timedelta(seconds=1)
HELLO = Message(subject="Hello", text="There is news", html="<p>There is news</p>")


def _queue(db: Database, key: str = "k1", *, minutes: int = 0, channel: str = "desk") -> bool:
    due = NOW + timedelta(minutes=minutes)
    with db.write() as transaction:
        return deliveries.enqueue(transaction, key=key, channel=channel, message=HELLO, due_at=due)


def _lease(db: Database, seconds: int = 0) -> Delivery | None:
    return deliveries.lease_next(db, now=NOW + seconds * SECOND, length=LEASE)


def _must(delivery: Delivery | None) -> Delivery:
    assert delivery is not None
    return delivery


def test_a_key_is_queued_once_even_after_it_was_sent(db: Database) -> None:
    assert _queue(db)
    assert not _queue(db)
    deliveries.mark_sent(db, _must(_lease(db)), NOW)
    assert not _queue(db)
    assert number(db, "delivery") == 1


def test_what_is_due_longest_goes_first_and_what_is_not_due_waits(db: Database) -> None:
    for key, minutes in (("late", 5), ("second", -1), ("first", -2)):
        _queue(db, key, minutes=minutes)
    assert _must(_lease(db)).key == "first"
    assert _must(_lease(db)).key == "second"
    assert _lease(db) is None
    assert _must(_lease(db, 300)).message == HELLO


def test_held_until_the_lease_has_ended(db: Database) -> None:
    _queue(db)
    first = _must(_lease(db))
    assert (first.attempts, first.state) == (1, DeliveryState.SENDING)
    assert _lease(db, 299) is None
    assert _lease(db, 300) is None  # a lease holds in the instant in which it ends
    assert _must(_lease(db, 301)).attempts == 2


def test_who_lost_the_lease_overwrites_nothing(db: Database) -> None:
    _queue(db)
    slow = _must(_lease(db))
    quick = _must(_lease(db, 301))
    assert not deliveries.mark_sent(db, slow, NOW)
    assert not deliveries.schedule_retry(db, slow, at=NOW, due_at=NOW, error="slow")
    assert not deliveries.mark_dead(db, slow, error="slow")
    assert rows(db, "SELECT state, error FROM delivery") == [("sending", None)]
    assert deliveries.mark_sent(db, quick, NOW)
    assert not deliveries.mark_dead(db, slow, error="slow")
    assert rows(db, "SELECT state, error FROM delivery") == [("sent", None)]


def test_put_off_then_sent_forgets_the_error(db: Database) -> None:
    _queue(db)
    assert deliveries.schedule_retry(
        db, _must(_lease(db)), at=NOW, due_at=NOW + 10 * SECOND, error="no\0 route"
    )
    assert rows(db, "SELECT state, error FROM delivery") == [("queued", "no route")]
    assert _lease(db, 9) is None
    again = _must(_lease(db, 10))
    assert again.error == "no route"
    assert deliveries.mark_sent(db, again, NOW)
    assert rows(db, "SELECT state, error, attempts FROM delivery") == [("sent", None, 2)]
    assert _lease(db, 10_000) is None


def test_given_up_stays_to_be_seen_and_can_be_revived(db: Database) -> None:
    for key, channel in (("a", "desk"), ("b", "boss")):
        _queue(db, key, channel=channel)
        deliveries.mark_dead(db, _must(_lease(db)), error="no such box")
    assert deliveries_by_state(db) == {DeliveryState.DEAD: 2}
    assert deliveries.requeue_dead(db, channel="boss", due_at=NOW) == 1
    assert _must(_lease(db)).key == "b"
    assert deliveries.requeue_dead(db, channel=None, due_at=NOW) == 1
    assert _must(_lease(db)).attempts == 1


def test_ten_takers_share_five_messages_without_a_double(db: Database) -> None:
    for n in range(5):
        _queue(db, f"k{n}")
    start = threading.Barrier(10)
    got: list[str | None] = []

    def take() -> None:
        start.wait()
        found = _lease(db)
        got.append(found and found.key)

    takers = [threading.Thread(target=take) for _ in range(10)]
    for one in takers:
        one.start()
    for one in takers:
        one.join(30)
    assert sorted(filter(None, got)) == [f"k{n}" for n in range(5)]
    assert len(got) == 10


def test_how_far_a_channel_was_told(db: Database) -> None:
    with db.write() as transaction:
        assert deliveries.read_cursor(transaction, "desk") is None
        for channel, until in (("desk", NOW), ("boss", NOW - LEASE), ("desk", NOW + LEASE)):
            deliveries.move_cursor(transaction, channel, DigestCursor(until=until, case_id=7))
        assert deliveries.read_cursor(transaction, "desk") == DigestCursor(
            until=NOW + LEASE, case_id=7
        )
        assert deliveries.read_cursor(transaction, "boss") == DigestCursor(
            until=NOW - LEASE, case_id=7
        )
