"""Arithmetic of half-open stretches of time [since, until): pure, in normal form.

Normal form is sorted, without empty stretches, and with a true hole between any two: stretches
that overlap or touch are one. Every function takes stretches in any order and shape, and gives
them in normal form.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

Interval = tuple[datetime, datetime]
Intervals = tuple[Interval, ...]


def add(*many: Iterable[Interval]) -> Intervals:
    """Everything that lies in any of them."""
    joined: list[Interval] = []
    for since, until in sorted(span for spans in many for span in spans):
        if since >= until:
            continue
        if joined and since <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], until))
        else:
            joined.append((since, until))
    return tuple(joined)


def subtract(these: Iterable[Interval], those: Iterable[Interval]) -> Intervals:
    """What lies in ``these`` and not in ``those``."""
    left: list[Interval] = []
    cuts = add(those)
    at = 0
    for since, until in add(these):
        while at < len(cuts) and cuts[at][1] <= since:
            at += 1
        for cut_since, cut_until in cuts[at:]:
            if cut_since >= until:
                break
            if since < cut_since:
                left.append((since, cut_since))
            since = max(since, cut_until)
        if since < until:
            left.append((since, until))
    return tuple(left)


def intersect(these: Iterable[Interval], those: Iterable[Interval]) -> Intervals:
    """What lies in both."""
    mine, theirs = add(these), add(those)
    both: list[Interval] = []
    here = there = 0
    while here < len(mine) and there < len(theirs):
        since = max(mine[here][0], theirs[there][0])
        until = min(mine[here][1], theirs[there][1])
        if since < until:
            both.append((since, until))
        if mine[here][1] < theirs[there][1]:
            here += 1
        else:
            there += 1
    return tuple(both)


def length(spans: Iterable[Interval]) -> timedelta:
    """How long they are together; what overlaps counts once."""
    return sum((until - since for since, until in add(spans)), timedelta())
