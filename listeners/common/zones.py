"""Offsets of time zones: as numbers, as names of the IANA database, as abbreviations.

Abbreviations have one meaning each in the table below. CST, IST, AST and others mean several zones
that are in use today, so only the zone of the file can decide them.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from earful.contracts import BadItem

# hours from UTC; RFC 822 and the IANA database, without those that name two zones of today
_HOURS: dict[str, float] = {
    **{"Z": 0, "UTC": 0, "UT": 0, "GMT": 0, "WET": 0, "WEST": 1, "CET": 1, "CEST": 2, "MET": 1},
    **{"MEST": 2, "MEZ": 1, "MESZ": 2, "EET": 2, "EEST": 3, "MSK": 3, "TRT": 3, "IDT": 3},
    **{"EST": -5, "EDT": -4, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7},
    **{"AKST": -9, "AKDT": -8, "HST": -10, "NST": -3.5, "NDT": -2.5, "BRT": -3, "ART": -3},
    **{"AEST": 10, "AEDT": 11, "ACST": 9.5, "ACDT": 10.5, "AWST": 8, "NZST": 12, "NZDT": 13},
    **{"JST": 9, "KST": 9, "SGT": 8, "HKT": 8, "MYT": 8, "PHT": 8, "WIB": 7, "WITA": 8, "WIT": 9},
    **{"ICT": 7, "PKT": 5, "NPT": 5.75, "SAST": 2, "CAT": 2, "EAT": 3, "WAT": 1, "CHST": 10},
}
# both stand for whichever of standard and summer time the day has
_COUNTRY_ZONES = {"ET": "America/New_York", "PT": "America/Los_Angeles"}
_OFFSET = re.compile(r"([+-])(\d{2}):?(\d{2})?(?::?00)?")
# behind UTC or GMT one digit is common: UTC+2, GMT+5:30
_NAMED_OFFSET = re.compile(r"(?:UTC|GMT|UT) ?([+-])(\d{1,2})(?::?(\d{2}))?", re.IGNORECASE)
_IANA_NAME = re.compile(r"[A-Z][A-Za-z]+(?:/[A-Za-z0-9_+-]+){1,2}")
_ABBREVIATION = re.compile(r"[A-Za-z]{1,5}")
_AFTER_OFFSET = re.compile(r"([+-]\d{2}:?\d{2}|Z) ?(?:\[[^\]]*\]|([A-Za-z]{2,5})|[A-Z][\w+/-]+)")
_COMMENT = re.compile(r"\s*\([^()]*\)\s*$")
_WIDEST = timedelta(hours=18)  # as ISO 8601 libraries have it


def to_utc(local: datetime, name: str, zone: tzinfo | None) -> datetime | None:
    """Return the instant of a clock time whose zone is written as ``name``; None if unknown.

    ``zone`` is the zone of the file. It decides an abbreviation that it uses itself, as
    America/Chicago uses CST. Raises BadItem for an abbreviation that names several zones, and for
    a local time that a clock change skips or repeats.
    """
    name = name.strip()
    if name.startswith(("[", "(")) and name.endswith(("]", ")")):
        name = name[1:-1].strip()
    name = _COMMENT.sub("", name)
    if match := _AFTER_OFFSET.fullmatch(name):
        name = _offset_before(match)
    if match := _OFFSET.fullmatch(name) or _NAMED_OFFSET.fullmatch(name):
        offset = timedelta(hours=int(match[2]), minutes=int(match[3] or 0))
        if offset > _WIDEST or int(match[3] or 0) > 59:
            return None
        return _shift(local, -offset if match[1] == "-" else offset)
    if _IANA_NAME.fullmatch(name):
        named = _iana_zone(name)
        return None if named is None else in_zone(local, named)
    if _ABBREVIATION.fullmatch(name):
        return _abbreviated(local, name.upper(), zone)
    return None


def in_zone(local: datetime, zone: tzinfo, *, whole_day: bool = False) -> datetime:
    """Return the instant of a clock time in a zone.

    ``whole_day``: the time is the midnight of a date, and the day's first instant is meant.
    Raises BadItem for a time that a clock change skips or repeats: nothing says which is meant.
    """
    earlier = local.replace(tzinfo=zone, fold=0)
    if zone is UTC:
        return earlier
    first, second = earlier.utcoffset(), earlier.replace(fold=1).utcoffset()
    if first != second and first is not None and second is not None and not whole_day:
        kind = "comes twice" if first > second else "does not exist"
        raise BadItem(
            f"'{local}' {kind} in {zone}, where the clocks change then",
            hint="Write the offset behind such times, as in 2026-10-25T03:30:00+02:00.",
        )
    return _shift(local, first or timedelta())


def _offset_before(match: re.Match[str]) -> str:
    """Return the offset in front of a zone's name; "" when the name contradicts it."""
    hours = _HOURS.get((match[2] or "").upper())
    sign_and_digits = _OFFSET.fullmatch(match[1])
    if hours is None or sign_and_digits is None:
        return match[1]
    minutes = int(sign_and_digits[2]) * 60 + int(sign_and_digits[3] or 0)
    stated = -minutes if sign_and_digits[1] == "-" else minutes
    return match[1] if stated == hours * 60 else ""


def _abbreviated(local: datetime, name: str, zone: tzinfo | None) -> datetime | None:
    offset = _offset_in(zone, name, local.year) if zone is not None else None
    if offset is None and name in _HOURS:
        offset = timedelta(hours=_HOURS[name])
    if offset is None and name in _COUNTRY_ZONES:
        return in_zone(local, ZoneInfo(_COUNTRY_ZONES[name]))
    if offset is None and name == "BST":
        # British Summer Time while London keeps it; in winter it could only be Bangladesh's
        summer = local.replace(tzinfo=ZoneInfo("Europe/London"))
        offset = timedelta(hours=1) if summer.tzname() == "BST" else None
    if offset is not None:
        return _shift(local, offset)
    if len(name) < 3:
        return None
    raise BadItem(
        f"the zone {name} is unknown or has several meanings",
        hint='Name the zone of the file, as in timezone = "America/Chicago" for CST. '
        f"It decides when its own clocks say {name}.",
    )


@lru_cache(maxsize=512)
def _offset_in(zone: tzinfo, name: str, year: int) -> timedelta | None:
    """Return the offset for which a zone uses an abbreviation in a year."""
    if not 1 < year < 9999:
        return None
    for month in (1, 7, 4, 10):
        instant = datetime(year, month, 1, tzinfo=zone)
        if (instant.tzname() or "").upper() == name:
            return instant.utcoffset()
    return None


@lru_cache(maxsize=128)
def _iana_zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown, or a path that is no zone
        return None


@lru_cache(maxsize=1024)
def _fixed(offset: timedelta) -> timezone:
    return timezone(offset)


def _shift(local: datetime, offset: timedelta) -> datetime:
    """Return the instant of a clock time at an offset; BadItem outside the calendar."""
    try:
        return local.replace(tzinfo=_fixed(offset), fold=0).astimezone(UTC)
    except OverflowError as error:
        raise BadItem(f"'{local}' is outside the calendar") from error
