"""Questions and wishes wait in lists of their own until a person has handled them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from factories import (
    ANY_AGE,
    HOUR,
    NOW,
    FakeClassifier,
    FakeReader,
    FrozenClock,
    author,
    check_all,
    ids,
    keep,
    mention,
    rows,
)
from sqlalchemy import event

from earful.clock import Window
from earful.enums import Intent, Sentiment, Verdict
from pipeline.classify import classify
from pipeline.flag import flag
from storage import queries
from storage.cases import commands
from storage.cases.mention_lists import MentionPage
from storage.database.engine import Database

ASKED = "where is my parcel, Acme Air"
WISHED = "please open a shop here, Acme Air"


def _judge(db: Database, model: Any = None) -> None:
    classify(db, model or FakeReader(), clock=FrozenClock())
    flag(db, ANY_AGE, clock=FrozenClock())
    check_all(db)


def _names(db: Database, page: MentionPage) -> list[str]:
    by_id = {number: name for name, number in ids(db).items()}
    return [by_id[line.mention_id].removeprefix("m-") for line in page.mentions]


@pytest.fixture
def asked(db: Database) -> Database:
    """Two questions, a wish, and what belongs on no list."""
    keep(
        db,
        mention("old", text=ASKED, published_at=NOW - 2 * HOUR),
        mention("new", text=ASKED, by=author("bo", followers=7, name="Bo"), url="https://a.b/1"),
        mention("wish", text=WISHED),
        mention("ours", text=ASKED, by="acmehelp"),
        mention("copy", text=ASKED, by="cy", repost_of="m-old"),
        mention("angry", text=f"awful! {ASKED}", by="di"),
        mention("praise", text="lovely", by="ed"),
    )
    keep(db, mention("theirs", text="where is my parcel, Rival Jet"), ids=("rival-jet",))
    _judge(db)
    return db


def test_questions_to_us_newest_first(asked: Database) -> None:
    page = queries.list_questions(asked, "acme-air")
    assert (_names(asked, page), page.has_older) == (["new", "old"], False)
    assert queries.count_questions(asked, "acme-air") == 2
    line = page.mentions[0]
    assert (line.text, line.handle, line.name, line.followers) == (ASKED, "bo", "Bo", 7)
    assert (line.url, line.source, line.brand_id) == ("https://a.b/1", "fake", "acme-air")
    assert (line.toward, line.intent, line.edition) == ("neutral", "question", 0)
    assert line.reading is not None
    assert line.reading.holds(Intent.QUESTION)
    assert line.story is not None
    assert queries.list_questions(asked, "rival-jet").mentions == ()


def test_wishes_have_a_list_of_their_own(asked: Database) -> None:
    assert _names(asked, queries.list_wishes(asked, "acme-air")) == ["wish"]
    assert queries.count_wishes(asked, "acme-air") == 1
    assert queries.count_wishes(asked, "rival-jet") == 0
    assert queries.count_wishes(asked, None) == 1


def test_a_window_is_of_publication_and_half_open(asked: Database) -> None:
    window = Window(since=NOW - 2 * HOUR, until=NOW - HOUR)
    page = queries.list_questions(asked, "acme-air", window=window)
    assert _names(asked, page) == ["old"]
    assert queries.count_questions(asked, "acme-air", window=window) == 1


def test_pages_follow_a_key_whatever_arrives_meanwhile(db: Database) -> None:
    keep(db, *(mention(n, text=f"{ASKED} {n}", published_at=NOW - n // 3 * HOUR) for n in range(9)))
    _judge(db)
    first = queries.list_questions(db, "acme-air", limit=4)
    assert (_names(db, first), first.has_older) == (["2", "1", "0", "5"], True)
    keep(db, mention("late", text=ASKED, published_at=NOW))
    _judge(db)
    second = queries.list_questions(db, "acme-air", limit=4, after=first.mentions[-1].key)
    assert (_names(db, second), second.has_older) == (["4", "3", "8", "7"], True)
    third = queries.list_questions(db, "acme-air", limit=4, after=second.mentions[-1].key)
    assert (_names(db, third), third.has_older) == (["6"], False)


def test_a_handled_question_leaves_the_list_and_may_come_back(asked: Database) -> None:
    number = ids(asked)["m-old"]
    commands.mark_handled(asked, number, "acme-air", edition=0, by=" Ana ", at=NOW)
    assert _names(asked, queries.list_questions(asked, "acme-air")) == ["new"]
    assert queries.count_questions(asked, "acme-air") == 1
    with pytest.raises(commands.Conflict, match="Ana has handled this post already"):
        commands.mark_handled(asked, number, "acme-air", edition=0, by="Bo", at=NOW)
    # another model reads it again, and it stays handled
    _judge(asked, FakeReader(model_id="fake-reader/2"))
    assert queries.count_questions(asked, "acme-air") == 1
    commands.undo_handled(asked, number, "acme-air")
    assert queries.count_questions(asked, "acme-air") == 2
    with pytest.raises(commands.Conflict, match="already"):
        commands.undo_handled(asked, number, "acme-air")


def test_handled_ones_are_listed_with_their_agent(asked: Database) -> None:
    for name, at in (("new", NOW), ("old", NOW + HOUR)):
        number = ids(asked)[f"m-{name}"]
        commands.mark_handled(asked, number, "acme-air", edition=0, by="Ana", at=at)
    first = queries.list_handled(asked, "acme-air", Verdict.QUESTION, limit=1)
    assert (_names(asked, first), first.has_older) == (["old"], True), "handled last"
    line = first.mentions[0]
    assert (line.handled_by, line.handled_at) == ("Ana", NOW + HOUR)
    second = queries.list_handled(asked, "acme-air", Verdict.QUESTION, after=line.key, limit=1)
    assert (_names(asked, second), second.has_older) == (["new"], False)
    assert queries.count_handled(asked, "acme-air", Verdict.QUESTION) == 2
    assert queries.count_handled(asked, "acme-air", Verdict.WISH) == 0
    assert queries.list_handled(asked, "acme-air", Verdict.WISH).mentions == ()


def test_another_text_is_another_question(asked: Database) -> None:
    number = ids(asked)["m-old"]
    commands.mark_handled(asked, number, "acme-air", edition=0, by="Ana", at=NOW)
    edited = mention("old", text=f"{ASKED}?!", published_at=NOW - 2 * HOUR)
    keep(asked, replace(edited, fetched_at=NOW + HOUR))
    with pytest.raises(commands.Conflict, match="was changed"):
        commands.mark_handled(asked, number, "acme-air", edition=0, by="Ana", at=NOW)
    assert rows(asked, "SELECT handled_by FROM mention_brand WHERE handled_by <> ''") == []
    _judge(asked)
    assert _names(asked, queries.list_questions(asked, "acme-air")) == ["new", "old"]
    commands.mark_handled(asked, number, "acme-air", edition=1, by="Ana", at=NOW)


def test_only_what_is_on_a_list_can_be_handled(asked: Database) -> None:
    for name, brand_id, reason in (
        ("praise", "acme-air", "on no list any more"),
        ("angry", "acme-air", "on no list any more"),
        ("theirs", "acme-air", "not there"),
    ):
        with pytest.raises(commands.Conflict, match=reason):
            commands.mark_handled(
                asked, ids(asked)[f"m-{name}"], brand_id, edition=0, by="Ana", at=NOW
            )
    with pytest.raises(ValueError, match="give a name"):
        commands.mark_handled(asked, 1, "acme-air", edition=0, by=" ", at=NOW)


def test_a_persons_correction_takes_a_question_off_the_list(asked: Database) -> None:
    number = ids(asked)["m-old"]
    commands.correct_sentiment(asked, number, Sentiment.NEGATIVE, edition=0, by="Ana", at=NOW)
    _judge(asked)
    assert _names(asked, queries.list_questions(asked, "acme-air")) == ["new"]


def test_a_model_without_intents_lists_nothing(db: Database) -> None:
    keep(db, mention(1, text=ASKED), mention(2, text=WISHED))
    _judge(db, FakeClassifier())
    assert queries.list_questions(db, "acme-air").mentions == ()
    assert queries.list_wishes(db, "acme-air").mentions == ()


@contextmanager
def _plans(db: Database) -> Iterator[list[str]]:
    """The plans of every SELECT that is run meanwhile, with the very same values."""
    plans: list[str] = []

    def explain(_c: Any, cursor: Any, statement: str, values: Any, *_rest: Any) -> None:
        if statement.startswith("SELECT"):
            plan = cursor.connection.execute(f"EXPLAIN QUERY PLAN {statement}", values)
            plans.extend(row[3] for row in plan.fetchall())

    event.listen(db.engine, "before_cursor_execute", explain)
    yield plans
    event.remove(db.engine, "before_cursor_execute", explain)


def test_handled_ones_are_read_in_order(sqlite: Database) -> None:
    keep(sqlite, *(mention(n, text=ASKED) for n in range(50)))
    _judge(sqlite)
    for number in ids(sqlite).values():
        commands.mark_handled(sqlite, number, "acme-air", edition=0, by="Ana", at=NOW)
    with _plans(sqlite) as plans:
        queries.list_handled(sqlite, "acme-air", Verdict.QUESTION)
    assert any("ix_mention_brand_handled" in plan for plan in plans), plans
    assert not any("TEMP B-TREE" in plan for plan in plans), plans


@pytest.mark.parametrize(
    ("read", "count", "index"),
    [
        (queries.list_questions, queries.count_questions, "ix_mention_brand_question"),
        (queries.list_wishes, queries.count_wishes, "ix_mention_brand_wish"),
    ],
)
def test_a_page_of_questions_reads_what_it_shows(
    sqlite: Database, read: Any, count: Any, index: str
) -> None:
    keep(sqlite, *(mention(n, text=(ASKED, WISHED, "lovely")[n % 3]) for n in range(300)))
    _judge(sqlite)
    with _plans(sqlite) as plans:
        page = read(sqlite, "acme-air")
        read(sqlite, "acme-air", after=page.mentions[-1].key)
        assert count(sqlite, "acme-air") == 100
    assert len([plan for plan in plans if index in plan]) == 3, plans
    assert not [plan for plan in plans if plan.startswith("SCAN")], plans
    assert not [plan for plan in plans if "mention_brand" in plan and "time" in plan], plans
