"""Texts of one length go together: no padding, and no text's arithmetic depends on another's."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sentiment.language import Found

TOKENS_PER_BATCH = 512
"""How many tokens one run of the model takes: what passes between two products stays in the
processor's cache, and the fixed cost of a run is still small beside its work."""

NOTHING_FOUND = Found()

Ids = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Reading:
    """One text as the model gets it, and what else its answer needs.

    ``at``: its place in the caller's list. ``unsure``: it cannot be read, whatever the model says.
    """

    at: int
    ids: Sequence[int]
    unsure: bool = False
    found: Found = NOTHING_FOUND


def batches(readings: Iterable[Reading], tokens: int = TOKENS_PER_BATCH) -> Iterator[list[Reading]]:
    """Yield lists of readings with the same number of tokens, together ``tokens`` at most.

    A batch is yielded as soon as it is full, the rest at the end with the longest texts first (the
    last to be worked on is then the smallest). One reading alone may be longer than ``tokens``.
    """
    waiting: defaultdict[int, list[Reading]] = defaultdict(list)
    for reading in readings:
        length = len(reading.ids)
        waiting[length].append(reading)
        if (len(waiting[length]) + 1) * length > tokens:
            yield waiting.pop(length)
    for length in sorted(waiting, reverse=True):
        yield waiting[length]


def feed(batch: Sequence[Reading]) -> dict[str, Ids]:
    """Return the model's inputs for one batch."""
    ids = np.array([reading.ids for reading in batch], dtype=np.int64)
    return {"input_ids": ids, "attention_mask": np.ones_like(ids)}
