"""Compute with half-open intervals of time [since, until): pure, in normal form.

Normal form is sorted, without empty intervals, and with a hole between any two: intervals that
overlap or touch are one. Every function takes intervals in any order, and returns them in normal
form.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

Interval = tuple[datetime, datetime]
Intervals = tuple[Interval, ...]


def add(*collections: Iterable[Interval]) -> Intervals:
    """Return the union of all intervals."""
    joined: list[Interval] = []
    for since, until in sorted(interval for intervals in collections for interval in intervals):
        if since >= until:
            continue
        if joined and since <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], until))
        else:
            joined.append((since, until))
    return tuple(joined)


def subtract(intervals: Iterable[Interval], cut_out: Iterable[Interval]) -> Intervals:
    """Return the parts of ``intervals`` outside ``cut_out``."""
    remaining: list[Interval] = []
    cuts = add(cut_out)
    at = 0
    for since, until in add(intervals):
        while at < len(cuts) and cuts[at][1] <= since:
            at += 1
        for cut_since, cut_until in cuts[at:]:
            if cut_since >= until:
                break
            if since < cut_since:
                remaining.append((since, cut_since))
            since = max(since, cut_until)
        if since < until:
            remaining.append((since, until))
    return tuple(remaining)


def intersect(first: Iterable[Interval], second: Iterable[Interval]) -> Intervals:
    """Return the time that lies in both."""
    firsts, seconds = add(first), add(second)
    shared: list[Interval] = []
    i = j = 0
    while i < len(firsts) and j < len(seconds):
        since = max(firsts[i][0], seconds[j][0])
        until = min(firsts[i][1], seconds[j][1])
        if since < until:
            shared.append((since, until))
        if firsts[i][1] < seconds[j][1]:
            i += 1
        else:
            j += 1
    return tuple(shared)


def length(intervals: Iterable[Interval]) -> timedelta:
    """Return the total time of the intervals; an overlap counts once."""
    return sum((until - since for since, until in add(intervals)), timedelta())
