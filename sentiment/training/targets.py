"""What a row teaches, in the columns of the model's output."""

from __future__ import annotations

from typing import Any

import numpy as np

from sentiment.heads import (
    INTENT_NAMES,
    INTENTS,
    IRONY,
    REASON_NAMES,
    REASONS,
    SENTIMENT,
    TOWARD,
    WIDTH,
)
from sentiment.training.rows import Row

Array = np.ndarray[Any, Any]


def targets(row: Row, smoothing: float = 0.0, teacher_share: float = 0.0) -> Array:
    """Return what is known of a row as probabilities [WIDTH], NaN where nothing is known.

    ``smoothing`` is spread over the labels of a sentiment. ``teacher_share``: the weight of the
    teacher's answer, where there is one, against the label.
    """
    goals = np.full(WIDTH, np.nan, dtype=np.float32)
    if row.label >= 0:
        goals[SENTIMENT] = _smoothed(row.label, row.binary, smoothing)
        if row.teacher is not None:
            own = (1 - teacher_share) * goals[SENTIMENT]
            goals[SENTIMENT] = own + teacher_share * np.array(row.teacher)
    if row.toward >= 0:
        goals[TOWARD] = _smoothed(row.toward, row.binary, smoothing)
    for columns, names, values in (
        (INTENTS, INTENT_NAMES, row.intents),
        (REASONS, REASON_NAMES, row.reasons),
    ):
        for name, value in values:
            goals[columns.start + names.index(name)] = value
    if row.irony is not None:
        goals[IRONY] = row.irony
    return goals


def _smoothed(label: int, binary: bool, smoothing: float) -> Array:
    """Return a label's probabilities; binary rows have no neutral to spread over."""
    allowed = np.array([1.0, 0.0 if binary else 1.0, 1.0])
    spread = smoothing * allowed / allowed.sum()
    spread[label] += 1.0 - smoothing
    return np.asarray(spread)
