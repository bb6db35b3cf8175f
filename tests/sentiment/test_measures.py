"""The measures against values worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from sentiment.answers import softmax
from sentiment.evaluation import (
    Answers,
    Flagged,
    flagged_at,
    join_answers,
    measure_answers,
    reliability_of_answers,
    reliability_of_negative,
)
from sentiment.measures import (
    Bin,
    bins_of_confidence,
    calibration_error,
    confusion,
    measure,
    most_probable,
    rates,
)

NEGATIVE, NEUTRAL, POSITIVE = range(3)


def certain(*said: int) -> np.ndarray:
    return np.eye(3)[list(said)]


def answers(
    labels: list[int], probabilities: list[list[float]], unsure: Sequence[int] = ()
) -> Answers:
    told = np.zeros(len(labels), dtype=bool)
    told[list(unsure)] = True
    return Answers(
        labels=np.array(labels), probabilities=np.array(probabilities), could_not_tell=told
    )


def test_rates_of_a_table_worked_out_by_hand() -> None:
    found = rates(np.array([[3, 1, 0], [1, 2, 1], [0, 0, 2]]))
    # recall 3/4, 2/4, 2/2; F1 2*3/(4+4), 2*2/(4+3), 2*2/(2+3)
    assert found.rows == 10
    assert found.accuracy == pytest.approx(70.0)
    assert found.macro_recall == pytest.approx(75.0)
    assert found.macro_f1 == pytest.approx(100 * (3 / 4 + 4 / 7 + 4 / 5) / 3)
    assert found.weighted_f1 == pytest.approx(100 * (4 * 3 / 4 + 4 * 4 / 7 + 2 * 4 / 5) / 10)


def test_a_class_that_is_nowhere_is_left_out_of_the_means() -> None:
    found = measure(np.array([0, 0, 2, 2]), certain(0, 0, 2, 0))
    assert found.macro_recall == pytest.approx(100 * (1 + 1 / 2) / 2)
    assert found.macro_f1 == pytest.approx(100 * (4 / 5 + 2 / 3) / 2)


def test_a_class_said_wrongly_has_an_f1_of_nothing_but_no_recall() -> None:
    found = measure(np.array([0, 0, 2, 2]), certain(0, 1, 2, 2))
    assert found.macro_recall == pytest.approx(100 * (1 / 2 + 1) / 2)
    assert found.macro_f1 == pytest.approx(100 * (2 / 3 + 0 + 1) / 3)
    assert found.weighted_f1 == pytest.approx(100 * (2 * 2 / 3 + 2 * 1) / 4)


def test_nothing_to_judge_is_an_error() -> None:
    with pytest.raises(ValueError, match="no rows"):
        measure(np.array([], dtype=int), np.zeros((0, 3)))


def test_confusion_counts_actual_by_said() -> None:
    found = confusion(np.array([0, 0, 1, 2]), np.array([0, 2, 1, 1]))
    assert found.tolist() == [[1, 0, 1], [0, 1, 0], [0, 1, 0]]


def test_of_equals_neutral_is_answered_and_then_negative() -> None:
    ties = np.array([[1 / 3, 1 / 3, 1 / 3], [0.4, 0.2, 0.4], [0.2, 0.4, 0.4], [0.4, 0.4, 0.2]])
    assert most_probable(ties).tolist() == [NEUTRAL, NEGATIVE, NEUTRAL, NEUTRAL]
    assert most_probable(np.array([[0.5, 0.5], [0.1, 0.9]])).tolist() == [0, 1]


def test_calibration_error_weighs_each_gap_by_its_rows() -> None:
    # three answers at 0.5, one right: a gap of 1/6; one at 0.9, right: a gap of 0.1
    labels = np.array([0, 1, 1, 2])
    sure = np.array([[0.5, 0.3, 0.2]] * 3 + [[0.05, 0.05, 0.9]])
    assert calibration_error(labels, sure) == pytest.approx((3 * (1 / 2 - 1 / 3) + 1 * 0.1) / 4)


@pytest.mark.parametrize(("said", "expected"), [((0, 1, 2), 0.0), ((1, 2, 0), 1.0)])
def test_certainty_is_calibrated_only_where_it_is_right(
    said: tuple[int, ...], expected: float
) -> None:
    assert calibration_error(np.array([0, 1, 2]), certain(*said)) == pytest.approx(expected)


def test_bins_hold_answers_of_like_confidence_and_full_certainty_the_last() -> None:
    confidence, right = np.array([0.61, 0.64, 1.0]), np.array([True, False, True])
    assert bins_of_confidence(confidence, right, bins=10) == [
        Bin(rows=2, confidence=pytest.approx(0.625), right=0.5),
        Bin(rows=1, confidence=1.0, right=1.0),
    ]


def test_temperature_flattens_and_sums_to_one() -> None:
    logits = np.log(np.array([[0.7, 0.2, 0.1]]))
    assert softmax(logits) == pytest.approx(np.array([[0.7, 0.2, 0.1]]))
    roots = np.sqrt([0.7, 0.2, 0.1])
    assert softmax(logits, 2.0)[0] == pytest.approx(roots / roots.sum())


def test_a_set_without_neutral_is_judged_on_the_other_two() -> None:
    found = measure_answers(
        answers([0, 0, 2], [[0.3, 0.6, 0.1], [0.1, 0.8, 0.1], [0.1, 0.5, 0.4]]), binary=True
    )
    # 0.75, 0.5 (a tie, so negative) and 0.8 sure: all right
    assert found.accuracy == found.macro_f1 == found.macro_recall == 100.0
    assert found.calibration_error == pytest.approx((0.25 + 0.5 + 0.2) / 3)


def test_a_neutral_row_in_a_set_without_neutral_is_an_error() -> None:
    with pytest.raises(ValueError, match="neutral row"):
        measure_answers(answers([0, 1], [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]), binary=True)


FOUR = answers(
    [NEGATIVE, NEGATIVE, NEUTRAL, NEGATIVE],
    [[0.9, 0.05, 0.05], [0.5, 0.3, 0.2], [0.7, 0.2, 0.1], [0.8, 0.1, 0.1]],
    unsure=[3],
)


@pytest.mark.parametrize(
    ("threshold", "share", "precision", "recall"),
    [
        (0.5, 75.0, 200 / 3, 200 / 3),
        (0.7, 50.0, 50.0, 100 / 3),
        (0.8, 25.0, 100.0, 100 / 3),
        (0.95, 0.0, None, 0.0),
    ],
)
def test_flagged_is_who_reaches_the_threshold_and_was_told(
    threshold: float, share: float, precision: float | None, recall: float
) -> None:
    assert flagged_at(FOUR, threshold) == Flagged(
        threshold=threshold,
        share=share,
        precision=pytest.approx(precision),
        recall=pytest.approx(recall),
    )


def test_without_anybody_unhappy_there_is_no_recall() -> None:
    assert flagged_at(answers([2], [[0.6, 0.2, 0.2]]), 0.5).recall is None


def test_sets_are_pooled_row_by_row() -> None:
    pooled = join_answers([FOUR, answers([POSITIVE], [[0.0, 0.0, 1.0]])])
    assert measure_answers(pooled).rows == 5
    assert pooled.unsure == pytest.approx(1 / 5)


def test_reliability_of_negative_looks_at_that_probability_alone() -> None:
    two = answers([NEGATIVE, POSITIVE], [[0.3, 0.5, 0.2], [0.31, 0.1, 0.59]])
    assert reliability_of_negative(two) == [Bin(rows=2, confidence=pytest.approx(0.305), right=0.5)]
    assert [one.right for one in reliability_of_answers(two)] == [0.0, 1.0]
