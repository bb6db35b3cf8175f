"""From a reader's answers to verdicts, cases, alerts and explanations."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from factories import (
    RULES,
    FakeReader,
    FrozenClock,
    check_all,
    keep,
    mention,
    rows,
)

from earful.clock import Window
from earful.enums import Reason, Verdict
from pipeline.case_line import case_line
from pipeline.classify import classify
from pipeline.digest import facts
from pipeline.explain import explain
from pipeline.flag import AlertPolicy, flag
from storage import queries
from storage.cases import explanations
from storage.database.engine import Database
from storage.views import QueueFilter

ALERTS = AlertPolicy(channels=("desk",), within=timedelta(hours=6))
URGENT_PRICE = replace(RULES, urgent_reasons=frozenset((Reason.PRICE,)))


def _judge(db: Database, clock: FrozenClock) -> dict[str, str]:
    classify(db, FakeReader(), clock=clock)
    flag(db, URGENT_PRICE, clock=clock, alert_policy=ALERTS)
    check_all(db)
    return {
        row.external_id: row.verdict
        for row in rows(
            db, "SELECT external_id, verdict FROM mention_brand JOIN mention ON id = mention_id"
        )
    }


def test_only_who_complains_or_leaves_has_a_case(db: Database, clock: FrozenClock) -> None:
    keep(
        db,
        mention(1, "awful service"),
        mention(2, "leaving Acme Air today", by="bo"),
        mention(3, "where is the gate", by="cleo"),
        mention(4, "please add a stop in Rome", by="dan"),
        mention(5, "lovely crew", by="eve"),
        mention(6, "where is it, awful", by="fay"),
    )
    assert _judge(db, clock) == {
        "m-1": Verdict.FLAGGED,
        "m-2": Verdict.FLAGGED,
        "m-3": Verdict.QUESTION,
        "m-4": Verdict.WISH,
        "m-5": Verdict.CALM,
        "m-6": Verdict.FLAGGED,
    }
    problems = {case.handle: case_line(case).problem for case in queries.queue(db, QueueFilter())}
    assert problems == {
        "maria": "perhaps about a delay",
        "bo": "leaving, perhaps because of a delay",
        "fay": "perhaps about a delay",
    }


def test_an_urgent_reason_alerts_and_is_explained(db: Database, clock: FrozenClock) -> None:
    keep(
        db, mention(1, "thanks a lot, awful: no refund", published_at=clock() - timedelta(hours=5))
    )
    assert _judge(db, clock) == {"m-1": Verdict.FLAGGED}
    (case,) = queries.queue(db, QueueFilter())
    assert case.priority == URGENT_PRICE.urgent_at
    (alert,) = rows(db, "SELECT text FROM delivery")
    text = " ".join(alert.text.split())
    assert "priority 70, about a price or a refund, ironic" in text
    assert "It is meant ironically" in text
    (verdict,) = explanations.of_post(db, "fake", "m-1")
    assert verdict.flag is not None and verdict.flag.evidence == case.evidence
    lines = list(explain(verdict, URGENT_PRICE))
    assert "intent complaint 91.2 %" in lines[-2] and "reason price 91.2 %" in lines[-2]
    assert lines[-1] == "Today's settings: flagged with severity 70 (the same)."


def test_a_question_is_explained_with_the_answers_of_the_model(
    db: Database, clock: FrozenClock
) -> None:
    keep(db, mention(1, "where is the gate"))
    _judge(db, clock)
    (verdict,) = explanations.of_post(db, "fake", "m-1")
    sentence, answers = explain(verdict, RULES)
    assert sentence == "It asks something and is no complaint, so it is listed as a question."
    assert answers.startswith("negative toward the brand ")
    assert "intent question 91.2 %, intent complaint 10 %" in answers


def test_the_digest_counts_new_questions_and_wishes(db: Database, clock: FrozenClock) -> None:
    keep(
        db,
        mention(1, "where is the gate", by="cleo"),
        mention(2, "where is the bus", by="dan"),
        mention(3, "please add a stop in Rome", by="eve"),
        mention(4, "where was it", published_at=clock() - timedelta(days=2)),
    )
    _judge(db, clock)
    day = Window(since=clock() - timedelta(days=1), until=clock() + timedelta(seconds=1))
    news = facts(db, day, queries=(), rules=RULES, limit=9)
    assert (news.questions, news.wishes) == (2, 1)
    assert (news.new_total, news.waiting_total) == (0, 0)
