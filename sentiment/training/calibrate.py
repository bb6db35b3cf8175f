"""Fit on val what turns logits into honest answers: a temperature, and a floor."""

from __future__ import annotations

from typing import Any

import numpy as np

from sentiment.training.measure import softmax

Array = np.ndarray[Any, Any]

CALIBRATION_VERSION = 1
LEFT_OUT = frozenset({"umsab hi"})
"""Groups that the temperature is not fitted on: on their val rows answers are at chance."""

MOST_ABSTAINED = 0.03
"""At most this share of val may be answered "could not tell" because of the floor."""


def temperature(logits: Array, labels: Array, groups: Array) -> float:
    """Return the temperature with the least mean log loss, every group counting the same."""
    weights = np.zeros(len(labels))
    for group in set(groups.tolist()) - LEFT_OUT:
        weights[groups == group] = 1.0 / (groups == group).sum()
    candidates = np.linspace(0.5, 2.5, 201)

    def loss(t: float) -> float:
        picked = softmax(logits, t)[np.arange(len(labels)), labels]
        return float(-(weights * np.log(picked)).sum())

    return round(float(min(candidates, key=loss)), 3)


def floor(probabilities: Array, labels: Array) -> float:
    """Return the highest floor below which answers are wrong more often than right.

    It leaves at most ``MOST_ABSTAINED`` of the rows without an answer; 0 when nothing qualifies.
    """
    top = probabilities.max(-1)
    right = probabilities.argmax(-1) == labels
    best = 0.0
    for candidate in np.arange(0.34, 0.60, 0.005):
        below = top < candidate
        if below.mean() > MOST_ABSTAINED:
            break
        if below.any() and right[below].mean() < 0.5:
            best = float(candidate)
    return round(best, 3)
