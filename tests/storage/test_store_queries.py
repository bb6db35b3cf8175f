"""Figures and the queue: windows, days in the brand's zone, orders, and the indexes behind them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from factories import (
    ACME,
    ANY_AGE,
    HOUR,
    NOW,
    OTHER,
    QUERY,
    FrozenClock,
    author,
    keep,
    loud,
    mention,
    read_all,
    rows,
    scores_of,
)
from sqlalchemy import event

from earful.case_states import CaseStatus
from earful.clock import Window
from earful.enums import Reason
from earful.types import Brand
from pipeline.flag import flag
from storage import queries
from storage.analysis import predictions
from storage.cases import commands, unjudged
from storage.collecting import polling
from storage.database.engine import Database
from storage.entities import brands
from storage.views import Counts, QueueFilter

DAY = timedelta(days=1)


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _window(since: str, until: str) -> Window:
    return Window(since=_at(since), until=_at(until))


def _flag_all(db: Database) -> None:
    read_all(db)
    flag(db, ANY_AGE, clock=FrozenClock())


# --- trend ----------------------------------------------------------------------------------


def test_a_trend_by_the_hour_has_every_step_and_half_open_ends(db: Database) -> None:
    for number, at in enumerate(
        ("2026-11-01T09:59:59", "2026-11-01T10:00", "2026-11-01T11:59:59", "2026-11-01T14:00")
    ):
        keep(db, mention(number, "lovely", published_at=_at(at)))
    read_all(db)
    found = queries.trend(db, "acme-air", _window("2026-11-01T10:00", "2026-11-01T14:00"), HOUR)
    assert [point.start.hour for point in found] == [10, 11, 12, 13]
    assert [point.counts.positive for point in found] == [1, 1, 0, 0]


@pytest.mark.parametrize(
    ("since", "until", "hours"),
    [
        ("2026-03-28T10:00", "2026-03-30T10:00", [24, 23, 24]),  # clocks forward on the 29th
        ("2026-10-24T10:00", "2026-10-26T10:00", [24, 25, 24]),  # back on the 25th
    ],
)
def test_days_in_athens_when_the_clock_is_changed(
    db: Database, since: str, until: str, hours: list[int]
) -> None:
    window = _window(since, until)
    start = window.since.replace(hour=0) - 4 * HOUR
    for number in range(24 * 4):
        keep(db, mention(number, published_at=start + number * HOUR + timedelta(minutes=59)))
    found = queries.trend(db, "acme-air", window, DAY)
    starts = [point.start for point in found]
    assert {start.astimezone(_zone(ACME)).hour for start in starts} == {0}
    ends = [*starts[1:], starts[-1] + DAY]
    lengths = [(end - start) // HOUR for start, end in zip(starts, ends, strict=True)]
    assert lengths == hours
    # one mention an hour: a day holds as many as it has hours, the last up to the window's end
    assert [point.counts.pending for point in found[:2]] == hours[:2]


def _zone(brand: Brand) -> Any:
    from zoneinfo import ZoneInfo

    return ZoneInfo(brand.timezone)


def test_days_of_a_zone_at_a_quarter_of_an_hour(db: Database) -> None:
    midnight = _at("2026-11-01T18:15")  # 00:00 of the 2nd in Kathmandu, +05:45
    keep(db, mention(1, published_at=midnight - timedelta(seconds=1)), ids=["other"])
    keep(db, mention(2, published_at=midnight), ids=["other"])
    keep(db, mention(3, published_at=midnight + DAY - timedelta(seconds=1)), ids=["other"])
    window = Window(since=midnight - HOUR, until=midnight + DAY)
    found = queries.trend(db, "other", window, DAY)
    assert [point.start for point in found] == [midnight - DAY, midnight]
    assert [point.counts.pending for point in found] == [1, 2]


@pytest.mark.parametrize(
    ("zone", "since"),
    [
        ("Africa/Cairo", "2026-04-23T10:00"),  # Friday's midnight does not exist
        ("America/Havana", "2026-11-01T05:30"),  # here it is 00:30 for the second time
        ("Pacific/Apia", "2011-12-29T12:00"),  # 30 December 2011 was left out altogether
    ],
)
def test_days_where_midnight_is_missing_or_there_twice(db: Database, zone: str, since: str) -> None:
    brands.sync(db, [replace(OTHER, timezone=zone)])
    start = _at(since)
    window = Window(since=start, until=start + 3 * DAY)
    brands_at = [point.start for point in queries.trend(db, "other", window, DAY)]
    assert brands_at == sorted(set(brands_at))
    assert brands_at[0] <= window.since
    local = [at.astimezone(_zone(replace(OTHER, timezone=zone))) for at in brands_at]
    before = [
        (at - timedelta(minutes=1)).astimezone(one.tzinfo)
        for at, one in zip(brands_at, local, strict=True)
    ]
    # each start really is where one date ends and the next begins
    assert all(one.date() > earlier.date() for one, earlier in zip(local, before, strict=True))


def test_a_week_of_days_without_a_mention_is_seven_zeros(db: Database) -> None:
    brands.sync(db, [OTHER])
    found = queries.trend(db, "other", _window("2026-11-01T18:15", "2026-11-08T18:15"), DAY)
    assert [point.counts.mentions for point in found] == [0] * 7


def test_steps_that_cannot_be_drawn(db: Database) -> None:
    window = _window("2026-11-01T00:00", "2026-11-02T00:00")
    for step in (timedelta(minutes=10), timedelta(0), timedelta(minutes=20)):
        with pytest.raises(ValueError, match="multiple of 15 minutes"):
            queries.trend(db, "other", window, step)


def test_a_trend_of_one_source(db: Database) -> None:
    elsewhere = mention(1, source="web", by=author(source="web"))
    keep(db, elsewhere, mention(2))
    window = Window(since=NOW - DAY, until=NOW)
    found = queries.trend(db, "acme-air", window, HOUR, source="web")
    assert sum(point.counts.mentions for point in found) == 1


# --- figures --------------------------------------------------------------------------------


def test_figures_against_the_period_before(db: Database) -> None:
    window = Window(since=NOW - DAY, until=NOW)
    keep(db, *(mention(n, "lovely") for n in range(3)), mention(3, "awful"), mention(4, "dunno"))
    keep(db, mention(5, "awful", published_at=NOW - 30 * HOUR, by="bo"))
    _flag_all(db)
    keep(db, mention(6, by="chi"))
    found = queries.headline(db, "acme-air", window, now=NOW + 25 * HOUR, urgent_at=70)
    assert (found.now.positive, found.now.negative) == (3, 1)
    assert (found.now.unknown, found.now.pending, found.now.mentions) == (1, 1, 6)
    assert found.now.net_sentiment == 50.0
    assert found.before.net_sentiment == -100.0
    assert (found.unhappy_new, found.unhappy_new_before) == (1, 1)
    assert (found.unhappy_now, found.waiting, found.overdue) == (2, 2, 2)


@pytest.mark.parametrize(
    ("negative", "neutral", "positive", "net"),
    [(3, 0, 0, -100), (0, 0, 3, 100), (30, 50, 20, -10), (1, 8, 1, 0)],
)
def test_net_sentiment_counts_neutral_in_the_divisor(
    negative: int, neutral: int, positive: int, net: float
) -> None:
    found = Counts(negative=negative, neutral=neutral, positive=positive, unknown=5, pending=7)
    assert found.net_sentiment == net


def test_nothing_judged_has_no_net_sentiment(db: Database) -> None:
    keep(db, mention(1, "dunno"))
    read_all(db)
    found = queries.counts(db, "acme-air", Window(since=NOW - DAY, until=NOW))
    assert found.net_sentiment is None
    assert found.negative_share is None


def test_share_of_voice_has_silent_competitors_too(db: Database) -> None:
    keep(db, *(mention(n) for n in range(3)))
    window = Window(since=NOW - DAY, until=NOW)
    found = queries.share_of_voice(db, "acme-air", window)
    assert [(one.brand, one.ours, one.share) for one in found] == [
        ("Acme Air", True, 1.0),
        ("Rival Jet", False, 0.0),
    ]
    keep(db, mention(9), ids=["rival-jet"])
    assert [one.share for one in queries.share_of_voice(db, "acme-air", window)] == [0.75, 0.25]
    assert queries.share_of_voice(db, "acme-air", window.before())[0].share == 0.0


def test_by_source(db: Database) -> None:
    keep(db, mention(1), mention(2), mention(1, source="web", by=author(source="web")))
    found = queries.by_source(db, "acme-air", Window(since=NOW - DAY, until=NOW))
    assert [(one.source, one.counts.mentions) for one in found] == [("fake", 2), ("web", 1)]


def test_brands_ours_first(db: Database) -> None:
    brands.sync(db, [replace(ACME, id="z", name="zed"), *[ACME, OTHER]])
    brands.sync(db, [Brand(id="a", name="AAA", competitor_of="z")])
    assert [one.name for one in queries.brands(db)] == ["Acme Air", "Other", "zed", "AAA"]


# --- the queue ------------------------------------------------------------------------------


@pytest.fixture
def queue(db: Database) -> Database:
    """Three people: bo is urgent, ana complained last, chi is with a support agent."""
    keep(db, loud(1, by="bo", published_at=NOW - 2 * HOUR))
    keep(db, mention(2, by="chi", published_at=NOW - 50 * HOUR))
    keep(db, mention(3, by=author("ana", source="web"), source="web", published_at=NOW - HOUR))
    keep(db, mention(4, by="chi", published_at=NOW - 60 * HOUR))
    keep(db, mention(5, by="zoe"), ids=["other"])
    _flag_all(db)
    (chi,) = (one for one in queries.queue(db, QueueFilter()) if one.handle == "chi")
    commands.take(db, chi.id, version=chi.version, by="Ana", at=NOW)
    return db


def _handles(db: Database, **which: Any) -> list[str]:
    told: dict[str, Any] = {"brand_id": "acme-air"}
    found = queries.queue(db, QueueFilter(**(told | which)))
    assert queries.count_cases(db, QueueFilter(**(told | which))) == len(found)
    return [one.handle for one in found]


def test_orders_of_the_queue(queue: Database) -> None:
    assert _handles(queue) == ["bo", "chi", "ana"]
    assert _handles(queue, order="newest") == ["ana", "bo", "chi"]
    assert _handles(queue, order="due")[0] == "bo"
    with pytest.raises(ValueError, match="cannot order by 'age'"):
        queries.queue(queue, QueueFilter(order="age"))


def test_filters_of_the_queue(queue: Database) -> None:
    assert _handles(queue, brand_id=None) == ["bo", "chi", "ana", "zoe"]
    assert _handles(queue, assignee="Ana") == ["chi"]
    assert _handles(queue, assignee="") == ["bo", "ana"]
    assert _handles(queue, assignee="Nobody") == []
    assert _handles(queue, source="web") == ["ana"]
    assert _handles(queue, statuses=(CaseStatus.TAKEN,)) == ["chi"]
    assert _handles(queue, min_priority=70) == ["bo"]
    assert _handles(queue, overdue_at=NOW + 2 * HOUR) == []
    assert _handles(queue, overdue_at=NOW + 3 * HOUR) == ["bo"]
    assert _handles(queue, opened=Window(since=NOW, until=NOW + HOUR)) == ["bo", "chi", "ana"]
    assert _handles(queue, opened=Window(since=NOW - HOUR, until=NOW)) == []


def test_pages_of_the_queue_do_not_overlap(queue: Database) -> None:
    which = QueueFilter()
    pages = [queries.queue(queue, which, limit=1, offset=at)[0].id for at in range(4)]
    assert pages == [one.id for one in queries.queue(queue, which)]


def test_the_numbers_of_the_queue_are_those_of_its_filters(queue: Database) -> None:
    now = NOW + 3 * HOUR
    tally = queries.count_queue(queue, now)
    assert tally.open == queries.count_cases(queue, QueueFilter()) == 4
    assert tally.unassigned == queries.count_cases(queue, QueueFilter(assignee=""))
    assert tally.overdue == queries.count_cases(queue, QueueFilter(overdue_at=now)) == 1


def test_resolved_ones_are_found_when_asked_for(queue: Database) -> None:
    (first, *_) = queries.queue(queue, QueueFilter())
    commands.resolve(queue, first.id, version=first.version, by="Ana", at=NOW, outcome="won back")
    assert "bo" not in _handles(queue)
    today = Window(since=NOW, until=NOW + HOUR)
    assert _handles(queue, statuses=(CaseStatus.RESOLVED,), resolved=today) == ["bo"]
    assert _handles(queue, statuses=(CaseStatus.RESOLVED,), resolved=today.before()) == []
    assert queries.count_events(queue, "resolved", today) == 1
    assert queries.count_events(queue, "resolved", today, "other") == 0
    assert queries.newest_flagged(queue, "acme-air", limit=2)[1].handle == "bo"
    assert queries.assignees(queue) == ("Ana",)


def test_a_line_of_the_queue_shows_the_newest_complaint(queue: Database) -> None:
    (chi,) = queries.queue(queue, QueueFilter(assignee="Ana"))
    assert chi.text == "awful (2)"
    assert chi.complaints == 2
    assert chi.complained_at == NOW - 60 * HOUR
    detail = queries.case(queue, chi.id)
    assert detail is not None
    assert [one.text for one in detail.mentions] == ["awful (2)", "awful (4)"]
    assert [one.kind for one in detail.events] == ["taken", "complaint", "opened"]
    assert detail.mentions[0].evidence["threshold"] == 0.6
    assert queries.case(queue, 999) is None


def test_a_case_keeps_apart_what_the_source_said_and_what_was_found(db: Database) -> None:
    keep(db, mention(1, "awful", lang="en"))
    read_all(db, says=lambda text: replace(scores_of(text), language="el"))
    flag(db, ANY_AGE, clock=FrozenClock())
    (case,) = queries.queue(db, QueueFilter())
    assert (case.lang, case.language) == ("en", "el")
    (read,) = queries.case(db, case.id).mentions  # type: ignore[union-attr]
    assert (read.lang, read.language) == ("en", "el")
    read_all(db, model="fake-model/2")
    (case,) = queries.queue(db, QueueFilter())
    assert (case.lang, case.language) == ("en", None)  # the newest model's word counts


# --- health ---------------------------------------------------------------------------------


def test_health_of_sources_stages_and_outbox(db: Database) -> None:
    polling.register(db, [QUERY])
    polling.pause(db, QUERY.id, error="no key")
    polling.record_stage_run(db, "flag", started_at=NOW, finished_at=NOW, summary="1 judged")
    keep(db, mention(1))
    found = queries.health(db)
    assert [(one.query_id, one.paused, one.error) for one in found.sources] == [
        (QUERY.id, True, "no key")
    ]
    assert [(one.name, one.summary) for one in found.stages] == [("flag", "1 judged")]
    assert (found.pending, found.deliveries_dead) == (1, 0)
    assert found.newest_mention_at == NOW - HOUR


def test_a_query_that_left_the_settings_complains_no_more(db: Database) -> None:
    polling.register(db, [QUERY])
    polling.pause(db, QUERY.id, error="no key")
    polling.register(db, [replace(QUERY, id="fake/other")])
    (gone,) = (one for one in queries.health(db).sources if one.query_id == QUERY.id)
    assert not gone.paused
    assert gone.error is None


# --- indexes --------------------------------------------------------------------------------


@contextmanager
def _plans(db: Database) -> Iterator[list[str]]:
    """How SQLite goes about every SELECT that is run meanwhile, with the very same values."""
    found: list[str] = []

    def explain(_c: Any, cursor: Any, statement: str, values: Any, *_rest: Any) -> None:
        if statement.startswith("SELECT"):
            plan = cursor.connection.execute(f"EXPLAIN QUERY PLAN {statement}", values)
            found.extend(row[3] for row in plan.fetchall())

    event.listen(db.engine, "before_cursor_execute", explain)
    yield found
    event.remove(db.engine, "before_cursor_execute", explain)


def _full_scans(plans: list[str], *tables: str) -> list[str]:
    walked = [f"SCAN {table}" for table in tables]
    return [p for p in plans if p in walked or p.startswith(tuple(f"{w} USING" for w in walked))]


@pytest.fixture
def crowded(sqlite: Database) -> Database:
    """Enough of everything that the planner has a choice."""
    them = [
        mention(n, ("awful", "lovely")[n % 2], by=f"p{n % 90}", published_at=NOW - n * HOUR)
        for n in range(600)
    ]
    keep(sqlite, *them)
    _flag_all(sqlite)
    return sqlite


def test_the_queue_reads_its_index_in_order(crowded: Database) -> None:
    with _plans(crowded) as plans:
        assert queries.queue(crowded, QueueFilter(brand_id="acme-air"), limit=10)
    assert any("ix_case_queue" in one for one in plans), plans
    assert not _full_scans(plans, "case", "mention", "flag", "mention_brand"), plans


@pytest.mark.parametrize(
    "look",
    [
        lambda db: queries.newest_flagged(db, "acme-air"),
        lambda db: queries.case(db, 1),
        lambda db: queries.count_cases(db, QueueFilter(brand_id="acme-air")),
        lambda db: queries.queue(db, QueueFilter(brand_id="acme-air", reason=Reason.LATE)),
        lambda db: queries.count_complaints(db, "acme-air", Window(since=NOW - DAY, until=NOW)),
        lambda db: queries.headline(
            db, "acme-air", Window(since=NOW - DAY, until=NOW), now=NOW, urgent_at=70
        ),
        lambda db: queries.trend(db, "acme-air", Window(since=NOW - DAY, until=NOW), HOUR),
        lambda db: queries.health(db),
        lambda db: predictions.list_unclassified(db, "newer", 10),
        lambda db: predictions.count_unclassified(db, "newer"),
    ],
)
def test_no_page_and_no_stage_walks_through_a_whole_table(crowded: Database, look: Any) -> None:
    with _plans(crowded) as plans:
        look(crowded)
    assert plans
    # this index holds only what was found late, so it is read whole
    plans = [plan for plan in plans if "ix_mention_brand_late" not in plan]
    assert not _full_scans(
        plans, "case", "mention", "flag", "mention_brand", "prediction", "reading", "tally"
    ), plans


@pytest.mark.parametrize("verdict", ["", "too_old"])
def test_what_is_unjudged_is_found_by_its_own_index(crowded: Database, verdict: str) -> None:
    with _plans(crowded) as plans, crowded.write() as connection:
        unjudged.list_unjudged(connection, 10, verdict=verdict)
    name = "ix_mention_brand_unjudged" if not verdict else "ix_mention_brand_too_old"
    assert any(name in one for one in plans), plans
    assert not _full_scans([p for p in plans if name not in p], "mention_brand", "mention"), plans
    assert not any("TEMP B-TREE FOR ORDER BY" in one for one in plans), plans


def test_leasing_reads_its_own_index(sqlite: Database) -> None:
    from storage.cases import deliveries

    with _plans(sqlite) as plans:
        deliveries.lease_next(sqlite, now=NOW, length=HOUR)
    assert any("ix_delivery_due" in one for one in plans), plans


def test_an_empty_database_answers_everything(db: Database) -> None:
    window = Window(since=NOW - DAY, until=NOW)
    assert queries.brands(db) == ()
    assert queries.queue(db, QueueFilter()) == ()
    assert queries.count_complaints(db, "x", window).customers == 0
    assert queries.headline(db, "x", window, now=NOW, urgent_at=1).unhappy_now == 0
    assert queries.share_of_voice(db, "x", window) == ()
    assert queries.trend(db, "x", window, DAY)
    assert rows(db, "SELECT count(*) FROM mention") == [(0,)]
