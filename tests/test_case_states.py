"""The table of case states: every status with every action, who waits, and the clock."""

from __future__ import annotations

import itertools
from types import MappingProxyType

import pytest

from earful.case_states import (
    INITIAL,
    OPEN_STATUSES,
    TRANSITIONS,
    UNANSWERED_STATUSES,
    WAITING,
    Action,
    CaseStatus,
    DueClock,
    Waiting,
    allowed_statuses,
    is_allowed,
    transition,
)

OPEN, TAKEN, CONTACTED, RESOLVED = CaseStatus
KEEP, STOP, RESTART = DueClock

# For each action: the next status and the clock from OPEN, TAKEN, CONTACTED and RESOLVED, in a
# case that an agent has. None is a refusal.
EXPECTED = {
    Action.TAKE: ((TAKEN, KEEP), (TAKEN, KEEP), (CONTACTED, KEEP), None),
    Action.RELEASE: ((OPEN, KEEP), (OPEN, KEEP), (CONTACTED, KEEP), None),
    Action.NOTE: ((OPEN, KEEP), (TAKEN, KEEP), (CONTACTED, KEEP), (RESOLVED, KEEP)),
    Action.CONTACT: ((CONTACTED, STOP), (CONTACTED, STOP), (CONTACTED, KEEP), None),
    Action.RESOLVE: ((RESOLVED, STOP), (RESOLVED, STOP), (RESOLVED, KEEP), None),
    Action.REOPEN: (None, None, None, (OPEN, RESTART)),
    Action.COMPLAIN: ((OPEN, KEEP), (TAKEN, KEEP), (TAKEN, RESTART), None),
    Action.COMPLAIN_EARLIER: ((OPEN, KEEP), (TAKEN, KEEP), (CONTACTED, KEEP), None),
    Action.LOSE_LAST_POST: ((RESOLVED, STOP), (RESOLVED, STOP), (RESOLVED, KEEP), None),
}
PAIRS = list(itertools.product(CaseStatus, Action))


@pytest.mark.parametrize(("status", "action"), PAIRS)
def test_every_action_in_every_status(status: CaseStatus, action: Action) -> None:
    expected = EXPECTED[action][list(CaseStatus).index(status)]
    change = transition(status, action)
    assert is_allowed(status, action) is (expected is not None)
    assert (change and (change.status_for(is_assigned=True), change.clock)) == expected


@pytest.mark.parametrize(("status", "action"), PAIRS)
def test_without_an_agent_only_a_complaint_after_contact_ends_elsewhere(
    status: CaseStatus, action: Action
) -> None:
    change = transition(status, action)
    if change is None:
        return
    if (status, action) == (CONTACTED, Action.COMPLAIN):
        assert change.status_for(is_assigned=False) is OPEN
    else:
        assert change.status_for(is_assigned=False) is change.status_for(is_assigned=True)


@pytest.mark.parametrize(("status", "action"), list(TRANSITIONS))
def test_the_clock_stops_and_starts_where_the_waiting_side_changes(
    status: CaseStatus, action: Action
) -> None:
    for is_assigned in (True, False):
        change = TRANSITIONS[status, action]
        following = change.status_for(is_assigned=is_assigned)
        effects = {
            (True, False): {STOP},
            (False, True): {RESTART},
        }.get((status.is_unanswered, following.is_unanswered), {KEEP})
        assert change.clock in effects


def test_who_waits() -> None:
    assert dict(WAITING) == {
        OPEN: Waiting.CUSTOMER,
        TAKEN: Waiting.CUSTOMER,
        CONTACTED: Waiting.US,
        RESOLVED: Waiting.NEITHER,
    }
    assert OPEN_STATUSES == (OPEN, TAKEN, CONTACTED)
    assert UNANSWERED_STATUSES == (OPEN, TAKEN)
    assert INITIAL is OPEN


def test_resolved_is_the_only_closed_status_because_the_partial_index_says_so() -> None:
    assert [status for status in CaseStatus if not status.is_open] == [RESOLVED]


def test_the_statuses_that_accept_an_action() -> None:
    assert allowed_statuses(Action.TAKE) == (OPEN, TAKEN, CONTACTED)
    assert allowed_statuses(Action.REOPEN) == (RESOLVED,)
    assert allowed_statuses(Action.NOTE) == tuple(CaseStatus)


def test_the_kinds_of_event_that_histories_already_hold() -> None:
    assert {action: action.event for action in Action} == {
        Action.TAKE: "taken",
        Action.RELEASE: "released",
        Action.NOTE: "note",
        Action.CONTACT: "contacted",
        Action.RESOLVE: "resolved",
        Action.REOPEN: "reopened",
        Action.COMPLAIN: "complaint",
        Action.COMPLAIN_EARLIER: "complaint",
        Action.LOSE_LAST_POST: "resolved",
    }


def test_the_table_cannot_be_changed() -> None:
    assert isinstance(TRANSITIONS, MappingProxyType)
    assert isinstance(WAITING, MappingProxyType)
