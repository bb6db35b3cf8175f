"""Times written as numbers: since 1970, as the digits of a date, or as a spreadsheet's days."""

from __future__ import annotations

import calendar
import math
import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from earful.contracts import BadItem
from listeners.common import clock_text
from listeners.common.clock_text import Reading

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# the web began then: an older post is a misread number
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
AHEAD = timedelta(days=1)  # clocks go wrong, and a naive time may be in a zone ahead
EXCEL = "excel"

# no value counts as an instant later than this where the caller gives no ``now``
_FAR = datetime(2100, 1, 1, tzinfo=UTC)
# epochs in use: seconds, and thousandths, millionths and billionths of them
_UNITS = (1, 1_000, 1_000_000, 1_000_000_000)
# X's archives and API 1.1
_X_ARCHIVE = re.compile(r"[A-Z][a-z]{2} ([A-Z][a-z]{2}) (\d\d) (\d\d):(\d\d):(\d\d) \+0000 (\d{4})")
_MONTHS = {name: number for number, name in enumerate(calendar.month_abbr) if number}
# from 1990 to 2033; no number in between spells a date
_SECONDS = (631_152_000, 1_990_000_000)
_LONGEST_EPOCH = 13  # digits of milliseconds
_LONGEST_NUMBER = 24  # characters
_CALENDAR_LENGTHS = {10, 12, 14, 17, 20}  # to the hour, minute, second, milli- and microsecond
_OLDEST_NUMBER = datetime(1973, 1, 1, tzinfo=UTC)
_EXCEL_ZERO = datetime(1899, 12, 30)  # noqa: DTZ001 - a spreadsheet's day numbers have no zone
_EXCEL_DAYS = (32_874, 80_000)  # 1990 to 2119
_DAYS_HINT = 'If it counts days as spreadsheets do, say so by the option dates = "excel".'


def read_usual(value: str | int) -> datetime | None:
    """Read the two notations of large archives quickly: whole epochs, and X's; None for others."""
    if isinstance(value, str) and not value.isdecimal():
        match = _X_ARCHIVE.fullmatch(value)
        if match is None:
            return None
        month, day, hour, minute, second, year = match.groups()
        with suppress(ValueError, KeyError):
            clock = int(hour), int(minute), int(second)
            return datetime(int(year), _MONTHS[month], int(day), *clock, tzinfo=UTC)
        return None
    if isinstance(value, str) and len(value) > _LONGEST_EPOCH:
        return None
    number = int(value)
    if _SECONDS[0] <= number < _SECONDS[1]:
        return EPOCH + timedelta(seconds=number)
    if _SECONDS[0] * 1000 <= number < _SECONDS[1] * 1000:
        return EPOCH + timedelta(milliseconds=number)
    return None


def read_number(value: str | float, order: str | None, now: datetime | None) -> datetime | Reading:
    """Read a number as an instant since 1970, or as a calendar time that has no zone yet.

    1. A spreadsheet's day number counts only where ``order`` says so.
    2. Keep the readings between 1990 and a day ahead of ``now``. Two of them are one too many.
    3. Without any, return the date that was meant, so that the refusal can name it.

    Raises BadItem for a number with two readings or none.
    """
    text = value if isinstance(value, str) else digits_of(value)
    if len(text) > _LONGEST_NUMBER:
        raise BadItem(f"{text[:40]!r} is no time since 1970")
    if order == EXCEL and _EXCEL_DAYS[0] <= float(value) < _EXCEL_DAYS[1]:
        return read_days(float(value))
    local = _digits_date(text.partition(".")[0], order, now) if float(text).is_integer() else None
    if local is not None and not _is_plausible(local.replace(tzinfo=UTC), now):
        return Reading(local, "")
    epochs = [instant for unit in _UNITS if (instant := _since_1970(text, unit)) is not None]
    plausible = [instant for instant in epochs if _is_plausible(instant, now)]
    if local is not None and plausible:
        raise BadItem(f"{text!r} can be read as a date and as a time since 1970")
    if local is not None:
        return Reading(local, "", is_date=len(text) == 8)
    epochs = plausible or [instant for instant in epochs if instant >= _OLDEST_NUMBER]
    if not epochs:
        is_day = _EXCEL_DAYS[0] <= float(text) < _EXCEL_DAYS[1]
        raise BadItem(
            f"{text[:40]!r} is no time since 1970 in seconds or milliseconds, and no date",
            hint=_DAYS_HINT if is_day else "",
        )
    return epochs[0]


def _digits_date(digits: str, order: str | None, now: datetime | None) -> datetime | None:
    """Return the calendar time that digits spell, in no zone yet; None for any other number."""
    if len(digits) == 8:
        with suppress(BadItem):
            reading = clock_text.read(digits, order if order in clock_text.ORDERS else None)
            return reading.local if reading else None
    # ten digits are a date and an hour, or seconds: only the present can tell them apart
    if len(digits) not in _CALENDAR_LENGTHS or (len(digits) == 10 and now is None):
        return None
    local = clock_text.read_digits(digits)
    if local is None or (len(digits) == 10 and not _is_plausible(local.replace(tzinfo=UTC), now)):
        return None
    return local


def _since_1970(text: str, unit: int) -> datetime | None:
    """Return the instant that is a number of seconds (or parts of them) after 1970."""
    whole, _, fraction = text.partition(".")
    micros = int(whole) * 1_000_000 // unit
    if fraction.strip("0"):
        micros = round(float(text) * 1_000_000 / unit)
    try:
        return EPOCH + timedelta(microseconds=micros)
    except OverflowError:
        return None


def _is_plausible(instant: datetime, now: datetime | None) -> bool:
    return EARLIEST - AHEAD <= instant <= (_FAR if now is None else now + 2 * AHEAD)


def read_days(days: float) -> Reading:
    """Return the time of a spreadsheet's day number, to the millisecond it is exact to."""
    local = _EXCEL_ZERO + timedelta(milliseconds=round(days * 86_400_000))
    return Reading(local, "", is_date=days.is_integer())


def digits_of(value: float) -> str:
    """Return a number as people write it, without an exponent."""
    if isinstance(value, int):
        return str(value) if abs(value) < 10**_LONGEST_NUMBER else "9" * (_LONGEST_NUMBER + 1)
    if not math.isfinite(value) or abs(value) >= 1e20:
        return "9" * (_LONGEST_NUMBER + 1)
    return f"{value:.6f}".rstrip("0").rstrip(".")
