"""Judge a classifier on labelled posts: its answers, its measures, and the posts it would flag."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from earful.contracts import Classifier
from sentiment.measures import (
    Array,
    Bin,
    Measures,
    bins_of_confidence,
    measure,
    most_probable,
)

NEGATIVE, NEUTRAL, POSITIVE = range(3)


class LabelledText(Protocol):
    """A text and its right label: 0 negative, 1 neutral, 2 positive."""

    @property
    def text(self) -> str:
        """The text as the classifier gets it."""

    @property
    def label(self) -> int:
        """The number of the right label."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Hold the right labels [rows], the answered probabilities [rows, 3], and a flag for each
    "could not tell" [rows]."""

    labels: Array
    probabilities: Array
    could_not_tell: Array

    @property
    def unsure(self) -> float:
        """Return the share answered "could not tell", 0 to 1."""
        return float(self.could_not_tell.mean())


def collect_answers(rows: Sequence[LabelledText], classifier: Classifier) -> Answers:
    """Classify the rows as production does, and keep their right labels beside the answers."""
    scores = classifier.classify([row.text for row in rows])
    return Answers(
        labels=np.array([row.label for row in rows], dtype=np.int64),
        probabilities=np.array([[s.negative, s.neutral, s.positive] for s in scores]),
        could_not_tell=np.array([s.could_not_tell for s in scores], dtype=bool),
    )


def join_answers(parts: Iterable[Answers]) -> Answers:
    """Return the answers of several sets as one; ValueError when there are none."""
    answers = list(parts)
    return Answers(
        labels=np.concatenate([part.labels for part in answers]),
        probabilities=np.concatenate([part.probabilities for part in answers]),
        could_not_tell=np.concatenate([part.could_not_tell for part in answers]),
    )


def measure_answers(answers: Answers, *, binary: bool = False) -> Measures:
    """Measure the answers by their most probable label, also where it is "could not tell".

    ``binary``: the set has no neutral, so the model has to choose between the other two.
    """
    if not binary:
        return measure(answers.labels, answers.probabilities)
    two = answers.probabilities[:, [NEGATIVE, POSITIVE]]
    total = np.maximum(two.sum(-1, keepdims=True), 1e-12)
    return measure(two_classes(answers.labels), two / total)


def two_classes(labels: Array) -> Array:
    """Return labels of negative and positive numbered 0 and 1; ValueError for a neutral one."""
    if (labels == NEUTRAL).any():
        raise ValueError("a set marked as binary has a neutral row; mark it as one of three")
    return labels // POSITIVE


@dataclass(frozen=True, slots=True, kw_only=True)
class Flagged:
    """Count, in percent, the posts that a threshold flags.

    ``share``: flagged posts of all posts. ``precision``: negative posts of the flagged ones, None
    when none is flagged. ``recall``: flagged posts of the negative ones, None when none is
    negative.
    """

    threshold: float
    share: float
    precision: float | None
    recall: float | None


def flagged_at(answers: Answers, threshold: float) -> Flagged:
    """Count posts that reach the threshold of negative; "could not tell" is never flagged."""
    flagged = (answers.probabilities[:, NEGATIVE] >= threshold) & ~answers.could_not_tell
    unhappy = answers.labels == NEGATIVE
    right = int((flagged & unhappy).sum())
    return Flagged(
        threshold=threshold,
        share=100 * float(flagged.mean()),
        precision=100 * right / int(flagged.sum()) if flagged.any() else None,
        recall=100 * right / int(unhappy.sum()) if unhappy.any() else None,
    )


def reliability_of_answers(answers: Answers) -> list[Bin]:
    """Return how often the answered label was right, by the model's confidence in it."""
    right = most_probable(answers.probabilities) == answers.labels
    return bins_of_confidence(answers.probabilities.max(-1), right)


def reliability_of_negative(answers: Answers) -> list[Bin]:
    """Return the share of negative posts by the probability of negative, on which flags rest."""
    negative = answers.labels == NEGATIVE
    return bins_of_confidence(answers.probabilities[:, NEGATIVE], negative)
