"""The outbox: messages are queued with the facts behind them, leased, and then sent or dead.

A message is dropped only when all its cases lost their posts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, exists, func, or_, select, update

from earful.clock import latest_trusted
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
    planned_at: datetime | None = None,
    cases: Iterable[int] = (),
) -> bool:
    """Queue a message once; return False when ``key`` was queued before.

    ``planned_at`` is now: when it turns out to be in the future, ``due_at`` does not count.
    ``cases`` are the ids of the cases in it. When one of their posts is deleted, ``redact_cases``
    removes their words from it.
    """
    row = {
        "key": key,
        "channel": channel,
        "subject": message.subject,
        "text": message.text,
        "html": message.html,
        "due_at": due_at,
        "planned_at": planned_at,
        "attempts": 0,
        "state": DeliveryState.QUEUED.value,
    }
    if insert_new(connection, DeliveryRow, [row]) != 1:
        return False
    number = connection.execute(select(_DELIVERY.c.id).where(_DELIVERY.c.key == key)).scalar_one()
    case_rows = [{"case_id": case_id, "delivery_id": number} for case_id in sorted(set(cases))]
    insert_new(connection, DeliveryCaseRow, case_rows)
    return True


def _is_due(now: datetime) -> Any:
    state, lease = _DELIVERY.c.state, _DELIVERY.c.leased_until
    ahead = _DELIVERY.c.planned_at > latest_trusted(now)
    due = or_(
        and_(state == DeliveryState.QUEUED.value, or_(_DELIVERY.c.due_at <= now, ahead)),
        # strictly before: a lease still holds in the instant in which it ends
        and_(state == DeliveryState.SENDING.value, lease < now),
    )
    # UNSENT repeats the condition of the partial index (test_leasing_reads_its_own_index)
    return and_(UNSENT, due)


def due_channels(db: Database, *, now: datetime, length: timedelta) -> tuple[str, ...]:
    """Return the channels that have a message to lease, by name; ``length`` is that of a lease."""
    to_lease = or_(_is_due(now), _has_lease_ahead(now, length))
    with db.read() as connection:
        names = connection.execute(select(_DELIVERY.c.channel).where(to_lease).distinct())
        return tuple(sorted(names.scalars()))


def lease_next(
    db: Database, *, now: datetime, length: timedelta, channel: str | None = None
) -> Delivery | None:
    """Lease the message that is due longest, of one channel or any; None when none is due.

    When a process dies, its lease ends and the next process sends the message again. The key lets
    the receiver recognise the repeat.
    """
    with db.write() as connection:
        _shorten_leases(connection, now, length)
        due = _is_due(now)
        if channel is not None:
            due = and_(due, _DELIVERY.c.channel == channel)
        row = connection.execute(
            select(_DELIVERY).where(due).order_by(_DELIVERY.c.due_at).limit(1)
        ).one_or_none()
        if row is None:
            return None
        connection.execute(
            update(_DELIVERY)
            .where(_DELIVERY.c.id == row.id)
            .values(
                state=DeliveryState.SENDING.value,
                leased_until=now + length,
                # counted before sending, so that an attempt whose process died counts too
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


def _shorten_leases(connection: Connection, now: datetime, length: timedelta) -> None:
    """Let leases that a clock ahead wrote end ``length`` from now.

    They do not end at once: their process may be sending the message.
    """
    connection.execute(
        update(_DELIVERY).where(_has_lease_ahead(now, length)).values(leased_until=now + length)
    )


def _has_lease_ahead(now: datetime, length: timedelta) -> Any:
    """Return the condition that a clock ahead wrote a message's lease."""
    return and_(
        UNSENT,
        _DELIVERY.c.state == DeliveryState.SENDING.value,
        _DELIVERY.c.leased_until > latest_trusted(now) + length,
    )


def mark_sent(db: Database, delivery: Delivery, at: datetime) -> bool:
    """Mark the message sent; return False when the lease was lost to another attempt."""
    return _finish(
        db, delivery, state=DeliveryState.SENT.value, sent_at=at, leased_until=None, error=None
    )


def schedule_retry(
    db: Database, delivery: Delivery, *, at: datetime, due_at: datetime, error: str
) -> bool:
    """Queue the message again for ``due_at``, with the error of this attempt."""
    return _finish(
        db,
        delivery,
        state=DeliveryState.QUEUED.value,
        planned_at=at,
        due_at=due_at,
        leased_until=None,
        error=storable(error, 1000),
    )


def mark_dead(db: Database, delivery: Delivery, *, error: str) -> bool:
    """Mark the message dead, with the error, so that people see it."""
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
                    # another attempt means that our lease ended and another process holds it
                    _DELIVERY.c.attempts == delivery.attempts,
                )
                .values(**values)
            ).rowcount
            == 1
        )


def list_sent(db: Database, channel: str) -> Iterator[tuple[str, str]]:
    """Yield key and text of every message that a channel sent, or was about to send."""
    with db.read() as connection:
        rows = connection.execution_options(yield_per=500).execute(
            select(_DELIVERY.c.key, _DELIVERY.c.text).where(
                _DELIVERY.c.channel == channel, _DELIVERY.c.attempts > 0
            )
        )
        for row in rows:
            yield row.key, row.text


def requeue_dead(db: Database, *, channel: str | None, due_at: datetime) -> int:
    """Queue the dead messages of one channel, or of all, again; return how many."""
    condition = _DELIVERY.c.state == DeliveryState.DEAD.value
    if channel is not None:
        condition = and_(condition, _DELIVERY.c.channel == channel)
    with db.write() as connection:
        return connection.execute(
            update(_DELIVERY)
            .where(condition)
            .values(state=DeliveryState.QUEUED.value, planned_at=due_at, due_at=due_at, attempts=0)
        ).rowcount


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestCursor:
    """How far a channel's digests have reported: the last one's time, and its newest case.

    ``case_id`` is None in rows of earlier versions.
    """

    until: datetime
    case_id: int | None = None


def read_cursor(connection: Connection, channel: str) -> DigestCursor | None:
    """Return how far the channel's last digest came; None before the first."""
    row = connection.execute(
        select(_DIGEST_CURSOR).where(_DIGEST_CURSOR.c.channel == channel)
    ).one_or_none()
    return None if row is None else DigestCursor(until=row.until, case_id=row.case_id)


def move_cursor(connection: Connection, channel: str, cursor: DigestCursor) -> None:
    """Store how far the channel's digest came, in the transaction that queues it."""
    insert_or_update(
        connection,
        DigestCursorRow,
        [{"channel": channel, "until": cursor.until, "case_id": cursor.case_id}],
        keys=["channel"],
        change=lambda new, _old: {"until": new.until, "case_id": new.case_id},
    )


def newest_case_id(connection: Connection) -> int:
    """Return the highest id of a case; 0 without any."""
    newest: int = connection.execute(select(func.coalesce(func.max(_CASE.c.id), 0))).scalar_one()
    return newest


def redact_cases(connection: Connection, case_ids: Sequence[int], names: Iterable[str]) -> int:
    """Remove the words of these cases from every message; return how many messages that changed.

    Call it after the cases themselves were changed.

    1. Find the messages: by their cases, and old ones, which store no cases, by ``names``.
    2. A sent message keeps only when and where it went.
    3. An alert on its way is dropped when none of its cases has a post left.
    4. Any other message on its way becomes a notice that names the cases which still have posts.
    """
    # docs/decisions/removal.md, "Queued messages are not rewritten"
    rows = _find_messages(connection, case_ids, [name for name in names if name])
    for row in rows:
        remaining = _remaining_cases(connection, row.id)
        if row.state == DeliveryState.SENT.value:
            values: dict[str, Any] = {"subject": REMOVED, "text": REMOVED, "html": None}
        elif remaining or not row.key.startswith("alert-"):
            values = {"subject": _SUBJECT, "text": _notice(remaining), "html": None}
        else:
            dropped = DeliveryState.DROPPED.value
            values = {"subject": REMOVED, "text": REMOVED, "html": None, "state": dropped}
        connection.execute(update(_DELIVERY).where(_DELIVERY.c.id == row.id).values(**values))
    return len(rows)


def _find_messages(
    connection: Connection, case_ids: Sequence[int], names: Sequence[str]
) -> list[Any]:
    columns = (_DELIVERY.c.id, _DELIVERY.c.key, _DELIVERY.c.state)
    messages: list[Any] = []
    for ids in chunks(case_ids):
        holds_case = exists().where(
            _DELIVERY_CASE.c.delivery_id == _DELIVERY.c.id, _DELIVERY_CASE.c.case_id.in_(ids)
        )
        messages += connection.execute(select(*columns).where(holds_case)).all()
    holds_no_case = ~exists().where(_DELIVERY_CASE.c.delivery_id == _DELIVERY.c.id)
    # budget notices are left out: they name no customer, and a stopped account must be reported
    has_customers = or_(*(_DELIVERY.c.key.startswith(kind) for kind in ("alert-", "digest-")))
    for batch in chunks(names, 100):
        holds_name = or_(*(_DELIVERY.c.text.contains(name, autoescape=True) for name in batch))
        old = select(*columns, _DELIVERY.c.text).where(holds_no_case, has_customers, holds_name)
        messages += [row for row in connection.execute(old) if names_one(row.text, batch)]
    return list({row.id: row for row in messages}.values())


def _remaining_cases(connection: Connection, delivery_id: int) -> list[int]:
    """Return the cases of a message that still have a post."""
    return list(
        connection.execute(
            select(_DELIVERY_CASE.c.case_id)
            .join(_CASE, _CASE.c.id == _DELIVERY_CASE.c.case_id)
            .where(_DELIVERY_CASE.c.delivery_id == delivery_id, _CASE.c.complaints > 0)
            .order_by(_DELIVERY_CASE.c.case_id)
        ).scalars()
    )


def _notice(case_ids: Sequence[int]) -> str:
    reason = "This message is not sent as it was written: one of its posts was deleted."
    if not case_ids:
        return f"{reason} The command center and the queue show the current state.\n"
    numbers = ", ".join(str(case_id) for case_id in case_ids)
    return f"{reason} Please look into the queue for the others: case {numbers}.\n"
