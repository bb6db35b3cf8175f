"""A classifier judged on labelled posts: which sets, its answers, and whom it would flag."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from earful.contracts import Classifier
from sentiment.training.measure import Array, Bin, Measures, answered, measure, reliability
from sentiment.training.rows import OWN, Row

Group = Literal["public", "further", "own"]

NEGATIVE, NEUTRAL, POSITIVE = range(3)


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedSet:
    """A labelled set that a model is judged on, and languages of it (all when empty).

    ``binary``: it has no neutral. ``aside``: languages that count among the further sets.
    """

    name: str
    langs: tuple[str, ...] = ()
    group: Group = "public"
    binary: bool = False
    aside: tuple[str, ...] = ()

    def group_of(self, lang: str) -> Group:
        """Return where rows of this language are pooled."""
        return "further" if lang in self.aside else self.group


SETS = (
    JudgedSet(name="tweeteval_sentiment"),
    JudgedSet(name="umsab"),
    JudgedSet(name="afrisenti", langs=("sw", "pcm", "pt"), aside=("pcm", "pt")),
    JudgedSet(name="greek_bank_tweets"),
    JudgedSet(name="spanish_tass2019"),
    JudgedSet(name="indonesian_smsa", group="further"),
    JudgedSet(name="nollysenti", group="further", binary=True),
    JudgedSet(name="romanian_red_weak", group="further"),
    JudgedSet(name="goemotions_sentiment", group="further"),
    JudgedSet(name="nusax", group="further"),
)
"""Sets by the name of their file; a set that lacks the split asked for is passed over."""

OWN_POSTS = JudgedSet(name=OWN, group="own")
"""Our own posts, those kept back from training. They have no test split, only val."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What is right and what was answered: labels [rows], probabilities [rows, 3], and which
    answers were "could not tell" [rows]."""

    labels: Array
    probabilities: Array
    could_not_tell: Array

    @property
    def unsure(self) -> float:
        """Which share was answered "could not tell", 0 to 1."""
        return float(self.could_not_tell.mean())


def ask(rows: Sequence[Row], classifier: Classifier) -> Answers:
    """Have the rows classified, as production does it."""
    scores = classifier.classify([row.text for row in rows])
    return Answers(
        labels=np.array([row.label for row in rows], dtype=np.int64),
        probabilities=np.array([[s.negative, s.neutral, s.positive] for s in scores]),
        could_not_tell=np.array([s.could_not_tell for s in scores], dtype=bool),
    )


def joined(parts: Iterable[Answers]) -> Answers:
    """Return the answers of several sets as one; ValueError when there are none."""
    found = list(parts)
    return Answers(
        labels=np.concatenate([one.labels for one in found]),
        probabilities=np.concatenate([one.probabilities for one in found]),
        could_not_tell=np.concatenate([one.could_not_tell for one in found]),
    )


def judge(answers: Answers, *, binary: bool = False) -> Measures:
    """Return the measures. An answer counts by its most probable label, told or not.

    ``binary``: the set knows no neutral, so the model has to choose between the other two.
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
    """Whom a threshold flags, in percent: which share of all, how many of them rightly, how many
    of the unhappy. None where there is nobody to divide by."""

    threshold: float
    share: float
    precision: float | None
    recall: float | None


def flagged_at(answers: Answers, threshold: float) -> Flagged:
    """Flag who is negative from the threshold on; "could not tell" is never flagged."""
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
    """Return how often the label given was right, by how sure the model was of it."""
    right = answered(answers.probabilities) == answers.labels
    return reliability(answers.probabilities.max(-1), right)


def reliability_of_negative(answers: Answers) -> list[Bin]:
    """Return which share was negative, by the probability of negative: what flags rest on."""
    return reliability(answers.probabilities[:, NEGATIVE], answers.labels == NEGATIVE)
