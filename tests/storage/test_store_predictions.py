"""Models add, people win, and the counts always say what the mentions say."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from factories import (
    MODEL,
    NOW,
    check_all,
    ids,
    keep,
    mention,
    number,
    read_all,
    rows,
    scores_of,
    tallies,
)

from earful.enums import Sentiment
from earful.judgements import Prediction, Scores
from storage.analysis import predictions
from storage.cases import commands
from storage.database.engine import Database

NEWER = "fake-model/2"


def _feelings(db: Database) -> dict[str, str]:
    return {row.external_id: row.sentiment for row in rows(db, "SELECT * FROM mention")}


def _gloomy(_text: str) -> Scores:
    return Scores(negative=0.9, neutral=0.1, positive=0.0)


def test_unread_are_given_oldest_first_until_none_is_left(db: Database) -> None:
    keep(db, *(mention(n, published_at=NOW - timedelta(hours=n)) for n in range(3)))
    waiting = predictions.list_unclassified(db, MODEL, 2)
    assert [one.text for one in waiting] == ["awful (2)", "awful (1)"]
    assert predictions.count_unclassified(db, MODEL) == 3
    assert read_all(db) == 3
    assert predictions.list_unclassified(db, MODEL, 10) == ()
    with db.read() as connection:
        assert predictions.count_never_classified(connection) == 0
    assert predictions.count_unclassified(db, MODEL) == 0


def test_could_not_tell_is_a_word_of_its_own(db: Database) -> None:
    keep(db, mention(1, "dunno"), mention(2, "plain"))
    read_all(db)
    assert _feelings(db) == {"m-1": "unknown", "m-2": "neutral"}
    check_all(db)


def test_the_language_found_is_kept_with_each_models_answer(db: Database) -> None:
    keep(db, mention(1, "awful", lang="en"), mention(2, "lovely"))
    read_all(db, says=lambda text: replace(scores_of(text), language="el"))
    read_all(db, model=NEWER, says=_gloomy)
    kept = rows(db, "SELECT mention_id, model_id, language FROM prediction ORDER BY 1, 2")
    one, two = ids(db)["m-1"], ids(db)["m-2"]
    assert kept == [(one, MODEL, "el"), (one, NEWER, None), (two, MODEL, "el"), (two, NEWER, None)]
    assert [row.lang for row in rows(db, "SELECT lang FROM mention ORDER BY id")] == ["en", None]


@pytest.mark.parametrize("newer", ["a-model", NEWER, "z-model"])
def test_a_new_model_adds_rows_and_counts_from_then_on(db: Database, newer: str) -> None:
    keep(db, mention(1, "lovely"), mention(2, "awful"))
    read_all(db)
    keep(db, mention(3, "lovely"))
    waiting = [one.text for one in predictions.list_unclassified(db, newer, 10)]
    assert waiting == ["lovely (3)", "lovely (1)", "awful (2)"]  # never read ones first
    assert read_all(db, model=newer, says=_gloomy) == 3
    assert set(_feelings(db).values()) == {"negative"}
    kept = rows(db, "SELECT negative FROM prediction WHERE model_id = :m", m=MODEL)
    assert sorted(row.negative for row in kept) == [0.02, 0.95]
    check_all(db)


def test_two_at_once_save_one_answer(db: Database) -> None:
    """The second one read the same stretch before the first had saved it."""
    keep(db, mention(1, "lovely"))
    (waiting,) = predictions.list_unclassified(db, MODEL, 10)
    said = [
        Prediction(mention_id=waiting.mention_id, model_id=MODEL, scores=one, at=NOW)
        for one in (scores_of("lovely"), _gloomy(""))
    ]
    assert predictions.save(db, said[:1]) == 1
    assert predictions.save(db, said[1:]) == 0
    assert _feelings(db) == {"m-1": "positive"}
    assert number(db, "prediction") == 1
    check_all(db)


def test_back_to_a_model_that_has_spoken_already(db: Database) -> None:
    keep(db, mention(1, "lovely"))
    read_all(db)
    read_all(db, model=NEWER, says=_gloomy)
    read_all(db)
    assert _feelings(db) == {"m-1": "positive"}
    assert number(db, "prediction") == 2
    check_all(db)


def test_a_mention_that_is_gone_is_left_alone(db: Database) -> None:
    assert (
        predictions.save(
            db, [Prediction(mention_id=99, model_id=MODEL, scores=scores_of(""), at=NOW)]
        )
        == 0
    )
    assert number(db, "prediction") == 0


def test_a_persons_word_wins_over_this_model_and_the_next(db: Database) -> None:
    keep(db, mention(1, "awful"), mention(2, "awful"))
    read_all(db)
    one = ids(db)["m-1"]
    commands.correct_sentiment(db, one, Sentiment.POSITIVE, edition=0, by=" Ana  B. ", at=NOW)
    assert _feelings(db) == {"m-1": "positive", "m-2": "negative"}
    check_all(db)
    read_all(db, model=NEWER, says=_gloomy)
    assert _feelings(db) == {"m-1": "positive", "m-2": "negative"}
    commands.correct_sentiment(db, one, Sentiment.NEUTRAL, edition=0, by="Bo", at=NOW)
    assert _feelings(db)["m-1"] == "neutral"
    said = rows(db, 'SELECT sentiment, "by" FROM correction ORDER BY id')
    assert said == [("positive", "Ana B."), ("neutral", "Bo")]
    check_all(db)


def test_a_correction_before_any_model_counts_and_stays(db: Database) -> None:
    keep(db, mention(1, "awful"))
    commands.correct_sentiment(db, ids(db)["m-1"], Sentiment.POSITIVE, edition=0, by="Ana", at=NOW)
    assert sum(tallies(db).values()) == 1
    read_all(db)
    assert _feelings(db) == {"m-1": "positive"}
    check_all(db)


def test_correcting_what_is_not_there(db: Database) -> None:
    with pytest.raises(commands.Conflict, match="not there any more"):
        commands.correct_sentiment(db, 99, Sentiment.POSITIVE, edition=0, by="Ana", at=NOW)
    with pytest.raises(ValueError, match="give a name"):
        commands.correct_sentiment(db, 99, Sentiment.POSITIVE, edition=0, by="  ", at=NOW)
    assert number(db, "correction") == 0


def test_saving_more_than_a_statement_takes(db: Database) -> None:
    keep(db, *(mention(n, ("awful", "lovely")[n % 2]) for n in range(2100)))
    assert read_all(db) == 2100
    assert sorted(tallies(db).values()) == [1050, 1050]
    check_all(db)
