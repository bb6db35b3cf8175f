"""Calendar notations of files, feeds and platforms: a date, a clock time and the words of a zone.

The parts are found by their own marks, so any order of them is read: "Sat Mar 14 17:07:00 CET
2026", "5:07 PM · Mar 14, 2026", "14/03/2026 17:07". A notation that has two readings has none
here, unless ``order`` says which it is.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import NamedTuple

from earful.contracts import BadItem
from listeners.common.months import ENGLISH, month_number

ORDERS = ("dmy", "mdy", "ymd")

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WEEKDAY = re.compile(
    r"^(mon|tue|tues|wed|wednes|thu|thur|thurs|fri|sat|satur|sun)(?:day)?\b[.,]? *", re.IGNORECASE
)
# words for the halves of the day that no other language uses otherwise
_BEFORE_NOON = {"am", "a", "πμ", "上午", "午前", "오전", "ص"}
_AFTER_NOON = {"pm", "p", "μμ", "下午", "午後", "오후", "م"}
_HALF = r"[ap]\.? ?m\b\.?|(?<=\d)[ap]\b|[πμ]\.? ?μ\b\.?|[上下]午|午[前後]|오[전후]|[صم]\b"
_CLOCK = re.compile(
    rf"(?<![\d:+.-])(?P<early>(?:[上下]午|午[前後]|오[전후]) ?)?(?P<hour>\d{{1,2}})"
    rf"(?::(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d{{1,9}}))?)?"
    rf"(?: ?(?P<late>{_HALF}))?| ?(?P<only>{_HALF}))(?![\d:])",
    re.IGNORECASE,
)
_NUMERIC = re.compile(r"(\d{1,4})(?:([-/]| ?\. ?)(\d{1,2})\2(\d{1,4}))\.?")
_DAY_FIRST = re.compile(
    r"(\d{1,2})(?:st|nd|rd|th|er|º|\.)?(?: (?:of|de)(?= ))?[ /-]?"
    r"([^\W\d_]{3,12})\.?,?(?: de(?= ))?[ /-]?(\d{4}|\d\d)",
    re.IGNORECASE,
)
_MONTH_FIRST = re.compile(
    r"([^\W\d_]{3,12})\.?[ /-]?(\d{1,2})(?:st|nd|rd|th)?(?:, ?|[ /-])(\d{4}|\d\d)", re.IGNORECASE
)
_YEAR_FIRST = re.compile(r"(\d{4})[ /-]?([^\W\d_]{3,12})\.?[ /-]?(\d{1,2})", re.IGNORECASE)
_DIGITS = re.compile(
    r"(\d{4})(\d\d)(\d\d)(?:[T_ ]?(\d\d)(?:(\d\d)(?:(\d\d)(?:[.,]?(\d{1,9}))?)?)?|-(\d{6}))?"
)
_YEAR_AT_END = re.compile(r"(?:^|(.*?) )(\d{4})$")
_HOURS_WORD = re.compile(r"^ ?(?:uhr|hrs?|h)\b\.?", re.IGNORECASE)
_EAST_ASIAN = re.compile(r"(\d{4}) ?[年년] ?(\d{1,2}) ?[月월] ?(\d{1,2}) ?[日일]")
_LOG_DATE = re.compile(r"(/\d{4}):(?=\d\d:)")  # Apache: 14/Mar/2026:17:07:00
# "14.03.2026 17.07" in Finland and Denmark, "14/03/2026 à 17h07" in France
_DOTTED_CLOCK = re.compile(
    r"(?<=\d{4})(,? (?:klo?\.? )?)([01]?\d|2[0-3])\.([0-5]\d)(?:\.([0-5]\d))?(?= |$)"
)
_FRENCH_CLOCK = re.compile(r"(?<![\d:.])(\d{1,2}) ?h ?([0-5]\d)(?![\d:])", re.IGNORECASE)
_DATE_ENDS = re.compile(
    r"(?:(?<=\d)T|[,·|]| (?:at|um|à|às|a las|alle|klo|kl\.?|στις)| [-–—])$", re.IGNORECASE
)
_FIRST_WORD = re.compile(r"[^\W\d_]+\.?,? ")  # a weekday in another language
_BETWEEN = re.compile(r"^(?:,|·|\||-|–|—|on\b)? *", re.IGNORECASE)
_NO_DOTS = str.maketrans("", "", ". ")


class Reading(NamedTuple):
    """A calendar time as written: ``zone`` are the words of its zone, "" for none."""

    local: datetime
    zone: str
    is_date: bool = False


def read(text: str, order: str | None) -> Reading | None:
    """Read a time that is written by a calendar; None when it is in no notation known here.

    ``text`` has single blanks and ASCII digits. ``order`` is "dmy", "mdy", "ymd" or None. Raises
    BadItem when day and month can be read in two ways, or are not in the calendar; its sentence
    lacks the value, which only the caller has whole.
    """
    text = _LOG_DATE.sub(r"\1 ", text)
    if not text.isascii():
        text = _EAST_ASIAN.sub(r"\1-\2-\3", text)
    clock = _CLOCK.search(text)
    if clock is None and (clean := _with_colons(text)) != text:
        text, clock = clean, _CLOCK.search(clean)
    if clock is None:
        day = _date(text, order)
        return None if day is None else Reading(day, "", is_date=True)
    moment = _time_of_day(clock)
    after = _HOURS_WORD.sub("", text[clock.end() :], count=1).strip()
    day, zone = _date_and_zone(text[: clock.start()], after, order)
    if day is None:
        return None
    if moment is None:
        raise BadItem(f"has no time of the clock in {clock.group().strip()!r}")
    try:
        return Reading(day + moment, zone)
    except OverflowError:
        raise BadItem("is outside the calendar") from None


def _with_colons(text: str) -> str:
    """Return a text with its clock time in colons, where a country writes dots or an h."""
    text = _DOTTED_CLOCK.sub(
        lambda clock: f"{clock[1]}{clock[2]}:{clock[3]}{f':{clock[4]}' if clock[4] else ''}", text
    )
    return _FRENCH_CLOCK.sub(r"\1:\2", text)


def read_digits(text: str) -> datetime | None:
    """Read a calendar time of digits only, as 20260314150700; None for any other number."""
    match = _DIGITS.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, clock = match.groups()
    if clock:
        hour, minute, second = clock[:2], clock[2:4], clock[4:]
    micros = int((fraction or "0").ljust(6, "0")[:6])
    try:
        # no zone yet: the caller has it
        moment = datetime(int(year), int(month), int(day), microsecond=micros)  # noqa: DTZ001
        return moment + _span(int(hour or 0), int(minute or 0), int(second or 0))
    except (ValueError, OverflowError):
        return None


def _date_and_zone(before: str, after: str, order: str | None) -> tuple[datetime | None, str]:
    """Return the date, and the words that are left for the zone."""
    before = before.strip()
    while match := _DATE_ENDS.search(before):
        before = before[: match.start()].rstrip()
    if _WEEKDAY.sub("", before):
        day = _date(before, order)
        if day is not None:
            return day, after
        # `date` and Java write the year last, behind the zone
        ending = _YEAR_AT_END.match(after)
        if ending is None:
            return None, ""
        return _date(f"{before} {ending[2]}", order), ending[1] or ""
    zone = ""
    if match := re.search(r" ?[(\[]([^()\[\]]*)[)\]]$", after):
        after, zone = after[: match.start()], match[1]
    after = f"{before} {_BETWEEN.sub('', after, count=1)}".strip()
    day = _date(after, order)
    if day is None and not zone:
        zone, _, rest = after.partition(" ")
        day = _date(_BETWEEN.sub("", rest, count=1), order)
        zone = zone.rstrip(",")
    return day, zone


def _time_of_day(clock: re.Match[str]) -> timedelta | None:
    """Return the span since midnight; None for a time that no clock shows."""
    hour, minute = int(clock["hour"]), int(clock["minute"] or 0)
    second = int(clock["second"] or 0)
    words = clock["early"] or clock["late"] or clock["only"] or ""
    half = words.translate(_NO_DOTS).lower()
    if half and (clock["early"] and clock["late"]):
        return None
    if half in _AFTER_NOON:
        # 0 o'clock after noon is Japan's way; 17:07 PM says the same twice
        if hour == 0 and half != "午後":
            return None
        hour = hour + 12 if hour < 12 else hour
    elif half in _BEFORE_NOON:
        if hour > 12:
            return None
        hour %= 12
    elif half:
        return None
    if half and hour > 23:
        return None
    micros = int((clock["fraction"] or "0").ljust(6, "0")[:6])
    try:
        return _span(hour, minute, second) + timedelta(microseconds=micros)
    except ValueError:
        return None


def _span(hour: int, minute: int, second: int) -> timedelta:
    """Return the span since midnight; 24:00 ends the day, and a minute may have a leap second."""
    is_day_end = (hour, minute, second) == (24, 0, 0)
    if (hour > 23 and not is_day_end) or minute > 59 or second > 60:
        raise ValueError("no time of the clock")
    return timedelta(hours=hour, minutes=minute, seconds=second)


def _date(text: str, order: str | None) -> datetime | None:
    """Return the midnight of a date; None when the text is no date."""
    text = text.strip().rstrip(",")
    weekday = _WEEKDAY.match(text)
    body = text[weekday.end() :] if weekday else text
    if match := _NUMERIC.fullmatch(body):
        return _numeric_date((match[1], match[3], match[4]), order)
    if match := _YEAR_FIRST.fullmatch(body):
        return _named_date(match[1], match[2], match[3])
    if match := _DAY_FIRST.fullmatch(body):
        year, month, day = match[3], match[2], match[1]
        if len(year) == 2 and order == "ymd":
            year, day = day, year
        elif len(year) == 2 and order is None:
            return _by_weekday(weekday[1] if weekday else "", year, month, day)
        return _named_date(year, month, day)
    if weekday is None and (foreign := _after_foreign_weekday(body)):
        return _named_date(foreign[3], foreign[2], foreign[1])
    if match := _MONTH_FIRST.fullmatch(body):
        if len(match[3]) == 2 and order not in ("mdy", "dmy"):
            return None
        return _named_date(match[3], match[1], match[2])
    if order is None and weekday is None:
        return read_digits(body) if len(body) == 8 else None
    return _compact_date(text, body, order)


def _after_foreign_weekday(text: str) -> re.Match[str] | None:
    """Match "lundi 16 novembre 2026"; the word in front tells the weekday only."""
    word = _FIRST_WORD.match(text)
    match = _DAY_FIRST.fullmatch(text, word.end()) if word else None
    is_foreign = match is not None and match[2].lower() not in ENGLISH and len(match[3]) == 4
    return match if is_foreign else None


def _numeric_date(parts: tuple[str, str, str], order: str | None) -> datetime | None:
    first, second, third = parts
    if len(first) == 4 and len(third) <= 2:
        return _calendar_day(first, second, third)
    if len(first) > 2 or len(third) not in (2, 4):
        return None
    if order is None or (order == "ymd" and len(third) == 4):
        raise BadItem(
            "can be read as day first or month first",
            hint='Say which by the option dates = "dmy" or dates = "mdy".',
        )
    year, month, day = {
        "dmy": (third, second, first),
        "mdy": (third, first, second),
        "ymd": (first, second, third),
    }[order]
    return _calendar_day(year, month, day)


def _compact_date(text: str, body: str, order: str | None) -> datetime | None:
    """Read eight digits that begin with the day or the month, where ``order`` says so."""
    if re.fullmatch(r"\d{8}", body) is None:
        return None
    if order in ("dmy", "mdy") and not body.startswith(("19", "20")):
        return _numeric_date((body[:2], body[2:4], body[4:]), order)
    return read_digits(body)


def _by_weekday(weekday: str, year: str, month: str, day: str) -> datetime | None:
    """Read a year of two digits where the weekday proves it, as RFC 822 and RFC 850 have it."""
    midnight = _named_date(year, month, day)
    if midnight is None:
        return None
    if weekday and _DAYS[midnight.weekday()] == weekday[:3].lower():
        return midnight
    raise BadItem(
        "can be read as day first or year first",
        hint='Say which by the option dates = "dmy" or dates = "ymd".',
    )


def _named_date(year: str, month: str, day: str) -> datetime | None:
    number = month_number(month)
    return None if number is None else _calendar_day(year, str(number), day)


def _calendar_day(year: str, month: str, day: str) -> datetime:
    full_year = int(year)
    if len(year) == 2:
        # as POSIX and Excel's neighbours: 69 to 99 are of the last century
        full_year += 1900 if full_year > 68 else 2000
    try:
        return datetime(full_year, int(month), int(day))  # noqa: DTZ001 - its zone comes later
    except ValueError:
        raise BadItem("is no day of the calendar") from None
