"""What a platform lets an account ask, and a purse without limits for tools that need no budget."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """What a platform lets one account ask: so many requests ``per`` seconds, and so many of its
    quota units in a day that begins at midnight in ``zone``. None: it says nothing of it."""

    requests: int | None = None
    per: float = 3600.0
    units_per_day: int | None = None
    zone: str = "UTC"


@dataclass(slots=True)
class UnlimitedMeter:
    """Lets everything through and adds it up."""

    requests: int = 0
    reads: int = 0
    units: int = 0
    received: int = 0

    def reserve(self, *, requests: int = 0, reads: int = 0, units: int = 0) -> None:
        """Never refuses."""
        self.requests += requests
        self.reads += reads
        self.units += units

    def reconcile(self, *, received: int = 0, reads: int = 0, units: int = 0) -> None:
        """Add what came, take off what was not used."""
        self.received += received
        self.reads += reads
        self.units += units

    def report_remaining(self, *, remaining: int | None, reset_after: float | None) -> None:
        """A purse without limits has nothing to learn."""


def money(millionths: int, currency: str) -> str:
    """An amount as people write it: two decimals, or as many as it needs."""
    decimals = 2 if millionths % 10_000 == 0 else 6
    text = f"{millionths / 1_000_000:,.{decimals}f}"
    return f"{text.rstrip('0') if decimals == 6 else text} {currency}"
