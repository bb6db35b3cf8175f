"""The table of case states (earful/case_states.py) as SQL conditions and values."""

from __future__ import annotations

from typing import Any

from sqlalchemy import case as sql_case

from earful.case_states import (
    TRANSITIONS,
    UNANSWERED_STATUSES,
    Action,
    CaseStatus,
    allowed_statuses,
)
from storage.database.upsert import table_of
from storage.tables import CaseRow

_CASE = table_of(CaseRow)

# These are the words of the partial index on open cases (storage/tables/columns.py). With other
# words, such as IN ('open', 'taken', 'contacted'), neither database would use that index.
IS_OPEN = _CASE.c.status != CaseStatus.RESOLVED.value
IS_UNANSWERED = _CASE.c.status.in_([status.value for status in UNANSWERED_STATUSES])


def allows(action: Action) -> Any:
    """Return the condition that a case's status accepts the action."""
    return _CASE.c.status.in_([status.value for status in allowed_statuses(action)])


def status_after(action: Action) -> Any:
    """Return a case's status after an action of an agent, as an expression over the row.

    A complaint's next status depends on the assignee too: use ``Transition.status_for`` there.
    """
    following = {
        status.value: TRANSITIONS[status, action].status.value
        for status in allowed_statuses(action)
    }
    return sql_case(following, value=_CASE.c.status, else_=_CASE.c.status)
