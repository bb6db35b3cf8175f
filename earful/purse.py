"""A purse without limits: for tools and tests that need no budget; it counts what is spent."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class OpenPurse:
    """Lets everything through and adds it up."""

    requests: int = 0
    reads: int = 0
    units: int = 0
    received: int = 0

    def ask(self, *, requests: int = 0, reads: int = 0, units: int = 0) -> None:
        """Never refuses."""
        self.requests += requests
        self.reads += reads
        self.units += units

    def settle(self, *, received: int = 0, reads: int = 0, units: int = 0) -> None:
        """Add what came, take off what was not used."""
        self.received += received
        self.reads += reads
        self.units += units

    def said(self, *, remaining: int | None, reset_after: float | None) -> None:
        """A purse without limits has nothing to learn."""
