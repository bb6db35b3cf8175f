"""A temperature makes stated and real frequencies meet; the floor ends what is a coin toss."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sentiment.answers import softmax
from sentiment.measures import calibration_error
from sentiment.training import calibrate

Array = np.ndarray[Any, Any]


def drawn(rows: int, overstated: float, seed: int) -> tuple[Array, Array]:
    """Logits that claim ``overstated`` times what the labels, drawn from them, bear out."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0.0, 1.5, (rows, 3))
    shares = softmax(logits)
    labels = (rng.random((rows, 1)) > shares.cumsum(-1)).sum(-1)
    return logits * overstated, np.minimum(labels, 2)


def test_a_label_that_was_rare_in_training_is_given_its_due() -> None:
    logits, labels = drawn(9000, 1.0, 9)
    seldom = logits - np.array([0.4, 0.0, 0.0])
    found = calibrate.bias(seldom, labels, np.full(9000, "a"))
    assert found[0] == pytest.approx(0.4, abs=0.21)
    assert found[1] == 0
    assert abs(found[2]) <= 0.21


def test_an_overstated_model_is_brought_back() -> None:
    logits, labels = drawn(6000, 1.8, 1)
    found = calibrate.temperature(logits, labels, np.full(6000, "a"))
    assert found == pytest.approx(1.8, abs=0.1)
    assert calibration_error(labels, softmax(logits, found)) < 0.02
    assert calibration_error(labels, softmax(logits)) > 0.08


def test_every_group_counts_the_same() -> None:
    many, few = drawn(8000, 1.0, 2), drawn(500, 2.0, 3)
    logits = np.concatenate([many[0], few[0]])
    labels = np.concatenate([many[1], few[1]])
    groups = np.array(["many"] * 8000 + ["few"] * 500)
    assert 1.2 < calibrate.temperature(logits, labels, groups) < 1.9


def test_a_group_at_chance_is_left_out() -> None:
    logits, labels = drawn(4000, 1.3, 4)
    noise, wrong = drawn(4000, 6.0, 5)
    (left_out,) = calibrate.LEFT_OUT
    groups = np.array(["a"] * 4000 + [left_out] * 4000)
    found = calibrate.temperature(
        np.concatenate([logits, noise]), np.concatenate([labels, wrong]), groups
    )
    assert found == calibrate.temperature(logits, labels, groups[:4000])


def test_a_language_has_its_own_from_enough_rows_on() -> None:
    enough, few = calibrate.MIN_ROWS * 4, calibrate.MIN_ROWS - 1
    modest, bold = drawn(enough, 1.0, 6), drawn(enough, 2.0, 7)
    rare = drawn(few, 2.0, 8)
    logits = np.concatenate([modest[0], bold[0], rare[0], modest[0]])
    labels = np.concatenate([modest[1], bold[1], rare[1], modest[1]])
    languages = np.array(["en"] * enough + ["sw"] * enough + ["el"] * few + [""] * enough)
    found = calibrate.temperatures(logits, labels, languages, languages)
    assert set(found) == {"en", "sw"}
    assert found["en"] == pytest.approx(1.0, abs=0.1)
    assert found["sw"] == pytest.approx(2.0, abs=0.2)


def test_the_floor_parts_coin_tosses_from_answers() -> None:
    sure = np.tile([0.9, 0.05, 0.05], (980, 1))
    unsure = np.tile([0.4, 0.31, 0.29], (20, 1))
    labels = np.array([0] * 980 + [1] * 15 + [0] * 5)
    assert 0.4 < calibrate.floor(np.concatenate([sure, unsure]), labels) < 0.6


def test_no_floor_where_even_the_unsure_are_mostly_right() -> None:
    shares = np.tile([0.4, 0.31, 0.29], (100, 1))
    assert calibrate.floor(shares, np.zeros(100, dtype=int)) == 0.0


def test_the_floor_silences_few() -> None:
    shares = np.tile([0.45, 0.3, 0.25], (100, 1))
    assert calibrate.floor(shares, np.ones(100, dtype=int)) <= 0.45
