"""Arithmetic of intervals, held against sets of single minutes."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

from factories import NOW
from hypothesis import given
from hypothesis import strategies as st

from earful import intervals
from earful.intervals import Interval, Intervals

MINUTE = timedelta(minutes=1)
_pair = st.tuples(st.integers(0, 24), st.integers(0, 24))
_intervals = st.lists(_pair.map(lambda pair: (_at(pair[0]), _at(pair[1]))), max_size=6)


def _at(minute: int) -> datetime:
    return NOW + minute * MINUTE


def _minutes(group: list[Interval] | Intervals) -> set[int]:
    return {m for m in range(25) if any(since <= _at(m) < until for since, until in group)}


def _is_normal(group: Intervals) -> bool:
    has_holes = all(interval[1] < following[0] for interval, following in pairwise(group))
    return has_holes and all(since < until for since, until in group)


@given(_intervals, _intervals)
def test_add_subtract_and_intersect_are_those_of_sets(
    left: list[Interval], right: list[Interval]
) -> None:
    added, remaining = intervals.add(left, right), intervals.subtract(left, right)
    common = intervals.intersect(left, right)
    assert _minutes(added) == _minutes(left) | _minutes(right)
    assert _minutes(remaining) == _minutes(left) - _minutes(right)
    assert _minutes(common) == _minutes(left) & _minutes(right)
    assert all(_is_normal(group) for group in (added, remaining, common))
    assert intervals.add(remaining, common) == intervals.add(left)
    assert intervals.length(added) == len(_minutes(added)) * MINUTE


def test_touching_intervals_join_and_empty_ones_vanish() -> None:
    assert intervals.add([(_at(3), _at(5)), (_at(0), _at(3))]) == ((_at(0), _at(5)),)
    assert intervals.add([(_at(3), _at(3)), (_at(5), _at(4))]) == ()
    assert intervals.subtract([(_at(0), _at(5))], [(_at(5), _at(6))]) == ((_at(0), _at(5)),)
    assert intervals.intersect([(_at(0), _at(5))], [(_at(5), _at(6))]) == ()
