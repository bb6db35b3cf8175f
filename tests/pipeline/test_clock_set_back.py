"""The clock of the machine jumps: nothing goes deaf, and nothing is skipped or doubled."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from datetime import time as time_of_day
from pathlib import Path

import pytest
from factories import (
    ACME,
    HOUR,
    REPLAY_SETTINGS,
    RULES,
    FrozenClock,
    batch,
    ids,
    keep,
    mention,
    read_all,
    rows,
)
from factories import QUERY as FAKE
from structlog.testing import capture_logs

from earful.clock import Clock, PlannedWait
from earful.contracts import Listener, Transient
from earful.messages import Message
from earful.settings.load import DigestSettings, load
from earful.types import Batch, Query
from feedback.limits import RateLimits
from listeners.common.cooldown import cooldown_until, is_cooling_down
from pipeline import scheduler
from pipeline.app import App, open_app
from pipeline.budget.meter import AccountState
from pipeline.clock_watch import ClockWatch
from pipeline.deliver import deliver
from pipeline.digest import digest, problems, queue
from pipeline.flag import flag
from pipeline.poll import poll
from pipeline.recheck import Cooldowns
from storage.cases import deliveries
from storage.cases.replan import replan_due
from storage.collecting import polling, rechecks
from storage.database.engine import Database
from storage.database.utc import from_micros
from storage.entities import brands

JUMPS = [timedelta(hours=2), timedelta(days=30)]
MINUTE = timedelta(minutes=1)
QUERY = Query(id="fake/acme", source="fake", brand_id="acme", any_of=("acme",), every=300)


@dataclass
class Site:
    """A listener that counts its polls, and fails while it has an error."""

    name: str = "fake"
    polls: int = 0
    error: Transient | None = None

    def poll(self, query: Query, position: str | None) -> Iterator[Batch]:
        self.polls += 1
        if self.error is not None:
            raise self.error
        yield batch(position="p")


def _poll(db: Database, clock: Clock, site: Site) -> None:
    poll(db, [QUERY], clock=clock, listener_for=lambda _query: site)


@pytest.mark.parametrize("jump", JUMPS)
@pytest.mark.parametrize("error", [None, Transient("busy"), Transient("busy", retry_after=7200)])
def test_the_next_poll_comes_within_its_interval(
    sqlite: Database, clock: FrozenClock, jump: timedelta, error: Transient | None
) -> None:
    polling.register(sqlite, [QUERY])
    site = Site(error=error)
    _poll(sqlite, clock, site)
    clock.now -= jump
    _poll(sqlite, clock, site)
    assert site.polls == 2, "a wait that was planned in the future does not count"
    _poll(sqlite, clock, site)
    assert site.polls == 2, "and the new wait does"
    clock.now += timedelta(days=1)
    _poll(sqlite, clock, site)
    assert site.polls == 3


def test_a_clock_that_is_corrected_by_seconds_polls_no_earlier(
    sqlite: Database, clock: FrozenClock
) -> None:
    polling.register(sqlite, [QUERY])
    site = Site()
    _poll(sqlite, clock, site)
    clock.now -= timedelta(seconds=30)
    _poll(sqlite, clock, site)
    assert site.polls == 1


# --- the real schedule ------------------------------------------------------------------------


@dataclass
class SettableClock:
    """The clock of a machine whose owner sets it."""

    offset: timedelta = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.offset


SETTINGS = f"""{REPLAY_SETTINGS}
[sentiment]
backend = "lexicon"
"""


def _until(is_true: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not is_true():
        assert time.monotonic() < end
        time.sleep(0.02)


def _set_machine_clock(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    """Let the scheduler library and ours read ``clock`` as the machine's clock."""

    class MachineTime(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return clock().astimezone(tz)

    monkeypatch.setattr("apscheduler.schedulers.base.datetime", MachineTime)
    monkeypatch.setattr("apscheduler.triggers.interval.datetime", MachineTime)
    monkeypatch.setattr("earful.clock.now", clock)


@pytest.mark.parametrize("jump", JUMPS)
def test_the_schedule_polls_on_when_the_clock_is_set_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jump: timedelta
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(scheduler, "_POLL_TICK", timedelta(seconds=0.1))
    monkeypatch.setattr(scheduler, "_CHECK_TICK", 0.1)
    (tmp_path / "settings.toml").write_text(SETTINGS)
    (tmp_path / "posts.jsonl").touch()
    clock, site, stop = SettableClock(), Site(), threading.Event()
    _set_machine_clock(monkeypatch, clock)

    def listener(_app: App, _query: Query) -> Listener:
        return site

    monkeypatch.setattr(App, "listener", listener)
    monkeypatch.setattr(App, "classifier", lambda _app: None)
    app = open_app(load(tmp_path / "settings.toml"), clock=clock)
    running = threading.Thread(target=scheduler.run, args=(app, stop))
    with capture_logs() as lines:
        running.start()
        try:
            _until(lambda: site.polls >= 2)
            clock.offset = -jump
            polls = site.polls
            _until(lambda: site.polls >= polls + 2)
            _until(lambda: any("set back" in line["event"] for line in lines))
        finally:
            stop.set()
            running.join(30)
    (query,) = rows(app.db, "SELECT error, due_at FROM query")
    assert query.error is None
    app.db.close()


def test_a_clock_set_forward_or_corrected_a_little_is_no_news() -> None:
    clock = FrozenClock()
    ticks = 0.0
    watch = ClockWatch(clock, monotonic=lambda: ticks)
    for step, jump in (
        (timedelta(days=30), timedelta(0)),  # a laptop that slept
        (timedelta(seconds=-20), timedelta(0)),
        (timedelta(hours=-2), timedelta(hours=2, seconds=1)),
    ):
        clock.now += step
        ticks += 1
        assert watch.check() == jump


# --- messages ---------------------------------------------------------------------------------


class Channel:
    name = "desk"

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.error: Transient | None = None

    def send(self, message: Message, key: str) -> None:
        if self.error is not None:
            raise self.error
        self.sent.append(key)

    def check(self) -> None:
        """Nothing can be wrong."""


def _queue(db: Database, now: datetime) -> None:
    message = Message(subject="s", text="t")
    with db.write() as transaction:
        deliveries.enqueue(
            transaction, key="k", channel="desk", message=message, due_at=now, planned_at=now
        )


@pytest.mark.parametrize("jump", JUMPS)
def test_a_message_that_waits_is_sent(db: Database, clock: FrozenClock, jump: timedelta) -> None:
    channel = Channel()
    _queue(db, clock())
    channel.error = Transient("busy")
    deliver(db, {"desk": channel}, clock=clock)
    channel.error = None
    clock.now -= jump
    deliver(db, {"desk": channel}, clock=clock)
    assert channel.sent == ["k"]


@pytest.mark.parametrize("jump", JUMPS)
def test_a_lease_of_a_killed_process_ends_in_its_normal_time(
    db: Database, clock: FrozenClock, jump: timedelta
) -> None:
    channel = Channel()
    _queue(db, clock())
    length = timedelta(minutes=5)
    assert deliveries.lease_next(db, now=clock(), length=length) is not None
    clock.now -= jump
    deliver(db, {"desk": channel}, clock=clock)
    assert channel.sent == [], "its process may be sending it"
    clock.now += length + MINUTE
    deliver(db, {"desk": channel}, clock=clock)
    assert channel.sent == ["k"]


# --- digests ----------------------------------------------------------------------------------


def _complain(db: Database, clock: FrozenClock, who: str) -> None:
    keep(db, mention(who, by=who, published_at=clock.now, fetched_at=clock.now))
    read_all(db)
    flag(db, RULES, clock=clock)


def _pass_hours(db: Database, clock: FrozenClock, hours: int) -> int:
    """Let hours pass with a look every ten minutes; the number of digests."""
    settings = DigestSettings(channels=("desk",), at=time_of_day(8, 0), when_nothing="say")
    queued = 0
    for _ in range(6 * hours):
        clock.forward(minutes=10)
        queued += digest(db, settings, RULES, queries=(), timezone="UTC", clock=clock)
    return queued


def _digests(db: Database) -> list[tuple[str, ...]]:
    """The handles of the new customers in each digest, in order of the digests."""
    found = rows(
        db,
        "SELECT d.id, d.text FROM delivery d WHERE d.key LIKE 'digest-%' ORDER BY d.id",
    )
    handles = ("early", "during", "late")
    new = [row.text.partition("STILL WAITING")[0].partition("-----")[2] for row in found]
    return [tuple(name for name in handles if f"@{name}" in text) for text in new]


def test_a_digest_is_neither_skipped_nor_doubled_two_hours_back(
    db: Database, clock: FrozenClock
) -> None:
    brands.sync(db, [ACME])
    _pass_hours(db, clock, 1)
    _complain(db, clock, "early")
    assert _pass_hours(db, clock, 20) == 1  # 09:00 of the next day
    clock.forward(hours=-2)
    _complain(db, clock, "late")
    assert _pass_hours(db, clock, 6) == 0, "today's digest was sent"
    assert _pass_hours(db, clock, 24) == 1
    assert _digests(db) == [("early",), ("late",)]


def test_a_digest_is_neither_skipped_nor_doubled_a_month_ahead_and_back(
    db: Database, clock: FrozenClock
) -> None:
    brands.sync(db, [ACME])
    _pass_hours(db, clock, 1)
    _complain(db, clock, "early")
    clock.forward(days=30)
    assert _pass_hours(db, clock, 1) == 1
    _complain(db, clock, "during")
    clock.forward(days=-30)
    _complain(db, clock, "late")
    assert _pass_hours(db, clock, 24) == 1
    assert _pass_hours(db, clock, 24) == 1
    assert _digests(db) == [("early",), ("during", "late"), ()]


def test_a_machine_that_starts_in_1970_sends_no_digest(db: Database, clock: FrozenClock) -> None:
    brands.sync(db, [ACME])
    _pass_hours(db, clock, 1)
    _complain(db, clock, "early")
    now = clock.now
    clock.now = datetime(1970, 1, 1, 0, 5, tzinfo=UTC)
    assert _pass_hours(db, clock, 10) == 0
    clock.now = now
    assert _pass_hours(db, clock, 24) == 1
    assert _digests(db) == [("early",)]


def test_the_same_second_twice_queues_both_digests(db: Database, clock: FrozenClock) -> None:
    brands.sync(db, [ACME])
    settings = DigestSettings(channels=("desk",), when_nothing="say")
    for _ in range(2):
        assert queue(db, "desk", settings, RULES, (), clock()) == 1
    assert len(rows(db, "SELECT key FROM delivery")) == 2


@pytest.mark.parametrize("jump", JUMPS)
def test_a_case_of_the_future_is_due_in_its_normal_time(
    db: Database, clock: FrozenClock, jump: timedelta
) -> None:
    _complain(db, clock, "early")
    clock.now -= jump
    for _ in range(2):
        replan_due(db, clock())
        (row,) = rows(db, 'SELECT due_at FROM "case"')
        assert from_micros(row.due_at) <= clock() + RULES.reply_within
        assert from_micros(row.due_at) > clock() + RULES.reply_within - jump - MINUTE


@pytest.mark.parametrize("jump", JUMPS)
def test_what_is_dated_in_the_future_is_named(
    db: Database, clock: FrozenClock, jump: timedelta
) -> None:
    polling.register(db, [QUERY])
    _complain(db, clock, "early")
    _poll(db, clock, Site())
    assert problems(db, [QUERY], clock()) == ()
    until = clock()
    clock.now -= jump
    (line,) = problems(db, [QUERY], clock())
    assert line.startswith("the clock of this machine was ahead, or is behind now: ")
    assert "1 mention, 1 case and 2 queries" in line
    assert f"{until:%Y-%m-%d %H:%M} UTC" in line


# --- platforms and posts ----------------------------------------------------------------------


@pytest.mark.parametrize("jump", JUMPS)
def test_a_failed_recheck_is_repeated(clock: FrozenClock, jump: timedelta) -> None:
    cooldowns = Cooldowns()
    cooldowns.start("q", clock(), Transient("busy"))
    assert not cooldowns.is_ready("q", clock())
    assert cooldowns.is_ready("q", clock() - jump)


@pytest.mark.parametrize("jump", JUMPS)
def test_an_empty_account_is_asked_again(clock: FrozenClock, jump: timedelta) -> None:
    state = AccountState()
    wait = PlannedWait(planned_at=clock(), until=clock() + MINUTE)
    state.set_empty("x", wait)
    assert state.empty_until("x", clock()) == clock() + MINUTE
    assert state.empty_until("x", clock() - jump) is None


@pytest.mark.parametrize("jump", JUMPS)
def test_a_part_that_failed_is_asked_again(clock: FrozenClock, jump: timedelta) -> None:
    now, earlier = int(clock().timestamp()), int((clock() - jump).timestamp())
    until = cooldown_until(Transient("busy", retry_after=600), now)
    assert is_cooling_down(until, now, now)
    assert not is_cooling_down(until, earlier, now)


@pytest.mark.parametrize("jump", JUMPS)
def test_a_visitor_may_write_again(clock: FrozenClock, jump: timedelta) -> None:
    limits = RateLimits([(1, MINUTE)], clock=clock)
    assert limits.wait("visitor") == 0
    assert limits.wait("visitor") > 0
    clock.now -= jump
    assert limits.wait("visitor") == 0
    assert limits.wait("visitor") <= 60


@pytest.mark.parametrize(("jump", "wait"), [(JUMPS[0], JUMPS[0]), (JUMPS[1], MINUTE)])
def test_an_edit_counts_though_the_row_is_from_the_future(
    db: Database, clock: FrozenClock, jump: timedelta, wait: timedelta
) -> None:
    keep(db, mention(fetched_at=clock()), at=clock())
    clock.now += wait - jump
    edited = mention(words="lovely", fetched_at=clock(), edited_at=clock())
    assert keep(db, edited, at=clock()).changed == 1
    assert rows(db, "SELECT text FROM mention") == [("lovely (1)",)]


@pytest.mark.parametrize("jump", JUMPS)
def test_a_post_of_the_future_is_rechecked(
    db: Database, clock: FrozenClock, jump: timedelta
) -> None:
    published = clock() - jump - HOUR
    keep(db, mention(fetched_at=clock(), published_at=published), at=clock())
    clock.now -= jump

    def due() -> int:
        day = timedelta(days=1)
        found = rechecks.due_mentions(
            db,
            "fake",
            [FAKE.id],
            since=clock() - 7 * day,
            seen_before=clock() - day,
            now=clock(),
            limit=10,
        )
        return len(found)

    assert due() == 1
    with db.write() as connection:
        rechecks.mark_checked(connection, [ids(db)["m-1"]], clock())
    assert due() == 0, "it was checked, and waits for its next turn"
