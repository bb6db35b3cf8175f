"""Times in the notations of other tools, and the proof of a file's order of day and month."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from contextlib import suppress
from datetime import date
from typing import Any, NamedTuple

from listeners.files.presets.cells import text_of

_LOCAL = re.compile(r"\s*(\d{1,4})([./-])(\d{1,2})\2(\d{1,4})(?!\d)")
_STEPS_BACK = 0.02  # of a file in order of time; edits and late rows stand a little aside


def day_and_clock(day: Any, clock: Any) -> Any:
    """Join a day and a time of day from two columns; the day alone when it holds a time."""
    day_text, clock_text = text_of(day), text_of(clock)
    if not clock_text or ":" in day_text:
        return day
    return f"{day_text} {clock_text}"


class DateOrder(NamedTuple):
    """The order of day, month and year: "dmy", "mdy", "ymd", or None when both can be.

    ``evidence`` is a sentence; ``is_local``: the file's dates are local notations at all.
    """

    order: str | None
    evidence: str
    is_local: bool

    @property
    def is_open(self) -> bool:
        """Whether further dates may decide; two dates that contradict each other may not."""
        return self.is_local and self.order is None and "different" not in self.evidence


def prove_order(values: Iterable[Any]) -> DateOrder:
    """Find the one order in which all of these dates exist and the rows follow each other.

    1. A first number of four digits is a year: ymd.
    2. A number over 12 is a day: it decides, unless another row decides otherwise.
    3. Without one, dates that run forward in one order only decide.
    """
    parsed: list[tuple[int, int, int, str]] = []
    for value in values:
        match = _LOCAL.match(value) if isinstance(value, str) else None
        if match:
            parsed.append((int(match[1]), int(match[3]), int(match[4]), value.strip()[:30]))
    if not parsed:
        return DateOrder(None, "", False)
    if all(first > 31 for first, _, _, _ in parsed):
        return DateOrder("ymd", "", False)
    days_first = [row for row in parsed if 12 < row[0] <= 31 and row[1] <= 12]
    days_second = [row for row in parsed if row[0] <= 12 < row[1] <= 31]
    if days_first and days_second:
        return DateOrder(
            None,
            f"{days_first[0][3]!r} and {days_second[0][3]!r} are in different orders.",
            True,
        )
    if days_first or days_second:
        order, row = ("dmy", days_first[0]) if days_first else ("mdy", days_second[0])
        words = "day before month" if order == "dmy" else "month before day"
        evidence = f"Dates are read as {words}: {row[3]!r} has no other reading."
        return DateOrder(order, evidence, True)
    return _order_by_sequence(parsed)


def _order_by_sequence(parsed: list[tuple[int, int, int, str]]) -> DateOrder:
    """Decide by the sequence of the rows: in the wrong order they jump back and forth."""
    steps = {"dmy": _steps_back(parsed, 1, 0), "mdy": _steps_back(parsed, 0, 1)}
    fitting = [order for order, share in steps.items() if share <= _STEPS_BACK]
    # a handful of rows can run forward by chance
    if len(fitting) == 1 and len(parsed) >= 10 and max(steps.values()) >= 0.1:
        words = "day before month" if fitting[0] == "dmy" else "month before day"
        evidence = f"Dates are read as {words}: only so the rows are in order of time."
        return DateOrder(fitting[0], evidence, True)
    return DateOrder(None, f"{parsed[0][3]!r} can be read in two orders.", True)


def _steps_back(parsed: list[tuple[int, int, int, str]], month: int, day: int) -> float:
    """Return the share of rows that stand before their forerunner, in the file's direction."""
    days: list[date] = []
    for row in parsed:
        numbers = (row[0], row[1])
        year = row[2] + 2000 if row[2] < 100 else row[2]
        with suppress(ValueError):
            days.append(date(year, numbers[month], numbers[day]))
    moves = [later - earlier for earlier, later in itertools.pairwise(days)]
    forward = sum(move.days > 0 for move in moves)
    backward = sum(move.days < 0 for move in moves)
    return min(forward, backward) / max(1, len(moves))
