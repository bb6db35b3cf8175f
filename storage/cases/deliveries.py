"""The outbox: messages queued with the facts that made them, leased, sent, and never dropped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, exists, or_, select, update

from earful.enums import DeliveryState
from earful.messages import Delivery, Message
from storage.database.clean import names_one, storable
from storage.database.engine import Database
from storage.database.upsert import chunks, insert_new, insert_or_update, table_of
from storage.tables import UNSENT, CaseRow, DeliveryCaseRow, DeliveryRow, DigestCursorRow

_DELIVERY, _DIGEST_CURSOR = table_of(DeliveryRow), table_of(DigestCursorRow)
_DELIVERY_CASE, _CASE = table_of(DeliveryCaseRow), table_of(CaseRow)

REMOVED = "(removed)"
_SUBJECT = "Unhappy customers: please look into the queue"


def enqueue(
    connection: Connection,
    *,
    key: str,
    channel: str,
    message: Message,
    due_at: datetime,
    cases: Iterable[int] = (),
) -> bool:
    """Queue a message once; False when ``key`` was queued before.

    ``cases`` are those that it tells of: their words are taken out of it when a post is deleted.
    """
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
    if insert_new(connection, DeliveryRow, [row]) != 1:
        return False
    number = connection.execute(select(_DELIVERY.c.id).where(_DELIVERY.c.key == key)).scalar_one()
    told = [{"case_id": case_id, "delivery_id": number} for case_id in sorted(set(cases))]
    insert_new(connection, DeliveryCaseRow, told)
    return True


def _is_due(now: datetime) -> Any:
    state, lease = _DELIVERY.c.state, _DELIVERY.c.leased_until
    due = or_(
        and_(state == DeliveryState.QUEUED.value, _DELIVERY.c.due_at <= now),
        # closed bound left out: a lease still holds in the instant in which it ends
        and_(state == DeliveryState.SENDING.value, lease < now),
    )
    return and_(UNSENT, due)


def lease_next(db: Database, *, now: datetime, length: timedelta) -> Delivery | None:
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


def mark_sent(db: Database, delivery: Delivery, at: datetime) -> bool:
    """Mark it sent; False when the lease was lost meanwhile and another attempt counts."""
    return _finish(
        db, delivery, state=DeliveryState.SENT.value, sent_at=at, leased_until=None, error=None
    )


def schedule_retry(db: Database, delivery: Delivery, *, due_at: datetime, error: str) -> bool:
    """Put it back until ``due_at`` with what went wrong."""
    return _finish(
        db,
        delivery,
        state=DeliveryState.QUEUED.value,
        due_at=due_at,
        leased_until=None,
        error=storable(error, 1000),
    )


def mark_dead(db: Database, delivery: Delivery, *, error: str) -> bool:
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


def requeue_dead(db: Database, *, channel: str | None, due_at: datetime) -> int:
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


def read_cursor(connection: Connection, channel: str) -> datetime | None:
    """Up to where the channel's digests have told the story; None before the first."""
    return connection.execute(
        select(_DIGEST_CURSOR.c.until).where(_DIGEST_CURSOR.c.channel == channel)
    ).scalar_one_or_none()


def move_cursor(connection: Connection, channel: str, until: datetime) -> None:
    """Move the mark up to which the channel has been told, in the transaction that queues it."""
    insert_or_update(
        connection,
        DigestCursorRow,
        [{"channel": channel, "until": until}],
        keys=["channel"],
        change=lambda new, _old: {"until": new.until},
    )


def redact_cases(connection: Connection, case_ids: Sequence[int], names: Iterable[str]) -> int:
    """Take what people wrote in these cases out of every message; gives how many told of them.

    A sent message keeps nothing but when and where it went. One on its way says instead which
    cases still wait; an alert is dropped when none does. ``names`` find the messages from before
    it was written down which cases they tell of. Call it once the cases are as they will be.
    """
    found = _telling(connection, case_ids, [name for name in names if name])
    for row in found:
        left = _left(connection, row.id)
        if row.state == DeliveryState.SENT.value:
            values: dict[str, Any] = {"subject": REMOVED, "text": REMOVED, "html": None}
        elif left or not row.key.startswith("alert-"):
            values = {"subject": _SUBJECT, "text": _notice(left), "html": None}
        else:
            dropped = DeliveryState.DROPPED.value
            values = {"subject": REMOVED, "text": REMOVED, "html": None, "state": dropped}
        connection.execute(update(_DELIVERY).where(_DELIVERY.c.id == row.id).values(**values))
    return len(found)


def _telling(connection: Connection, case_ids: Sequence[int], names: Sequence[str]) -> list[Any]:
    columns = (_DELIVERY.c.id, _DELIVERY.c.key, _DELIVERY.c.state)
    found: list[Any] = []
    for some in chunks(case_ids):
        tells = exists().where(
            _DELIVERY_CASE.c.delivery_id == _DELIVERY.c.id, _DELIVERY_CASE.c.case_id.in_(some)
        )
        found += connection.execute(select(*columns).where(tells)).all()
    tells_of_none = ~exists().where(_DELIVERY_CASE.c.delivery_id == _DELIVERY.c.id)
    # not the notices, which name nobody: that an account has stopped must still be heard
    drawn = or_(*(_DELIVERY.c.key.startswith(kind) for kind in ("alert-", "digest-")))
    for few in chunks(names, 100):
        named = or_(*(_DELIVERY.c.text.contains(name, autoescape=True) for name in few))
        old = select(*columns, _DELIVERY.c.text).where(tells_of_none, drawn, named)
        found += [row for row in connection.execute(old) if names_one(row.text, few)]
    return list({row.id: row for row in found}.values())


def _left(connection: Connection, delivery_id: int) -> list[int]:
    """The cases of a message that still have a post."""
    return list(
        connection.execute(
            select(_DELIVERY_CASE.c.case_id)
            .join(_CASE, _CASE.c.id == _DELIVERY_CASE.c.case_id)
            .where(_DELIVERY_CASE.c.delivery_id == delivery_id, _CASE.c.complaints > 0)
            .order_by(_DELIVERY_CASE.c.case_id)
        ).scalars()
    )


def _notice(left: Sequence[int]) -> str:
    told = "This message is not sent as it was written: a post that it told of is gone since."
    if not left:
        return f"{told} The command center and the queue show how things stand.\n"
    named = ", ".join(str(case_id) for case_id in left)
    return f"{told} Please look into the queue for the others: case {named}.\n"
