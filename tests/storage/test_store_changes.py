"""A post that comes again: other words are judged anew, and what was said of the old ones stays."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from factories import (
    HOUR,
    NOW,
    RULES,
    FrozenClock,
    author,
    check_all,
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
from earful.types import Engagement, Mention, Rating
from pipeline.flag import flag
from storage import queries
from storage.analysis import predictions
from storage.cases import commands
from storage.database.engine import Database

LATER = NOW + HOUR
POST = mention(1, "awful")


def _edited(words: str = "lovely", **other: object) -> Mention:
    return replace(POST, text=words, fetched_at=LATER, **other)  # type: ignore[arg-type]


def _judged(db: Database) -> None:
    read_all(db)
    flag(db, RULES, clock=FrozenClock())


def _mention(db: Database) -> tuple[object, ...]:
    (row,) = rows(db, "SELECT text, sentiment, model_id, edition FROM mention")
    return tuple(row)


def _words(db: Database) -> list[str]:
    return [row.text for row in rows(db, "SELECT text FROM revision ORDER BY id")]


def test_other_words_wait_for_the_model_again_and_the_counts_follow(db: Database) -> None:
    keep(db, POST)
    _judged(db)
    assert {key[3] for key in tallies(db)} == {"negative"}
    assert keep(db, _edited()).changed == 1
    assert _mention(db) == ("lovely", "", "", 1)
    assert {key[3] for key in tallies(db)} == {""}
    check_all(db)
    _judged(db)
    assert {key[3] for key in tallies(db)} == {"positive"}
    check_all(db)


def test_what_models_said_of_the_old_words_is_kept_and_they_are_asked_anew(db: Database) -> None:
    keep(db, POST)
    read_all(db, model="m/1")
    read_all(db, model="m/2")
    keep(db, _edited())
    (old,) = rows(db, "SELECT text, sentiment, until FROM revision")
    assert (old.text, old.sentiment) == ("awful (1)", "negative")
    assert number(db, "prediction") == 0
    read_all(db, model="m/1")
    assert _mention(db) == ("lovely", "positive", "m/1", 1)
    from storage.database.upsert import table_of
    from storage.tables import RevisionRow

    with db.read() as connection:
        (kept,) = connection.execute(table_of(RevisionRow).select()).all()
    assert [one["model_id"] for one in kept.predictions] == ["m/1", "m/2"]
    assert kept.predictions[0]["negative"] == 0.95


def test_an_unhappy_edit_is_flagged_and_nothing_is_flagged_twice(db: Database) -> None:
    keep(db, mention(1, "lovely"))
    _judged(db)
    assert number(db, "flag") == 0
    keep(db, replace(mention(1), text="awful now", fetched_at=LATER))
    _judged(db)
    assert number(db, "flag") == 1
    keep(db, replace(mention(1), text="awful still", fetched_at=LATER + HOUR))
    _judged(db)
    assert number(db, "flag") == 1
    check_all(db)


def test_the_case_is_told_and_shows_both_texts(db: Database) -> None:
    keep(db, POST)
    _judged(db)
    keep(db, _edited())
    read_all(db)
    (case,) = rows(db, 'SELECT id FROM "case"')
    detail = queries.case(db, case.id)
    assert detail is not None
    assert [one.kind for one in detail.events] == ["edited", "opened"]
    assert "changed" in detail.events[0].note
    (shown,) = detail.mentions
    assert (shown.text, [one.text for one in shown.earlier]) == ("lovely", ["awful (1)"])
    assert shown.positive == scores_of("lovely").positive


def test_a_correction_spoke_of_the_old_words(db: Database) -> None:
    keep(db, POST)
    read_all(db)
    commands.correct_sentiment(db, 1, Sentiment.POSITIVE, edition=0, by="Ana", at=NOW)
    keep(db, _edited("awful as ever"))
    read_all(db)
    assert _mention(db)[1] == "negative"
    assert number(db, "correction") == 1  # what she said stays to be read
    flag(db, RULES, clock=FrozenClock())
    assert number(db, "flag") == 1
    check_all(db)


def test_a_correction_of_words_that_were_changed_meanwhile_is_not_kept(db: Database) -> None:
    """Somebody clicks while the page still shows the old text."""
    keep(db, POST)
    _judged(db)
    (case,) = rows(db, 'SELECT id FROM "case"')
    opened = queries.case(db, case.id)
    assert opened is not None
    keep(db, _edited("awful as ever"))
    read_all(db)
    read = {"edition": opened.mentions[0].edition, "by": "Ana", "at": NOW}
    with pytest.raises(commands.Conflict, match="changed since you opened it"):
        commands.correct_sentiment(db, 1, Sentiment.POSITIVE, **read)  # type: ignore[arg-type]
    assert (_mention(db)[1], number(db, "correction")) == ("negative", 0)
    commands.correct_sentiment(db, 1, Sentiment.POSITIVE, **(read | {"edition": 1}))  # type: ignore[arg-type]
    assert _mention(db)[1] == "positive"
    check_all(db)


def test_a_page_that_is_written_anew_all_day_long_stays_small(db: Database) -> None:
    """A live report in a feed, or one that shows the time: every poll finds other words."""
    keep(db, POST)
    _judged(db)
    for minute in range(70):
        told = LATER + minute * HOUR / 60
        keep(db, replace(POST, text=f"awful, as of minute {minute}", fetched_at=told))
    assert number(db, "revision") == 50
    (case,) = rows(db, 'SELECT id FROM "case"')
    detail = queries.case(db, case.id)
    assert detail is not None
    assert [one.kind for one in detail.events] == ["edited", "opened"]
    assert detail.mentions[0].earlier[0].text == "awful, as of minute 68"
    commands.add_note(db, case.id, by="Ana", at=NOW, text="asked them")
    keep(db, replace(POST, text="lovely", fetched_at=LATER + 9 * HOUR))
    detail = queries.case(db, case.id)
    assert detail is not None
    assert [one.kind for one in detail.events] == ["edited", "note", "edited", "opened"]
    check_all(db)


def test_the_same_words_change_nothing(db: Database) -> None:
    keep(db, POST)
    _judged(db)
    before = {table: rows(db, f'SELECT * FROM "{table}"') for table in _JUDGED}
    assert keep(db, replace(POST, fetched_at=LATER)).changed == 0
    assert {table: rows(db, f'SELECT * FROM "{table}"') for table in _JUDGED} == before
    check_all(db)


_JUDGED = ("mention_brand", "prediction", "flag", "case", "case_event", "revision", "tally")


def test_an_older_copy_changes_nothing(db: Database) -> None:
    keep(db, _edited("lovely", engagement=Engagement(likes=9)))
    assert keep(db, replace(POST, engagement=Engagement(likes=1))).changed == 0
    assert _mention(db)[0] == "lovely"
    assert rows(db, "SELECT likes FROM mention") == [(9,)]


def test_a_copy_that_has_not_heard_of_the_edit_changes_nothing(db: Database) -> None:
    """Another server of the network still shows the old words, with a newer clock."""
    keep(db, POST)
    keep(db, _edited(edited_at=NOW))
    behind = replace(POST, fetched_at=LATER + HOUR)
    assert keep(db, behind).changed == 0
    assert keep(db, replace(behind, edited_at=NOW - HOUR)).changed == 0
    assert _mention(db)[0] == "lovely"
    assert keep(db, replace(behind, text="new", edited_at=LATER)).changed == 1


def test_two_feeds_that_show_one_post_differently_do_not_fight_for_ever(db: Database) -> None:
    for hours in range(6):
        at = NOW + hours * HOUR
        keep(db, replace(POST, text="short" if hours % 2 else "in full", fetched_at=at))
    assert _words(db) == ["in full"]
    assert _mention(db)[0] == "short"


def test_back_to_former_words_when_the_platform_says_so(db: Database) -> None:
    keep(db, POST)
    keep(db, _edited(edited_at=NOW))
    again = replace(POST, fetched_at=LATER + HOUR, edited_at=LATER)
    assert keep(db, again).changed == 1
    assert _words(db) == ["awful (1)", "lovely"]


def test_of_a_post_twice_in_a_batch_the_later_state_counts(db: Database) -> None:
    assert keep(db, POST, _edited(edited_at=NOW)).new == 1
    assert _mention(db)[:1] == ("lovely",)
    assert keep(db, _edited("third", edited_at=LATER), POST).changed == 1
    assert _mention(db)[0] == "third"


def test_what_is_cut_or_cleaned_when_stored_is_no_change(db: Database) -> None:
    hostile = replace(POST, text="NUL\0 and " + "x" * 30_000)
    keep(db, hostile)
    assert keep(db, replace(hostile, fetched_at=LATER)).changed == 0


def test_figures_are_refreshed_without_judging(db: Database) -> None:
    keep(db, POST)
    _judged(db)
    seen = Engagement(shares=3, likes=2, replies=1)
    keep(db, replace(POST, fetched_at=LATER, engagement=seen, author=author(followers=77)))
    (row,) = rows(db, "SELECT shares, likes, replies, published_at, sentiment FROM mention")
    assert tuple(row)[:3] == (3, 2, 1)
    assert row.sentiment == "negative"
    assert rows(db, "SELECT followers FROM author") == [(77,)]


def test_another_rating_is_judged_again(db: Database) -> None:
    stars = Rating(kind="stars", value=4, lowest=1, highest=5)
    keep(db, replace(mention(1, "plain"), rating=stars))
    _judged(db)
    assert rows(db, "SELECT verdict FROM mention_brand") == [("calm",)]
    one = replace(stars, value=1)
    keep(db, replace(mention(1, "plain"), rating=one, fetched_at=LATER))
    assert rows(db, "SELECT rating_value FROM mention") == [(1,)]
    assert rows(db, "SELECT verdict FROM mention_brand") == [("",)]
    assert number(db, "prediction") == 1


@pytest.mark.parametrize("moved", [timedelta(days=-3), timedelta(days=3)])
def test_when_it_was_published_stays(db: Database, moved: timedelta) -> None:
    keep(db, POST)
    before = rows(db, "SELECT published_at FROM mention")
    keep(db, _edited(published_at=POST.published_at + moved))
    assert rows(db, "SELECT published_at FROM mention") == before
    check_all(db)


def test_what_the_model_read_before_the_edit_is_not_said_of_the_new_words(db: Database) -> None:
    """The text changes between reading it for the model and keeping the answer."""
    keep(db, POST)
    (waiting,) = predictions.list_unclassified(db, "m/1", 10)
    keep(db, _edited())
    stale = Prediction(
        mention_id=waiting.mention_id,
        model_id="m/1",
        scores=Scores(negative=1, neutral=0, positive=0),
        at=LATER,
        edition=waiting.edition,
    )
    assert predictions.save(db, [stale]) == 0
    assert _mention(db) == ("lovely", "", "", 1)
    assert predictions.save(db, [replace(stale, edition=1)]) == 1


def test_an_edit_that_names_another_brand_is_about_that_too(db: Database) -> None:
    keep(db, POST)
    read_all(db)
    keep(db, _edited(), ids=["acme-air", "rival-jet"])
    assert {row.brand_id for row in rows(db, "SELECT brand_id FROM mention_brand")} == {
        "acme-air",
        "rival-jet",
    }
    check_all(db)
