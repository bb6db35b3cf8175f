"""What speed must not cost: order, errors, memory, and scores that depend on the text alone."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Any, overload

import numpy as np
import pytest

from earful.enums import Sentiment
from earful.judgements import Scores
from sentiment.batches import EncodedText, batches, model_inputs
from sentiment.contract import LAST_BIT
from sentiment.onnx import TEXTS_PER_PIECE, OnnxClassifier

SENTENCE = "the crew was late again and nobody told us why so thanks for nothing"


def posts(number: int) -> list[str]:
    """Texts of many lengths, no two the same."""
    words = SENTENCE.split()
    return [f"{' '.join(words[: 1 + at % len(words)])} {at}" for at in range(number)]


@pytest.fixture(scope="module")
def one_worker() -> OnnxClassifier:
    return OnnxClassifier(threads=1)


@pytest.fixture(scope="module")
def three_workers() -> OnnxClassifier:
    return OnnxClassifier(threads=3)


def encoded_texts(lengths: Sequence[int]) -> list[EncodedText]:
    return [EncodedText(at, [7] * length) for at, length in enumerate(lengths)]


def test_a_batch_holds_one_length_and_no_more_tokens_than_allowed() -> None:
    lengths = [3, 5, 3, 3, 5, 8, 3, 3]
    found = list(batches(encoded_texts(lengths), tokens=9))
    lengths_by_batch = [[len(text.ids) for text in batch] for batch in found]
    assert lengths_by_batch == [
        [5],
        [3, 3, 3],
        [5],
        [8],
        [3, 3],
    ]
    assert sorted(text.position for batch in found for text in batch) == list(range(len(lengths)))


def test_a_text_longer_than_a_batch_comes_alone() -> None:
    assert [len(batch) for batch in batches(encoded_texts([20, 20]), tokens=9)] == [1, 1]


def test_a_full_batch_does_not_wait_for_the_rest() -> None:
    """Workers start while the caller's thread still prepares."""
    taken = 0

    def counted() -> Iterator[EncodedText]:
        nonlocal taken
        for reading in encoded_texts([4] * 100):
            taken += 1
            yield reading

    assert len(next(batches(counted(), tokens=40))) == 10
    assert taken == 10


def test_what_is_left_comes_longest_first() -> None:
    found = batches(encoded_texts([2, 9, 4]), tokens=100)
    assert [len(batch[0].ids) for batch in found] == [9, 4, 2]


def test_the_model_is_given_no_padding() -> None:
    given = model_inputs(encoded_texts([3, 3]))
    assert given["input_ids"].shape == (2, 3)
    assert np.all(given["attention_mask"] == 1)


def test_order_is_kept_over_many_pieces_and_lengths(three_workers: OnnxClassifier) -> None:
    texts = posts(3 * TEXTS_PER_PIECE + 5)
    texts[::50] = ["I love it, wonderful, thank you so much!"] * len(texts[::50])
    found = three_workers.classify(texts)
    assert len(found) == len(texts)
    assert {s.sentiment for s in found[::50]} == {Sentiment.POSITIVE}
    for at in (7, TEXTS_PER_PIECE, -1):
        (alone,) = three_workers.classify([texts[at]])
        assert abs(found[at].negative - alone.negative) <= LAST_BIT


def test_the_number_of_workers_changes_nothing(
    one_worker: OnnxClassifier, three_workers: OnnxClassifier
) -> None:
    texts = posts(200)
    assert one_worker.classify(texts) == three_workers.classify(texts)


def test_several_callers_at_once_get_their_own_answers(three_workers: OnnxClassifier) -> None:
    given = [posts(40 + 10 * caller)[caller:] for caller in range(5)]
    expected = [three_workers.classify(texts) for texts in given]
    found: dict[int, list[Scores]] = {}

    def call(caller: int) -> None:
        found[caller] = three_workers.classify(given[caller])

    callers = [threading.Thread(target=call, args=(caller,)) for caller in range(len(given))]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert [found[caller] for caller in range(len(given))] == expected


@pytest.mark.parametrize("stranger", [None, 3, b"bytes"])
def test_what_is_not_text_is_refused_wherever_it_stands(
    three_workers: OnnxClassifier, stranger: Any
) -> None:
    texts: list[Any] = posts(2 * TEXTS_PER_PIECE)
    with pytest.raises(TypeError):
        three_workers.classify([*texts, stranger])
    assert len(three_workers.classify(texts[:3])) == 3


def test_an_error_in_a_worker_reaches_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    classifier = OnnxClassifier(threads=2)
    monkeypatch.setattr("sentiment.onnx.cut", lambda ids, _window, _marker: [ids])
    with pytest.raises(Exception, match="embedded"):
        classifier.classify([*posts(50), "word " * 2000])
    assert len(classifier.classify(posts(5))) == 5


class Endless(Sequence[str]):
    """A long list that is made while it is read, and knows how far that has come."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.furthest = 0

    def __len__(self) -> int:
        return self.number

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> list[str]: ...
    def __getitem__(self, at: int | slice) -> str | list[str]:
        if isinstance(at, int):
            return f"post number {at}"
        self.furthest = max(self.furthest, at.stop)
        return [f"post number {i}" for i in range(*at.indices(self.number))]


def test_reading_does_not_run_ahead_of_the_workers() -> None:
    """Memory stays flat: while the only worker is busy elsewhere, a tenth at most is read."""
    classifier = OnnxClassifier(threads=1)
    busy, texts = threading.Event(), Endless(50_000)
    classifier._workers.submit(busy.wait)
    caller = threading.Thread(target=classifier.classify, args=(texts,), daemon=True)
    caller.start()
    seen = -1
    while seen != texts.furthest or not seen:  # until it stands still
        seen = texts.furthest
        caller.join(0.5)
    assert TEXTS_PER_PIECE <= texts.furthest < texts.number / 10
    texts.number = 0  # enough seen: the rest is empty
    busy.set()
    caller.join()
