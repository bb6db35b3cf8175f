"""The outbox: messages queued with the facts that made them, leased, sent, and never dropped."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, or_, select, update

from earful.types import Delivery, DeliveryState, Message
from storage.clean import storable
from storage.engine import Database
from storage.tables import ON_ITS_WAY, DeliveryRow, DigestRow
from storage.upsert import insert_new, insert_or_update, table_of

_DELIVERY, _DIGEST = table_of(DeliveryRow), table_of(DigestRow)


def queue(
    connection: Connection, *, key: str, channel: str, message: Message, due_at: datetime
) -> bool:
    """Queue a message once; False when ``key`` was queued before."""
    row = {
        "key": key,
        "channel": channel,
        "subject": message.subject,
        "text": message.text,
        "html": message.html,
        "due_at": due_at,
        "attempts": 0,
        "state": DeliveryState.QUEUED.value,
    }
    return insert_new(connection, DeliveryRow, [row]) == 1


def _is_due(now: datetime) -> Any:
    state, lease = _DELIVERY.c.state, _DELIVERY.c.leased_until
    due = or_(
        and_(state == DeliveryState.QUEUED.value, _DELIVERY.c.due_at <= now),
        # closed bound left out: a lease still holds in the instant in which it ends
        and_(state == DeliveryState.SENDING.value, lease < now),
    )
    return and_(ON_ITS_WAY, due)


def lease(db: Database, *, now: datetime, length: timedelta) -> Delivery | None:
    """Take the message that is due longest for ``length``; None when none is due.

    Who dies while holding it loses it to the next taker; the key lets a receiver see the repeat.
    """
    with db.write() as connection:
        row = connection.execute(
            select(_DELIVERY).where(_is_due(now)).order_by(_DELIVERY.c.due_at).limit(1)
        ).one_or_none()
        if row is None:
            return None
        connection.execute(
            update(_DELIVERY)
            .where(_DELIVERY.c.id == row.id)
            .values(
                state=DeliveryState.SENDING.value,
                leased_until=now + length,
                attempts=_DELIVERY.c.attempts + 1,
            )
        )
    return Delivery(
        id=row.id,
        key=row.key,
        channel=row.channel,
        message=Message(subject=row.subject, text=row.text, html=row.html),
        due_at=row.due_at,
        attempts=row.attempts + 1,
        state=DeliveryState.SENDING,
        error=row.error,
    )


def sent(db: Database, delivery: Delivery, at: datetime) -> bool:
    """Mark it sent; False when the lease was lost meanwhile and another attempt counts."""
    return _finish(
        db, delivery, state=DeliveryState.SENT.value, sent_at=at, leased_until=None, error=None
    )


def retry(db: Database, delivery: Delivery, *, due_at: datetime, error: str) -> bool:
    """Put it back until ``due_at`` with what went wrong."""
    return _finish(
        db,
        delivery,
        state=DeliveryState.QUEUED.value,
        due_at=due_at,
        leased_until=None,
        error=storable(error, 1000),
    )


def give_up(db: Database, delivery: Delivery, *, error: str) -> bool:
    """Mark it dead, with the reason: it stays where people can see it."""
    return _finish(
        db, delivery, state=DeliveryState.DEAD.value, leased_until=None, error=storable(error, 1000)
    )


def _finish(db: Database, delivery: Delivery, **values: Any) -> bool:
    with db.write() as connection:
        return (
            connection.execute(
                update(_DELIVERY)
                .where(
                    _DELIVERY.c.id == delivery.id,
                    _DELIVERY.c.state == DeliveryState.SENDING.value,
                    _DELIVERY.c.attempts == delivery.attempts,
                )
                .values(**values)
            ).rowcount
            == 1
        )


def revive(db: Database, *, channel: str | None, due_at: datetime) -> int:
    """Queue dead messages again (of one channel, or all); gives how many."""
    which = _DELIVERY.c.state == DeliveryState.DEAD.value
    if channel is not None:
        which = and_(which, _DELIVERY.c.channel == channel)
    with db.write() as connection:
        return connection.execute(
            update(_DELIVERY)
            .where(which)
            .values(state=DeliveryState.QUEUED.value, due_at=due_at, attempts=0)
        ).rowcount


def told_until(connection: Connection, channel: str) -> datetime | None:
    """Up to where the channel's digests have told the story; None before the first."""
    return connection.execute(
        select(_DIGEST.c.until).where(_DIGEST.c.channel == channel)
    ).scalar_one_or_none()


def tell(connection: Connection, channel: str, until: datetime) -> None:
    """Move the mark up to which the channel has been told, in the transaction that queues it."""
    insert_or_update(
        connection,
        DigestRow,
        [{"channel": channel, "until": until}],
        keys=["channel"],
        change=lambda new, _old: {"until": new.until},
    )
