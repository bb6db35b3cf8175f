"""Periods are cut on the brand's clock, and every mention falls into exactly one bar."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dashboard import periods, words
from dashboard.periods import BY_KEY, PERIODS, Period
from storage.views import Counts, TrendPoint

ATHENS = "Europe/Athens"


def hourly(since: datetime, until: datetime) -> list[TrendPoint]:
    number = int((until - since) / timedelta(hours=1))
    return [
        TrendPoint(start=since + timedelta(hours=at), counts=Counts(negative=1))
        for at in range(number)
    ]


def test_a_window_ends_with_the_running_quarter_and_has_the_periods_length() -> None:
    window = periods.window(BY_KEY["24h"], datetime(2025, 3, 4, 10, 7, 31, tzinfo=UTC))
    assert window.until == datetime(2025, 3, 4, 10, 15, tzinfo=UTC)
    assert window.length == timedelta(hours=24)


@pytest.mark.parametrize("period", PERIODS, ids=lambda one: one.key)
@pytest.mark.parametrize(
    "zone", [ATHENS, "UTC", "Asia/Kolkata", "America/St_Johns", "Asia/Kathmandu"]
)
def test_charts_begin_on_a_whole_local_step(period: Period, zone: str) -> None:
    until = datetime(2025, 3, 4, 10, 7, tzinfo=UTC)
    window = periods.chart_window(period, until, zone)
    assert window.since <= periods.window(period, until).since
    assert window.since.minute % 15 == 0
    found = periods.group_bars(hourly(window.since, window.until), period, zone)
    assert found[0].start.hour % period.step_hours == 0
    assert found[0].start.minute == 0
    starts = [bar.start for bar in found]
    assert starts == sorted(set(starts))


def test_days_are_local_days_also_when_the_clock_changes() -> None:
    # Athens went back an hour on 2025-10-26: a day of 25 hours
    since = datetime(2025, 10, 24, 21, tzinfo=UTC)
    found = periods.group_bars(hourly(since, since + timedelta(hours=73)), BY_KEY["30d"], ATHENS)
    assert [bar.start.day for bar in found] == [25, 26, 27]
    assert [bar.counts.negative for bar in found] == [24, 25, 24]


def test_the_first_choice_is_a_week_unless_longer_holds_more() -> None:
    until = datetime(2025, 3, 31, tzinfo=UTC)
    busy = hourly(until - timedelta(days=30), until)
    assert periods.default_period(busy, until).key == "14d"  # 168 in a week, 336 in two
    assert periods.default_period(busy[::3], until).key == "30d"
    assert periods.default_period([*busy, *busy], until).key == "7d"
    assert periods.default_period(busy[-20:], until).key == "7d"
    assert periods.default_period([], until).key == "7d"
    assert periods.default_period(busy[:20], until).key == "30d"


def test_times_are_told_on_the_brands_clock() -> None:
    now = datetime(2025, 3, 4, 22, 30, tzinfo=UTC)
    assert words.format_time(now, ATHENS, now) == "Wed 5 Mar, 00:30"
    assert (
        words.format_time(datetime(2024, 12, 31, 23, tzinfo=UTC), ATHENS, now) == "Wed 1 Jan, 01:00"
    )
    assert (
        words.format_time(datetime(2015, 2, 24, 9, tzinfo=UTC), "UTC", now)
        == "Tue 24 Feb 2015, 09:00"
    )
    assert words.zone_name("America/New_York") == "New York time"


def test_lengths_of_time_are_told_as_nearly_as_a_reader_needs_them() -> None:
    now = datetime(2025, 3, 4, tzinfo=UTC)
    assert words.format_age(now - timedelta(seconds=20), now) == "just now"
    assert words.format_age(now - timedelta(minutes=119), now) == "119 min ago"
    assert words.format_age(now - timedelta(hours=2, minutes=40), now) == "3 h ago"
    assert words.format_age(now - timedelta(days=1, hours=3), now) == "27 h ago"
    assert words.format_age(now + timedelta(days=2, hours=3), now) == "in 2 days"
    assert words.format_due(now + timedelta(hours=5), now) == "answer within 5 h"
    assert words.format_due(now - timedelta(minutes=12), now) == "overdue by 12 min"


def test_figures_are_told_plainly() -> None:
    assert words.format_points(-7.4) == "−7"
    assert words.format_points(12.5) == "+12"
    assert words.format_points(0.2) == "0"
    assert words.format_points(None) == "–"
    assert words.format_percent(0.213) == "21 %"
    assert words.format_percent_change(150, 100) == "+50 %"
    assert words.format_percent_change(3, 0) is None
