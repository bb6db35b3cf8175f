"""Pure: what one part of a query has seen and missed, and what one more claim makes of it.

The last word counts. A stretch that is Seen closes the gaps over it, lost ones too; a Gap told
over what was seen before takes it back, because platforms index late and clocks are off: the
listener knows best. So at any moment an instant is covered, or in one gap, or unknown, and the
same claims told again in their order change nothing.
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
    """A gap as the ledger keeps it; ``closed_at`` is when it was filled or given up."""

    since: datetime
    until: datetime
    kind: str
    reason: str
    state: str
    noted_at: datetime
    closed_at: datetime | None = None

    @property
    def interval(self) -> Interval:
        """From when to when."""
        return self.since, self.until


@dataclass(frozen=True, slots=True, kw_only=True)
class PartLedger:
    """The covered stretches and the gaps of one part."""

    covered: Intervals = ()
    gaps: tuple[LedgerGap, ...] = ()


def apply_claims(
    before: PartLedger, seen: Sequence[Seen], gaps: Sequence[Gap], at: datetime
) -> PartLedger:
    """What a batch makes of it: what it has seen is no gap; what is lost is lost, not open."""
    heard = [(one.since, one.until) for one in seen]
    claims = _seen(before, heard, at)
    for gap in sorted(gaps, key=lambda one: one.lost):  # a stable sort: in the order told
        for span in intervals.subtract([(gap.since, gap.until)], heard):
            claims = _missed(claims, span, gap, at)
    return claims


def _seen(before: PartLedger, heard: Sequence[Interval], at: datetime) -> PartLedger:
    gaps: list[LedgerGap] = []
    for gap in before.gaps:
        left = _cut(gap, heard) if gap.state != FILLED else [gap]
        gaps += left or [replace(gap, state=FILLED, closed_at=at)]
    return PartLedger(covered=intervals.add(before.covered, heard), gaps=tuple(gaps))


def _missed(before: PartLedger, span: Interval, gap: Gap, at: datetime) -> PartLedger:
    """One stretch of a gap, over which nothing is noted twice in the same state."""
    state = LOST if gap.lost else OPEN
    noted = [one for one in before.gaps if one.state == state]
    fresh = intervals.subtract([span], [one.interval for one in noted])
    rest: list[LedgerGap] = [one for one in before.gaps if one.state == FILLED]
    first = at
    for one in before.gaps:
        if one.state not in (state, FILLED):
            rest += _cut(one, fresh)
            if intervals.intersect([one.interval], fresh):
                first = min(first, one.noted_at)
    for since, until in fresh:
        new = LedgerGap(
            since=since,
            until=until,
            kind=gap.kind.value,
            reason=gap.reason,
            state=state,
            noted_at=first,
            closed_at=at if gap.lost else None,
        )
        noted = _join(noted, new)
    covered = intervals.subtract(before.covered, [span])
    return PartLedger(covered=covered, gaps=(*rest, *noted))


def _cut(gap: LedgerGap, spans_out: Iterable[Interval]) -> list[LedgerGap]:
    """What is left of a gap; itself when nothing was cut."""
    left = intervals.subtract([gap.interval], spans_out)
    return [replace(gap, since=since, until=until) for since, until in left]


def _join(noted: Sequence[LedgerGap], new: LedgerGap) -> list[LedgerGap]:
    """Put ``new`` beside them, one with those of its kind that it touches: its reason counts.

    Lost ones are one only where they are lost for the same reason.
    """
    apart: list[LedgerGap] = []
    for one in noted:
        touches = one.since <= new.until and new.since <= one.until
        alike = one.kind == new.kind and (new.state == OPEN or one.reason == new.reason)
        if touches and alike:
            new = replace(
                new,
                since=min(one.since, new.since),
                until=max(one.until, new.until),
                noted_at=min(one.noted_at, new.noted_at),
            )
        else:
            apart.append(one)
    return [*apart, new]
