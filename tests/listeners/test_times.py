"""Instants of files, feeds and platforms: each notation reads back, and no other is guessed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from earful.contracts import BadItem
from listeners.common.times import check_order, parse

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
ATHENS = ZoneInfo("Europe/Athens")
EVENING = datetime(2026, 3, 14, 17, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        "2024-05-01T09:30:00Z",
        "2024-05-01T09:30:00.000Z",
        "2024-05-01T11:30:00+02:00",
        "2024-05-01 11:30:00 +0200",
        "2024-05-01 11:30:00+02",
        "2024-05-01 09:30:00 UTC",
        "2024-05-01 09:30:00 +0000 UTC",
        "2024-05-01T09:30:00,0Z",
        "2024-05-01T09:30:00.000000000Z",
        "20240501T093000Z",
        "20240501093000Z",
        "20240501 113000 +0200",
        "/Date(1714555800000)/",
        "/Date(1714555800000+0200)/",
        "Wed, 01 May 2024 09:30:00 GMT",
        "Wed, 01 May 2024 11:30:00 +0200",
        "Wed, 01 May 2024 11:30:00 +0200 (CEST)",
        "Wed, 1 May 24 09:30:00 GMT",
        "Wednesday, 01-May-24 09:30:00 GMT",
        "Wed May 01 09:30:00 +0000 2024",
        "Wed May 01 2024 11:30:00 GMT+0200 (Central European Summer Time)",
        "Wed May  1 11:30:00 CEST 2024",
        "May 1, 2024 11:30:00 AM CEST",
        "May 1, 2024, 5:30:00\u202fAM EDT",
        "May 1, 2024 at 11:30 AM GMT+2",
        "1 May 2024 09:30 UTC",
        "01/May/2024:11:30:00 +0200",
        "11:30 AM · May 1, 2024 (UTC+02:00)",
        "09:30, 1 May 2024 (UTC)",
        "2024-05-01T12:30:00+03:00[Europe/Athens]",
        "2024-05-01 12:30 Europe/Athens",
        "2024-05-01 12:30 [Europe/Athens]",
        "2024/05/01 3:00 PM +05:30",
        "2024-05-01T09:30:00\u221200:00",
        "\u200e2024-05-01 09:30 \u200eUTC",
        "２０２４-05-01 09:30 UTC",
        "2024年5月1日 上午9:30 UTC",
        " 1714555800 ",
        "1714555800000",
        "1714555800000000",
        "1714555800000000000",
        "1714555800.0",
        1714555800,
        1714555800.0,
        1714555800000,
        1714555800000000,
    ],
)
def test_instants(value: object) -> None:
    expected = datetime(2024, 5, 1, 9, 30, tzinfo=UTC)
    assert parse(value) == expected
    assert parse(value, ATHENS, now=NOW) == expected, "a zone that is written wins"


@pytest.mark.parametrize(
    "value",
    [
        "Mar 14, 2026 5:07:00 PM",
        "March 14, 2026 5:07 p.m.",
        "March 14th, 2026 at 5:07 pm",
        "Saturday, March 14, 2026 5:07:00 PM",
        "Sat, 14 Mar 2026 17:07",
        "14 March 2026, 17:07",
        "14. March 2026 17:07 Uhr",
        "14-Mar-2026 17:07:00",
        "2026-Mar-14 17:07",
        "2026-03-14 05:07 PM",
        "2026-03-14 5:07:00.000 PM",
        "2026/03/14 17:07",
        "2026.03.14 17:07",
        "2026-3-14 17:07",
        "2026-03-14 17:07 PM",
        "2026/3/14 5:07 μ.μ.",
        "2026/3/14 下午5:07",
        "2026. 3. 14. 오후 5:07",
        "5:07 PM - 14 Mar 2026",
        "14. März 2026, 17:07",
        "14 mars 2026 à 17:07",
        "samedi 14 mars 2026 à 17:07",
        "14 de marzo de 2026, 5:07 p. m.",
        "14 Μαρτίου 2026 στις 17:07",
        "14 марта 2026 17:07",
        "Sa., 14. Mär. 2026 um 17:07 Uhr",
        "20260314170700",
        "202603141707",
        "20260314170700000",
        20260314170700,
        datetime(2026, 3, 14, 17, 7),
    ],
)
def test_a_time_without_a_zone_is_in_the_zone_of_the_file(value: object) -> None:
    assert parse(value, UTC, now=NOW) == EVENING
    assert parse(value, ATHENS, now=NOW) == EVENING - timedelta(hours=2)
    with pytest.raises(BadItem, match="has no time zone"):
        parse(value, now=NOW)


@pytest.mark.parametrize(
    ("value", "hour"),
    [("12:30:00 AM", 0), ("12:30 PM", 12), ("1:30 am", 1), ("11:30 P. M.", 23), ("0:30 AM", 0)],
)
def test_noon_and_midnight_of_a_12_hour_clock(value: str, hour: int) -> None:
    assert parse(f"Mar 14, 2026 {value}", UTC) == datetime(2026, 3, 14, hour, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("order", "values"),
    [
        ("dmy", ["14.03.2026 17.07", "14.3.2026 klo 17.07", "14/03/2026 à 17h07"]),
        ("dmy", ["14/03/2026 17:07", "14.03.2026 17:07", "14-3-26 5:07 PM", "14.3.2026, 17:07:00",
                 "14. 3. 2026 17:07", "14032026 17:07", "14-Mar-26 17:07", "2026-03-14 17:07"]),
        ("mdy", ["03/14/2026 17:07", "3/14/26 5:07 PM", "3-14-2026, 05:07:00 PM",
                 "Mar 14, 26 17:07", "2026/03/14 17:07"]),
        ("ymd", ["26/03/14 17:07", "2026/3/14 17:07", "26-Mar-14 17:07"]),
        ("excel", ["46095.7131944444", 46095.7131944444, "46095,7131944444", "2026-03-14 17:07"]),
        ("%d/%m/%Y %H:%M", ["14/03/2026 17:07"]),
        ("%Y%m%d%H%M", ["202603141707", 202603141707]),
        ("%d.%m.%Y %H:%M %Z", ["14.03.2026 18:07 CET"]),
        ("%d.%m.%Y %H:%M %z", ["14.03.2026 18:07 +0100"]),
    ],
)  # fmt: skip
def test_an_order_decides_local_dates(order: str, values: list[object]) -> None:
    order = check_order(order)
    found = [parse(value, UTC, order=order, now=NOW) for value in values]
    assert [f"{at:%Y-%m-%d %H:%M}" for at in found] == ["2026-03-14 17:07"] * len(values)


@pytest.mark.parametrize("value", ["14/03/2026 17:07", "14.03.2026", "3/14/26 5:07 PM", "04-05-06"])
def test_without_an_order_local_dates_are_refused(value: str) -> None:
    with pytest.raises(BadItem, match="day first or month first") as error:
        parse(value, UTC)
    assert value in error.value.sentence
    assert 'dates = "dmy"' in error.value.hint


@pytest.mark.parametrize(
    ("value", "order", "reason"),
    [
        ("31/02/2026", "dmy", "'31/02/2026' is no day of the calendar"),
        ("3/14/26 5:07 PM", "dmy", "is no day of the calendar"),
        ("14/03/2026", "mdy", "is no day of the calendar"),
        ("14/03/2026", "%m/%d/%Y", "is not written as %m/%d/%Y"),
        ("2026-03-14", "%Y-%d-%m", "is not written as"),
        ("14-Mar-26", None, "day first or year first"),
        ("Mar 14, 2026 13:07 AM", None, "has no time of the clock"),
        ("2026-03-14 25:07", None, "has no time of the clock"),
        ("2026-03-14 17:67", None, "has no time of the clock"),
        ("14 listopad 2026", None, "is not a time"),
        ("14 mars 26", None, "day first or year first"),
        ("until 14 March 2026", None, "is not a time"),
        ("2026-13-14", None, "is no day of the calendar"),
        ("2026-03-14+02:00", None, "is not a time"),
        ("March 2026", None, "is not a time"),
        ("17:07", None, "is not a time"),
        ("2026", None, "no time since 1970"),
        ("45365.63", None, "no time since 1970"),
        ("-5", None, "no time since 1970"),
        ("260314", None, "no time since 1970"),
        ("2026-03-14 17:07 CST", None, "CST is unknown or has several meanings"),
        ("2026-03-14 17:07 IST", None, "IST is unknown or has several meanings"),
        ("2026-01-14 17:07 BST", None, "BST is unknown or has several meanings"),
        ("2026-03-14 17:07 -0500 CET", None, "is not a time"),
        ("2026-03-14 17:07 Mars/Olympus", None, "is not a time"),
        ("2026-03-14 17:07 +2500", None, "is not a time"),
        ("2612-01-12T23:51:40Z", None, "'2612-01-12T23:51:40Z' is 2612-01-12 23:51Z, more than"),
        ("20990314150700", None, "2099-03-14 15:07Z, more than a day ahead"),
        ("1989-12-31T23:00:00Z", None, "before 1990"),
        (500000000, None, "before 1990"),
        ("nan", None, "it is missing"),
        (float("nan"), None, "it is missing"),
    ],
)
def test_what_can_be_read_in_two_ways_or_none_is_refused(
    value: object, order: str | None, reason: str
) -> None:
    with pytest.raises(BadItem) as error:
        parse(value, UTC, order=order, now=NOW)
    assert reason in error.value.sentence


def test_a_day_number_is_one_only_when_the_file_says_so() -> None:
    with pytest.raises(BadItem, match='dates = "excel"'):
        parse("45365.63", UTC)


@pytest.mark.parametrize(
    ("name", "zone", "hours"),
    [
        ("CST", "America/Chicago", -6), ("CST", "Asia/Shanghai", 8), ("IST", "Asia/Kolkata", 5.5),
        ("IST", "Asia/Jerusalem", 2), ("AST", "America/Halifax", -4), ("PST", "Asia/Manila", 8),
        ("PST", "Europe/Athens", -8), ("CET", "Europe/Athens", 1), ("CEST", "UTC", 2),
        ("EST", "UTC", -5), ("AEST", "UTC", 10), ("ACST", "UTC", 9.5), ("MSK", "UTC", 3),
        ("BST", "UTC", 1), ("ET", "UTC", -4), ("PT", "UTC", -7), ("NZST", "UTC", 12),
    ],
)  # fmt: skip
def test_abbreviations_have_their_true_offset(name: str, zone: str, hours: float) -> None:
    local = datetime(2026, 7, 13, 17, 7, tzinfo=UTC)
    at = parse(f"Mon, 13 Jul 2026 17:07:00 {name}", ZoneInfo(zone), now=NOW)
    assert at == local - timedelta(hours=hours)


def test_clock_changes() -> None:
    with pytest.raises(BadItem, match=r"'2026-10-25 03:30:00' comes twice in Europe/Athens"):
        parse("2026-10-25 03:30", ATHENS)
    with pytest.raises(BadItem, match=r"'2026-03-29 03:30:00' does not exist in Europe/Athens"):
        parse("2026-03-29 03:30", ATHENS)
    assert parse("2026-10-25T03:30+02:00", ATHENS) == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    # a day begins once, also where its midnight does not exist or comes twice
    assert parse("2026-09-06", ZoneInfo("America/Santiago")).hour == 4
    assert parse("2026-11-01", ZoneInfo("America/Havana")).hour == 4


def test_the_end_of_a_day_and_a_leap_second() -> None:
    assert parse("2026-03-14T24:00:00Z") == datetime(2026, 3, 15, tzinfo=UTC)
    assert parse("Sat, 31 Dec 2016 23:59:60 GMT") == datetime(2017, 1, 1, tzinfo=UTC)


def test_fractions_of_a_second() -> None:
    for fraction, micros in [(".5", 500_000), (",123", 123_000), (".123456789", 123_456)]:
        at = parse(f"Mar 14, 2026 17:07:00{fraction} UTC")
        assert at == EVENING.replace(microsecond=micros)


def test_a_number_that_could_be_a_date_or_seconds_is_refused() -> None:
    assert parse("2026031415", UTC, now=NOW) == datetime(2026, 3, 14, 15, tzinfo=UTC)
    with pytest.raises(BadItem, match="can be read as a date and as a time since 1970"):
        parse("2026031415", UTC, now=datetime(2034, 6, 1, tzinfo=UTC))


def test_a_zone_for_those_without() -> None:
    assert parse("2024-05-01 12:30:00", ATHENS) == datetime(2024, 5, 1, 9, 30, tzinfo=UTC)
    assert parse("2024-05-01", ATHENS) == datetime(2024, 4, 30, 21, tzinfo=UTC)
    assert parse("20240501", ATHENS) == datetime(2024, 4, 30, 21, tzinfo=UTC)
    assert parse(date(2024, 5, 1), ATHENS) == datetime(2024, 4, 30, 21, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("yesterday", "'yesterday' is not a time; give ISO 8601"),
        ("2024-05-01T09:30:00", "has no time zone"),
        ("20240501", "has no time zone"),
        ("0001-01-01T00:00:00+14:00", "outside the calendar"),
        ("", "it is missing"),
        (None, "it is missing"),
        (True, "is not a time"),
        (0, "no time since 1970"),
        (float("inf"), "no time since 1970"),
        (10**30, "no time since 1970"),
        (10**400, "no time since 1970"),
        ("9" * 100, "no time since 1970"),
        ("9" * 5000, "is not a time"),
        ("1" * 100_000 + "x", "is not a time"),
        ([], "is not a time"),
    ],
)
def test_no_instants(value: object, reason: str) -> None:
    with pytest.raises(BadItem, match=reason):
        parse(value)


@given(st.one_of(st.text(), st.floats(), st.integers(), st.booleans(), st.none()))
@settings(max_examples=200, deadline=None)
def test_any_value_is_an_instant_or_a_bad_item(value: object) -> None:
    for order in (None, "dmy", "excel", "%d/%m/%Y"):
        try:
            assert parse(value, UTC, order=order).tzinfo is UTC
        except BadItem as error:
            assert len(str(error)) < 5000


@given(st.text(alphabet="0123456789 :./-+,TZAPMapmCESaugMr()[]μ年", max_size=30))
@settings(max_examples=400, deadline=None)
def test_anything_like_a_time_is_an_instant_or_a_bad_item(value: str) -> None:
    for order in (None, "dmy", "mdy", "ymd"):
        try:
            at = parse(value, ATHENS, order=order, now=NOW)
        except BadItem:
            continue
        assert datetime(1990, 1, 1, tzinfo=UTC) <= at <= NOW + timedelta(days=1)


Written = Callable[[datetime], str]
# each writes a local time with its zone; the reading must give back the same instant
_ZONED: list[Written] = [
    lambda at: at.isoformat(),
    lambda at: at.strftime("%Y-%m-%d %H:%M:%S %z"),
    lambda at: at.strftime("%Y-%m-%dT%H:%M:%S%z"),
    lambda at: at.strftime("%a, %d %b %Y %H:%M:%S %z"),
    lambda at: at.strftime("%A, %B %d, %Y %I:%M:%S %p %z"),
    lambda at: at.strftime("%a %b %d %H:%M:%S %z %Y"),
    lambda at: at.strftime("%b %d, %Y, %I:%M:%S\u202f%p GMT%z"),
    lambda at: at.strftime("%d-%b-%Y %H:%M:%S %z"),
    lambda at: at.strftime("%d/%b/%Y:%H:%M:%S %z"),
    lambda at: at.strftime("%I:%M:%S %p · %b %d, %Y (UTC%z)"),
    lambda at: at.strftime("%Y%m%d%H%M%S%z"),
    lambda at: at.strftime("%Y/%m/%d %I:%M:%S %p %z"),
    lambda at: str(int(at.timestamp())),
    lambda at: str(int(at.timestamp()) * 1000),
    lambda at: str(int(at.timestamp()) * 1_000_000),
]
_LOCAL: list[tuple[str | None, Written]] = [
    (None, lambda at: at.strftime("%Y-%m-%d %H:%M:%S")),
    (None, lambda at: at.strftime("%b %d, %Y %I:%M:%S %p")),
    (None, lambda at: at.strftime("%d %B %Y, %H:%M:%S")),
    (None, lambda at: at.strftime("%Y%m%d%H%M%S")),
    ("dmy", lambda at: at.strftime("%d/%m/%Y %H:%M:%S")),
    ("dmy", lambda at: at.strftime("%d.%m.%y %I:%M:%S %p")),
    ("mdy", lambda at: at.strftime("%m/%d/%Y %I:%M:%S %p")),
    ("mdy", lambda at: at.strftime("%m-%d-%y %H:%M:%S")),
    ("ymd", lambda at: at.strftime("%y/%m/%d %H:%M:%S")),
    ("%d|%m|%Y %H.%M.%S", lambda at: at.strftime("%d|%m|%Y %H.%M.%S")),
]
_SECONDS = st.integers(min_value=631_200_000, max_value=int(NOW.timestamp()))
_OFFSETS = st.integers(min_value=-14 * 4, max_value=14 * 4).map(lambda q: timedelta(minutes=15 * q))


@given(_SECONDS, _OFFSETS, st.sampled_from(_ZONED))
@settings(max_examples=400, deadline=None)
def test_a_time_with_its_zone_reads_back(seconds: int, offset: timedelta, write: Written) -> None:
    instant = datetime.fromtimestamp(seconds, UTC)
    written = write(instant.astimezone(timezone(offset)))
    assert parse(written, ATHENS, now=NOW) == instant, written


@given(
    _SECONDS,
    st.sampled_from(["UTC", "Europe/Athens", "America/New_York", "Asia/Kolkata", "America/Havana"]),
    st.sampled_from(_LOCAL),
)
@settings(max_examples=400, deadline=None)
@example(1_792_888_200, "Europe/Athens", _LOCAL[0])
def test_a_local_time_reads_back_or_is_refused_as_repeated(
    seconds: int, name: str, notation: tuple[str | None, Written]
) -> None:
    order, write = notation
    instant = datetime.fromtimestamp(seconds, UTC)
    local = instant.astimezone(ZoneInfo(name))
    try:
        assert parse(write(local), ZoneInfo(name), order=order, now=NOW) == instant
    except BadItem as error:
        assert "comes twice" in str(error)
        assert local.utcoffset() != local.replace(fold=1 - local.fold).utcoffset()


@given(_SECONDS, st.sampled_from([write for order, write in _LOCAL if order and "%" not in order]))
@settings(max_examples=100, deadline=None)
def test_a_local_order_is_refused_without_the_option(seconds: int, write: Written) -> None:
    written = write(datetime.fromtimestamp(seconds, UTC))
    assume(written[:1] != "2" or written[2:3] in "/.-")
    with pytest.raises(BadItem, match="can be read as"):
        parse(written, UTC, now=NOW)


@pytest.mark.parametrize(
    ("option", "choice"),
    [
        ("DMY", "dmy"),
        ("dd/MM/yyyy", "dmy"),
        ("excel", "excel"),
        (" ymd ", "ymd"),
        ("%d %B %Y",) * 2,
    ],
)
def test_the_option_dates(option: str, choice: str) -> None:
    assert check_order(option) == choice


@pytest.mark.parametrize(
    ("option", "reason"),
    [
        ("dd/MM", "should be dmy, mdy, ymd, excel, or a format"),
        ("%d/%m", "should name year, month and day"),
        ("%d %Z %m %Y", "should be dmy"),
        ("%d/%m/%Y %Q", "is no format"),
    ],
)
def test_a_wrong_option_dates(option: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        check_order(option)
