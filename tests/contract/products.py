"""Choose which pairs of a product are tested each time, and leave the others to the slow tier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest


def two_of_each(sources: Sequence[str], faults: Sequence[str], *more: object) -> list[Any]:
    """Give every (source, fault) pair as a parameter; most carry the mark ``slow``.

    Without the mark are at least two sources of every fault and two faults of every source, so a
    fault that one client handles wrongly is still met. ``more`` are values of a third
    parameter: the pairs take turns with them. The rest runs with `./run test -m slow`.

    Arguments: names, each at least two. Returns pytest parameters (source, fault[, value]).
    """
    params = []
    for at, source in enumerate(sources):
        for place, fault in enumerate(faults):
            # diagonals of the table: two cells in every row and in every column
            chosen = (place - at) % len(sources) in (0, 1) or (at - place) % len(faults) in (0, 1)
            for turn, value in enumerate(more or ((),)):
                is_chosen = chosen and (not more or (at + place) % len(more) == turn)
                values = (source, fault, *((value,) if more else ()))
                name = "-".join(str(part) for part in values)
                marks = () if is_chosen else (pytest.mark.slow,)
                params.append(pytest.param(*values, marks=marks, id=name))
    return params
