"""Compute the field's measures from labels and probabilities.

All measures but ``calibration_error`` are in percent. Classes are numbered as the columns of the
probabilities: negative, neutral, positive, or negative and positive where a set has no neutral.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Measures of the labels alone, in percent."""

    rows: int
    macro_recall: float
    macro_f1: float
    weighted_f1: float
    accuracy: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures(Rates):
    """Measures of a set of answers: percent, and the expected calibration error in 0 to 1."""

    calibration_error: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """Answers of like confidence: their number, average confidence (0 to 1) and share right."""

    rows: int
    confidence: float
    right: float


def measure(labels: Array, probabilities: Array) -> Measures:
    """Judge probabilities [rows, classes] by labels [rows]; ValueError when there are no rows."""
    table = confusion(labels, most_probable(probabilities), probabilities.shape[1])
    by_label = rates(table)
    return Measures(**asdict(by_label), calibration_error=calibration_error(labels, probabilities))


def rates(table: Array) -> Rates:
    """Judge the counts [actual, answered]; ValueError when there are none.

    A class without rows has no recall. A class that is neither actual nor answered has no F1. The
    means leave both out.
    """
    if not table.sum():
        raise ValueError("there are no rows to judge")
    right = np.diag(table).astype(np.float64)
    actual, answered = table.sum(1), table.sum(0)
    recall = right / np.maximum(actual, 1)
    f1 = 2 * right / np.maximum(actual + answered, 1)
    return Rates(
        rows=int(table.sum()),
        macro_recall=100 * float(recall[actual > 0].mean()),
        macro_f1=100 * float(f1[actual + answered > 0].mean()),
        weighted_f1=100 * float((f1 * actual).sum() / actual.sum()),
        accuracy=100 * float(right.sum() / actual.sum()),
    )


def most_probable(probabilities: Array) -> Array:
    """Return the most probable class of each row.

    Ties go as in ``Scores.sentiment``: to neutral, then to negative.
    """
    order = np.array([1, 0, 2] if probabilities.shape[1] == 3 else [0, 1])
    answered: Array = order[probabilities[:, order].argmax(-1)]
    return answered


def confusion(labels: Array, answered: Array, classes: int = 3) -> Array:
    """Return counts [actual, answered] of the classes."""
    counts: Array = np.bincount(labels * classes + answered, minlength=classes * classes)
    return counts.reshape(classes, classes)


def calibration_error(labels: Array, probabilities: Array, bins: int = 15) -> float:
    """Return the average distance of confidence from accuracy, 0 to 1, over bins of equal width."""
    right = most_probable(probabilities) == labels
    of_like_confidence = bins_of_confidence(probabilities.max(-1), right, bins)
    gaps = (abs(part.right - part.confidence) * part.rows for part in of_like_confidence)
    return sum(gaps) / len(labels)


def bins_of_confidence(confidence: Array, right: Array, bins: int = 15) -> list[Bin]:
    """Group answers by confidence in bins of equal width; leave empty bins out."""
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
