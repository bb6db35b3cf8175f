"""The field's measures, from labels and probabilities. All but ``calibration_error`` in percent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """What a set of answers is worth: percent, and the expected calibration error in 0 to 1."""

    rows: int
    macro_recall: float
    macro_f1: float
    weighted_f1: float
    accuracy: float
    calibration_error: float


def measure(labels: Array, probabilities: Array) -> Measures:
    """Judge probabilities [rows, 3] by labels [rows] of 0, 1, 2."""
    table = confusion(labels, probabilities.argmax(-1))
    right = np.diag(table).astype(np.float64)
    actual, said = table.sum(1), table.sum(0)
    recall = right / np.maximum(actual, 1)
    precision = right / np.maximum(said, 1)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    return Measures(
        rows=len(labels),
        macro_recall=100 * float(recall.mean()),
        macro_f1=100 * float(f1.mean()),
        weighted_f1=100 * float((f1 * actual).sum() / actual.sum()),
        accuracy=100 * float(right.sum() / actual.sum()),
        calibration_error=calibration_error(labels, probabilities),
    )


def confusion(labels: Array, said: Array) -> Array:
    """Return counts [actual, said] of the three classes."""
    return np.bincount(labels * 3 + said, minlength=9).reshape(3, 3)


def calibration_error(labels: Array, probabilities: Array, bins: int = 15) -> float:
    """Return how far confidence is from accuracy on average (15 bins of equal width)."""
    confidence = probabilities.max(-1)
    right = probabilities.argmax(-1) == labels
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [
        abs(float(right[place == i].mean() - confidence[place == i].mean())) * (place == i).mean()
        for i in range(bins)
        if (place == i).any()
    ]
    return float(sum(gaps))


def softmax(logits: Array, temperature: float = 1.0) -> Array:
    """Return probabilities [rows, 3] of logits divided by the temperature."""
    scaled = logits.astype(np.float64) / temperature
    powers = np.exp(scaled - scaled.max(-1, keepdims=True))
    shares: Array = powers / powers.sum(-1, keepdims=True)
    return shares
