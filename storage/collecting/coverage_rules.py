"""Apply a batch's claims to one part's ledger; pure, without a database.

At any moment an instant is covered, or in one gap, or unknown. A part's ledger changes in this
order, and the last claim wins:

1. Everything that is Seen becomes covered. It fills the gaps over it, open and lost ones.
2. Open gaps of the batch follow, then its lost gaps, so that a lost interval is not also open.
   Intervals that the same batch has Seen are cut out of both.
3. Each such gap takes back older coverage under it. Platforms index late and clocks are off, so
   the listener knows best.
4. It replaces gaps in the other state (open or lost) under it, and keeps their first date.
5. It adds nothing where a gap in the same state is noted already.
6. Where it touches gaps of its own kind, they become one gap with the new reason. Lost gaps join
   only when their reasons are the same.

So the same claims, repeated in their order, change nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from earful import intervals
from earful.intervals import Interval, Intervals
from earful.types import Gap, Seen

OPEN, FILLED, LOST = "open", "filled", "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerGap:
    """A gap as the ledger stores it; ``closed_at`` is when it was filled or given up."""

    since: datetime
    until: datetime
    kind: str
    reason: str
    state: str
    noted_at: datetime
    closed_at: datetime | None = None

    @property
    def interval(self) -> Interval:
        """Return the time from ``since`` to ``until``."""
        return self.since, self.until


@dataclass(frozen=True, slots=True, kw_only=True)
class PartLedger:
    """The covered intervals and the gaps of one part of a query."""

    covered: Intervals = ()
    gaps: tuple[LedgerGap, ...] = ()


def apply_claims(
    before: PartLedger, seen: Sequence[Seen], gaps: Sequence[Gap], at: datetime
) -> PartLedger:
    """Apply a batch's claims about one part; the module's docstring lists the rules."""
    seen_intervals = [(claim.since, claim.until) for claim in seen]
    ledger = _cover(before, seen_intervals, at)  # 1
    for gap in sorted(gaps, key=lambda claim: claim.lost):  # 2; stable: else in the batch's order
        for interval in intervals.subtract([(gap.since, gap.until)], seen_intervals):
            ledger = _add_gap(ledger, interval, gap, at)
    return ledger


def _cover(before: PartLedger, seen: Sequence[Interval], at: datetime) -> PartLedger:
    gaps: list[LedgerGap] = []
    for gap in before.gaps:
        remaining = _cut(gap, seen) if gap.state != FILLED else [gap]
        gaps += remaining or [replace(gap, state=FILLED, closed_at=at)]
    return PartLedger(covered=intervals.add(before.covered, seen), gaps=tuple(gaps))


def _add_gap(before: PartLedger, interval: Interval, gap: Gap, at: datetime) -> PartLedger:
    """Add one interval of a gap."""
    state = LOST if gap.lost else OPEN
    covered = intervals.subtract(before.covered, [interval])  # 3
    same_state = [noted for noted in before.gaps if noted.state == state]
    new_intervals = intervals.subtract([interval], [noted.interval for noted in same_state])  # 5
    unchanged: list[LedgerGap] = [noted for noted in before.gaps if noted.state == FILLED]
    noted_at = at
    for noted in before.gaps:  # 4
        if noted.state not in (state, FILLED):
            unchanged += _cut(noted, new_intervals)
            if intervals.intersect([noted.interval], new_intervals):
                noted_at = min(noted_at, noted.noted_at)
    for since, until in new_intervals:
        # a gap that changes its state keeps the time when it was first noted
        new_gap = LedgerGap(
            since=since,
            until=until,
            kind=gap.kind.value,
            reason=gap.reason,
            state=state,
            noted_at=noted_at,
            closed_at=at if gap.lost else None,
        )
        same_state = _join(same_state, new_gap)  # 6
    return PartLedger(covered=covered, gaps=(*unchanged, *same_state))


def _cut(gap: LedgerGap, cuts: Iterable[Interval]) -> list[LedgerGap]:
    """Cut intervals out of a gap; returns the gap itself when none of them meets it."""
    remaining = intervals.subtract([gap.interval], cuts)
    return [replace(gap, since=since, until=until) for since, until in remaining]


def _join(gaps: Sequence[LedgerGap], new: LedgerGap) -> list[LedgerGap]:
    """Add ``new``, joined with the gaps of its kind that it touches; its reason counts."""
    separate: list[LedgerGap] = []
    for gap in gaps:
        is_touching = gap.since <= new.until and new.since <= gap.until
        is_alike = gap.kind == new.kind and (new.state == OPEN or gap.reason == new.reason)
        if is_touching and is_alike:
            new = replace(
                new,
                since=min(gap.since, new.since),
                until=max(gap.until, new.until),
                noted_at=min(gap.noted_at, new.noted_at),
            )
        else:
            separate.append(gap)
    return [*separate, new]
