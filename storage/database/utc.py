"""Store instants: aware UTC in Python, whole microseconds since 1970 in the column.

One integer on every database: it sorts, subtracts and buckets the same on SQLite and PostgreSQL,
and a naive or shifted time cannot come back.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_micros(instant: datetime) -> int:
    """Return whole microseconds since 1970; ValueError for a naive datetime."""
    if instant.tzinfo is None:
        raise ValueError(f"{instant!r} has no time zone; give an aware datetime (UTC)")
    return (instant - EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """Return the aware UTC datetime of that many microseconds since 1970."""
    return EPOCH + timedelta(microseconds=micros)


class UnreadableInstant(Exception):
    """A stored instant that no version wrote: the file is damaged."""


class UTCInstant(TypeDecorator[datetime]):
    """A column of aware UTC datetimes kept as a BIGINT of epoch microseconds."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """Python to database."""
        return None if value is None else to_micros(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Database to Python; UnreadableInstant for a number that is no time."""
        try:
            return None if value is None else from_micros(value)
        except (OverflowError, TypeError) as error:
            raise UnreadableInstant(f"{value!r:.40} is no time") from error
