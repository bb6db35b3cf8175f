"""Logits become probabilities by the numbers of the model's description."""

from __future__ import annotations

import numpy as np
import pytest

from sentiment.calibration import Calibration, intents_of, irony_of, reasons_of
from sentiment.heads import INTENTS, SENTIMENT, TOWARD, WIDTH
from sentiment.training import calibrate


def logits() -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    return np.random.default_rng(1).normal(0, 2, (5, WIDTH)).astype(np.float32)


def test_sentiments_sum_to_one_and_the_others_stand_alone() -> None:
    shares = Calibration(temperature=1.3).probabilities(logits(), [None] * 5)
    assert shares[:, SENTIMENT].sum(1) == pytest.approx(np.ones(5))
    assert shares[:, TOWARD].sum(1) == pytest.approx(np.ones(5))
    assert ((shares > 0) & (shares < 1)).all()
    assert set(intents_of(shares[0])) >= {"complaint", "leaving", "resolved"}
    assert set(reasons_of(shares[0])) >= {"late", "unreachable", "safety"}
    assert 0 < irony_of(shares[0]) < 1


def test_a_scale_and_an_offset_move_one_answer_only() -> None:
    plain = Calibration(temperature=1.0).probabilities(logits(), [None] * 5)
    moved = Calibration(
        temperature=1.0, scales={"intent leaving": 2.0}, offsets={"intent leaving": 1.0}
    ).probabilities(logits(), [None] * 5)
    changed = np.flatnonzero(np.abs(plain - moved).max(0) > 1e-12)
    assert changed.tolist() == [INTENTS.start + 4]


def test_a_model_of_three_answers_gives_three_probabilities() -> None:
    three = Calibration(temperature=1.0).probabilities(logits()[:, SENTIMENT], [None] * 5)
    assert three.shape == (5, 3)
    assert three.sum(1) == pytest.approx(np.ones(5))


def test_fitted_probabilities_are_as_frequent_as_they_say() -> None:
    rng = np.random.default_rng(2)
    right = 1 / (1 + np.exp(-rng.normal(-1, 2, 4000)))
    holds = (rng.random(4000) < right).astype(float)
    # a model that is far too sure, and moved
    stated = 3 * np.log(right / (1 - right)) + 1
    scale, offset = calibrate.scale_and_offset(stated, holds, np.ones(4000))
    fitted = 1 / (1 + np.exp(-(scale * stated + offset)))
    assert fitted.mean() == pytest.approx(holds.mean(), abs=0.01)
    assert scale == pytest.approx(1 / 3, abs=0.03)


def test_too_few_rows_change_nothing() -> None:
    assert calibrate.scale_and_offset(np.ones(30), np.zeros(30), np.ones(30)) == (1.0, 0.0)


def test_the_threshold_with_the_best_f1_is_found() -> None:
    probabilities = np.array([0.1, 0.2, 0.35, 0.4, 0.3, 0.9])
    holds = np.array([0, 0, 1, 1, 0, 1])
    assert 0.3 < calibrate.best_threshold(probabilities, holds) <= 0.35
