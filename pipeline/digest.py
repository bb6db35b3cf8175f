"""Gather what support should know since the last digest, and queue it when its hour has come."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from earful.case_states import UNANSWERED_STATUSES, Action, CaseStatus
from earful.clock import Clock, Window
from earful.messages import Message
from earful.settings.load import DigestSettings
from earful.types import Query
from outreach import digest as outreach_digest
from outreach.facts import BrandNumbers, DigestFacts
from outreach.rules import Rules
from outreach.words import count, length
from pipeline.case_line import case_line
from storage import queries as stored
from storage.cases import deliveries
from storage.database.engine import Database
from storage.removal import tombstones
from storage.views import BrandView, QueueFilter, SourceHealth

FIRST_WINDOW = timedelta(hours=24)
_ANY = tuple(CaseStatus)
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def facts(
    db: Database,
    window: Window,
    *,
    queries: Sequence[Query],
    rules: Rules,
    most: int,
    brand_id: str | None = None,
) -> DigestFacts:
    """What happened in ``window``, for one brand or all of ours, and what is wrong at its end.

    ``queries`` are those of the settings.
    """
    ours = [
        brand
        for brand in stored.brands(db)
        if brand.competitor_of is None and brand_id in (None, brand.id)
    ]
    new = QueueFilter(brand_id=brand_id, statuses=_ANY, opened=window, with_posts=True)
    older = QueueFilter(
        brand_id=brand_id,
        statuses=UNANSWERED_STATUSES,
        opened=Window(since=_LONG_AGO, until=window.since),
    )
    return DigestFacts(
        since=window.since,
        until=window.until,
        timezone=ours[0].timezone if ours else "UTC",
        brands=tuple(_numbers(db, brand, window) for brand in ours),
        new_cases=tuple(case_line(case) for case in stored.queue(db, new, limit=most)),
        new_total=stored.count_cases(db, new),
        urgent=stored.count_cases(db, replace(new, min_priority=rules.urgent_at)),
        waiting_cases=tuple(case_line(case) for case in stored.queue(db, older, limit=most)),
        waiting_total=stored.count_cases(db, older),
        overdue=stored.count_cases(
            db,
            QueueFilter(brand_id=brand_id, statuses=UNANSWERED_STATUSES, overdue_at=window.until),
        ),
        contacted=stored.count_events(db, Action.CONTACT.event, window, brand_id),
        resolved=stored.count_events(db, Action.RESOLVE.event, window, brand_id),
        problems=problems(db, queries, window.until),
    )


def _numbers(db: Database, brand: BrandView, window: Window) -> BrandNumbers:
    found = stored.counts(db, brand.id, window)
    before = stored.counts(db, brand.id, window.before())
    return BrandNumbers(
        name=brand.name,
        mentions=found.mentions,
        before=before.mentions,
        negative_share=found.negative_share,
        net_sentiment=found.net_sentiment,
        net_before=before.net_sentiment,
    )


def problems(db: Database, queries: Sequence[Query], now: datetime) -> tuple[str, ...]:
    """A line for each source, stage or channel that needs a person.

    ``queries`` are those of the settings: of others only the history is kept.
    """
    state = stored.health(db)
    wanted = {query.id for query in queries if query.enabled}
    live = [one for one in state.sources if one.query_id in wanted]
    late = [by for one in live if (by := one.overdue_by(now)) is not None]
    lines = list(_unheard(late, sum(one.is_never_polled for one in live)))
    lines += [f"{one.query_id}: {_state(one)}: {one.error}" for one in live if one.error]
    lines += [f"stage {one.name}: {one.error}" for one in state.stages if one.error]
    if state.deliveries_dead:
        lines.append(
            f"{count(state.deliveries_dead, 'message')} could not be sent; see `earful doctor`, "
            "then `earful deliver --again`"
        )
    return tuple(lines)


def _unheard(late: Sequence[timedelta], never: int) -> Iterator[str]:
    running = "is `earful up` running?"
    if late:
        sources = count(len(late), "source")
        yield f"nothing has looked at {sources} for {length(max(late))} past the time; {running}"
    if never:
        yield f"{count(never, 'source has', 'sources have')} not been looked at yet; {running}"


def _state(one: SourceHealth) -> str:
    if one.paused:
        return "paused"
    return "failing" if one.failures else "waiting"


def _told(db: Database, channel: str) -> datetime | None:
    with db.read() as transaction:
        return deliveries.read_cursor(transaction, channel)


def window_for(db: Database, channel: str | None, now: datetime) -> Window:
    """From the channel's last digest until now; a day before its first."""
    told = None if channel is None else _told(db, channel)
    return Window(since=min(told or now - FIRST_WINDOW, now), until=now)


def message(
    db: Database,
    window: Window,
    settings: DigestSettings,
    rules: Rules,
    queries: Sequence[Query],
    brand_id: str | None = None,
) -> Message | None:
    """The digest of ``window``, or None when nothing happened and settings say to skip it."""
    found = facts(db, window, queries=queries, rules=rules, most=settings.most, brand_id=brand_id)
    return outreach_digest.render(found, settings.when_nothing, most=settings.most)


def last_hour(settings: DigestSettings, timezone: str, now: datetime) -> datetime:
    """The latest instant, not after ``now``, at which a digest was due."""
    local = now.astimezone(ZoneInfo(timezone))
    due = local.replace(hour=settings.at.hour, minute=settings.at.minute, second=0, microsecond=0)
    if due.astimezone(UTC) > now:
        due = (due - timedelta(days=1)).replace(hour=settings.at.hour, minute=settings.at.minute)
    return due.astimezone(UTC)


def digest(
    db: Database,
    settings: DigestSettings,
    rules: Rules,
    *,
    queries: Sequence[Query],
    timezone: str,
    clock: Clock,
) -> int:
    """Queue the digest for each channel whose hour has passed since its last one.

    A channel's first run only sets its mark: nobody is sent the whole past. Gives how many were
    queued. After an outage over several days one digest covers them all.
    """
    now = clock()
    queued = 0
    for channel in settings.channels:
        told = _told(db, channel)
        if told is None:
            with db.write() as connection:
                deliveries.move_cursor(connection, channel, now)
        elif told < last_hour(settings, timezone, now):
            queued += queue(db, channel, settings, rules, queries, now)
    return queued


def queue(
    db: Database,
    channel: str,
    settings: DigestSettings,
    rules: Rules,
    queries: Sequence[Query],
    now: datetime,
) -> int:
    """Queue a channel's digest up to ``now`` and move its mark; 0 when there was nothing to say."""
    window = window_for(db, channel, now)
    with db.read() as connection:
        removed = tombstones.count(connection)
    found = facts(db, window, queries=queries, rules=rules, most=settings.most)
    ready = outreach_digest.render(found, settings.when_nothing, most=settings.most)
    with db.write() as connection:
        if deliveries.read_cursor(connection, channel) not in (None, window.since):
            return 0  # another process told this stretch meanwhile
        if tombstones.count(connection) != removed:
            return 0  # what is to be sent may hold words that were removed meanwhile; tried again
        deliveries.move_cursor(connection, channel, now)
        if ready is None:
            return 0
        key = f"digest-{now.strftime('%Y%m%dT%H%M%SZ')}-{channel}"
        return int(
            deliveries.enqueue(
                connection,
                key=key,
                channel=channel,
                message=ready,
                due_at=now,
                cases=[case.case_id for case in (*found.new_cases, *found.waiting_cases)],
            )
        )
