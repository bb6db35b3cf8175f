"""The queue of unhappy customers: lists and counts of cases.

storage.queries offers these to the dashboard; storage/cases/detail.py reads one case whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, func, select

from earful.case_states import CaseStatus
from earful.clock import Window
from storage.analysis import readings
from storage.analysis.predictions import CURRENT_PREDICTION
from storage.cases import complaints
from storage.cases.conditions import IS_OPEN, IS_UNANSWERED
from storage.cases.explanations import evidence_from
from storage.database.engine import Database
from storage.database.upsert import chunks, table_of
from storage.tables import (
    AuthorRow,
    BrandRow,
    CaseEventRow,
    CaseRow,
    FlagRow,
    MentionRow,
    PredictionRow,
    ReadingRow,
    StoryRow,
)
from storage.views import CaseView, QueueFilter, QueueTally, StoryReach

_CASE, _FLAG, _MENTION = table_of(CaseRow), table_of(FlagRow), table_of(MentionRow)
_AUTHOR, _BRAND, _EVENT = table_of(AuthorRow), table_of(BrandRow), table_of(CaseEventRow)
_PREDICTION, _STORY = table_of(PredictionRow), table_of(StoryRow)
_READING = table_of(ReadingRow)
_NO_POST = "All its posts are gone upstream, and their words were removed here."

STORY_COLUMNS = tuple(
    _STORY.c[name].label(f"story_{name}") for name in ("mentions", "authors", "reach")
)


def queue(
    db: Database, selection: QueueFilter, *, limit: int = 50, offset: int = 0
) -> tuple[CaseView, ...]:
    """Return a page of the cases that the filter selects, in its order."""
    order = _order(selection.order)
    # ids first: sorting whole rows with their names would cost ten times as much
    page = _select_ids(selection).order_by(*order).limit(limit).offset(offset)
    with db.read() as connection:
        rows = connection.execute(select_cases().where(_CASE.c.id.in_(page)).order_by(*order)).all()
        return to_views(connection, rows)


def _select_ids(selection: QueueFilter) -> Any:
    """Return the statement that gives the ids of the cases that the filter selects."""
    statement = select(_CASE.c.id).where(_passes(selection))
    if selection.source is None:
        return statement
    return statement.join(_AUTHOR, _AUTHOR.c.id == _CASE.c.author_id)


def count_cases(db: Database, selection: QueueFilter) -> int:
    """Count the cases that the filter selects."""
    statement = select(func.count()).select_from(_select_ids(selection).subquery())
    with db.read() as connection:
        return connection.execute(statement).scalar_one()


def count_queue(db: Database, now: datetime) -> QueueTally:
    """Count open, unassigned and overdue cases in one moment, so that the numbers agree."""
    statement = select(
        func.count().label("open"),
        func.count().filter(_CASE.c.assignee.is_(None)).label("unassigned"),
        func.count().filter(IS_UNANSWERED, _CASE.c.due_at < now).label("overdue"),
    ).where(IS_OPEN)
    with db.read() as connection:
        return QueueTally(**connection.execute(statement).one()._mapping)


def newest_flagged(db: Database, brand_id: str, *, limit: int = 10) -> tuple[CaseView, ...]:
    """Return the cases with the newest complaints, of any status, newest first."""
    selection = QueueFilter(
        brand_id=brand_id, statuses=tuple(CaseStatus), order="newest", with_posts=True
    )
    return queue(db, selection, limit=limit)


def by_ids(connection: Connection, ids: Sequence[int]) -> tuple[CaseView, ...]:
    """Return these cases, highest priority first, inside a transaction."""
    rows: list[Any] = []
    for batch in chunks(ids):
        rows += connection.execute(select_cases().where(_CASE.c.id.in_(batch))).all()
    rows.sort(key=lambda row: (-row.priority, row.id))
    return to_views(connection, rows)


def assignees(db: Database) -> tuple[str, ...]:
    """Return the names of all who have or had a case, sorted."""
    with db.read() as connection:
        names = connection.execute(
            select(_CASE.c.assignee).where(_CASE.c.assignee.is_not(None)).distinct()
        ).scalars()
        return tuple(sorted(names, key=str.casefold))


def count_events(db: Database, kind: str, window: Window, brand_id: str | None = None) -> int:
    """Count the cases with an event of that kind in the window."""
    statement = select(func.count(_EVENT.c.case_id.distinct())).where(
        _EVENT.c.kind == kind, _EVENT.c.at >= window.since, _EVENT.c.at < window.until
    )
    if brand_id is not None:
        statement = statement.join(_CASE, _CASE.c.id == _EVENT.c.case_id).where(
            _CASE.c.brand_id == brand_id
        )
    with db.read() as connection:
        return connection.execute(statement).scalar_one()


def select_cases() -> Any:
    """Return the statement that gives ``to_views`` its rows."""
    return (
        select(
            _CASE,
            _BRAND.c.name.label("brand"),
            _AUTHOR.c.handle,
            _AUTHOR.c.name.label("author_name"),
            _AUTHOR.c.source,
            _AUTHOR.c.url.label("author_url"),
            _AUTHOR.c.followers,
        )
        .join(_AUTHOR, _AUTHOR.c.id == _CASE.c.author_id)
        .join(_BRAND, _BRAND.c.id == _CASE.c.brand_id)
    )


def _passes(selection: QueueFilter) -> Any:
    conditions: list[Any] = [_CASE.c.status.in_([status.value for status in selection.statuses])]
    if all(status.is_open for status in selection.statuses):
        # IN alone would not use the partial index (https://sqlite.org/partialindex.html)
        conditions.append(IS_OPEN)
    if selection.brand_id is not None:
        conditions.append(_CASE.c.brand_id == selection.brand_id)
    if selection.assignee is not None:
        unassigned = _CASE.c.assignee.is_(None)
        conditions.append(
            _CASE.c.assignee == selection.assignee if selection.assignee else unassigned
        )
    if selection.source is not None:
        conditions.append(_AUTHOR.c.source == selection.source)
    if selection.overdue_at is not None:
        conditions += [_CASE.c.due_at < selection.overdue_at, IS_UNANSWERED]
    if selection.with_posts:
        conditions.append(_CASE.c.complaints > 0)
    if selection.min_priority:
        conditions.append(_CASE.c.priority >= selection.min_priority)
    if selection.intent is not None or selection.reason is not None:
        conditions.append(complaints.is_read_as(selection.intent, selection.reason))
    conditions += _in_id_range(selection)
    conditions += _in_windows(selection)
    return and_(*conditions)


def _in_windows(selection: QueueFilter) -> list[Any]:
    conditions: list[Any] = []
    for column, window in (
        (_CASE.c.complained_at, selection.complained),
        (_CASE.c.opened_at, selection.opened),
        (_CASE.c.resolved_at, selection.resolved),
    ):
        if window is not None:
            conditions += [column >= window.since, column < window.until]
    return conditions


def _in_id_range(selection: QueueFilter) -> list[Any]:
    conditions: list[Any] = []
    if selection.after_id is not None:
        conditions.append(_CASE.c.id > selection.after_id)
    if selection.up_to_id is not None:
        conditions.append(_CASE.c.id <= selection.up_to_id)
    return conditions


def _order(order: str) -> tuple[Any, ...]:
    orders: dict[str, tuple[Any, ...]] = {
        "priority": (_CASE.c.priority.desc(), _CASE.c.last_at.desc(), _CASE.c.id),
        "newest": (_CASE.c.last_at.desc(), _CASE.c.id),
        "due": (_CASE.c.due_at, _CASE.c.priority.desc(), _CASE.c.id),
    }
    if order not in orders:
        raise ValueError(f"queue: cannot order by {order!r}; use one of {', '.join(orders)}")
    return orders[order]


def to_views(connection: Connection, rows: Sequence[Any]) -> tuple[CaseView, ...]:
    """Return the rows as views, each with its newest flagged mention."""
    flags = _newest_flags(connection, [row.id for row in rows])
    return tuple(_to_view(row, flags.get(row.id)) for row in rows)


def _newest_flags(connection: Connection, case_ids: Sequence[int]) -> dict[int, Any]:
    flags: dict[int, Any] = {}
    for ids in chunks(case_ids):
        for row in connection.execute(
            select(
                _FLAG.c.case_id,
                _FLAG.c.reason,
                _FLAG.c.severity,
                _FLAG.c.evidence,
                _MENTION.c.text,
                _MENTION.c.lang,
                _MENTION.c.url,
                _MENTION.c.published_at,
                *(_PREDICTION.c[name] for name in ("negative", "neutral", "positive")),
                *(_PREDICTION.c[name] for name in ("could_not_tell", "language")),
                *readings.COLUMNS,
                *STORY_COLUMNS,
            )
            .select_from(_CASE)
            .join(_FLAG, _FLAG.c.id == complaints.NEWEST_FLAG)
            .join(_MENTION, _MENTION.c.id == _FLAG.c.mention_id)
            .outerjoin(_PREDICTION, CURRENT_PREDICTION)
            .outerjoin(_READING, complaints.READING_OF_FLAG)
            .outerjoin(_STORY, _STORY.c.id == _MENTION.c.story_id)
            .where(_CASE.c.id.in_(ids))
        ):
            flags[row.case_id] = row
    return flags


def _to_view(row: Any, flag: Any) -> CaseView:
    return CaseView(
        id=row.id,
        brand_id=row.brand_id,
        brand=row.brand,
        author_id=row.author_id,
        handle=row.handle,
        name=row.author_name,
        source=row.source,
        author_url=row.author_url,
        followers=row.followers,
        status=CaseStatus(row.status),
        priority=row.priority,
        assignee=row.assignee,
        complained_at=row.complained_at,
        opened_at=row.opened_at,
        last_at=row.last_at,
        due_at=row.due_at,
        first_contact_at=row.first_contact_at,
        resolved_at=row.resolved_at,
        outcome=row.outcome,
        complaints=row.complaints,
        version=row.version,
        text="" if flag is None else flag.text,
        lang=None if flag is None else flag.lang,
        language=None if flag is None else flag.language,
        url=None if flag is None else flag.url,
        reason=_NO_POST if flag is None else flag.reason,
        severity=0 if flag is None else flag.severity,
        published_at=row.last_at if flag is None else flag.published_at,
        story=None if flag is None else story_reach(flag),
        evidence=None if flag is None else evidence_from(flag.evidence),
        reading=None if flag is None else readings.from_row(flag),
    )


def story_reach(row: Any) -> StoryReach | None:
    """Return the reach in a row with STORY_COLUMNS; None while the mention is ungrouped."""
    if row.story_mentions is None:
        return None
    return StoryReach(mentions=row.story_mentions, authors=row.story_authors, reach=row.story_reach)
