"""Gather the news for support since the last digest, and queue it when its hour has passed."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import chain
from zoneinfo import ZoneInfo

import structlog

from earful.case_states import UNANSWERED_STATUSES, Action, CaseStatus
from earful.clock import Clock, Window
from earful.command_name import command
from earful.hints import with_hint
from earful.messages import Message
from earful.settings.load import DigestSettings
from earful.types import Query
from earful.untrusted import one_line
from outreach import digest as outreach_digest
from outreach.facts import BrandNumbers, DigestFacts
from outreach.rules import Rules
from outreach.words import count, length
from pipeline.case_line import case_line
from storage import queries as stored
from storage.cases import deliveries
from storage.collecting.future_dates import count_future_dates
from storage.collecting.rejected_items import newest_reason
from storage.database.engine import Database
from storage.removal import tombstones
from storage.views import BrandView, QueueFilter, SourceHealth

log = structlog.get_logger()

FIRST_WINDOW = timedelta(hours=24)
# A cursor less far ahead waits for its own time: the digest of that hour was sent already.
_LONGEST_AHEAD = timedelta(hours=12)
# A machine without a battery starts in 1970, until the network gives it the time.
_EARLIEST_NOW = datetime(2020, 1, 1, tzinfo=UTC)
_ANY = tuple(CaseStatus)
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_REASON = 300  # characters of an unread item's reason


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseIds:
    """The cases that no digest has reported: those with an id in (after, up_to]."""

    after: int
    up_to: int


def facts(
    db: Database,
    window: Window,
    *,
    queries: Sequence[Query],
    rules: Rules,
    limit: int,
    brand_id: str | None = None,
    case_ids: CaseIds | None = None,
) -> DigestFacts:
    """Gather the events of ``window`` for one brand or all of ours, and the problems at its end.

    ``queries`` are those of the settings; ``limit`` bounds each list of cases. The new cases are
    those of ``case_ids``, else those that were opened in the window.
    """
    ours = [
        brand
        for brand in stored.brands(db)
        if brand.competitor_of is None and brand_id in (None, brand.id)
    ]
    new = QueueFilter(brand_id=brand_id, statuses=_ANY, with_posts=True)
    older = QueueFilter(brand_id=brand_id, statuses=UNANSWERED_STATUSES)
    if case_ids is None:
        new = replace(new, opened=window)
        older = replace(older, opened=Window(since=_LONG_AGO, until=window.since))
    else:
        new = replace(new, after_id=case_ids.after, up_to_id=case_ids.up_to)
        older = replace(older, up_to_id=case_ids.after)
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
        questions=sum(stored.count_questions(db, brand.id, window=window) for brand in ours),
        wishes=sum(stored.count_wishes(db, brand.id, window=window) for brand in ours),
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
    lines += [
        _nothing_read(db, source) for source in sources if source.rejected and not source.stored
    ]
    lines += [f"stage {stage.name}: {stage.error}" for stage in state.stages if stage.error]
    if (ahead := clock_problem(db, now)) is not None:
        lines.append(ahead)
    if state.deliveries_dead:
        lines.append(
            f"{count(state.deliveries_dead, 'message')} could not be sent; "
            f"see {command('doctor')}, then {command('deliver --again')}"
        )
    return tuple(lines)


def clock_problem(db: Database, now: datetime) -> str | None:
    """Return a line about rows dated in the future; None without any."""
    future = count_future_dates(db, now)
    counts = (
        (future.mentions, "mention", "mentions"),
        (future.cases, "case", "cases"),
        (future.queries, "query", "queries"),
    )
    parts = [count(*numbers) for numbers in counts if numbers[0]]
    if not parts or future.until is None:
        return None
    listing = f"{', '.join(parts[:-1])} and {parts[-1]}" if parts[1:] else parts[0]
    return with_hint(
        f"the clock of this machine was ahead, or is behind now: {listing} dated in the future, "
        f"up to {future.until:%Y-%m-%d %H:%M} UTC",
        "Waits from then do not count. Check the clock with `timedatectl`",
    )


def _unpolled(delays: Sequence[timedelta], never_polled: int) -> Iterator[str]:
    hint = f"Is {command('up')} running?"
    if delays:
        sources = count(len(delays), "source is", "sources are")
        yield with_hint(f"{sources} overdue for polling by up to {length(max(delays))}", hint)
    if never_polled:
        sources = count(never_polled, "source has", "sources have")
        yield with_hint(f"{sources} not been polled yet", hint)


def _nothing_read(db: Database, source: SourceHealth) -> str:
    # a watched file whose columns are not recognised is read once, and then is silent
    items = count(source.rejected, "item")
    reason = one_line(newest_reason(db, source.query_id), _MAX_REASON)
    line = f"{source.query_id}: {items} could not be read, and none became a mention"
    return f"{line}: {reason}" if reason else line


def _state(source: SourceHealth) -> str:
    if source.paused:
        return "paused"
    return "failing" if source.failures else "waiting"


def _read_cursor(db: Database, channel: str) -> deliveries.DigestCursor | None:
    with db.read() as transaction:
        return deliveries.read_cursor(transaction, channel)


def window_for(db: Database, channel: str | None, now: datetime) -> Window:
    """Return the window from the channel's last digest until now; the last day before its first."""
    return _window_since(None if channel is None else _read_cursor(db, channel), now)


def _window_since(cursor: deliveries.DigestCursor | None, now: datetime) -> Window:
    since = now - FIRST_WINDOW if cursor is None else cursor.until
    return Window(since=min(since, now), until=now)


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

    1. A channel's first run only sets its cursor, so that no digest covers the whole past.
    2. A cursor far in the future was written by a clock that was ahead: it is moved to now, and
       the next digest hour counts again.
    3. After an outage over several days one digest covers them all.
    """
    now = clock()
    queued = 0
    if now < _EARLIEST_NOW:
        return queued
    for channel in settings.channels:
        cursor = _read_cursor(db, channel)
        if cursor is None:  # 1
            with db.write() as connection:
                newest = deliveries.newest_case_id(connection)
                first = deliveries.DigestCursor(until=now, case_id=newest)
                deliveries.move_cursor(connection, channel, first)
        elif cursor.until - now > _LONGEST_AHEAD:  # 2
            log.warning("a digest was sent by a clock that was ahead", channel=channel)
            with db.write() as connection:
                deliveries.move_cursor(connection, channel, replace(cursor, until=now))
        elif cursor.until < last_hour(settings, timezone, now):  # 3
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
    with db.read() as connection:
        cursor = deliveries.read_cursor(connection, channel)
        removed = tombstones.count(connection)
        newest = deliveries.newest_case_id(connection)
    # docs/decisions/outreach.md, "A digest reports cases by their ids": a clock that jumps back
    # neither skips nor repeats a case
    case_ids = None
    if cursor is not None and cursor.case_id is not None:
        case_ids = CaseIds(after=cursor.case_id, up_to=newest)
    digest_facts = facts(
        db,
        _window_since(cursor, now),
        queries=queries,
        rules=rules,
        limit=settings.most,
        case_ids=case_ids,
    )
    ready = outreach_digest.render(digest_facts, settings.when_nothing, max_cases=settings.most)
    with db.write() as connection:
        if deliveries.read_cursor(connection, channel) != cursor:
            return 0  # another process sent this window meanwhile
        # the text may hold words that were removed meanwhile; the next run tries again
        if tombstones.count(connection) != removed:
            return 0
        reported = deliveries.DigestCursor(until=now, case_id=newest)
        deliveries.move_cursor(connection, channel, reported)
        if ready is None:
            return 0
        key = f"digest-{now.strftime('%Y%m%dT%H%M%SZ')}-{channel}"
        cases = [case.case_id for case in (*digest_facts.new_cases, *digest_facts.waiting_cases)]
        # a clock that was set back may come to the same second again
        keys = chain([key], (f"{key}-{number}" for number in itertools.count(2)))
        while not deliveries.enqueue(
            connection,
            key=next(keys),
            channel=channel,
            message=ready,
            due_at=now,
            planned_at=now,
            cases=cases,
        ):
            pass
        return 1
