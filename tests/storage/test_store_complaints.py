"""Unhappy customers are filtered and counted by what they write."""

from __future__ import annotations

from typing import Any

import pytest
from factories import (
    ANY_AGE,
    HOUR,
    NOW,
    SURE,
    FakeClassifier,
    FakeReader,
    FrozenClock,
    check_all,
    ids,
    keep,
    mention,
)

from earful.case_states import CaseStatus
from earful.clock import Window
from earful.enums import Intent, Reason, Sentiment
from pipeline.classify import classify
from pipeline.flag import flag
from storage import queries
from storage.cases import commands
from storage.cases.complaints import ComplaintCounts
from storage.database.engine import Database
from storage.views import CaseDetail, QueueFilter

LAST_DAY = Window(since=NOW - 24 * HOUR, until=NOW)


def _judge(db: Database, model: Any = None) -> None:
    classify(db, model or FakeReader(), clock=FrozenClock())
    flag(db, ANY_AGE, clock=FrozenClock())
    check_all(db)


def _handles(db: Database, **chosen: Any) -> set[str]:
    return {case.handle for case in queries.queue(db, QueueFilter(**chosen))}


def _case_of(db: Database, handle: str) -> CaseDetail:
    (found,) = [case for case in queries.queue(db, QueueFilter()) if case.handle == handle]
    detail = queries.case(db, found.id)
    assert detail is not None
    return detail


@pytest.fixture
def unhappy(db: Database) -> Database:
    """Three customers: one of them leaves, two write about a refund, one complained before."""
    keep(
        db,
        mention(1, "awful, I wait for my refund", by="ann"),
        mention(2, "awful", by="bo"),
        mention(3, "awful, I am leaving Acme Air, where is my refund", by="cy"),
        mention(4, "awful refund", by="bo", published_at=NOW - 30 * HOUR),
        mention(5, "lovely refund", by="dee"),
    )
    _judge(db)
    return db


def test_the_queue_is_filtered_by_reason_and_intent(unhappy: Database) -> None:
    assert _handles(unhappy) == {"ann", "bo", "cy"}
    assert _handles(unhappy, reason=Reason.PRICE) == {"ann", "cy"}, "bo's newest has no reason"
    assert _handles(unhappy, reason=Reason.LATE) == set()
    assert _handles(unhappy, intent=Intent.LEAVING) == {"cy"}
    assert _handles(unhappy, intent=Intent.QUESTION, reason=Reason.PRICE) == {"cy"}
    assert queries.count_cases(unhappy, QueueFilter(reason=Reason.PRICE)) == 2


def test_customers_are_counted_by_reason(unhappy: Database) -> None:
    counts = queries.count_complaints(unhappy, "acme-air", LAST_DAY)
    assert (counts.customers, counts.explained, counts.leaving) == (2, 2, 1)
    assert {reason: number for reason, number in counts.reasons.items() if number} == {
        Reason.PRICE: 2
    }
    longer = Window(since=NOW - 48 * HOUR, until=NOW)
    assert queries.count_complaints(unhappy, "acme-air", longer).customers == 3
    assert queries.count_complaints(unhappy, "other", LAST_DAY) == ComplaintCounts(
        customers=0, explained=0, leaving=0, reasons=dict.fromkeys(Reason, 0)
    )


def test_each_count_opens_the_cases_that_it_counts(unhappy: Database) -> None:
    counts = queries.count_complaints(unhappy, "acme-air", LAST_DAY)
    chosen = QueueFilter(
        brand_id="acme-air", statuses=tuple(CaseStatus), complained=LAST_DAY, reason=Reason.PRICE
    )
    assert queries.count_cases(unhappy, chosen) == counts.reasons[Reason.PRICE]


def test_a_model_without_answers_gives_no_reason(unhappy: Database) -> None:
    _judge(unhappy, FakeClassifier())
    assert _handles(unhappy) == {"ann", "bo", "cy"}
    assert _handles(unhappy, reason=Reason.PRICE) == set()
    counts = queries.count_complaints(unhappy, "acme-air", LAST_DAY)
    assert (counts.customers, counts.explained, counts.leaving) == (2, 0, 0)


def test_a_person_s_word_flags_praise_without_its_reason(db: Database) -> None:
    keep(db, mention(1, "lovely refund"))
    _judge(db)
    (number,) = ids(db).values()
    commands.correct_sentiment(db, number, Sentiment.NEGATIVE, edition=0, by="Maria", at=NOW)
    flag(db, ANY_AGE, clock=FrozenClock())
    assert _handles(db) == {"maria"}
    assert _handles(db, reason=Reason.PRICE) == set(), "praise has no reason to complain"


def test_a_case_holds_the_answers_of_every_model(unhappy: Database) -> None:
    (mention,) = _case_of(unhappy, "cy").mentions
    assert mention.reading is not None
    assert mention.reading.intents["leaving"] == round(SURE, 4)
    _judge(unhappy, FakeClassifier())
    _judge(unhappy, FakeReader(model_id="fake-reader/2"))
    (mention,) = _case_of(unhappy, "cy").mentions
    assert {answer.model_id for answer in mention.answers} == {
        *("fake-reader/1", "fake-model/1", "fake-reader/2")
    }
    assert mention.model_id == "fake-reader/2"
    assert mention.reading == next(
        answer.reading for answer in mention.answers if answer.model_id == "fake-reader/2"
    )


def test_a_line_of_the_queue_has_the_reading_of_its_newest_complaint(unhappy: Database) -> None:
    readings = {case.handle: case.reading for case in queries.queue(unhappy, QueueFilter())}
    assert readings["cy"] is not None
    assert readings["cy"].holds(Intent.LEAVING)
    assert readings["bo"] is not None
    assert readings["bo"].reasons["price"] < 0.5
