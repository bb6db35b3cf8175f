"""Instants as platforms and files write them, read into aware UTC datetimes.

A notation that can be read in two ways is refused, unless an option of the file decides it.
"""

from __future__ import annotations

import calendar
import math
import re
import unicodedata
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, tzinfo

from earful.contracts import BadItem
from listeners.common import clock_text, zones
from listeners.common.rejects import preview

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# the web began then: an older post is a misread number
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
EXCEL = "excel"
ORDERS = (*clock_text.ORDERS, EXCEL)

_AHEAD = timedelta(days=1)  # clocks go wrong, and a naive time may be in a zone ahead
# no value counts as an instant later than this where the caller gives no ``now``
_FAR = datetime(2100, 1, 1, tzinfo=UTC)
_LONGEST = 120  # characters; no notation takes more
_NUMBER = re.compile(r"-?\d+(?:\.\d*)?")
# epochs in use: seconds, and thousandths, millionths and billionths of them
_UNITS = (1, 1_000, 1_000_000, 1_000_000_000)
_ZONED_DIGITS = re.compile(
    r"(\d{8}[T _-]?(?:\d{4}|\d{6})(?:[.,]\d{1,9})?) ?([A-Za-z+\[(].*|-\d\d:?\d\d)"
)
# X's archives and API 1.1
_X_ARCHIVE = re.compile(r"[A-Z][a-z]{2} ([A-Z][a-z]{2}) (\d\d) (\d\d):(\d\d):(\d\d) \+0000 (\d{4})")
_MONTHS = {name: number for number, name in enumerate(calendar.month_abbr) if number}
# from 1990 to 2033; no number in between spells a date
_LONGEST_EPOCH = 13  # digits of milliseconds
_SECONDS = (631_152_000, 1_990_000_000)
_DAY_NUMBER = re.compile(r"(\d{5}),(\d+)")
_LONGEST_NUMBER = 24  # characters
_CALENDAR_LENGTHS = {10, 12, 14, 17, 20}  # to the hour, minute, second, milli- and microsecond
_OLDEST_NUMBER = datetime(1973, 1, 1, tzinfo=UTC)
# marks that spreadsheets put around dates in right-to-left languages, and odd blanks and minuses
_FOLDED = dict.fromkeys(map(ord, "\u200e\u200f\u061c\u202a\u202c\ufeff"))
_FOLDED |= dict.fromkeys(map(ord, "\xa0\u2007\u2009\u202f\u3000"), " ")
_FOLDED |= dict.fromkeys(map(ord, "\u2212\u2010\u2011"), "-")
_EXCEL_ZERO = datetime(1899, 12, 30)  # noqa: DTZ001 - a spreadsheet's day numbers have no zone
_EXCEL_DAYS = (32_874, 80_000)  # 1990 to 2119
_DAYS_HINT = 'If it counts days as spreadsheets do, say so by the option dates = "excel".'
_NOTHING = {"", "nan", "nat", "none", "null", "n/a", "#n/a", "-"}
_FORMAT_PARTS = (("%Y", "%y", "%G", "%c", "%x"), ("%m", "%b", "%B", "%j", "%c", "%x", "%V"))


class AssumedZone:
    """The zone of a file's times that name none; ``times`` counts those read in it."""

    __slots__ = ("times", "zone")

    def __init__(self, zone: tzinfo | None) -> None:
        self.zone = zone
        self.times = 0


Zone = tzinfo | AssumedZone | None


def from_epoch(seconds: float) -> datetime:
    """Return the instant ``seconds`` after 1970 (UTC); exact to the microsecond."""
    return EPOCH + timedelta(seconds=seconds)


def to_epoch(instant: datetime) -> int:
    """Return whole seconds since 1970, rounded down."""
    return (instant - EPOCH) // timedelta(seconds=1)


def parse(
    value: object,
    zone: Zone = None,
    *,
    order: str | None = None,
    now: datetime | None = None,
) -> datetime:
    """Read an instant into a datetime in UTC.

    ``value``: ISO 8601, RFC 2822, a calendar notation with English months, digits only, or a
    number since 1970 (seconds to nanoseconds), or a datetime. ``zone``: the zone of times that
    name none, or an AssumedZone that counts them; without it they are refused. ``order``: "dmy",
    "mdy", "ymd", "excel" (day numbers) or a strptime format, which then is the only one. ``now``:
    refuse times before 1990 and more than a day ahead of it. Raises BadItem with the value and the
    option to use.
    """
    instant = None
    if isinstance(value, (str, int)) and (order is None or order in ORDERS):
        instant = _usual(value)
    if instant is None:
        instant = _instant(value, zone, order, now)
    if now is not None and not EARLIEST <= instant <= now + _AHEAD:
        place = "before 1990" if instant < EARLIEST else "more than a day ahead"
        raise BadItem(f"{_shown(value)} is {instant:%Y-%m-%d %H:%M}Z, {place}")
    return instant


def parse_feed_date(value: object) -> datetime | None:
    """Read the date of a feed's entry; None when it cannot be read in one way only.

    A date without a zone is taken as UTC: RSS and Atom demand one, and most feeds that leave it
    out mean UTC. It is off by some hours at most.
    """
    try:
        instant = parse(value, UTC)
    except BadItem:
        return None
    return instant if instant > EPOCH else None


def check_order(value: str) -> str:
    """Return the option ``dates`` as ``parse`` takes it; ValueError with the choices."""
    name = re.sub(r"[^a-z]", "", value.lower())
    if name in ORDERS and "%" not in value:
        return name
    if "%" not in value or "%Z" in value.removesuffix("%Z"):
        raise ValueError("should be dmy, mdy, ymd, excel, or a format such as %d/%m/%Y %H:%M")
    for parts in _FORMAT_PARTS:
        if not any(part in value for part in parts):
            raise ValueError("should name year, month and day, as %d/%m/%Y %H:%M does")
    try:
        datetime.strptime(datetime(2001, 2, 3, tzinfo=UTC).strftime(value), value)  # noqa: DTZ007
    except (ValueError, re.error) as error:
        raise ValueError(f"is no format of strptime ({error}); write %d/%m/%Y %H:%M") from None
    return value


def _instant(value: object, zone: Zone, order: str | None, now: datetime | None) -> datetime:
    has_format = order is not None and order not in ORDERS
    if isinstance(value, str):
        if has_format:
            return _text(value, zone, order, now)
        # ISO 8601 first: nearly every platform read here writes it
        if value[10:11] in ("T", " ") and value[4:5] == "-":
            try:
                return _utc(datetime.fromisoformat(value), value, zone)
            except ValueError:
                pass
        return _usual(value) or _text(value, zone, order, now)
    if isinstance(value, datetime):
        return _utc(value, str(value), zone)
    if isinstance(value, date):
        return _utc(datetime(value.year, value.month, value.day), str(value), zone, whole_day=True)  # noqa: DTZ001
    if value is None or value != value:
        raise BadItem("it is missing")
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if has_format:
            return _text(_digits_of(value), zone, order, now)
        return (_usual(value) if type(value) is int else None) or _number(value, zone, order, now)
    raise BadItem(f"{preview(value, 60)} is not a time; give ISO 8601 with an offset")


def _usual(value: str | int) -> datetime | None:
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


def _text(value: str, zone: Zone, order: str | None, now: datetime | None) -> datetime:
    text = _tidy(value[:_LONGEST])
    if len(value) > _LONGEST:
        raise BadItem(f"{value[:60]!r} is not a time; it is too long")
    if text.lower() in _NOTHING:
        raise BadItem("it is missing")
    if order is not None and order not in ORDERS:
        return _formatted(text, zone, order)
    if _NUMBER.fullmatch(text):
        return _number(text, zone, order, now)
    if order == EXCEL and (match := _DAY_NUMBER.fullmatch(text)):
        return _excel(float(".".join(match.groups())), zone)
    instant = _calendar(text, zone, None if order == EXCEL else order)
    if instant is None:
        raise BadItem(f"{value[:60]!r} is not a time; give ISO 8601, as 2024-05-01T09:30:00+02:00")
    return instant


def _calendar(text: str, zone: Zone, order: str | None) -> datetime | None:
    """Read a calendar notation; None when it is none."""
    try:
        reading = clock_text.read(text, order)
    except BadItem as error:
        raise BadItem(f"{text[:60]!r} {error.sentence}", hint=error.hint) from None
    if reading is None:
        match = _ZONED_DIGITS.fullmatch(text)
        local = clock_text.read_digits(match[1] if match else text)
        if local is None:
            return None
        reading = clock_text.Reading(local, (match[2] or "") if match else "")
    if reading.zone:
        return zones.to_utc(reading.local, reading.zone, _known(zone))
    return _utc(reading.local, text, zone, whole_day=reading.is_date)


def _tidy(text: str) -> str:
    """Return the text with plain blanks, signs and digits."""
    if not text.isascii():
        text = text.translate(_FOLDED)
        text = "".join(
            str(digit) if (digit := unicodedata.decimal(char, None)) is not None else char
            for char in text
        )
    return " ".join(text.split())


def _formatted(text: str, zone: Zone, notation: str) -> datetime:
    """Read a text by a format of strptime; a zone's name may end it."""
    clock, name = text, ""
    if notation.endswith("%Z"):
        clock, _, name = text.rpartition(" ")
    try:
        local = datetime.strptime(clock, notation.removesuffix("%Z").rstrip())  # noqa: DTZ007
    except ValueError:
        raise BadItem(f"{text[:60]!r} is not written as {notation}") from None
    if not name:
        whole_day = not any(part in notation for part in ("%H", "%I", "%c", "%X"))
        return _utc(local, text, zone, whole_day=whole_day)
    instant = zones.to_utc(local, name, _known(zone))
    if instant is None:
        raise BadItem(f"{text[:60]!r} names no zone that is known here")
    return instant


def _utc(instant: datetime, notation: str, zone: Zone, *, whole_day: bool = False) -> datetime:
    if instant.tzinfo is None:
        known = _known(zone)
        if known is None:
            raise BadItem(
                f"{notation[:60]!r} has no time zone",
                hint='Name the zone of the file by the option timezone = "Europe/Athens", '
                "or add an offset to each time.",
            )
        if isinstance(zone, AssumedZone):
            zone.times += 1
        return zones.in_zone(instant, known, whole_day=whole_day)
    try:
        return instant.astimezone(UTC)
    except OverflowError as error:
        raise BadItem(f"{notation[:60]!r} is outside the calendar") from error


def _known(zone: Zone) -> tzinfo | None:
    return zone.zone if isinstance(zone, AssumedZone) else zone


def _number(value: str | float, zone: Zone, order: str | None, now: datetime | None) -> datetime:
    """Read a number as a calendar time in digits, or as the time since 1970.

    1. A spreadsheet's day number counts only where ``order`` says so.
    2. Keep the readings between 1990 and a day ahead of ``now``. Two of them are one too many.
    3. Without any, return the date that was meant, so that the refusal can name it.
    """
    text = value if isinstance(value, str) else _digits_of(value)
    if len(text) > _LONGEST_NUMBER:
        raise BadItem(f"{text[:40]!r} is no time since 1970")
    if order == EXCEL and _EXCEL_DAYS[0] <= float(value) < _EXCEL_DAYS[1]:
        return _excel(float(value), zone)
    local = _digits_date(text.partition(".")[0], order, now) if float(text).is_integer() else None
    if local is not None and not _is_plausible(local.replace(tzinfo=UTC), now):
        return _utc(local, text, zone)
    epochs = [instant for unit in _UNITS if (instant := _since_1970(text, unit)) is not None]
    plausible = [instant for instant in epochs if _is_plausible(instant, now)]
    if local is not None and plausible:
        raise BadItem(f"{text!r} can be read as a date and as a time since 1970")
    if local is not None:
        return _utc(local, text, zone, whole_day=len(text) == 8)
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
    return EARLIEST - _AHEAD <= instant <= (_FAR if now is None else now + 2 * _AHEAD)


def _excel(days: float, zone: Zone) -> datetime:
    """Return the instant of a spreadsheet's day number, to the millisecond it is exact to."""
    local = _EXCEL_ZERO + timedelta(milliseconds=round(days * 86_400_000))
    return _utc(local, str(days), zone, whole_day=days.is_integer())


def _digits_of(value: float) -> str:
    """Return a number as people write it, without an exponent."""
    if isinstance(value, int):
        return str(value) if abs(value) < 10**_LONGEST_NUMBER else "9" * (_LONGEST_NUMBER + 1)
    if not math.isfinite(value) or abs(value) >= 1e20:
        return "9" * (_LONGEST_NUMBER + 1)
    return f"{value:.6f}".rstrip("0").rstrip(".")


def _shown(value: object) -> str:
    return repr(value[:60]) if isinstance(value, str) else preview(value, 60)
