"""Instants as platforms and files write them, read into aware UTC datetimes.

A notation that can be read in two ways is refused, unless an option of the file decides it.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, date, datetime, timedelta, tzinfo

from earful.contracts import BadItem
from listeners.common import clock_text, zones
from listeners.common.numeric_times import (
    AHEAD,
    EARLIEST,
    EPOCH,
    EXCEL,
    digits_of,
    read_days,
    read_number,
    read_usual,
)
from listeners.common.rejects import preview

__all__ = ["EARLIEST", "EPOCH", "EXCEL", "ORDERS", "AssumedZone", "check_order", "from_epoch"]
__all__ += ["parse", "parse_mail_date", "to_epoch"]

ORDERS = (*clock_text.ORDERS, EXCEL)

_LONGEST = 120  # characters; no notation takes more
_NUMBER = re.compile(r"-?\d+(?:\.\d*)?")
_ZONED_DIGITS = re.compile(
    r"(\d{8}[T _-]?(?:\d{4}|\d{6})(?:[.,]\d{1,9})?) ?([A-Za-z+\[(].*|-\d\d:?\d\d)"
)
# .NET's JSON: milliseconds since 1970 in UTC; an offset behind them is for display only
_DOT_NET = re.compile(r"\\?/Date\((-?\d{1,15})(?:[+-]\d{4})?\)\\?/")
# RFC 5322, section 4.3: in such a date CST is the zone of the USA
_MAIL_CST = re.compile(r"((?:[A-Z][a-z]{2}, *)?\d{1,2} [A-Z][a-z]{2} \d{2,4} [\d:]{5,8}) CST")
_DAY_NUMBER = re.compile(r"(\d{5}),(\d+)")
# marks that spreadsheets put around dates in right-to-left languages, and odd blanks and minuses
_FOLDED = dict.fromkeys(map(ord, "\u200e\u200f\u061c\u202a\u202c\ufeff"))
_FOLDED |= dict.fromkeys(map(ord, "\xa0\u2007\u2009\u202f\u3000"), " ")
_FOLDED |= dict.fromkeys(map(ord, "\u2212\u2010\u2011"), "-")
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

    ``value``: ISO 8601, RFC 2822, a calendar notation with a month's name, digits only, or a
    number since 1970 (seconds to nanoseconds), or a datetime. ``zone``: the zone of times that
    name none, or an AssumedZone that counts them; without it they are refused. ``order``: "dmy",
    "mdy", "ymd", "excel" (day numbers) or a strptime format, which then is the only one. ``now``:
    refuse times before 1990 and more than a day ahead of it. Raises BadItem with the value and the
    option to use.
    """
    instant = None
    if isinstance(value, (str, int)) and (order is None or order in ORDERS):
        instant = read_usual(value)
    if instant is None:
        instant = _instant(value, zone, order, now)
    if now is not None and not EARLIEST <= instant <= now + AHEAD:
        place = "before 1990" if instant < EARLIEST else "more than a day ahead"
        raise BadItem(f"{_shown(value)} is {instant:%Y-%m-%d %H:%M}Z, {place}")
    return instant


def parse_mail_date(
    value: str, zone: Zone = None, *, order: str | None = None, now: datetime | None = None
) -> datetime:
    """Read a date of a mail or an RSS feed as ``parse`` does, and CST as RFC 5322 has it."""
    try:
        return parse(value, zone, order=order, now=now)
    except BadItem:
        match = _MAIL_CST.fullmatch(value.strip())
        if match is None:
            raise
    return parse(f"{match[1]} -0600", zone, order=order, now=now)


def check_order(value: str) -> str:
    """Return the option ``dates`` as ``parse`` takes it; ValueError with the choices."""
    # "dd/MM/yyyy" says the same as "dmy"
    name = re.sub(r"([a-z])\1+", r"\1", re.sub(r"[^a-z]", "", value.lower()))
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
                # not ISO 8601 after all: the other notations may read it
                pass
        return read_usual(value) or _text(value, zone, order, now)
    if isinstance(value, datetime):
        return _utc(value, str(value), zone)
    if isinstance(value, date):
        return _utc(datetime(value.year, value.month, value.day), str(value), zone, whole_day=True)  # noqa: DTZ001
    if value is None or value != value:
        raise BadItem("it is missing")
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if has_format:
            return _text(digits_of(value), zone, order, now)
        return (read_usual(value) if type(value) is int else None) or _number(
            value, zone, order, now
        )
    raise BadItem(f"{preview(value, 60)} is not a time; give ISO 8601 with an offset")


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
    if match := _DOT_NET.fullmatch(text):
        return _milliseconds(int(match[1]), text)
    if order == EXCEL and (match := _DAY_NUMBER.fullmatch(text)):
        days = read_days(float(".".join(match.groups())))
        return _utc(days.local, text, zone, whole_day=days.is_date)
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
        return _in_named_zone(reading, text, zone)
    return _utc(reading.local, text, zone, whole_day=reading.is_date)


def _in_named_zone(reading: clock_text.Reading, text: str, zone: Zone) -> datetime | None:
    try:
        return zones.to_utc(reading.local, reading.zone, _known(zone))
    except BadItem as error:
        raise BadItem(f"{text[:60]!r}: {error.sentence}", hint=error.hint) from None


def _milliseconds(number: int, text: str) -> datetime:
    try:
        return EPOCH + timedelta(milliseconds=number)
    except OverflowError:
        raise BadItem(f"{text[:60]!r} is outside the calendar") from None


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
    instant = _in_named_zone(clock_text.Reading(local, name), text, zone)
    if instant is None:
        raise BadItem(f"{text[:60]!r} names no zone that is known here")
    return instant


def _utc(instant: datetime, notation: str, zone: Zone, *, whole_day: bool = False) -> datetime:
    if instant.tzinfo is None:
        tz = _known(zone)
        if tz is None:
            raise BadItem(
                f"{notation[:60]!r} has no time zone",
                hint='Name the zone of the file by the option timezone = "Europe/Athens", '
                "or add an offset to each time.",
            )
        if isinstance(zone, AssumedZone):
            zone.times += 1
        return zones.in_zone(instant, tz, whole_day=whole_day)
    try:
        return instant.astimezone(UTC)
    except OverflowError as error:
        raise BadItem(f"{notation[:60]!r} is outside the calendar") from error


def _number(value: str | float, zone: Zone, order: str | None, now: datetime | None) -> datetime:
    reading = read_number(value, order, now)
    if isinstance(reading, datetime):
        return reading
    return _utc(reading.local, str(value), zone, whole_day=reading.is_date)


def _known(zone: Zone) -> tzinfo | None:
    return zone.zone if isinstance(zone, AssumedZone) else zone


def _shown(value: object) -> str:
    return repr(value[:60]) if isinstance(value, str) else preview(value, 60)
