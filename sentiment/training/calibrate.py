"""Fit on val what turns logits into honest answers: a temperature, and a floor."""

from __future__ import annotations

from typing import Any

import numpy as np

from sentiment.answers import softmax

Array = np.ndarray[Any, Any]

CALIBRATION_VERSION = 2
LEFT_OUT = frozenset({"umsab hi"})
"""Groups that the temperature is not fitted on: on their val rows answers are at chance."""

LEAST_ROWS = 450
"""Val rows in a language from which on it has a temperature of its own."""

MOST_ABSTAINED = 0.03
"""At most this share of val may be answered "could not tell" because of the floor."""


def bias(logits: Array, labels: Array, groups: Array) -> Array:
    """Return what to add to the three logits, so that no label is preferred for its number alone.

    Training sets hold fewer negative posts than a brand's mentions do. Of a grid of offsets
    (neutral 0) the one with the highest macro recall is taken, every group counting the same
    (as Menon et al. 2021, "Long-tail learning via logit adjustment", with offsets found on val).
    """
    chosen = [groups == group for group in sorted(set(groups.tolist()) - LEFT_OUT)]

    def gain(offset: Array) -> float:
        right = (logits + offset).argmax(-1) == labels
        recalls = [_macro_recall(right[rows], labels[rows]) for rows in chosen]
        return float(np.mean(recalls))

    steps = np.arange(-0.6, 0.65, 0.1)
    offsets = [np.array([negative, 0.0, positive]) for negative in steps for positive in steps]
    best = max(offsets, key=gain)
    return np.asarray(np.round(best, 2), dtype=np.float32)


def _macro_recall(right: Array, labels: Array) -> float:
    return float(np.mean([right[labels == label].mean() for label in np.unique(labels)]))


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


def temperatures(logits: Array, labels: Array, groups: Array, languages: Array) -> dict[str, float]:
    """Return a temperature for each language found in at least ``LEAST_ROWS`` val rows.

    ``languages``: what identification finds in each text, as that is all production knows.
    """
    fit = ~np.isin(groups, list(LEFT_OUT))
    found = {}
    for language in sorted(set(languages.tolist()) - {""}):
        rows = fit & (languages == language)
        if rows.sum() >= LEAST_ROWS:
            # every row counts: a set in another language has a few rows that look like this one
            found[language] = temperature(logits[rows], labels[rows], languages[rows])
    return found


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
