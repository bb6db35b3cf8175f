"""Measure readings: the sentiment toward the brand, and names that may hold together.

All measures are in percent. A row's label may leave names out: then it says nothing about them, and
they are not judged in that row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from earful.judgements import HOLDS_AT, Reading, Scores
from sentiment.evaluation import Flagged
from sentiment.measures import Rates, confusion, most_probable, rates


@dataclass(frozen=True, slots=True, kw_only=True)
class NameCounts:
    """How often a name was right.

    ``rows``: rows whose label says yes or no about it. ``actual``: of these, how often the label
    says yes. ``answered``: how often the model does. ``right``: how often both do.
    """

    name: str
    rows: int
    actual: int
    answered: int
    right: int

    @property
    def precision(self) -> float | None:
        """Return how many of the answers were right; None when it was never answered."""
        return 100 * self.right / self.answered if self.answered else None

    @property
    def recall(self) -> float | None:
        """Return how many of the actual ones were answered; None when there are none."""
        return 100 * self.right / self.actual if self.actual else None

    @property
    def f1(self) -> float | None:
        """Return the harmonic mean of precision and recall; None without actual rows."""
        if not self.actual:
            return None
        return 200 * self.right / (self.actual + self.answered)


def count_name(name: str, actual: Sequence[bool], answered: Sequence[bool]) -> NameCounts:
    """Count a name from its labels and answers, row by row."""
    return NameCounts(
        name=name,
        rows=len(actual),
        actual=sum(actual),
        answered=sum(answered),
        right=sum(a and b for a, b in zip(actual, answered, strict=True)),
    )


def count_names(
    names: Iterable[str],
    labels: Sequence[Mapping[str, bool]],
    probabilities: Sequence[Mapping[str, float]],
) -> list[NameCounts]:
    """Count each of ``names``; it holds from the probability ``HOLDS_AT`` on.

    ``labels`` give yes or no by name for each row; a name that a row lacks is not judged there.
    ``probabilities`` are the model's, in the same order of rows.
    """
    rows = list(zip(labels, probabilities, strict=True))
    return [
        count_name(
            name,
            [label[name] for label, _ in rows if name in label],
            [answer.get(name, 0.0) >= HOLDS_AT for label, answer in rows if name in label],
        )
        for name in names
    ]


def macro_f1(counts: Iterable[NameCounts]) -> float | None:
    """Return the mean F1 of the names that occur; None when none does."""
    # a name that never occurs would count as 0, however rightly it was never answered
    f1 = [count.f1 for count in counts if count.f1 is not None]
    return sum(f1) / len(f1) if f1 else None


def flagged_of(counts: NameCounts, threshold: float) -> Flagged:
    """Return counts of flagged posts as the shares that a threshold flags; there are rows."""
    return Flagged(
        threshold=threshold,
        share=100 * counts.answered / counts.rows,
        precision=counts.precision,
        recall=counts.recall,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TowardRates:
    """The sentiment toward the brand against its labels, and the text's own scores against them.

    ``confusion`` counts [actual, answered] of ``toward``, both in the order negative, neutral,
    positive.
    """

    toward: Rates
    text_alone: Rates
    confusion: list[list[int]]


def measure_toward(labels: Sequence[int], readings: Sequence[Reading]) -> TowardRates:
    """Judge readings by labels (0 negative, 1 neutral, 2 positive); ValueError without rows."""
    actual = np.array(labels, dtype=np.int64)
    toward = confusion(actual, most_probable(_table([reading.toward for reading in readings])))
    alone = confusion(actual, most_probable(_table([reading.scores for reading in readings])))
    return TowardRates(toward=rates(toward), text_alone=rates(alone), confusion=toward.tolist())


def _table(scores: Sequence[Scores]) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    rows = [[three.negative, three.neutral, three.positive] for three in scores]
    return np.array(rows, dtype=np.float64).reshape(len(rows), 3)
