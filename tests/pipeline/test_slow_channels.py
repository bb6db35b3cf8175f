"""Channels apart: one that is slow, or hangs for ever, holds up only itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from factories import FakeNotifier, FrozenClock, rows

from earful.contracts import Transient
from earful.messages import Message
from pipeline import deliver as stage
from pipeline.deliver import ChannelWorkers, deliver
from storage.cases import deliveries
from storage.database.engine import Database


class SlowNotifier:
    """Send nothing until it may; count the sends that began."""

    name = "slow"

    def __init__(self) -> None:
        self.may_go_on = threading.Event()
        self.began = 0
        self.sent: list[str] = []

    def check(self) -> None:
        """Accept every configuration."""

    def send(self, message: Message, key: str) -> None:
        """Wait, then send."""
        self.began += 1
        if not self.may_go_on.wait(20):
            raise Transient("still slow")
        self.sent.append(key)


@pytest.fixture
def slow() -> Iterator[SlowNotifier]:
    notifier = SlowNotifier()
    yield notifier
    notifier.may_go_on.set()
    for thread in threading.enumerate():  # its database is about to close
        if thread.name == "deliver-slow":
            thread.join(5)


def queue(db: Database, clock: FrozenClock, *keys: str) -> None:
    """Queue messages; a key is the channel's name and a number."""
    with db.write() as transaction:
        for key in keys:
            deliveries.enqueue(
                transaction,
                key=key,
                channel=key.partition("-")[0],
                message=Message(subject=key, text="news"),
                due_at=clock(),
            )


def states(db: Database) -> dict[str, str]:
    return {row.key: row.state for row in rows(db, "SELECT key, state FROM delivery")}


def test_a_slow_channel_holds_up_only_itself(
    db: Database, clock: FrozenClock, slow: SlowNotifier
) -> None:
    desk, workers = FakeNotifier(), ChannelWorkers()
    notifiers = {"desk": desk, "slow": slow}
    queue(db, clock, "slow-1", "slow-2", "desk-1")
    first = deliver(db, notifiers, clock=clock, workers=workers, patience=0.5)
    assert (first.sent, first.under_way) == (1, 1)
    queue(db, clock, "desk-2")
    second = deliver(db, notifiers, clock=clock, workers=workers, patience=0.5)
    assert (second.sent, second.under_way) == (1, 1)
    assert [key for key, _ in desk.got] == ["desk-1", "desk-2"]
    assert slow.began == 1, "one message at a time, by one thread"
    assert states(db)["slow-1"] == "sending"
    slow.may_go_on.set()
    third = deliver(db, notifiers, clock=clock, workers=workers)
    assert (third.sent, third.under_way) == (2, 0)
    assert set(states(db).values()) == {"sent"}


def test_without_patience_the_round_waits_for_every_channel(
    db: Database, clock: FrozenClock, slow: SlowNotifier
) -> None:
    queue(db, clock, "slow-1")
    threading.Timer(0.2, slow.may_go_on.set).start()
    assert deliver(db, {"slow": slow}, clock=clock).sent == 1


def test_a_stop_ends_the_wait_and_the_lease_keeps_the_message(
    db: Database, clock: FrozenClock, slow: SlowNotifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "STOP_GRACE", 0.2)
    queue(db, clock, "slow-1", "slow-2")
    started = time.monotonic()
    found = deliver(db, {"slow": slow}, clock=clock, stop=lambda: slow.began > 0)
    assert time.monotonic() - started < 3
    assert found.under_way == 1
    assert states(db) == {"slow-1": "sending", "slow-2": "queued"}


def test_a_channel_that_hangs_for_ever_is_left_alone(
    db: Database, clock: FrozenClock, slow: SlowNotifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file on a share that is away, a plug-in without a timeout."""
    monkeypatch.setattr(stage, "_LONGEST_SEND", 0.2)
    desk, workers = FakeNotifier(), ChannelWorkers()
    queue(db, clock, "slow-1", "desk-1")
    found = deliver(db, {"desk": desk, "slow": slow}, clock=clock, workers=workers)
    assert (found.sent, found.under_way) == (1, 1)
    # its lease ends, and no second thread joins the first
    clock.forward(minutes=6)
    deliver(db, {"desk": desk, "slow": slow}, clock=clock, workers=workers)
    assert slow.began == 1


def test_a_slow_result_is_reported_by_a_later_round(
    db: Database, clock: FrozenClock, slow: SlowNotifier
) -> None:
    workers = ChannelWorkers()
    queue(db, clock, "slow-1")
    assert deliver(db, {"slow": slow}, clock=clock, workers=workers, patience=0.1).is_idle
    slow.may_go_on.set()
    assert deliver(db, {"slow": slow}, clock=clock, workers=workers).sent == 1
    assert deliver(db, {"slow": slow}, clock=clock, workers=workers).is_idle
