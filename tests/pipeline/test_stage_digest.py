"""Digests: at their hour, once for a channel, and after an outage one that covers it all."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any, Literal

import pytest
from factories import (
    ACME,
    HOUR,
    NOW,
    QUERY,
    RIVAL,
    RULES,
    FrozenClock,
    about,
    keep,
    mention,
    number,
    read_all,
    rows,
)

from earful.clock import Window
from earful.settings.load import DigestSettings
from earful.types import Batch, Query, Rejected
from pipeline import digest as stage
from pipeline.digest import digest, last_hour
from pipeline.flag import flag
from storage.cases import commands, deliveries
from storage.collecting import ingest, polling
from storage.database.engine import Database
from storage.entities import brands

ATHENS = "Europe/Athens"
DAILY = DigestSettings(channels=("desk",), at=time(9, 0))


def _run(db: Database, clock: FrozenClock, settings: DigestSettings = DAILY) -> int:
    return digest(db, settings, RULES, queries=[QUERY], timezone=ATHENS, clock=clock)


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _sent(db: Database) -> list[Any]:
    return rows(db, "SELECT * FROM delivery ORDER BY id")


def _complain(db: Database, at: datetime, *, n: int = 1, by: str = "maria") -> None:
    keep(db, mention(n, by=by, published_at=at))
    read_all(db)
    flag(db, RULES, clock=lambda: at)


def test_the_first_run_only_sets_the_mark(db: Database, clock: FrozenClock) -> None:
    _complain(db, NOW - timedelta(days=2))
    assert _run(db, clock) == 0
    with db.read() as transaction:
        cursor = deliveries.read_cursor(transaction, "desk")
    assert cursor is not None and cursor.until == NOW
    assert _sent(db) == []


def test_at_nine_in_athens_and_once_a_day(db: Database, clock: FrozenClock) -> None:
    clock.now = _at("2026-11-20T12:00")
    _run(db, clock)
    _complain(db, _at("2026-11-20T20:00"))
    queued = []
    for minute in range(0, 24 * 60, 10):
        clock.now = _at("2026-11-20T12:00") + timedelta(minutes=minute)
        if _run(db, clock):
            queued.append(clock.now)
    assert queued == [_at("2026-11-21T07:00")]  # 09:00 at +02:00
    (row,) = _sent(db)
    assert row.channel == "desk"
    assert "1 new unhappy customer" in row.subject
    assert "awful" in row.text
    assert "awful" in row.html


def test_after_days_of_outage_one_digest_covers_them_all(db: Database, clock: FrozenClock) -> None:
    brands.sync(db, [ACME])
    _run(db, clock)
    for day in range(4):
        _complain(db, NOW + timedelta(days=day, hours=1), n=day, by=f"p{day}")
    clock.forward(days=4)
    assert _run(db, clock) == 1
    assert _run(db, clock) == 0
    (row,) = _sent(db)
    assert "4 new unhappy customers" in row.subject


@pytest.mark.parametrize(("how", "queued"), [("say", 1), ("skip", 0)])
def test_when_nothing_happened(
    db: Database, clock: FrozenClock, how: Literal["say", "skip"], queued: int
) -> None:
    brands.sync(db, [ACME])
    settings = DigestSettings(channels=("desk",), when_nothing=how)
    _run(db, clock, settings)
    clock.forward(days=1)
    assert _run(db, clock, settings) == queued
    assert _run(db, clock, settings) == 0, "skipped or said, this day is told"
    assert len(_sent(db)) == queued


def test_a_skipped_day_is_part_of_the_past(db: Database, clock: FrozenClock) -> None:
    """What happened before the skip is not told twice, what comes after it is told."""
    brands.sync(db, [ACME])
    settings = DigestSettings(channels=("desk",), when_nothing="skip")
    _run(db, clock, settings)
    clock.forward(days=1)
    _run(db, clock, settings)
    _complain(db, clock.now + HOUR)
    clock.forward(days=1)
    assert _run(db, clock, settings) == 1


def test_two_processes_tell_it_once(db: Database, clock: FrozenClock) -> None:
    _run(db, clock)
    _complain(db, NOW + HOUR)
    clock.forward(days=1)
    real, inside = stage.facts, []

    def meanwhile(*told: Any, **other: Any) -> Any:
        """The second process comes while the first one writes its digest."""
        if not inside:
            inside.append(True)
            clock.forward(seconds=1)
            assert _run(db, clock) == 1
        return real(*told, **other)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stage, "facts", meanwhile)
        assert _run(db, clock) == 0
    assert number(db, "delivery") == 1


def test_channels_have_marks_of_their_own(db: Database, clock: FrozenClock) -> None:
    _run(db, clock)
    _complain(db, NOW + HOUR)
    clock.forward(days=1)
    both = DigestSettings(channels=("desk", "boss"))
    assert _run(db, clock, both) == 1, "the boss's first run sets the mark"
    clock.forward(days=1)
    assert _run(db, clock, both) == 2
    assert [row.channel for row in _sent(db)] == ["desk", "desk", "boss"]


def test_a_clock_that_went_back_tells_nothing_twice(db: Database, clock: FrozenClock) -> None:
    _run(db, clock)
    clock.now = NOW - timedelta(days=3)
    assert _run(db, clock) == 0
    clock.now = NOW + timedelta(days=1)
    assert _run(db, clock) == 1


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2026-11-20T06:59:59", "2026-11-19T07:00"),
        ("2026-11-20T07:00:00", "2026-11-20T07:00"),
        ("2026-03-29T05:59:59", "2026-03-28T07:00"),  # the clock went forward that night
        ("2026-03-29T06:00:00", "2026-03-29T06:00"),
        ("2026-10-25T06:59:59", "2026-10-24T06:00"),  # and back that night
        ("2026-10-25T07:00:00", "2026-10-25T07:00"),
    ],
)
def test_the_hour_is_the_one_on_the_wall(now: str, due: str) -> None:
    assert last_hour(DAILY, ATHENS, _at(now)) == _at(due)


@pytest.mark.parametrize("zone", ["Asia/Kathmandu", "Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_once_a_day_in_every_zone(zone: str) -> None:
    found = {last_hour(DAILY, zone, NOW + minute * timedelta(minutes=15)) for minute in range(960)}
    assert len(found) in (10, 11)
    assert all(one <= NOW + timedelta(days=10) for one in found)


# --- the facts ------------------------------------------------------------------------------


def test_facts_of_a_window(db: Database, clock: FrozenClock) -> None:
    brands.sync(db, [ACME, RIVAL])
    _complain(db, NOW - 30 * HOUR, n=1, by="old")
    _complain(db, NOW - 29 * HOUR, n=2, by="done")
    _complain(db, NOW - 2 * HOUR, n=3, by="new")
    commands.record_contact(db, 2, version=1, by="Ana", at=NOW - HOUR)
    commands.resolve(db, 2, version=2, by="Ana", at=NOW - HOUR, outcome="answered")
    polling.register(db, [QUERY])
    polling.pause(db, QUERY.id, error="no key")
    window = Window(since=NOW - 24 * HOUR, until=NOW)
    found = stage.facts(db, window, queries=[QUERY], rules=RULES, limit=10)
    assert [one.handle for one in found.new_cases] == ["new"]
    assert [one.handle for one in found.waiting_cases] == ["old"]
    assert (found.new_total, found.waiting_total, found.overdue) == (1, 1, 1)
    assert (found.contacted, found.resolved) == (1, 1)
    assert found.problems == ("fake/acme-air: paused: no key",)
    assert [(one.name, one.mentions, one.before) for one in found.brands][:1] == [
        ("Acme Air", 1, 2)
    ]
    assert stage.facts(db, window, queries=[QUERY], rules=RULES, limit=0).new_total == 1
    assert (
        stage.facts(
            db, window, queries=[QUERY], rules=RULES, limit=9, brand_id="rival-jet"
        ).new_total
        == 0
    )


def test_what_was_given_up_is_a_problem_that_says_what_to_do(
    db: Database, clock: FrozenClock
) -> None:
    with db.write() as transaction:
        from earful.messages import Message

        deliveries.enqueue(
            transaction,
            key="k",
            channel="desk",
            message=Message(subject="s", text="t"),
            due_at=NOW,
        )
    delivery = deliveries.lease_next(db, now=NOW, length=HOUR)
    assert delivery is not None
    deliveries.mark_dead(db, delivery, error="no box")
    (line,) = stage.problems(db, [QUERY], NOW)
    assert "1 messages could not be sent" in line or "1 message could not be sent" in line
    assert "earful deliver --again" in line


def test_a_digest_says_that_nobody_listens(db: Database) -> None:
    polling.register(db, [QUERY])
    (line,) = stage.problems(db, [QUERY], NOW)
    assert line.startswith("1 source has not been polled yet. Is `earful up` running?")
    polling.record_success(db, QUERY.id, at=NOW, due_at=NOW + HOUR)
    assert stage.problems(db, [QUERY], NOW + HOUR) == ()
    (line,) = stage.problems(db, [QUERY], NOW + 4 * HOUR)
    assert line.startswith("1 source is overdue for polling by up to 3 hours. Is `earful up`")


def test_a_source_of_which_nothing_can_be_read_is_named(db: Database) -> None:
    polling.register(db, [QUERY])
    polling.record_success(db, QUERY.id, at=NOW, due_at=NOW + HOUR)
    reason = "there is no column 'published_at'"
    unread = Batch(mentions=(), position="1", rejected=(Rejected(where="a.csv", reason=reason),))
    ingest.store(db, QUERY, unread, about(), NOW)
    (line,) = stage.problems(db, [QUERY], NOW)
    assert line == f"{QUERY.id}: 1 item could not be read, and none became a mention: {reason}"
    keep(db, mention(1))
    assert stage.problems(db, [QUERY], NOW) == ()


@pytest.mark.parametrize("asked", [(), (replace(QUERY, enabled=False),)], ids=["gone", "off"])
def test_what_settings_ask_no_more_is_no_problem(db: Database, asked: tuple[Query, ...]) -> None:
    polling.register(db, [QUERY])
    polling.pause(db, QUERY.id, error="no key")
    assert len(stage.problems(db, [QUERY], NOW)) == 1
    assert stage.problems(db, asked, NOW) == ()
