"""Fit a bias, temperatures, scales and a floor on val, so that probabilities are honest."""

from __future__ import annotations

from typing import Any

import numpy as np

from sentiment.answers import softmax

Array = np.ndarray[Any, Any]

CALIBRATION_VERSION = 3
# Groups left out of the fit of the temperature: on their val rows answers are at chance.
LEFT_OUT = frozenset({"umsab hi"})

# From this number of val rows on, a language has a temperature of its own.
MIN_ROWS = 450

# The floor may turn at most this share of val into "could not tell".
MAX_ABSTAINED = 0.03


def bias(logits: Array, labels: Array, groups: Array) -> Array:
    """Return offsets for the three logits, so that a frequent label is not preferred.

    Training sets hold fewer negative posts than a brand's mentions do. The offsets with the highest
    macro recall are chosen from a grid (neutral 0), with equal weight for every group (as Menon et
    al. 2021, "Long-tail learning via logit adjustment", with offsets chosen on val).
    """
    steps = np.arange(-0.6, 0.65, 0.1)
    offsets = [np.array([negative, 0.0, positive]) for negative in steps for positive in steps]
    best = max(offsets, key=lambda offset: mean_recall(logits + offset, labels, groups))
    return np.asarray(np.round(best, 2), dtype=np.float32)


def mean_recall(logits: Array, labels: Array, groups: Array) -> float:
    """Return the macro recall (0 to 1) of the groups, on average over the groups."""
    right = logits.argmax(-1) == labels
    chosen = [groups == group for group in sorted(set(groups.tolist()) - LEFT_OUT)]
    return float(np.mean([_macro_recall(right[rows], labels[rows]) for rows in chosen]))


def _macro_recall(right: Array, labels: Array) -> float:
    return float(np.mean([right[labels == label].mean() for label in np.unique(labels)]))


def temperature(logits: Array, labels: Array, groups: Array) -> float:
    """Return the temperature with the least mean log loss; every group has equal weight."""
    weights = np.zeros(len(labels))
    for group in set(groups.tolist()) - LEFT_OUT:
        weights[groups == group] = 1.0 / (groups == group).sum()
    candidates = np.linspace(0.5, 2.5, 201)

    def loss(t: float) -> float:
        picked = softmax(logits, t)[np.arange(len(labels)), labels]
        return float(-(weights * np.log(picked)).sum())

    return round(float(min(candidates, key=loss)), 3)


def temperatures(logits: Array, labels: Array, groups: Array, languages: Array) -> dict[str, float]:
    """Return a temperature for each language with at least ``MIN_ROWS`` val rows.

    ``languages``: the result of identification for each text, because production has no other
    source.
    """
    fit = ~np.isin(groups, list(LEFT_OUT))
    by_language = {}
    for language in sorted(set(languages.tolist()) - {""}):
        rows = fit & (languages == language)
        if rows.sum() >= MIN_ROWS:
            # every row counts: a set in another language has a few rows that look like this one
            by_language[language] = temperature(logits[rows], labels[rows], languages[rows])
    return by_language


def floor(probabilities: Array, labels: Array) -> float:
    """Return the highest floor below which answers are wrong more often than right.

    It leaves at most ``MAX_ABSTAINED`` of the rows without an answer. 0 when no floor qualifies.
    """
    top = probabilities.max(-1)
    right = probabilities.argmax(-1) == labels
    best = 0.0
    for candidate in np.arange(0.34, 0.60, 0.005):
        below = top < candidate
        if below.mean() > MAX_ABSTAINED:
            break
        if below.any() and right[below].mean() < 0.5:
            best = float(candidate)
    return round(best, 3)


# Below this number of val rows that hold, an answer keeps the training's own calibration.
MIN_HOLDING = 20
# Keeps a few rows from pulling an answer to certainty.
_SHRINKAGE = 1e-3


def scale_and_offset(logits: Array, holds: Array, weights: Array) -> tuple[float, float]:
    """Return the scale and offset of one yes-or-no answer's logits [rows], by its least log loss.

    Platt 1999, "Probabilistic Outputs for Support Vector Machines", by Newton's method.
    ``holds``: 1 or 0 for each row. (1, 0) where too few rows hold.
    """
    if min(holds.sum(), (1 - holds).sum()) < MIN_HOLDING:
        return 1.0, 0.0
    inputs = np.stack([logits, np.ones_like(logits)], axis=1).astype(np.float64)
    prior = chosen = np.array([1.0, 0.0])

    def loss(numbers: Array) -> float:
        moved = inputs @ numbers
        likelihood = np.logaddexp(0.0, moved) - holds * moved
        return float((weights * likelihood).sum() + _SHRINKAGE * ((numbers - prior) ** 2).sum() / 2)

    for _ in range(50):
        shares = 1.0 / (1.0 + np.exp(-np.clip(inputs @ chosen, -30, 30)))
        slope = inputs.T @ (weights * (shares - holds)) + _SHRINKAGE * (chosen - prior)
        curve = (inputs * (weights * shares * (1 - shares))[:, None]).T @ inputs
        step = np.linalg.solve(curve + _SHRINKAGE * np.eye(2), slope)
        # a whole step may overshoot where the logits are far too sure
        while loss(chosen - step) > loss(chosen) and np.abs(step).max() > 1e-9:
            step = step / 2
        chosen = chosen - step
    # a negative scale would turn an answer around: then there is no evidence to go by
    return (round(float(chosen[0]), 3), round(float(chosen[1]), 3)) if chosen[0] > 0 else (1.0, 0.0)


def best_threshold(probabilities: Array, holds: Array) -> float:
    """Return the threshold with the highest F1 of what holds."""

    def f1(threshold: float) -> float:
        answered = probabilities >= threshold
        return float(2 * (answered & (holds == 1)).sum() / max(1, answered.sum() + holds.sum()))

    return round(float(max(np.arange(0.1, 0.9, 0.01), key=f1)), 2)
