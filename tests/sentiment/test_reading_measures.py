"""The measures of readings, checked by hand."""

from __future__ import annotations

import pytest

from earful.judgements import Reading, Scores
from sentiment.reading_measures import count_name, count_names, macro_f1, measure_toward

BAD = Scores(negative=0.8, neutral=0.1, positive=0.1)
CALM = Scores(negative=0.1, neutral=0.8, positive=0.1)
GOOD = Scores(negative=0.1, neutral=0.1, positive=0.8)


def test_precision_recall_and_f1_of_a_name() -> None:
    counts = count_name("late", [True, True, True, False], [True, True, False, True])
    assert (counts.rows, counts.actual, counts.answered, counts.right) == (4, 3, 3, 2)
    assert counts.precision == pytest.approx(200 / 3)
    assert counts.recall == pytest.approx(200 / 3)
    assert counts.f1 == pytest.approx(200 / 3)


def test_a_name_that_never_occurs_has_no_f1_and_one_never_answered_no_precision() -> None:
    never = count_name("safety", [False], [True])
    assert (never.precision, never.recall, never.f1) == (0.0, None, None)
    missed = count_name("late", [True], [False])
    assert (missed.precision, missed.recall, missed.f1) == (None, 0.0, 0.0)
    assert macro_f1([never, missed]) == 0.0
    assert macro_f1([never]) is None


def test_only_what_a_row_says_is_counted_and_a_name_holds_from_one_half() -> None:
    labels = [{"late": True, "price": False}, {"late": False}, {}]
    answers = [{"late": 0.5, "price": 0.49}, {"late": 0.9, "price": 0.9}, {"late": 1.0}]
    late, price = count_names(("late", "price"), labels, answers)
    assert (late.rows, late.actual, late.answered, late.right) == (2, 1, 2, 1)
    assert (price.rows, price.actual, price.answered) == (1, 0, 0)


def test_toward_is_judged_beside_the_texts_own_scores() -> None:
    readings = [Reading(scores=BAD, toward=toward) for toward in (BAD, CALM, GOOD)]
    rates = measure_toward([0, 1, 2], readings)
    assert (rates.toward.macro_f1, rates.toward.rows) == (100.0, 3)
    assert rates.text_alone.accuracy == pytest.approx(100 / 3)
    assert rates.confusion == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    with pytest.raises(ValueError, match="no rows"):
        measure_toward([], [])
