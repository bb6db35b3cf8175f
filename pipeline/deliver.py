"""Send the due messages: each is leased, sent, and marked sent, put off, or dead.

Each channel has a thread of its own, so a slow channel holds up only itself.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

import structlog

from earful.clock import Clock
from earful.contracts import Notifier, Permanent, Transient
from earful.messages import Delivery
from pipeline.backoff import backoff
from storage.cases import deliveries
from storage.database.engine import Database
from storage.database.errors import DatabaseError

log = structlog.get_logger()

# Longer than the time that any notifier takes for a message: a lease that ends during a send would
# let a second process send the same message.
_LEASE = timedelta(minutes=5)
# In seconds. A notifier keeps a deadline of its own (mail: 60 s). One that hangs longer, such as a
# file on a share that is away, is left alone in its thread, and the others go on.
_LONGEST_SEND = 120.0
# In seconds: the time that a message under way has left once Earful stops.
STOP_GRACE = 5.0
_TICK = 0.1  # between looks at ``stop``
_FIRST_WAIT = timedelta(seconds=30)
_LONGEST_WAIT = timedelta(hours=1)
# With an hour between them at most: a mail server may be down for a day.
_MAX_ATTEMPTS = 30

Stop = Callable[[], bool]


@dataclass(slots=True, kw_only=True)
class Delivered:
    """The result of a round of sending; ``under_way`` messages are still being sent."""

    sent: int = 0
    put_off: int = 0
    dead: int = 0
    under_way: int = 0

    @property
    def is_idle(self) -> bool:
        """True when no message was sent, put off or given up."""
        return not (self.sent or self.put_off or self.dead)

    def __str__(self) -> str:
        counts = f"{self.sent} sent, {self.put_off} put off, {self.dead} given up"
        return f"{counts}, {self.under_way} under way" if self.under_way else counts


class ChannelWorkers:
    """The channels that are being served now, each by one thread. It outlasts a round."""

    def __init__(self) -> None:
        self._workers: dict[str, _ChannelWorker] = {}

    def start(self, worker: _ChannelWorker) -> None:
        """Serve a channel, unless a worker of an earlier round still does."""
        if worker.channel not in self._workers:
            self._workers[worker.channel] = worker
            worker.start()

    def wait(self, stop: Stop, patience: float | None) -> None:
        """Wait until every worker has ended or hangs, or for ``patience`` seconds.

        Once ``stop`` is true, a message under way has STOP_GRACE seconds left.
        """
        ends_at = None if patience is None else time.monotonic() + patience
        is_stopping = False
        while busy := self._busy_worker():
            if not is_stopping and stop():
                is_stopping = True
                grace_ends_at = time.monotonic() + STOP_GRACE
                ends_at = grace_ends_at if ends_at is None else min(ends_at, grace_ends_at)
            if ends_at is not None and time.monotonic() >= ends_at:
                return
            busy.join(_TICK)

    def _busy_worker(self) -> _ChannelWorker | None:
        """Return a worker that sends and does not hang; None when there is none."""
        for worker in self._workers.values():
            if worker.is_alive() and not worker.is_hanging:
                return worker
        return None

    def collect(self) -> tuple[Delivered, list[Exception]]:
        """Return the results and bugs since the last call, and forget workers that have ended.

        Raises an error that ended a worker.
        """
        total, bugs = Delivered(), []
        failures: list[BaseException] = []
        for channel, worker in list(self._workers.items()):
            is_running = worker.is_alive()  # before its results: none may come after them
            results, worker_bugs = worker.take_results()
            total.sent += results.sent
            total.put_off += results.put_off
            total.dead += results.dead
            total.under_way += is_running
            bugs += worker_bugs
            if not is_running:
                del self._workers[channel]
                failures += [] if worker.failure is None else [worker.failure]
        if failures:
            raise failures[0]
        return total, bugs


class _ChannelWorker(threading.Thread):
    """Sends the due messages of one channel, one after the other, until none is due."""

    def __init__(
        self,
        db: Database,
        channel: str,
        notifier: Notifier | None,
        *,
        clock: Clock,
        stop: Stop,
    ) -> None:
        # a daemon: a channel that hangs must not keep the process from ending
        super().__init__(daemon=True, name=f"deliver-{channel}")
        self.channel = channel
        self.failure: BaseException | None = None
        self._db = db
        self._notifier = notifier
        self._clock = clock
        self._is_stopping = stop
        self._results = Delivered()
        self._bugs: list[Exception] = []
        self._lock = threading.Lock()
        self._sending_since: float | None = None

    @property
    def is_hanging(self) -> bool:
        """True when the message under way takes longer than any notifier may."""
        since = self._sending_since
        return since is not None and time.monotonic() - since > _LONGEST_SEND

    def take_results(self) -> tuple[Delivered, list[Exception]]:
        """Return the results and bugs since the last call."""
        with self._lock:
            results, bugs = self._results, self._bugs
            self._results, self._bugs = Delivered(), []
        return results, bugs

    def run(self) -> None:
        """Send message after message; an error that is none of the channel's ends the thread."""
        try:
            while not self._is_stopping():
                delivery = deliveries.lease_next(
                    self._db, now=self._clock(), length=_LEASE, channel=self.channel
                )
                if delivery is None:
                    return
                self._send(delivery)
        except BaseException as error:  # noqa: BLE001  (raised again by ChannelWorkers.collect)
            self.failure = error

    def _send(self, delivery: Delivery) -> None:
        results = Delivered()
        self._sending_since = time.monotonic()
        try:
            _send(self._db, delivery, self._notifier, self._clock, results)
        # of the database, not of the channel
        except DatabaseError:
            raise
        except Exception as bug:  # noqa: BLE001  (raised again by deliver)
            _put_off(
                self._db, delivery, f"a bug in the channel: {bug!r}", self._clock, None, results
            )
            with self._lock:
                self._bugs.append(bug)
        finally:
            self._sending_since = None
        with self._lock:
            self._results.sent += results.sent
            self._results.put_off += results.put_off
            self._results.dead += results.dead


def deliver(
    db: Database,
    notifiers: Mapping[str, Notifier],
    *,
    clock: Clock,
    stop: Stop = lambda: False,
    workers: ChannelWorkers | None = None,
    patience: float | None = None,
) -> Delivered:
    """Send every message that is due. A slow or failed channel does not hold up the others.

    1. Serve each channel that has a message due in a thread of its own.
    2. Wait for the threads, at most ``patience`` seconds. Threads that still send go on, and a
       later round with the same ``workers`` collects their results.

    An exception that no notifier may raise is a bug: its message is put off, the other messages
    are sent, and then it is raised.
    """
    workers = workers or ChannelWorkers()
    for channel in deliveries.due_channels(db, now=clock(), length=_LEASE):
        notifier = notifiers.get(channel)
        workers.start(_ChannelWorker(db, channel, notifier, clock=clock, stop=stop))
    workers.wait(stop, patience)
    total, bugs = workers.collect()
    if bugs:
        raise ExceptionGroup("channels failed in ways that they must not", bugs)
    return total


def _send(
    db: Database, delivery: Delivery, notifier: Notifier | None, clock: Clock, total: Delivered
) -> None:
    if notifier is None:
        _give_up(db, delivery, f"there is no [[channel]] {delivery.channel!r} any more", total)
        return
    try:
        notifier.send(delivery.message, delivery.key)
    except Permanent as error:
        _give_up(db, delivery, str(error), total)
    except Transient as error:
        _put_off(db, delivery, str(error), clock, error.retry_after, total)
    else:
        deliveries.mark_sent(db, delivery, clock())
        total.sent += 1


def _put_off(
    db: Database,
    delivery: Delivery,
    error: str,
    clock: Clock,
    retry_after: float | None,
    total: Delivered,
) -> None:
    if delivery.attempts >= _MAX_ATTEMPTS:
        _give_up(db, delivery, f"{error} (tried {delivery.attempts} times)", total)
        return
    wait = backoff(
        delivery.attempts - 1, first=_FIRST_WAIT, longest=_LONGEST_WAIT, retry_after=retry_after
    )
    log.warning("delivery put off", key=delivery.key, why=error)
    at = clock()
    deliveries.schedule_retry(db, delivery, at=at, due_at=at + wait, error=error)
    total.put_off += 1


def _give_up(db: Database, delivery: Delivery, error: str, total: Delivered) -> None:
    log.error("delivery given up", key=delivery.key, channel=delivery.channel, why=error)
    deliveries.mark_dead(db, delivery, error=error)
    total.dead += 1
