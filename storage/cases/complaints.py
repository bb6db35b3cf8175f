"""Unhappy customers by what they write: filter their cases by intent and reason, and count them.

A case counts by its newest complaint, because that is what an agent answers. So a filter costs one
index entry for each case, however many complaints it has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, func, or_, select

from earful.clock import Window
from earful.enums import Intent, Reason
from earful.judgements import HOLDS_AT
from storage.database.engine import Database
from storage.database.upsert import table_of
from storage.tables import CaseRow, FlagRow, MentionRow, ReadingRow

_CASE, _FLAG, _MENTION = table_of(CaseRow), table_of(FlagRow), table_of(MentionRow)
_READING = table_of(ReadingRow)

# one entry of ix_flag_case for each case, however many flags the case has
_ANY_FLAG = _FLAG.alias("any_flag")
NEWEST_FLAG = (
    select(_ANY_FLAG.c.id)
    .where(_ANY_FLAG.c.case_id == _CASE.c.id)
    .order_by(_ANY_FLAG.c.published_at.desc(), _ANY_FLAG.c.id.desc())
    .limit(1)
    .correlate(_CASE)
    .scalar_subquery()
)
# the reading by the model that counts now, for the brand of the flag
READING_OF_FLAG = and_(
    _READING.c.mention_id == _FLAG.c.mention_id,
    _READING.c.brand_id == _FLAG.c.brand_id,
    _READING.c.model_id == _MENTION.c.model_id,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComplaintCounts:
    """The customers who first complained in a window, by their newest complaint.

    Several reasons may hold for one customer. ``explained`` counts those with a reason,
    ``leaving`` those who say that they leave.
    """

    customers: int
    explained: int
    leaving: int
    reasons: Mapping[Reason, int]


def is_read_as(intent: Intent | None, reason: Reason | None) -> Any:
    """Return the condition that a case's newest complaint has this intent and this reason."""
    conditions: list[Any] = []
    if intent is not None:
        conditions.append(_has_intent(intent))
    if reason is not None:
        conditions += [_IS_UNHAPPY, _holds(_READING.c.reasons[reason.value])]
    return (
        select(_FLAG.c.id)
        .join(_MENTION, _MENTION.c.id == _FLAG.c.mention_id)
        .join(_READING, READING_OF_FLAG)
        .where(_FLAG.c.id == NEWEST_FLAG, *conditions)
        .correlate(_CASE)
        .exists()
    )


def count_complaints(db: Database, brand_id: str, window: Window) -> ComplaintCounts:
    """Count the brand's customers who first complained in the window, by reason."""
    holds = {reason: _holds(_READING.c.reasons[reason.value]) for reason in Reason}
    statement = (
        select(
            func.count().label("customers"),
            func.count().filter(or_(*holds.values())).label("explained"),
            func.count().filter(_has_intent(Intent.LEAVING)).label("leaving"),
            *(func.count().filter(holds[reason]).label(f"reason_{reason}") for reason in Reason),
        )
        .select_from(_CASE)
        .outerjoin(_FLAG, _FLAG.c.id == NEWEST_FLAG)
        .outerjoin(_MENTION, _MENTION.c.id == _FLAG.c.mention_id)
        .outerjoin(_READING, and_(READING_OF_FLAG, _IS_UNHAPPY))
        .where(
            _CASE.c.brand_id == brand_id,
            _CASE.c.complained_at >= window.since,
            _CASE.c.complained_at < window.until,
        )
    )
    with db.read() as connection:
        row = connection.execute(statement).one()
    return ComplaintCounts(
        customers=row.customers,
        explained=row.explained,
        leaving=row.leaving,
        reasons={reason: row._mapping[f"reason_{reason}"] for reason in Reason},
    )


def _has_intent(intent: Intent) -> Any:
    return and_(~_READING.c.could_not_tell, _holds(_READING.c.intents[intent.value]))


def _holds(probability: Any) -> Any:
    return probability.as_float() >= HOLDS_AT


# a customer who does not complain has no reason to, whatever its probability
_IS_UNHAPPY = or_(_has_intent(Intent.COMPLAINT), _has_intent(Intent.LEAVING))
