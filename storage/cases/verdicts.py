"""Verdicts of the rules, and the flags and cases that follow from them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, func, select, update

from earful.case_states import INITIAL, TRANSITIONS, Action, CaseStatus, DueClock
from earful.enums import Verdict
from earful.judgements import ClassifiedMention, Flag
from storage.cases.conditions import IS_OPEN
from storage.database.upsert import chunks, insert_new, table_of
from storage.tables import CaseEventRow, CaseRow, FlagRow, MentionBrandRow, row_ids

_MENTION_BRAND, _FLAG = table_of(MentionBrandRow), table_of(FlagRow)
_CASE, _EVENT = table_of(CaseRow), table_of(CaseEventRow)

EARFUL = "earful"  # stands in a case's history for what no person did


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRules:
    """The pure functions that open and extend cases need.

    ``priority`` takes the highest severity (0 to 100) and the number of a case's flags.
    ``due_at`` takes the priority and the instant of the flag, and returns when an answer is due.
    """

    priority: Callable[[int, int], int]
    due_at: Callable[[int, datetime], datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class FlaggedCase:
    """The case that a flag opened or extended, with its priority before and now."""

    flag: Flag
    case_id: int
    opened: bool
    priority_before: int
    priority: int


def save_verdicts(connection: Connection, verdicts: Iterable[tuple[int, str, Verdict]]) -> None:
    """Store why mentions were not flagged: (mention id, brand id, verdict) each.

    A mention that was flagged meanwhile stays flagged.
    """
    grouped: dict[tuple[str, Verdict], list[int]] = defaultdict(list)
    for mention_id, brand_id, verdict in verdicts:
        grouped[(brand_id, verdict)].append(mention_id)
    for (brand_id, verdict), mention_ids in grouped.items():
        for ids in chunks(mention_ids):
            connection.execute(
                update(_MENTION_BRAND)
                .where(
                    _MENTION_BRAND.c.brand_id == brand_id,
                    _MENTION_BRAND.c.mention_id.in_(ids),
                    _MENTION_BRAND.c.verdict != Verdict.FLAGGED.value,
                )
                .values(verdict=verdict.value)
            )


def save_flag(
    connection: Connection, flag: Flag, mention: ClassifiedMention, rules: CaseRules
) -> FlaggedCase | None:
    """Store the flag of ``mention``, and open or extend its author's case.

    1. Mark the mention as flagged; None when that was done before.
    2. Extend the author's open case about the brand, or open one.
    3. Insert the flag with its evidence.
    """
    if not _mark_flagged(connection, flag):  # 1
        return None
    # 2. The unique index ux_case_open allows no second open case, so there is at most one row.
    columns = (
        _CASE.c[name] for name in ("id", "status", "assignee", "priority", "due_at", "complaints")
    )
    times = (_CASE.c[name] for name in ("complained_at", "last_at", "first_contact_at"))
    is_of_author = and_(_CASE.c.brand_id == flag.brand_id, _CASE.c.author_id == flag.author_id)
    case = connection.execute(select(*columns, *times).where(is_of_author, IS_OPEN)).one_or_none()
    if case is None:
        flagged_case = _open_case(connection, flag, mention.published_at, rules)
    else:
        flagged_case = _extend_case(connection, flag, mention.published_at, rules, case)
    # 3. Last, because a flag refers to its case.
    insert_new(connection, FlagRow, [_flag_row(flag, mention, flagged_case.case_id)])
    return flagged_case


def _mark_flagged(connection: Connection, flag: Flag) -> bool:
    """Mark the flag's mention as flagged; return False when it was flagged before."""
    # The condition makes the flag unique: a second process that judged the same mention changes
    # no row, and opens no second case.
    marked_rows = connection.execute(
        update(_MENTION_BRAND)
        .where(
            _MENTION_BRAND.c.mention_id == flag.mention_ids[0],
            _MENTION_BRAND.c.brand_id == flag.brand_id,
            _MENTION_BRAND.c.verdict != Verdict.FLAGGED.value,
        )
        .values(verdict=Verdict.FLAGGED.value)
    ).rowcount
    return marked_rows == 1


def _open_case(
    connection: Connection, flag: Flag, published_at: datetime, rules: CaseRules
) -> FlaggedCase:
    priority = rules.priority(flag.severity, 1)
    row = {
        "brand_id": flag.brand_id,
        "author_id": flag.author_id,
        "status": INITIAL.value,
        "priority": priority,
        "due_at": rules.due_at(priority, flag.at),
        "complained_at": published_at,
        "opened_at": flag.at,
        "last_at": published_at,
        "complaints": 1,
        "version": 1,
    }
    # SQLite would give the id of a deleted case again, and with it the old alerts (row_ids.py)
    (row,) = row_ids.with_unused_ids(connection, _CASE, [row])
    case_id: int = connection.execute(_CASE.insert().values(row)).inserted_primary_key[0]  # type: ignore[index]
    _add_event(connection, case_id, "opened", flag)
    return FlaggedCase(
        flag=flag, case_id=case_id, opened=True, priority_before=0, priority=priority
    )


def _extend_case(
    connection: Connection, flag: Flag, published_at: datetime, rules: CaseRules, case: Any
) -> FlaggedCase:
    """Add a complaint to an open case; earful/case_states.py gives the next status.

    The case gets a new version only with a new status. An author who posts without pause would
    otherwise make every page outdated before an agent can act on it.
    """
    # one entry of an index and a sum kept on the case: a case of thousands costs no more
    highest = highest_severity(connection, case.id)
    priority = rules.priority(max(highest, flag.severity), case.complaints + 1)
    action = _complaint_action(published_at, case.first_contact_at)
    change = TRANSITIONS[CaseStatus(case.status), action]
    status = change.status_for(is_assigned=bool(case.assignee)).value
    due_at = rules.due_at(priority, flag.at)
    # a milder complaint must not push an earlier due time back
    if change.clock is not DueClock.RESTART:
        due_at = min(case.due_at, due_at)
    connection.execute(
        update(_CASE)
        .where(_CASE.c.id == case.id)
        .values(
            status=status,
            priority=priority,
            due_at=due_at,
            complained_at=min(case.complained_at, published_at),
            last_at=max(case.last_at, published_at),
            complaints=_CASE.c.complaints + 1,
            version=_CASE.c.version + int(status != case.status),
        )
    )
    _add_event(connection, case.id, action.event, flag)
    return FlaggedCase(
        flag=flag,
        case_id=case.id,
        opened=False,
        priority_before=case.priority,
        priority=priority,
    )


def highest_severity(connection: Connection, case_id: int) -> int:
    """Return the highest severity of a case's flags; 0 without a flag."""
    return (
        connection.execute(
            select(func.max(_FLAG.c.severity)).where(_FLAG.c.case_id == case_id)
        ).scalar_one()
        or 0
    )


def _complaint_action(published_at: datetime, first_contact_at: datetime | None) -> Action:
    # platforms index posts late: one from before our answer is no answer to it
    if first_contact_at is not None and published_at <= first_contact_at:
        return Action.COMPLAIN_EARLIER
    return Action.COMPLAIN


def _add_event(connection: Connection, case_id: int, kind: str, flag: Flag) -> None:
    connection.execute(
        _EVENT.insert().values(case_id=case_id, at=flag.at, by=EARFUL, kind=kind, note=flag.reason)
    )


def _flag_row(flag: Flag, mention: ClassifiedMention, case_id: int) -> dict[str, Any]:
    evidence = asdict(flag.evidence) | {"priority_parts": dict(flag.evidence.priority_parts)}
    return {
        "mention_id": flag.mention_ids[0],
        "brand_id": flag.brand_id,
        "author_id": flag.author_id,
        "case_id": case_id,
        "rule": flag.rule,
        "severity": flag.severity,
        "reason": flag.reason,
        "evidence": evidence,
        "published_at": mention.published_at,
        "at": flag.at,
        "story_id": mention.story_id,
    }
