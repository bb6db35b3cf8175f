"""Send the due messages: each is leased, sent, and marked sent, put off, or dead."""

from __future__ import annotations

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

# Longer than the time limits of any notifier together: a lease that ends during a send would let a
# second process send the same message.
_LEASE = timedelta(minutes=5)
_FIRST_WAIT = timedelta(seconds=30)
_LONGEST_WAIT = timedelta(hours=1)
# With an hour between them at most: a mail server may be down for a day.
_MAX_ATTEMPTS = 30


@dataclass(slots=True, kw_only=True)
class Delivered:
    """The result of a round of sending."""

    sent: int = 0
    put_off: int = 0
    dead: int = 0

    @property
    def is_idle(self) -> bool:
        """True when no message was due."""
        return not (self.sent or self.put_off or self.dead)

    def __str__(self) -> str:
        return f"{self.sent} sent, {self.put_off} put off, {self.dead} given up"


def deliver(
    db: Database,
    notifiers: Mapping[str, Notifier],
    *,
    clock: Clock,
    stop: Callable[[], bool] = lambda: False,
) -> Delivered:
    """Send every message that is due. A failed channel does not hold up the others.

    An exception that no notifier may raise is a bug: its message is put off, the other messages
    are sent, and then it is raised.
    """
    total, bugs = Delivered(), []
    while not stop():
        delivery = deliveries.lease_next(db, now=clock(), length=_LEASE)
        if delivery is None:
            break
        try:
            _send(db, delivery, notifiers.get(delivery.channel), clock, total)
        # of the database, not of the channel
        except DatabaseError:
            raise
        except Exception as bug:  # noqa: BLE001  (raised again below)
            _put_off(db, delivery, f"a bug in the channel: {bug!r}", clock, None, total)
            bugs.append(bug)
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
