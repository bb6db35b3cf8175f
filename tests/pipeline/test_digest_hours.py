"""The digest's hour in every time zone, through the nights in which the clocks change."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from factories import ACME, RIVAL, RULES, FrozenClock, keep, mention, number
from hypothesis import given
from hypothesis import strategies as st

from earful.clock import Window
from earful.settings.load import DigestSettings
from outreach.words import moment
from pipeline.digest import digest, last_hour
from storage import queries
from storage.database.engine import Database
from storage.entities import brands

YEAR = 2026
DAY = timedelta(days=1)
STEP = timedelta(minutes=15)
MIDNIGHT = datetime(YEAR, 1, 1, tzinfo=UTC)


def _offset(zone: ZoneInfo, at: datetime) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta(0)


def _changes(name: str, year: int = YEAR) -> tuple[datetime, ...]:
    """Return the instants of a year at which the clocks of a zone change."""
    zone, start = ZoneInfo(name), datetime(year, 1, 1, tzinfo=UTC)
    changes = []
    for day in range(366):
        early, late = start + day * DAY, start + (day + 1) * DAY
        if _offset(zone, early) == _offset(zone, late):
            continue
        while late - early > timedelta(seconds=1):
            middle = early + (late - early) / 2
            if _offset(zone, middle) == _offset(zone, late):
                late = middle
            else:
                early = middle
        changes.append(late.replace(microsecond=0))
    return tuple(changes)


def _zones() -> dict[tuple[datetime, ...], str]:
    """Return a zone for each way in which clocks change in the year."""
    zones: dict[tuple[object, ...], str] = {}
    for name in sorted(available_timezones()):
        if name.startswith(("Etc/", "posix/", "right/")) or name == "localtime":
            continue
        changes = _changes(name)
        if changes:
            zones.setdefault((*changes, _offset(ZoneInfo(name), MIDNIGHT)), name)
    return zones  # type: ignore[return-value]


# each place that changes its clocks, and the two strangest of all: half an hour, and a lost day
PLACES = [
    *((name, change) for changes, name in _zones().items() for change in changes[:2]),
    ("Australia/Lord_Howe", datetime(2026, 4, 4, 15, tzinfo=UTC)),
    ("Pacific/Apia", datetime(2011, 12, 30, 10, tzinfo=UTC)),
    ("America/St_Johns", datetime(2010, 11, 7, 2, 31, tzinfo=UTC)),
]
HOURS = [time(0, 0), time(0, 30), time(1, 30), time(2, 0), time(3, 30), time(9, 0), time(23, 30)]


def _dues(zone: str, at: time, since: datetime, until: datetime) -> list[datetime]:
    """Return every due instant that is seen from ``since`` on, asked every quarter of an hour."""
    settings = DigestSettings(channels=("desk",), at=at)
    seen: list[datetime] = []
    now = since
    while now <= until:
        due = last_hour(settings, zone, now)
        assert due <= now
        if not seen or due != seen[-1]:
            seen.append(due)
        now += STEP
    return seen


@pytest.mark.parametrize(("zone", "change"), PLACES)
def test_one_digest_is_due_on_each_local_day(zone: str, change: datetime) -> None:
    for at in HOURS:
        dues = _dues(zone, at, change - 1.5 * DAY, change + 1.5 * DAY)
        assert dues == sorted(set(dues)), (at, dues)
        days = [due.astimezone(ZoneInfo(zone)).date() for due in dues]
        assert len(set(days)) == len(days), (at, days)
        missing = [
            day
            for day in _days(days[0], days[-1])
            if day not in days and day != date(2011, 12, 30)  # Samoa had no such day
        ]
        assert not missing, (at, missing)


def _days(first: date, last: date) -> list[date]:
    return [first + index * DAY for index in range((last - first).days + 1)]


@pytest.mark.parametrize(
    ("zone", "at", "night", "due"),
    [
        ("Europe/Athens", time(3, 30), "2026-10-25", ["2026-10-25T00:30"]),
        ("America/Havana", time(0, 30), "2026-11-01", ["2026-11-01T04:30"]),
        ("Europe/Athens", time(3, 30), "2026-03-29", ["2026-03-29T01:30"]),  # 04:30 on the wall
    ],
)
def test_the_nights_of_the_change(zone: str, at: time, night: str, due: list[str]) -> None:
    local = datetime.fromisoformat(night).replace(tzinfo=ZoneInfo(zone))
    since = local.astimezone(UTC)
    dues = _dues(zone, at, since, since + timedelta(hours=25))
    assert [each.strftime("%Y-%m-%dT%H:%M") for each in dues if each >= since][:1] == due
    assert len([each for each in dues if since <= each < since + timedelta(hours=23)]) == 1


def test_a_night_with_a_repeated_hour_queues_one_digest(db: Database, clock: FrozenClock) -> None:
    """As `earful up` asks: every minute through the night."""
    settings = DigestSettings(channels=("desk",), at=time(3, 30))
    brands.sync(db, [ACME, RIVAL])
    clock.now = datetime(2026, 10, 24, 12, 0, 20, tzinfo=UTC)
    queued = []
    for _ in range(24 * 12):
        if digest(db, settings, RULES, queries=[], timezone="Europe/Athens", clock=clock):
            queued.append(clock.now)
        clock.now += timedelta(minutes=5)
    assert queued == [datetime(2026, 10, 25, 0, 30, 20, tzinfo=UTC)]
    assert number(db, "delivery") == 1


def test_a_repeated_time_names_itself() -> None:
    zone = ZoneInfo("Europe/Athens")
    first, second = (datetime(2026, 10, 25, hour, 30, tzinfo=UTC) for hour in (0, 1))
    assert moment(first, zone) == "Sun 25 Oct 03:30 EEST"
    assert moment(second, zone) == "Sun 25 Oct 03:30 EET"
    assert moment(second + timedelta(hours=1), zone) == "Sun 25 Oct 04:30"


@given(cuts=st.lists(st.integers(0, 120), min_size=1, max_size=5))
def test_windows_that_meet_share_no_mention_and_lose_none(cuts: list[int]) -> None:
    """Half-open and disjoint: the ends of windows, as one digest follows another."""
    edges = sorted({0, *cuts, 120})
    windows = [
        Window(since=MIDNIGHT + timedelta(minutes=first), until=MIDNIGHT + timedelta(minutes=last))
        for first, last in itertools.pairwise(edges)
    ]
    for minute in range(120):
        at = MIDNIGHT + timedelta(minutes=minute)
        assert sum(window.since <= at < window.until for window in windows) == 1


def test_numbers_of_windows_that_meet_add_up(db: Database) -> None:
    """Mentions are counted to the instant, also where a window ends within a quarter."""
    keep(
        db,
        *(
            mention(at, published_at=MIDNIGHT + timedelta(minutes=at, seconds=7))
            for at in range(90)
        ),
        mention("own", by="acmehelp", published_at=MIDNIGHT),
    )
    edges = [0, 7, 8, 15, 22, 23, 51, 60, 90]
    for first, last in itertools.pairwise(edges):
        since, until = (MIDNIGHT + timedelta(minutes=edge) for edge in (first, last))
        window = Window(since=since, until=until)
        assert queries.count_exactly(db, "acme-air", window).pending == last - first
        before = queries.count_exactly(db, "acme-air", window.before()).pending
        assert before == max(0, first) - max(0, 2 * first - last)
