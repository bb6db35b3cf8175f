"""Telling people that listening has stopped at a budget: once for an account and day."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from earful.contracts import Spent
from earful.messages import Message
from earful.types import Query
from pipeline.flag import AlertPolicy
from storage.cases import deliveries
from storage.collecting import polling
from storage.collecting.spending import account_of
from storage.database.engine import Database


def tell_spent(
    db: Database,
    query: Query,
    why: Spent,
    *,
    now: datetime,
    goes_on: datetime,
    alert_policy: AlertPolicy,
) -> None:
    """Queue one message to every alert channel: what stopped, since when posts are not seen, when
    it goes on, and what to change. It was queued before: nothing happens."""
    account, zone = account_of(query), ZoneInfo(alert_policy.timezone)
    since = polling.seen_until(db, query.id) or now
    text = (
        f"{why}.\n\n"
        f"It stopped at {query.id}: what was posted since {_moment(since, zone)} is not seen yet. "
        f"It is asked again at {_moment(goes_on, zone)}, and what was missed until then is looked "
        "for as far as the platform still has it. `earful coverage` shows what is missing, "
        "`earful coverage --cost` what was spent on what.\n"
    )
    message = Message(subject=f"Earful: account {account!r} has stopped at its budget", text=text)
    with db.write() as transaction:
        for channel in alert_policy.channels:
            # by the day on which it goes on: a quota's day may not be ours
            key = f"budget/{account}/{goes_on:%Y-%m-%d}/{channel}"
            deliveries.queue(transaction, key=key, channel=channel, message=message, due_at=now)


def _moment(instant: datetime, zone: ZoneInfo) -> str:
    return f"{instant.astimezone(zone):%Y-%m-%d %H:%M} ({zone.key})"
