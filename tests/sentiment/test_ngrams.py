"""The expert of n-grams: the same features everywhere, and it learns what words mean."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sentiment.ngrams import BUCKETS, NgramExpert, features
from sentiment.training.ngram_expert import train
from sentiment.training.rows import Row


def test_features_are_distinct_rows_of_the_table() -> None:
    for text in ("", "a", "two words", "Η βαλίτσα 🧳 χάθηκε", "x" * 5000, "\ud800 lone"):
        rows = features(text)
        assert len(rows) == len(set(rows.tolist())) > 0
        assert 0 <= rows.min() <= rows.max() < BUCKETS


def test_features_stay_the_same_on_every_machine() -> None:
    # a shipped table is of no use to another way of counting
    assert features("on time").sum() == FINGERPRINT


FINGERPRINT = 7_278_126


def rows() -> list[Row]:
    words = (("awful late rude", 0), ("lamp desk chair", 1), ("lovely kind quick", 2))
    return [
        Row(text=f"{word} {other}", lang="en", data_set="a", label=label)
        for text, label in words
        for word in text.split()
        for other in text.split()
    ]


def test_it_learns_and_is_the_same_after_writing(tmp_path: Path) -> None:
    expert = train(rows(), passes=4)
    assert expert.logits("so rude and late").argmax() == 0
    assert expert.logits("a kind lovely crew").argmax() == 2
    expert.write(tmp_path / "ngrams.bin")
    again = NgramExpert.read(tmp_path / "ngrams.bin")
    assert np.array_equal(again.logits("so rude"), expert.logits("so rude"))


def test_a_file_of_another_size_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ngrams.bin").write_bytes(b"short")
    with pytest.raises(ValueError, match=r"ngrams\.bin: 5 bytes"):
        NgramExpert.read(tmp_path / "ngrams.bin")


def test_a_set_without_neutral_never_moves_it() -> None:
    two = [
        Row(text=text, lang="en", data_set="a", label=label, binary=True)
        for text, label in (("rude", 0), ("kind", 2))
    ]
    expert = train(two, passes=2)
    assert expert.logits("rude")[1] == pytest.approx(0.0, abs=1e-6)
