"""Commands on cases: an outdated view changes nothing, and one of two agents wins."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from factories import ANY_AGE, HOUR, NOW, FrozenClock, check_all, keep, mention, read_all

from earful.case_states import CaseStatus
from pipeline.flag import flag
from storage import queries
from storage.cases import commands
from storage.cases.commands import Conflict
from storage.database.engine import Database
from storage.views import CaseView, QueueFilter

ANA: dict[str, Any] = {"by": "Ana", "at": NOW}


@pytest.fixture
def case_id(db: Database) -> int:
    keep(db, mention(1))
    read_all(db)
    flag(db, ANY_AGE, clock=FrozenClock())
    return queries.queue(db, QueueFilter())[0].id


def _now(db: Database, case_id: int) -> CaseView:
    detail = queries.case(db, case_id)
    assert detail is not None
    return detail.case


def _events(db: Database, case_id: int) -> list[str]:
    detail = queries.case(db, case_id)
    assert detail is not None
    return [event.kind for event in reversed(detail.events)]


def test_from_taken_to_resolved_and_back(db: Database, case_id: int) -> None:
    version = commands.take(db, case_id, version=1, **ANA)
    assert (_now(db, case_id).status, _now(db, case_id).assignee) == (CaseStatus.TAKEN, "Ana")
    version = commands.record_contact(db, case_id, version=version, text=" called her ", **ANA)
    assert _now(db, case_id).first_contact_at == NOW
    version = commands.record_contact(db, case_id, version=version, by="Bo", at=NOW + HOUR)
    assert _now(db, case_id).first_contact_at == NOW, "the first contact is the first"
    assert _now(db, case_id).assignee == "Ana"
    version = commands.resolve(
        db, case_id, version=version, outcome="won back", text="refund", **ANA
    )
    closed = _now(db, case_id)
    assert (closed.status, closed.outcome, closed.resolved_at) == (
        CaseStatus.RESOLVED,
        "won back",
        NOW,
    )
    version = commands.reopen(db, case_id, version=version, due_at=NOW + HOUR, **ANA)
    reopened = _now(db, case_id)
    assert (reopened.status, reopened.outcome, reopened.resolved_at) == (
        CaseStatus.OPEN,
        None,
        None,
    )
    assert (reopened.assignee, reopened.version) == (None, version)
    assert reopened.first_contact_at == NOW
    assert reopened.due_at == NOW + HOUR
    kinds = ["opened", "taken", "contacted", "contacted", "resolved", "reopened"]
    assert _events(db, case_id) == kinds
    notes = [event.note for event in queries.case(db, case_id).events]  # type: ignore[union-attr]
    assert notes[1] == "won back: refund"
    assert notes[3] == "called her"


def test_given_back_it_is_anybodys(db: Database, case_id: int) -> None:
    version = commands.take(db, case_id, version=1, **ANA)
    commands.release(db, case_id, version=version, **ANA)
    assert (_now(db, case_id).status, _now(db, case_id).assignee) == (CaseStatus.OPEN, None)


def test_taking_over_and_giving_back_does_not_forget_the_contact(
    db: Database, case_id: int
) -> None:
    version = commands.record_contact(db, case_id, version=1, **ANA)
    version = commands.take(db, case_id, version=version, by="Bo", at=NOW)
    assert (_now(db, case_id).status, _now(db, case_id).assignee) == (CaseStatus.CONTACTED, "Bo")
    commands.release(db, case_id, version=version, **ANA)
    assert _now(db, case_id).status is CaseStatus.CONTACTED


@pytest.mark.parametrize(
    "act",
    [
        lambda db, number, v: commands.take(db, number, version=v, **ANA),
        lambda db, number, v: commands.release(db, number, version=v, **ANA),
        lambda db, number, v: commands.record_contact(db, number, version=v, **ANA),
        lambda db, number, v: commands.resolve(db, number, version=v, outcome="answered", **ANA),
        lambda db, number, v: commands.reopen(db, number, version=v, due_at=NOW, **ANA),
    ],
)
def test_an_old_view_changes_nothing(
    db: Database, case_id: int, act: Callable[[Database, int, int], int]
) -> None:
    commands.take(db, case_id, version=1, by="Bo", at=NOW)
    before = _now(db, case_id)
    with pytest.raises(Conflict, match="changed since you opened it: it is now taken, Bo has it"):
        act(db, case_id, 1)
    assert _now(db, case_id) == before
    assert _events(db, case_id) == ["opened", "taken"]
    with pytest.raises(Conflict, match="is not there any more"):
        act(db, case_id + 99, 1)


def _complain(db: Database, number: int, **changes: Any) -> None:
    keep(db, mention(number, **changes))
    read_all(db)
    flag(db, ANY_AGE, clock=FrozenClock())


def test_an_author_who_posts_on_keeps_no_agent_from_acting(db: Database, case_id: int) -> None:
    seen = _now(db, case_id).version
    _complain(db, 2)
    version = commands.take(db, case_id, version=seen, **ANA)
    _complain(db, 3)
    commands.resolve(db, case_id, version=version, outcome="answered", **ANA)
    kinds = ["opened", "complaint", "taken", "complaint", "resolved"]
    assert _events(db, case_id) == kinds
    assert _now(db, case_id).complaints == 3
    check_all(db)


def test_a_complaint_after_our_answer_is_seen_before_the_case_is_resolved(
    db: Database, case_id: int
) -> None:
    version = commands.record_contact(db, case_id, version=1, **ANA)
    _complain(db, 2, published_at=NOW + HOUR)
    with pytest.raises(Conflict, match="changed since you opened it: it is now taken, Ana has it"):
        commands.resolve(db, case_id, version=version, outcome="answered", **ANA)


def test_steps_that_do_not_fit(db: Database, case_id: int) -> None:
    with pytest.raises(Conflict, match="is open; this step does not fit"):
        commands.reopen(db, case_id, version=1, due_at=NOW, **ANA)
    version = commands.resolve(db, case_id, version=1, outcome="left", **ANA)
    with pytest.raises(Conflict, match="is resolved; this step does not fit"):
        commands.take(db, case_id, version=version, **ANA)
    with pytest.raises(ValueError, match="use one of won back"):
        commands.resolve(db, case_id, version=version, outcome="whatever", **ANA)
    with pytest.raises(ValueError, match="give a name"):
        commands.take(db, case_id, version=version, by=" \n ", at=NOW)


def test_a_new_complaint_after_the_end_opens_a_new_case_and_bars_the_old_one(
    db: Database, case_id: int
) -> None:
    version = commands.resolve(db, case_id, version=1, outcome="left", **ANA)
    keep(db, mention(2))
    read_all(db)
    flag(db, ANY_AGE, clock=FrozenClock())
    assert queries.queue(db, QueueFilter())[0].id != case_id
    with pytest.raises(Conflict, match="complained again since"):
        commands.reopen(db, case_id, version=version, due_at=NOW, **ANA)
    assert _now(db, case_id).status is CaseStatus.RESOLVED
    assert _events(db, case_id) == ["opened", "resolved"]
    check_all(db)


def test_notes_do_not_collide(db: Database, case_id: int) -> None:
    commands.add_note(db, case_id, text=" likes cats\0 ", **ANA)
    commands.add_note(db, case_id, by="Bo", at=NOW, text="and dogs")
    assert _now(db, case_id).version == 1
    detail = queries.case(db, case_id)
    assert detail is not None
    assert [event.note for event in detail.events[:2]] == ["and dogs", "likes cats"]
    with pytest.raises(ValueError, match="the note is empty"):
        commands.add_note(db, case_id, text="  ", **ANA)
    with pytest.raises(Conflict, match="is not there any more"):
        commands.add_note(db, case_id + 99, text="x", **ANA)


def test_of_ten_who_take_it_at_once_one_has_it(db: Database, case_id: int) -> None:
    start = threading.Barrier(10)
    winners: list[str] = []
    refusals: list[str] = []

    def take(name: str) -> None:
        start.wait()
        try:
            commands.take(db, case_id, version=1, by=name, at=NOW)
        except Conflict as error:
            refusals.append(str(error))
        else:
            winners.append(name)

    agents = [threading.Thread(target=take, args=(f"agent {n}",)) for n in range(10)]
    for thread in agents:
        thread.start()
    for thread in agents:
        thread.join(30)
    assert len(winners) == 1
    assert len(refusals) == 9
    assert all(f"{winners[0]} has it" in refusal for refusal in refusals)
    assert _now(db, case_id).assignee == winners[0]
    assert _events(db, case_id) == ["opened", "taken"]


def test_names_and_notes_are_cut_to_size(db: Database, case_id: int) -> None:
    commands.take(db, case_id, version=1, by="A" * 500, at=NOW + timedelta(seconds=1))
    assert len(_now(db, case_id).assignee or "") == 80
