"""A classifier that only scores texts still answers as a reading."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from earful.contracts import ReaderItem
from earful.enums import Intent
from earful.judgements import Reading, Scores
from sentiment.plain_reading import read_items, read_plainly

BAD = Scores(negative=0.8, neutral=0.1, positive=0.1)
GOOD = Scores(negative=0.1, neutral=0.1, positive=0.8)


class Words:
    """Calls a text with "bad" in it bad, and counts the texts it was given."""

    model_id = "words"

    def __init__(self) -> None:
        self.seen: list[str] = []

    def classify(self, texts: Sequence[str]) -> list[Scores]:
        self.seen += texts
        return [BAD if "bad" in text else GOOD for text in texts]


class WordsReader(Words):
    """Reads every text as a complaint, and remembers the other brands."""

    other_brands: Sequence[str] = ()

    def read(
        self, items: Sequence[ReaderItem], *, other_brands: Sequence[str] = ()
    ) -> list[Reading]:
        self.other_brands = other_brands
        return [Reading(scores=GOOD, toward=BAD, intents={Intent.COMPLAINT: 0.9}) for _ in items]


def test_toward_equals_the_texts_own_scores_and_nothing_else_is_claimed() -> None:
    readings = read_plainly(Words(), [("bad", ("Acme",)), ("good", ())])
    assert readings == [Reading(scores=BAD, toward=BAD), Reading(scores=GOOD, toward=GOOD)]
    assert not any(readings[0].holds(intent) for intent in Intent)


def test_a_text_about_two_brands_is_classified_once() -> None:
    words = Words()
    readings = read_plainly(words, [("bad", ("Acme",)), ("good", ()), ("bad", ("Rival",))])
    assert [reading.toward for reading in readings] == [BAD, GOOD, BAD]
    assert words.seen == ["bad", "good"]


@pytest.mark.parametrize("classifier", [Words(), WordsReader()])
def test_no_items_give_no_readings(classifier: Words) -> None:
    assert read_items(classifier, []) == []


def test_a_reader_reads_by_itself_with_the_other_brands() -> None:
    reader = WordsReader()
    (reading,) = read_items(reader, [("good", ("Acme",))], other_brands=("Rival",))
    assert (reading.toward, reader.other_brands) == (BAD, ("Rival",))
    assert reading.holds(Intent.COMPLAINT)
    assert read_items(Words(), [("good", ("Acme",))]) == [Reading(scores=GOOD, toward=GOOD)]
