"""Instants as platforms and files write them, read into aware UTC datetimes."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta, tzinfo
from email.utils import parsedate_to_datetime

from earful.contracts import BadItem
from listeners.common.rejects import preview

_NUMBER = re.compile(r"-?\d{9,}(\.\d+)?$")
_LOOSE_OFFSET = re.compile(r"\s+(?=([+-]\d{2}:?\d{2}|Z|UTC)$)")
# other notations in exports: a blank before the offset, X's archive format, RFC 2822
_NOTATIONS: tuple[Callable[[str], datetime], ...] = (
    lambda text: datetime.fromisoformat(_LOOSE_OFFSET.sub("", text).replace("UTC", "Z")),
    lambda text: datetime.strptime(text, "%a %b %d %H:%M:%S %z %Y"),
    parsedate_to_datetime,
)
_LONGEST = 80  # characters; no notation takes more
_SECONDS = (1e8, 1e11)  # 1973 to 5138
_MILLISECONDS = (1e11, 1e14)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def from_epoch(seconds: float) -> datetime:
    """Return the instant ``seconds`` after 1970 (UTC); exact to the microsecond."""
    return EPOCH + timedelta(seconds=seconds)


def to_epoch(instant: datetime) -> int:
    """Return whole seconds since 1970, rounded down."""
    return (instant - EPOCH) // timedelta(seconds=1)


def parse(value: object, zone: tzinfo | None = None) -> datetime:
    """Read an instant into a datetime in UTC.

    ``value`` is ISO 8601 with an offset, epoch seconds or milliseconds, RFC 2822, X's archive
    format, or a datetime. ``zone`` applies to an instant without an offset; without ``zone`` such
    an instant is refused. Raises BadItem with the notation to use.
    """
    if isinstance(value, datetime):
        return _utc(value, str(value), zone)
    if isinstance(value, str):
        value = value.strip()
        if _NUMBER.match(value):
            return _number(float(value))
        return _utc(_text(value), value, zone)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _number(value)
    if value is None:
        raise BadItem("it is missing")
    raise BadItem(f"{preview(value, 60)} is not a time; give ISO 8601 with an offset")


def _text(value: str) -> datetime:
    # ISO 8601 first: nearly every platform read here writes it
    try:
        return datetime.fromisoformat(value)
    except ValueError as error:
        for notation in _NOTATIONS if len(value) <= _LONGEST else ():
            with suppress(ValueError, TypeError, IndexError, OverflowError):
                return notation(value)
        raise BadItem(
            f"{value[:60]!r} is not a time; give ISO 8601, as 2024-05-01T09:30:00+02:00"
        ) from error


def _utc(instant: datetime, notation: str, zone: tzinfo | None) -> datetime:
    if instant.tzinfo is None:
        if zone is None:
            raise BadItem(
                f"{notation[:60]!r} has no time zone; add an offset, or the option "
                'timezone = "Europe/Athens" when the whole file is in one zone'
            )
        instant = instant.replace(tzinfo=zone)
    try:
        return instant.astimezone(UTC)
    except OverflowError as error:
        raise BadItem(f"{notation[:60]!r} is outside the calendar") from error


def _number(value: float) -> datetime:
    if _SECONDS[0] <= value < _SECONDS[1]:
        return from_epoch(value)
    if _MILLISECONDS[0] <= value < _MILLISECONDS[1]:
        return EPOCH + timedelta(milliseconds=value)
    number = repr(value) if abs(value) < 1e20 else "this number"
    raise BadItem(
        f"{number} is no time since 1970 in seconds or milliseconds; give one of them or ISO 8601"
    )
