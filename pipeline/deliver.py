"""Send what is due: leased, sent, and marked sent, put off, or dead where people see it."""

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

log = structlog.get_logger()

_LEASE = timedelta(minutes=5)  # longer than any notifier's own time limits together
_FIRST_WAIT = timedelta(seconds=30)
_LONGEST_WAIT = timedelta(hours=1)
_MOST_ATTEMPTS = 30  # a mail server may be down for a day


@dataclass(slots=True, kw_only=True)
class Delivered:
    """What a round of sending came to."""

    sent: int = 0
    put_off: int = 0
    dead: int = 0

    def __str__(self) -> str:
        return f"{self.sent} sent, {self.put_off} put off, {self.dead} given up"


def deliver(
    db: Database,
    notifiers: Mapping[str, Notifier],
    *,
    clock: Clock,
    stop: Callable[[], bool] = lambda: False,
) -> Delivered:
    """Send every message that is due. One channel's trouble does not hold up another's.

    What no notifier may raise is a bug: its message is put off, the others are sent, and then it
    is raised again.
    """
    total, bugs = Delivered(), []
    while not stop():
        delivery = deliveries.lease_next(db, now=clock(), length=_LEASE)
        if delivery is None:
            break
        try:
            _send(db, delivery, notifiers.get(delivery.channel), clock, total)
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
        _bury(db, delivery, f"there is no [[channel]] {delivery.channel!r} any more", total)
        return
    try:
        notifier.send(delivery.message, delivery.key)
    except Permanent as error:
        _bury(db, delivery, str(error), total)
    except Transient as error:
        _put_off(db, delivery, str(error), clock, error.retry_after, total)
    else:
        deliveries.mark_sent(db, delivery, clock())
        total.sent += 1


def _put_off(
    db: Database,
    delivery: Delivery,
    why: str,
    clock: Clock,
    said: float | None,
    total: Delivered,
) -> None:
    if delivery.attempts >= _MOST_ATTEMPTS:
        _bury(db, delivery, f"{why} (tried {delivery.attempts} times)", total)
        return
    wait = backoff(delivery.attempts - 1, first=_FIRST_WAIT, most=_LONGEST_WAIT, said=said)
    log.warning("delivery put off", key=delivery.key, why=why)
    deliveries.schedule_retry(db, delivery, due_at=clock() + wait, error=why)
    total.put_off += 1


def _bury(db: Database, delivery: Delivery, why: str, total: Delivered) -> None:
    log.error("delivery given up", key=delivery.key, channel=delivery.channel, why=why)
    deliveries.mark_dead(db, delivery, error=why)
    total.dead += 1
