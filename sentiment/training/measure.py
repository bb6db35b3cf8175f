"""The field's measures, from labels and probabilities. All but ``calibration_error`` in percent.

Classes are numbered as the columns of the probabilities: negative, neutral, positive, or negative
and positive where a set knows no neutral.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """What labels alone are worth, in percent."""

    rows: int
    macro_recall: float
    macro_f1: float
    weighted_f1: float
    accuracy: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures(Rates):
    """What a set of answers is worth: percent, and the expected calibration error in 0 to 1."""

    calibration_error: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """Answers of like confidence: how many, how sure they were on average, which share is right."""

    rows: int
    confidence: float
    right: float


def measure(labels: Array, probabilities: Array) -> Measures:
    """Judge probabilities [rows, classes] by labels [rows]; ValueError when there are no rows."""
    found = rates(confusion(labels, answered(probabilities), probabilities.shape[1]))
    return Measures(**asdict(found), calibration_error=calibration_error(labels, probabilities))


def rates(table: Array) -> Rates:
    """Judge the counts [actual, said]; ValueError when there are none.

    A class without rows has no recall, and one that is neither there nor said has no F1: the means
    leave it out.
    """
    if not table.sum():
        raise ValueError("there are no rows to judge")
    right = np.diag(table).astype(np.float64)
    actual, said = table.sum(1), table.sum(0)
    recall = right / np.maximum(actual, 1)
    f1 = 2 * right / np.maximum(actual + said, 1)
    return Rates(
        rows=int(table.sum()),
        macro_recall=100 * float(recall[actual > 0].mean()),
        macro_f1=100 * float(f1[actual + said > 0].mean()),
        weighted_f1=100 * float((f1 * actual).sum() / actual.sum()),
        accuracy=100 * float(right.sum() / actual.sum()),
    )


def answered(probabilities: Array) -> Array:
    """Return the most probable class of each row; ties go as in ``Scores.label``: to neutral,
    then to negative."""
    order = np.array([1, 0, 2] if probabilities.shape[1] == 3 else [0, 1])
    said: Array = order[probabilities[:, order].argmax(-1)]
    return said


def confusion(labels: Array, said: Array, classes: int = 3) -> Array:
    """Return counts [actual, said] of the classes."""
    counts: Array = np.bincount(labels * classes + said, minlength=classes * classes)
    return counts.reshape(classes, classes)


def calibration_error(labels: Array, probabilities: Array, bins: int = 15) -> float:
    """Return how far confidence is from accuracy on average (15 bins of equal width)."""
    right = answered(probabilities) == labels
    found = reliability(probabilities.max(-1), right, bins)
    return sum(abs(one.right - one.confidence) * one.rows for one in found) / len(labels)


def reliability(confidence: Array, right: Array, bins: int = 15) -> list[Bin]:
    """Put answers of like confidence together, in bins of equal width; empty ones are left out."""
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    return [
        Bin(
            rows=int((place == i).sum()),
            confidence=float(confidence[place == i].mean()),
            right=float(right[place == i].mean()),
        )
        for i in range(bins)
        if (place == i).any()
    ]
