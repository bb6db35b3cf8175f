"""Gather the news for support since the last digest, and queue it when its hour has passed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from earful.case_states import UNANSWERED_STATUSES, Action, CaseStatus
from earful.clock import Clock, Window
from earful.hints import with_hint
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
    limit: int,
    brand_id: str | None = None,
) -> DigestFacts:
    """Gather the events of ``window`` for one brand or all of ours, and the problems at its end.

    ``queries`` are those of the settings; ``limit`` bounds each list of cases.
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
        new_cases=tuple(case_line(case) for case in stored.queue(db, new, limit=limit)),
        new_total=stored.count_cases(db, new),
        urgent=stored.count_cases(db, replace(new, min_priority=rules.urgent_at)),
        waiting_cases=tuple(case_line(case) for case in stored.queue(db, older, limit=limit)),
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
    # to the instant: widened to quarters of an hour, this window and the one before it would share
    # a quarter, and so would two digests in a row
    counts = stored.count_exactly(db, brand.id, window)
    before = stored.count_exactly(db, brand.id, window.before())
    return BrandNumbers(
        name=brand.name,
        mentions=counts.mentions,
        before=before.mentions,
        negative_share=counts.negative_share,
        net_sentiment=counts.net_sentiment,
        net_before=before.net_sentiment,
    )


def problems(db: Database, queries: Sequence[Query], now: datetime) -> tuple[str, ...]:
    """Return a line for each source, stage or channel that needs a person.

    ``queries`` are those of the settings; others have only their history.
    """
    state = stored.health(db)
    enabled = {query.id for query in queries if query.enabled}
    sources = [source for source in state.sources if source.query_id in enabled]
    delays = [delay for source in sources if (delay := source.overdue_by(now)) is not None]
    lines = list(_unpolled(delays, sum(source.is_never_polled for source in sources)))
    lines += [
        f"{source.query_id}: {_state(source)}: {source.error}" for source in sources if source.error
    ]
    lines += [f"stage {stage.name}: {stage.error}" for stage in state.stages if stage.error]
    if state.deliveries_dead:
        lines.append(
            f"{count(state.deliveries_dead, 'message')} could not be sent; see `earful doctor`, "
            "then `earful deliver --again`"
        )
    return tuple(lines)


def _unpolled(delays: Sequence[timedelta], never_polled: int) -> Iterator[str]:
    hint = "Is `earful up` running?"
    if delays:
        sources = count(len(delays), "source is", "sources are")
        yield with_hint(f"{sources} overdue for polling by up to {length(max(delays))}", hint)
    if never_polled:
        sources = count(never_polled, "source has", "sources have")
        yield with_hint(f"{sources} not been polled yet", hint)


def _state(source: SourceHealth) -> str:
    if source.paused:
        return "paused"
    return "failing" if source.failures else "waiting"


def _read_cursor(db: Database, channel: str) -> datetime | None:
    with db.read() as transaction:
        return deliveries.read_cursor(transaction, channel)


def window_for(db: Database, channel: str | None, now: datetime) -> Window:
    """Return the window from the channel's last digest until now; the last day before its first."""
    cursor = None if channel is None else _read_cursor(db, channel)
    return Window(since=min(cursor or now - FIRST_WINDOW, now), until=now)


def message(
    db: Database,
    window: Window,
    settings: DigestSettings,
    rules: Rules,
    queries: Sequence[Query],
    brand_id: str | None = None,
) -> Message | None:
    """Return the digest of ``window``; None when nothing happened and settings skip it."""
    digest_facts = facts(
        db, window, queries=queries, rules=rules, limit=settings.most, brand_id=brand_id
    )
    return outreach_digest.render(digest_facts, settings.when_nothing, max_cases=settings.most)


def last_hour(settings: DigestSettings, timezone: str, now: datetime) -> datetime:
    """Return the latest instant, not after ``now``, at which a digest was due."""
    zone = ZoneInfo(timezone)
    today = now.astimezone(zone).date()
    # from tomorrow: where the clocks go back over midnight, tomorrow's hour may have passed already
    hours = (_hour_of(today + timedelta(days=days), settings.at, zone) for days in (1, 0, -1, -2))
    return next(hour for hour in hours if hour <= now)


def _hour_of(day: date, at: time, zone: ZoneInfo) -> datetime:
    """Return the one instant of a local day at which its digest is due, in UTC.

    An hour that the clocks repeat counts when it comes first (fold 0). One that they skip is as
    much later as they skip: 03:30 becomes 04:30. Where that would be the next day, as in Greenland
    at 23:30, it is as much earlier (fold 1), so that each day has a digest of its own.
    """
    due = datetime.combine(day, at.replace(fold=0), tzinfo=zone).astimezone(UTC)
    if due.astimezone(zone).date() == day:
        return due
    return datetime.combine(day, at.replace(fold=1), tzinfo=zone).astimezone(UTC)


def digest(
    db: Database,
    settings: DigestSettings,
    rules: Rules,
    *,
    queries: Sequence[Query],
    timezone: str,
    clock: Clock,
) -> int:
    """Queue the digest of each channel that is due, and return the number of digests.

    A channel's first run only sets its cursor, so that no digest covers the whole past. After an
    outage over several days one digest covers them all.
    """
    now = clock()
    queued = 0
    for channel in settings.channels:
        cursor = _read_cursor(db, channel)
        if cursor is None:
            with db.write() as connection:
                deliveries.move_cursor(connection, channel, now)
        elif cursor < last_hour(settings, timezone, now):
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
    """Queue a channel's digest up to ``now`` and move its cursor; returns 0 without news."""
    window = window_for(db, channel, now)
    with db.read() as connection:
        removed = tombstones.count(connection)
    digest_facts = facts(db, window, queries=queries, rules=rules, limit=settings.most)
    ready = outreach_digest.render(digest_facts, settings.when_nothing, max_cases=settings.most)
    with db.write() as connection:
        if deliveries.read_cursor(connection, channel) not in (None, window.since):
            return 0  # another process sent this window meanwhile
        # the text may hold words that were removed meanwhile; the next run tries again
        if tombstones.count(connection) != removed:
            return 0
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
                cases=[
                    case.case_id for case in (*digest_facts.new_cases, *digest_facts.waiting_cases)
                ],
            )
        )
