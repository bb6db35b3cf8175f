"""A reading stands beside its prediction, and its words count for the brand it was made for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from factories import (
    HOUR,
    MODEL,
    NOW,
    QUERY,
    FakeClassifier,
    FakeReader,
    FrozenClock,
    about,
    batch,
    check_all,
    ids,
    keep,
    mention,
    number,
    read_all,
    reading_of,
    rows,
    scores_of,
    tallies,
)
from sqlalchemy import select

from earful.enums import Intent, Reason, Sentiment
from earful.judgements import Prediction, Reading, Scores
from earful.types import Gone
from pipeline.classify import classify
from pipeline.group import group
from storage.analysis import predictions
from storage.cases import commands, unjudged
from storage.collecting import ingest
from storage.database.engine import Database
from storage.database.upsert import table_of
from storage.removal import erasing
from storage.tables import ReadingRow, RevisionRow

LEAVING = mention(1, text="leaving Rival Jet for Acme Air, the refund never came")
BOTH = ("acme-air", "rival-jet")


def _words(db: Database) -> dict[tuple[str, str], tuple[str, str, str]]:
    found = rows(
        db,
        "SELECT external_id, brand_id, toward, intent, reason FROM mention_brand"
        " JOIN mention ON id = mention_id",
    )
    return {(row[0], row[1]): tuple(row[2:]) for row in found}


def _stored(db: Database) -> list[Any]:
    table = table_of(ReadingRow)
    with db.read() as connection:
        return list(connection.execute(select(table).order_by(*table.primary_key)).all())


def _classify(db: Database) -> int:
    return classify(db, FakeReader(), clock=FrozenClock())


def test_one_text_is_two_things_for_two_brands(db: Database) -> None:
    keep(db, LEAVING, ids=BOTH)
    assert _classify(db) == 1
    assert _words(db) == {
        ("m-1", "acme-air"): ("positive", "leaving", ""),
        ("m-1", "rival-jet"): ("negative", "leaving", "price"),
    }
    assert number(db, "prediction") == 1
    ours, theirs = _stored(db)
    assert (ours.toward_positive, theirs.toward_negative) == (0.90, 0.95)
    assert theirs.intents["leaving"] == 0.9123
    assert theirs.reasons == {"price": 0.9123, "late": 0.3}
    assert (theirs.irony, theirs.ironic, theirs.pieces, theirs.at) == (0.0, False, 1, NOW)
    assert sum(tallies(db).values()) == 2
    check_all(db)


def test_the_rules_get_the_reading_back(db: Database) -> None:
    keep(db, mention(1, text="thanks a lot, awful: where is my refund"))
    _classify(db)
    group(db, clock=FrozenClock())
    with db.write() as connection:
        (waiting,) = unjudged.list_unjudged(connection, 9)
    whole = reading_of("thanks a lot, awful: where is my refund", ["Acme Air"])
    assert waiting.reading == replace(
        whole,
        intents={name: round(value, 4) for name, value in whole.intents.items()},
        reasons={name: round(value, 4) for name, value in whole.reasons.items()},
    )
    assert waiting.reading.ironic
    assert waiting.scores == waiting.reading.scores


def test_a_model_that_only_scores_counts_toward_every_brand(db: Database) -> None:
    keep(db, mention(1, "awful"), mention(2, "dunno"), ids=BOTH)
    assert classify(db, FakeClassifier(), clock=FrozenClock()) == 2
    assert set(_words(db).values()) == {("negative", "", ""), ("unknown", "", "")}
    assert [(row.intents, row.reasons, row.pieces) for row in _stored(db)] == [({}, {}, 1)] * 4
    check_all(db)


def test_a_new_model_adds_readings_and_the_old_ones_stay(db: Database) -> None:
    keep(db, mention(1, text="where is it, awful Acme Air"))
    classify(db, FakeClassifier(), clock=FrozenClock())
    assert _words(db)["m-1", "acme-air"] == ("negative", "", "")
    _classify(db)
    assert _words(db)["m-1", "acme-air"] == ("negative", "complaint", "")
    assert [row.model_id for row in _stored(db)] == [MODEL, FakeReader().model_id]
    check_all(db)
    # back to a model that has answered before: its words count again
    classify(db, FakeClassifier(), clock=FrozenClock())
    assert _words(db)["m-1", "acme-air"] == ("negative", "", "")
    assert number(db, "reading") == 2
    check_all(db)


def test_a_brand_that_is_found_late_is_read_too(db: Database) -> None:
    keep(db, LEAVING, ids=BOTH[:1])
    _classify(db)
    counts = tallies(db)
    keep(db, LEAVING, ids=BOTH[1:], at=NOW + HOUR)
    assert sum(tallies(db).values()) == 2
    group(db, clock=FrozenClock())
    with db.write() as connection:
        waiting = [each.brand.id for each in unjudged.list_unjudged(connection, 9)]
    assert waiting == ["acme-air"]  # the rules wait until it was read for the other one
    reader = FakeReader()
    assert predictions.count_unclassified(db, reader.model_id) == 1
    (late,) = predictions.list_unclassified(db, reader.model_id, 9)
    assert late.brand_ids == ("rival-jet",)
    assert classify(db, reader, clock=FrozenClock(NOW + HOUR)) == 1
    assert [names for _, names, _ in reader.asked] == [("Rival Jet",)]
    assert predictions.count_unclassified(db, reader.model_id) == 0
    assert _words(db)["m-1", "rival-jet"] == ("negative", "leaving", "price")
    assert number(db, "prediction") == 1
    assert counts.items() <= tallies(db).items()
    assert sum(tallies(db).values()) == 2
    with db.write() as connection:
        waiting = [each.brand.id for each in unjudged.list_unjudged(connection, 9)]
    assert waiting == list(BOTH)
    check_all(db)


def test_a_brand_found_late_stays_unread_whatever_people_say(db: Database) -> None:
    keep(db, LEAVING, ids=BOTH[:1])
    _classify(db)
    keep(db, LEAVING, ids=BOTH[1:])
    commands.correct_sentiment(db, ids(db)["m-1"], Sentiment.NEGATIVE, edition=0, by="Ana", at=NOW)
    check_all(db)
    assert _classify(db) == 1
    assert _words(db)["m-1", "rival-jet"][0] == "negative"
    check_all(db)


def test_a_model_that_only_scores_reads_a_late_brand_too(db: Database) -> None:
    keep(db, mention(1), ids=BOTH[:1])
    read_all(db)
    keep(db, mention(1), ids=BOTH[1:])
    assert read_all(db) == 1
    assert set(_words(db).values()) == {("negative", "", "")}
    assert sum(tallies(db).values()) == 2
    check_all(db)


def test_a_brand_found_while_the_model_reads_is_not_lost(db: Database) -> None:
    """The answer lacks the brand that another poll stored meanwhile: the mention is read again."""
    keep(db, LEAVING, ids=BOTH[:1])
    reader = FakeReader()
    (waiting,) = predictions.list_unclassified(db, reader.model_id, 9)
    reading = reading_of(waiting.text, ["Acme Air"])
    keep(db, LEAVING, ids=BOTH[1:])
    incomplete = Prediction(
        mention_id=waiting.mention_id,
        model_id=reader.model_id,
        scores=reading.scores,
        at=NOW,
        readings={"acme-air": reading},
    )
    assert predictions.save(db, [incomplete]) == 0
    assert (number(db, "prediction"), number(db, "reading")) == (0, 0)
    assert _classify(db) == 1
    assert number(db, "reading") == 2
    check_all(db)


def test_two_at_once_read_a_late_brand_once(db: Database) -> None:
    keep(db, LEAVING, ids=BOTH[:1])
    _classify(db)
    keep(db, LEAVING, ids=BOTH[1:])
    reading = reading_of("awful", [])
    late = Prediction(
        mention_id=ids(db)["m-1"],
        model_id=FakeReader().model_id,
        scores=reading.scores,
        at=NOW,
        readings={"rival-jet": reading},
    )
    assert [predictions.save(db, [late]) for _ in range(2)] == [1, 0]
    assert number(db, "reading") == 2
    check_all(db)


def test_an_edit_takes_the_readings_along_and_the_words_off(db: Database) -> None:
    keep(db, LEAVING, ids=BOTH)
    _classify(db)
    edited = replace(LEAVING, text="where is Acme Air", fetched_at=NOW + HOUR)
    keep(db, edited, ids=BOTH)
    assert number(db, "reading") == 0
    assert set(_words(db).values()) == {("", "", "")}
    with db.read() as connection:
        (revision,) = connection.execute(table_of(RevisionRow).select()).all()
    (prediction,) = revision.predictions
    assert [reading["brand_id"] for reading in prediction["readings"]] == list(BOTH)
    assert prediction["readings"][1]["reasons"]["price"] == 0.9123
    check_all(db)
    _classify(db)
    assert _words(db)["m-1", "acme-air"] == ("neutral", "question", "")
    check_all(db)


def test_a_deleted_post_and_an_erased_person_leave_no_reading(db: Database) -> None:
    keep(db, LEAVING, mention(2, by="bo"), mention(3, by="cy"), ids=BOTH)
    _classify(db)
    gone = batch(gone=[Gone(source="fake", external_id="m-2")])
    ingest.store(db, QUERY, gone, about(*BOTH), NOW)
    (person,) = erasing.find_authors(db, "fake", "maria")
    erasing.erase_author(db, person, NOW)
    assert {row.mention_id for row in _stored(db)} == {ids(db)["m-3"]}
    check_all(db)
    # a late answer about one of them finds nothing
    assert predictions.save(db, [_answer(99)]) == 0


def _answer(mention_id: int) -> Prediction:
    scores = scores_of("awful")
    return Prediction(mention_id=mention_id, model_id="m/1", scores=scores, at=NOW)


def test_a_mention_without_a_brand_is_read_without_names(db: Database) -> None:
    keep(db, mention(1), ids=())
    reader = FakeReader()
    assert classify(db, reader, clock=FrozenClock()) == 1
    assert reader.asked == [(["awful (1)"], (), ())]
    assert (number(db, "prediction"), number(db, "reading")) == (1, 0)
    keep(db, mention(1))
    assert classify(db, reader, clock=FrozenClock()) == 1
    assert number(db, "reading") == 1
    check_all(db)


def test_the_word_of_an_intent_or_reason_is_one_that_holds() -> None:
    awful, calm = scores_of("awful"), scores_of("plain")
    unsure = Reading(scores=awful, toward=awful, intents={"complaint": 0.49, "question": 0.2})
    assert unsure.intent is None
    asked = Reading(scores=awful, toward=awful, intents={"complaint": 0.6, "question": 0.7})
    assert (asked.intent, asked.reason) == (Intent.QUESTION, None)
    unhappy = Reading(
        scores=calm,
        toward=awful,
        intents={"complaint": 0.8},
        reasons={"late": 0.5, "staff": 0.7, "other": 0.4},
    )
    assert (unhappy.intent, unhappy.reason) == (Intent.COMPLAINT, Reason.STAFF)
    assert replace(unhappy, toward=calm).reason is None
    assert replace(unhappy, toward=replace(awful, could_not_tell=True)).reason is None
    foreign = Scores(negative=0.9, neutral=0.1, positive=0.0, could_not_tell=True)
    assert replace(unhappy, scores=foreign).intent is None
