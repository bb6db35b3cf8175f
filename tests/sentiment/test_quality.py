"""The shipped model on posts it was not trained on: a floor, so that a bad file cannot ship."""

from __future__ import annotations

from pathlib import Path

import pytest

from earful.contracts import Classifier
from sentiment.evaluation import collect_answers, measure_answers
from sentiment.training.rows import read_set

SAMPLE = 400


@pytest.mark.parametrize(
    ("data_set", "lang", "at_least"),
    [("tweeteval_sentiment", "en", 66.0), ("umsab", "es", 55.0), ("umsab", "de", 55.0)],
)
def test_macro_recall_on_val(
    classifier: Classifier, shared: Path, data_set: str, lang: str, at_least: float
) -> None:
    every = read_set(shared / "data/sentiment", data_set, "val")
    rows = [row for row in every if row.lang == lang]
    answers = collect_answers(rows[:: max(1, len(rows) // SAMPLE)], classifier)
    assert measure_answers(answers).macro_recall >= at_least
    assert answers.unsure <= 0.08
