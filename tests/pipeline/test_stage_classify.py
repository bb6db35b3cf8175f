"""Classifying goes on where it was, whatever stopped it, and reads nothing twice."""

from __future__ import annotations

from dataclasses import replace

import pytest
from factories import (
    ACME,
    OTHER,
    RIVAL,
    FakeClassifier,
    FakeReader,
    FrozenClock,
    check_all,
    keep,
    mention,
    number,
    reading_of,
    scores_of,
)

from earful.judgements import Reading, Scores
from pipeline import classify as stage
from pipeline.classify import classify
from storage.analysis import predictions
from storage.database.engine import Database
from storage.entities import brands


@pytest.fixture(autouse=True)
def _few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "_BATCH_SIZE", 4)


def test_everything_is_read_once_in_pieces(db: Database, clock: FrozenClock) -> None:
    keep(db, *(mention(n) for n in range(10)))
    model, told = FakeClassifier(), list[int]()
    assert classify(db, model, clock=clock, progress=told.append) == 10
    assert model.calls == told == [4, 4, 2]
    assert classify(db, model, clock=clock) == 0
    assert model.calls == [4, 4, 2]
    check_all(db)


def test_a_stop_lets_the_batch_end_and_the_next_run_go_on(db: Database, clock: FrozenClock) -> None:
    keep(db, *(mention(n) for n in range(10)))
    told = iter([False, True])
    assert classify(db, FakeClassifier(), clock=clock, stop=lambda: next(told)) == 4
    with db.read() as connection:
        assert predictions.count_never_classified(connection) == 6
    assert classify(db, FakeClassifier(), clock=clock) == 6


def test_a_model_that_breaks_loses_its_batch_only(db: Database, clock: FrozenClock) -> None:
    keep(db, *(mention(n) for n in range(10)))
    calls = 0

    def breaks(text: str) -> Scores:
        nonlocal calls
        calls += 1
        if calls == 6:
            raise MemoryError("too long")
        return scores_of(text)

    with pytest.raises(MemoryError):
        classify(db, FakeClassifier(says=breaks), clock=clock)
    assert number(db, "prediction") == 4
    check_all(db)
    assert classify(db, FakeClassifier(), clock=clock) == 6


def test_a_model_that_answers_too_few_is_a_bug(db: Database, clock: FrozenClock) -> None:
    keep(db, mention(1), mention(2))

    class Short(FakeClassifier):
        def classify(self, texts: object) -> list[Scores]:
            return [scores_of("awful")]

    with pytest.raises(ValueError, match="zip"):
        classify(db, Short(), clock=clock)
    assert number(db, "prediction") == 0


def test_a_new_model_reads_everything_again_and_the_old_words_stay(
    db: Database, clock: FrozenClock
) -> None:
    keep(db, *(mention(n) for n in range(5)))
    classify(db, FakeClassifier(), clock=clock)
    assert classify(db, FakeClassifier(model_id="fake-model/2"), clock=clock) == 5
    assert number(db, "prediction") == 10
    check_all(db)


def test_a_mention_is_read_once_a_brand_with_the_names_of_the_others(
    db: Database, clock: FrozenClock
) -> None:
    keep(db, mention(1), mention(2), ids=("rival-jet", "acme-air"))
    keep(db, mention(3), ids=("acme-air",))
    known = [
        replace(ACME, aliases=("Acme",), handles=("@acme",), own_accounts=("acmehelp",)),
        replace(RIVAL, aliases=("ACME", "RJ")),
        replace(OTHER, handles=("@other",)),
    ]
    brands.sync(db, known)
    reader = FakeReader()
    assert classify(db, reader, clock=clock) == 3
    acme, rival = ("Acme Air", "Acme", "@acme"), ("Rival Jet", "ACME", "RJ")
    assert reader.asked == [
        # a name that two brands share is the name of the brand that is asked about
        (["awful (1)", "awful (2)", "awful (3)"], acme, ["Rival Jet", "RJ", "Other", "@other"]),
        (["awful (1)", "awful (2)"], rival, ["Acme Air", "@acme", "Other", "@other"]),
    ]
    assert number(db, "reading") == 5
    check_all(db)


def test_a_reader_that_answers_too_few_is_a_bug(db: Database, clock: FrozenClock) -> None:
    keep(db, mention(1), mention(2))

    class Short(FakeReader):
        def read(self, items: object, *, other_brands: object = ()) -> list[Reading]:
            return [reading_of("awful", [])]

    with pytest.raises(ValueError, match="zip"):
        classify(db, Short(), clock=clock)
    assert number(db, "reading") == 0
    assert number(db, "prediction") == 0
