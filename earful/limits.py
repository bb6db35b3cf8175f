"""The limits of a platform, and a meter without limits for tools that need no budget."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """The limits of a platform for one account; None where it names none.

    ``requests`` are allowed in ``per`` seconds. ``units_per_day`` are its quota units in a day
    that begins at midnight in ``zone``.
    """

    requests: int | None = None
    per: float = 3600.0
    units_per_day: int | None = None
    zone: str = "UTC"


@dataclass(slots=True)
class UnlimitedMeter:
    """A SpendMeter that allows everything and adds it up."""

    requests: int = 0
    reads: int = 0
    units: int = 0
    received: int = 0

    def reserve(self, *, requests: int = 0, reads: int = 0, units: int = 0) -> None:
        """Count the spending; never refuses."""
        self.requests += requests
        self.reads += reads
        self.units += units

    def reconcile(self, *, received: int = 0, reads: int = 0, units: int = 0) -> None:
        """Add the bytes received, and correct the reserved reads and units."""
        self.received += received
        self.reads += reads
        self.units += units

    def report_remaining(self, *, remaining: int | None, reset_after: float | None) -> None:
        """Do nothing: a meter without limits needs no report."""


def money(millionths: int, currency: str) -> str:
    """Write an amount for people: two decimals, or as many as it needs."""
    decimals = 2 if millionths % 10_000 == 0 else 6
    text = f"{millionths / 1_000_000:,.{decimals}f}"
    return f"{text.rstrip('0') if decimals == 6 else text} {currency}"
