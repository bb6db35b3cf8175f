"""Notify people that listening has stopped at a budget, once for each account and day."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from earful.command_name import command
from earful.contracts import Spent
from earful.messages import Message
from earful.types import Query
from pipeline.flag import AlertPolicy
from storage.cases import deliveries
from storage.collecting import polling
from storage.collecting.spending import account_of
from storage.database.engine import Database


def queue_notice(
    db: Database,
    query: Query,
    spent: Spent,
    *,
    now: datetime,
    resumes_at: datetime,
    alert_policy: AlertPolicy,
) -> None:
    """Queue one message to every alert channel; a repeat on the same day changes nothing.

    It says which query stopped, since when posts are missing, when polling goes on, and the fix.
    """
    account, zone = account_of(query), ZoneInfo(alert_policy.timezone)
    # where the time is unknown, from now on at least
    since = polling.complete_until(db, query.id) or now
    text = (
        f"{spent}\n\n"
        f"It stopped at {query.id}: posts since {_moment(since, zone)} are not seen yet. "
        f"Polling goes on at {_moment(resumes_at, zone)}. It then looks for the missed posts too, "
        f"as far as the platform still has them. {command('coverage')} shows what is missing, and "
        f"{command('coverage --cost')} what each query costs.\n"
    )
    message = Message(subject=f"Earful: account {account!r} has stopped at its budget", text=text)
    with db.write() as transaction:
        for channel in alert_policy.channels:
            # by the day on which it resumes: a quota's day may not be ours
            key = f"budget/{account}/{resumes_at:%Y-%m-%d}/{channel}"
            deliveries.enqueue(
                transaction,
                key=key,
                channel=channel,
                message=message,
                due_at=now,
                planned_at=now,
            )


def _moment(instant: datetime, zone: ZoneInfo) -> str:
    return f"{instant.astimezone(zone):%Y-%m-%d %H:%M} ({zone.key})"
