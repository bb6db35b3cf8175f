"""The checks that every fact makes of its fields."""

from __future__ import annotations

from datetime import UTC, datetime


def put_into_utc(fact: object, *names: str) -> None:
    """Put the named instants of a frozen fact into UTC; ValueError for a naive one."""
    for name in names:
        instant: datetime | None = getattr(fact, name)
        if instant is None:
            continue
        if instant.tzinfo is None:
            raise ValueError(
                f"{type(fact).__name__}.{name}: {instant!r} has no time zone; "
                "give an aware datetime (UTC)"
            )
        object.__setattr__(fact, name, instant.astimezone(UTC))


def refuse_empty(fact: object, *names: str) -> None:
    """Raise ValueError when one of the named fields is empty."""
    for name in names:
        if not getattr(fact, name):
            raise ValueError(f"{type(fact).__name__}.{name} is empty; it must say something")
