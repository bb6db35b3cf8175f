"""Flagging: one case for a person, pages for what is fresh and urgent only, and each once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from factories import (
    ACME,
    ANY_AGE,
    HOUR,
    NOW,
    RULES,
    FakeClassifier,
    FrozenClock,
    check_all,
    deliveries_by_state,
    ids,
    keep,
    loud,
    mention,
    number,
    read_all,
    rows,
)

from earful.case_states import CaseStatus
from earful.clock import Clock
from earful.enums import Sentiment, Verdict
from pipeline import flag as stage
from pipeline.classify import classify
from pipeline.flag import AlertPolicy, Flagged, flag
from storage import queries
from storage.cases import commands
from storage.database.engine import Database
from storage.entities import brands
from storage.views import CaseView, QueueFilter

ALERT_POLICY = AlertPolicy(channels=("desk", "boss"), within=timedelta(hours=6))


def _judge(db: Database, clock: Clock, rules: Any = RULES, **other: Any) -> Flagged:
    read_all(db)
    found = flag(db, rules, clock=clock, alert_policy=ALERT_POLICY, **other)
    check_all(db)
    return found


def _pages(db: Database) -> list[tuple[str, str]]:
    return [tuple(row) for row in rows(db, "SELECT channel, text FROM delivery ORDER BY id")]


def _cases(db: Database) -> tuple[CaseView, ...]:
    return queries.queue(db, QueueFilter())


def _verdicts(db: Database) -> dict[str, str]:
    found = rows(
        db, "SELECT external_id, verdict FROM mention_brand JOIN mention ON id = mention_id"
    )
    return {row.external_id.removeprefix("m-"): row.verdict for row in found}


def test_only_complaints_to_us_are_flagged_and_each_other_says_why_not(
    db: Database, clock: FrozenClock
) -> None:
    keep(
        db,
        mention("bad"),
        mention("fine", "lovely"),
        mention("odd", "dunno"),
        mention("ours", by="acmehelp"),
        mention("shared", repost_of="m-bad"),
        mention("old", published_at=NOW - timedelta(days=3, seconds=1)),
        mention("just", published_at=NOW - timedelta(days=3)),
    )
    keep(db, mention("theirs"), ids=["rival-jet"])
    found = _judge(db, clock)
    assert (found.judged, found.flags, found.opened) == (8, 2, 1)
    assert _verdicts(db) == {
        "bad": Verdict.FLAGGED,
        "just": Verdict.FLAGGED,
        "fine": Verdict.CALM,
        "odd": Verdict.COULD_NOT_TELL,
        "ours": Verdict.OWN_ACCOUNT,
        "shared": Verdict.REPOST,
        "old": Verdict.TOO_OLD,
        "theirs": Verdict.COMPETITOR,
    }


def test_judging_twice_changes_nothing(db: Database, clock: FrozenClock) -> None:
    keep(db, loud(1), mention(2), mention(3, "lovely"))
    _judge(db, clock)
    before = [rows(db, f'SELECT * FROM "{t}"') for t in ("case", "flag", "case_event", "delivery")]
    again = flag(db, ANY_AGE, clock=clock, alert_policy=ALERT_POLICY)
    assert (again.judged, again.flags, again.opened, again.urgent) == (0, 0, 0, 0)
    after = [rows(db, f'SELECT * FROM "{t}"') for t in ("case", "flag", "case_event", "delivery")]
    assert after == before


def test_one_case_for_a_person_whatever_the_order_of_arrival(
    db: Database, clock: FrozenClock
) -> None:
    keep(db, mention(2, published_at=NOW - HOUR), mention(3, by="bo"))
    _judge(db, clock)
    keep(db, mention(1, published_at=NOW - 9 * HOUR))
    keep(db, mention(4), ids=["other"])
    found = _judge(db, clock)
    assert (found.flags, found.opened) == (2, 1)
    maria = next(one for one in _cases(db) if (one.handle, one.brand) == ("maria", "Acme Air"))
    # a complaint that only joins the case leaves its version (storage/cases/verdicts.py)
    assert (maria.complaints, maria.version) == (2, 1)
    assert maria.text == "awful (2)"
    assert maria.complained_at == NOW - 9 * HOUR
    assert number(db, "case") == 3


@pytest.mark.parametrize("reverse", [False, True])
def test_who_complains_again_rises_however_the_batch_was_sorted(
    db: Database, clock: FrozenClock, reverse: bool
) -> None:
    """A file of a year, or a platform that answers newest first: the story is the same."""
    them = [mention(n, published_at=NOW - (10 - n) * HOUR) for n in range(4)]
    keep(db, *(reversed(them) if reverse else them), mention(9, by="bo"))
    _judge(db, clock)
    first, second = _cases(db)
    assert (first.handle, second.handle) == ("maria", "bo")
    assert first.priority > second.priority
    detail = queries.case(db, first.id)
    assert detail is not None
    earlier = [one.evidence["earlier_complaints"] for one in detail.mentions]
    assert earlier == [3, 2, 1, 0]
    repeat = [one.evidence["priority_parts"]["repeat"] for one in detail.mentions]  # type: ignore[index]
    assert repeat == sorted(repeat, reverse=True)


def test_repeats_count_over_batches_and_end_after_thirty_days(
    db: Database, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "_BATCH_SIZE", 2)
    ages = (31, 30, 20, 10, 0)
    keep(db, *(mention(n, published_at=NOW - timedelta(days=age)) for n, age in enumerate(ages)))
    _judge(db, clock, ANY_AGE)
    detail = queries.case(db, 1)
    assert detail is not None
    earlier = [one.evidence["earlier_complaints"] for one in reversed(detail.mentions)]
    assert earlier == [0, 1, 2, 3, 3]  # the last one: not the complaint of 31 days ago


def test_a_first_import_of_old_mentions_flags_but_pages_nobody(
    db: Database, clock: FrozenClock
) -> None:
    old = [loud(n, by=f"p{n}", published_at=NOW - timedelta(hours=7 + n)) for n in range(20)]
    keep(db, *old)
    found = _judge(db, clock)
    assert (found.flags, found.opened) == (20, 20)
    assert found.urgent > 0
    assert _pages(db) == []


def test_fresh_and_urgent_is_paged_once_to_each_channel(db: Database, clock: FrozenClock) -> None:
    keep(db, loud(1), loud(2, by="bo", published_at=NOW - 6 * HOUR), mention(3, by="chi"))
    keep(db, loud(4, by="dee", published_at=NOW - 6 * HOUR - timedelta(seconds=1)))
    assert _judge(db, clock).urgent == 3
    pages = _pages(db)
    assert [channel for channel, _ in pages] == ["desk", "boss"]
    for _, text in pages:
        assert "maria" in text
        assert "bo" in text
        assert "chi" not in text, "not urgent"
        assert "dee" not in text, "not fresh"
    _judge(db, clock, ANY_AGE)
    assert len(_pages(db)) == 2


def test_a_case_that_becomes_urgent_is_paged_and_one_that_was_is_not_again(
    db: Database, clock: FrozenClock
) -> None:
    keep(db, mention(1))
    assert _judge(db, clock).urgent == 0
    keep(db, loud(2))
    assert _judge(db, clock).urgent == 1
    assert len(_pages(db)) == 2
    keep(db, loud(3))
    assert _judge(db, clock).urgent == 0
    assert len(_pages(db)) == 2


def test_an_urgent_case_is_due_sooner_and_never_later_than_before(
    db: Database, clock: FrozenClock
) -> None:
    keep(db, mention(1), loud(2, by="bo"))
    _judge(db, clock)
    due = {one.handle: one.due_at for one in _cases(db)}
    assert due == {"maria": NOW + 24 * HOUR, "bo": NOW + 2 * HOUR}
    clock.forward(hours=1)
    keep(db, loud(3), mention(4, by="bo"))
    _judge(db, clock)
    due = {one.handle: one.due_at for one in _cases(db)}
    assert due == {"maria": NOW + 3 * HOUR, "bo": NOW + 2 * HOUR}


def test_nobody_to_page_queues_nothing(db: Database, clock: FrozenClock) -> None:
    keep(db, loud(1))
    read_all(db)
    assert flag(db, RULES, clock=clock).urgent == 1
    assert deliveries_by_state(db) == {}


def test_all_takes_up_what_was_too_old_and_only_that(db: Database, clock: FrozenClock) -> None:
    keep(db, *(mention(n, published_at=NOW - timedelta(days=30 + n)) for n in range(3)))
    keep(db, mention(9, "lovely"))
    assert _judge(db, clock).flags == 0
    found = flag(db, ANY_AGE, clock=clock, alert_policy=ALERT_POLICY)
    assert (found.judged, found.flags, found.opened) == (3, 3, 1)
    assert flag(db, ANY_AGE, clock=clock).judged == 0
    check_all(db)


def test_too_old_is_not_judged_again_by_itself(db: Database, clock: FrozenClock) -> None:
    keep(db, mention(1, published_at=NOW - timedelta(days=30)))
    _judge(db, clock)
    assert _judge(db, clock).judged == 0


def test_what_is_not_classified_waits(db: Database, clock: FrozenClock) -> None:
    keep(db, mention(1))
    assert flag(db, RULES, clock=clock).judged == 0
    read_all(db)
    assert flag(db, RULES, clock=clock).judged == 1


def test_a_new_models_word_is_judged_but_takes_no_flag_back(
    db: Database, clock: FrozenClock
) -> None:
    keep(db, mention(1, "awful"), mention(2, "lovely", by="bo"))
    _judge(db, clock)
    gloom = FakeClassifier(model_id="m/2", says=lambda text: _opposite(text))
    classify(db, gloom, clock=clock)
    found = flag(db, RULES, clock=clock)
    assert (found.judged, found.flags) == (1, 1)
    assert {one.handle for one in _cases(db)} == {"maria", "bo"}
    check_all(db)


def _opposite(text: str) -> Any:
    from factories import scores_of

    return scores_of("lovely" if "awful" in text else "awful")


def test_a_persons_word_flags_whatever_its_age_and_says_so(
    db: Database, clock: FrozenClock
) -> None:
    keep(db, mention(1, "lovely", published_at=NOW - timedelta(days=99)), mention(2, "awful"))
    _judge(db, clock)
    commands.correct_sentiment(db, ids(db)["m-1"], Sentiment.NEGATIVE, edition=0, by="Ana", at=NOW)
    assert _judge(db, clock).flags == 1
    (case,) = _cases(db)
    reasons = " ".join(one.reason for one in queries.case(db, case.id).mentions)  # type: ignore[union-attr]
    assert "A person said that this is negative" in reasons


def test_after_the_end_a_new_complaint_opens_a_new_case(db: Database, clock: FrozenClock) -> None:
    keep(db, mention(1))
    _judge(db, clock)
    commands.resolve(db, 1, version=1, by="Ana", at=NOW, outcome="answered")
    keep(db, mention(2))
    assert _judge(db, clock).opened == 1
    assert number(db, "case") == 2


def test_who_complains_again_after_we_answered_waits_again(
    db: Database, clock: FrozenClock
) -> None:
    keep(db, mention("first"))
    _judge(db, clock)
    (case,) = _cases(db)
    version = commands.take(db, case.id, version=case.version, by="Ann", at=clock())
    commands.record_contact(db, case.id, version=version, by="Ann", at=clock())
    clock.forward(hours=2)
    keep(db, mention("again", published_at=clock() - HOUR))
    _judge(db, clock)
    (case,) = _cases(db)
    assert case.status is CaseStatus.TAKEN
    assert case.assignee == "Ann"
    assert case.first_contact_at == NOW
    assert case.due_at > clock()
    late = QueueFilter(overdue_at=case.due_at + HOUR)
    assert queries.count_cases(db, late) == 1


def test_what_was_written_before_we_answered_asks_for_no_second_answer(
    db: Database, clock: FrozenClock
) -> None:
    keep(db, mention("first"))
    _judge(db, clock)
    (case,) = _cases(db)
    commands.record_contact(db, case.id, version=case.version, by="Ann", at=clock())
    keep(db, mention("indexed late", published_at=NOW - HOUR))
    _judge(db, clock)
    (case,) = _cases(db)
    assert case.status is CaseStatus.CONTACTED


def test_a_stop_between_batches_loses_nothing(
    db: Database, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "_BATCH_SIZE", 3)
    keep(db, *(mention(n, by=f"p{n % 4}") for n in range(10)))
    seen: list[int] = []
    found = _judge(db, clock, stop=lambda: sum(seen) >= 6, progress=seen.append)
    assert found.judged == 6
    assert _judge(db, clock).judged == 4
    assert number(db, "case") == 4


def test_an_error_half_way_keeps_no_half_of_a_batch(
    db: Database, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(db, loud(1), mention(2, by="bo"), mention(3, "lovely"))

    def breaks(*_told: object) -> None:
        raise OSError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(stage, "_queue_alert", breaks)
        with pytest.raises(OSError, match="disk is full"):
            _judge(db, clock)
    assert [number(db, t) for t in ("case", "flag", "case_event", "delivery")] == [0, 0, 0, 0]
    assert set(_verdicts(db).values()) == {""}
    assert _judge(db, clock).flags == 2
    assert len(_pages(db)) == 2


def test_a_brand_that_became_a_competitor_is_flagged_no_more(
    db: Database, clock: FrozenClock
) -> None:
    keep(db, mention(1))
    brands.sync(db, [replace(ACME, competitor_of="other")])
    read_all(db)
    assert flag(db, RULES, clock=clock).flags == 0
