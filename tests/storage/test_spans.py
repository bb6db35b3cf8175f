"""Arithmetic of stretches of time, held against sets of single minutes."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

from factories import NOW
from hypothesis import given
from hypothesis import strategies as st

from earful import intervals
from earful.intervals import Interval, Intervals

MINUTE = timedelta(minutes=1)
_numbers = st.tuples(st.integers(0, 24), st.integers(0, 24))
_many = st.lists(_numbers.map(lambda pair: (_at(pair[0]), _at(pair[1]))), max_size=6)


def _at(minute: int) -> datetime:
    return NOW + minute * MINUTE


def _minutes(these: list[Interval] | Intervals) -> set[int]:
    return {m for m in range(25) if any(since <= _at(m) < until for since, until in these)}


def _is_normal(these: Intervals) -> bool:
    apart = all(one[1] < next_one[0] for one, next_one in pairwise(these))
    return apart and all(since < until for since, until in these)


@given(_many, _many)
def test_add_subtract_and_intersect_are_those_of_sets(
    these: list[Interval], those: list[Interval]
) -> None:
    added, left = intervals.add(these, those), intervals.subtract(these, those)
    both = intervals.intersect(these, those)
    assert _minutes(added) == _minutes(these) | _minutes(those)
    assert _minutes(left) == _minutes(these) - _minutes(those)
    assert _minutes(both) == _minutes(these) & _minutes(those)
    assert all(_is_normal(one) for one in (added, left, both))
    assert intervals.add(left, both) == intervals.add(these)
    assert intervals.length(added) == len(_minutes(added)) * MINUTE


def test_what_touches_is_one_and_what_is_empty_is_nothing() -> None:
    assert intervals.add([(_at(3), _at(5)), (_at(0), _at(3))]) == ((_at(0), _at(5)),)
    assert intervals.add([(_at(3), _at(3)), (_at(5), _at(4))]) == ()
    assert intervals.subtract([(_at(0), _at(5))], [(_at(5), _at(6))]) == ((_at(0), _at(5)),)
    assert intervals.intersect([(_at(0), _at(5))], [(_at(5), _at(6))]) == ()
