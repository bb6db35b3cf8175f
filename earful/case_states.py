"""The states of a case, and the effect of each action on them.

The table below is the only place that knows:

1. the actions that a status allows, and the status that follows;
2. who waits in a status: the customer for us, we for the customer, or neither;
3. the actions that stop and start the clock that runs until an answer is due.

Commands, the queue, the pages and the digest read it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class CaseStatus(StrEnum):
    """The point that the conversation with an unhappy customer has reached."""

    OPEN = "open"
    TAKEN = "taken"
    CONTACTED = "contacted"
    RESOLVED = "resolved"

    @property
    def is_open(self) -> bool:
        """Say whether the case still needs work: every status but resolved."""
        return WAITING[self] is not Waiting.NEITHER

    @property
    def is_unanswered(self) -> bool:
        """Say whether the customer waits for us, so that the clock runs."""
        return WAITING[self] is Waiting.CUSTOMER


class Waiting(StrEnum):
    """The side that waits for the other one."""

    CUSTOMER = "customer"
    US = "us"
    NEITHER = "neither"


class Action(StrEnum):
    """A step that an agent or a customer takes in a case."""

    TAKE = "take"
    RELEASE = "release"
    NOTE = "note"
    CONTACT = "contact"
    RESOLVE = "resolve"
    REOPEN = "reopen"
    COMPLAIN = "complain"
    COMPLAIN_EARLIER = "complain earlier"  # a post from before our first contact arrives late
    LOSE_LAST_POST = "lose last post"  # the platform deleted the case's last post

    @property
    def event(self) -> str:
        """Return the kind under which the case's history keeps this action."""
        return _EVENTS[self]


class DueClock(StrEnum):
    """The effect of an action on the clock that runs until an answer is due."""

    KEEP = "keep"  # runs on, or stays stopped; an earlier due time wins
    STOP = "stop"
    RESTART = "restart"  # runs again towards a new due time


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """The effect of an action on a case in one status.

    ``unassigned_status`` replaces ``status`` when no agent has the case.
    """

    status: CaseStatus
    clock: DueClock = DueClock.KEEP
    unassigned_status: CaseStatus | None = None

    def status_for(self, *, is_assigned: bool) -> CaseStatus:
        """Return the next status of a case that an agent has, or has not."""
        return self.status if is_assigned else self.unassigned_status or self.status


INITIAL = CaseStatus.OPEN

WAITING: Mapping[CaseStatus, Waiting] = MappingProxyType(
    {
        CaseStatus.OPEN: Waiting.CUSTOMER,
        CaseStatus.TAKEN: Waiting.CUSTOMER,
        CaseStatus.CONTACTED: Waiting.US,
        CaseStatus.RESOLVED: Waiting.NEITHER,
    }
)
OPEN_STATUSES = tuple(status for status in CaseStatus if status.is_open)
UNANSWERED_STATUSES = tuple(status for status in CaseStatus if status.is_unanswered)

# Stored histories hold these words, so they never change (tests/test_case_states.py).
_EVENTS: Mapping[Action, str] = MappingProxyType(
    {
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
)


def _stay(status: CaseStatus) -> dict[tuple[CaseStatus, Action], Transition]:
    return {
        (status, Action.NOTE): Transition(status=status),
        (status, Action.COMPLAIN): Transition(status=status),
        (status, Action.COMPLAIN_EARLIER): Transition(status=status),
    }


_STOPPED_AT_CONTACT = Transition(status=CaseStatus.CONTACTED, clock=DueClock.STOP)
_STOPPED_FOR_GOOD = Transition(status=CaseStatus.RESOLVED, clock=DueClock.STOP)

# A pair that is missing is refused. A complaint never reaches a resolved case: it opens a new one.
TRANSITIONS: Mapping[tuple[CaseStatus, Action], Transition] = MappingProxyType(
    {
        **_stay(CaseStatus.OPEN),
        (CaseStatus.OPEN, Action.TAKE): Transition(status=CaseStatus.TAKEN),
        (CaseStatus.OPEN, Action.RELEASE): Transition(status=CaseStatus.OPEN),
        (CaseStatus.OPEN, Action.CONTACT): _STOPPED_AT_CONTACT,
        (CaseStatus.OPEN, Action.RESOLVE): _STOPPED_FOR_GOOD,
        (CaseStatus.OPEN, Action.LOSE_LAST_POST): _STOPPED_FOR_GOOD,
        **_stay(CaseStatus.TAKEN),
        (CaseStatus.TAKEN, Action.TAKE): Transition(status=CaseStatus.TAKEN),
        (CaseStatus.TAKEN, Action.RELEASE): Transition(status=CaseStatus.OPEN),
        (CaseStatus.TAKEN, Action.CONTACT): _STOPPED_AT_CONTACT,
        (CaseStatus.TAKEN, Action.RESOLVE): _STOPPED_FOR_GOOD,
        (CaseStatus.TAKEN, Action.LOSE_LAST_POST): _STOPPED_FOR_GOOD,
        **_stay(CaseStatus.CONTACTED),
        # a contacted customer stays contacted when another agent takes over
        (CaseStatus.CONTACTED, Action.TAKE): Transition(status=CaseStatus.CONTACTED),
        (CaseStatus.CONTACTED, Action.RELEASE): Transition(status=CaseStatus.CONTACTED),
        (CaseStatus.CONTACTED, Action.CONTACT): Transition(status=CaseStatus.CONTACTED),
        (CaseStatus.CONTACTED, Action.RESOLVE): Transition(status=CaseStatus.RESOLVED),
        (CaseStatus.CONTACTED, Action.LOSE_LAST_POST): Transition(status=CaseStatus.RESOLVED),
        # they write again after our answer, so they wait again
        (CaseStatus.CONTACTED, Action.COMPLAIN): Transition(
            status=CaseStatus.TAKEN,
            clock=DueClock.RESTART,
            unassigned_status=CaseStatus.OPEN,
        ),
        (CaseStatus.RESOLVED, Action.NOTE): Transition(status=CaseStatus.RESOLVED),
        # docs/decisions/unhappy.md, "A reopened case gets a new due time"
        (CaseStatus.RESOLVED, Action.REOPEN): Transition(
            status=CaseStatus.OPEN, clock=DueClock.RESTART
        ),
    }
)


def transition(status: CaseStatus, action: Action) -> Transition | None:
    """Return the effect of the action in this status; None when it is refused."""
    return TRANSITIONS.get((status, action))


def is_allowed(status: CaseStatus, action: Action) -> bool:
    """Say whether a case of this status accepts the action."""
    return (status, action) in TRANSITIONS


def allowed_statuses(action: Action) -> tuple[CaseStatus, ...]:
    """Return every status that accepts the action."""
    return tuple(status for status in CaseStatus if is_allowed(status, action))
