"""Reading the queue of unhappy customers; storage.queries offers these to the dashboard."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, and_, func, select

from earful.case_states import CaseStatus
from earful.clock import Window
from storage.analysis import ratings
from storage.cases.conditions import IS_OPEN, IS_UNANSWERED
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
    RevisionRow,
    StoryRow,
)
from storage.views import (
    CaseDetail,
    CaseEvent,
    CaseView,
    FlaggedMention,
    QueueFilter,
    Revision,
    StoryReach,
)

_CASE, _FLAG, _MENTION = table_of(CaseRow), table_of(FlagRow), table_of(MentionRow)
_AUTHOR, _BRAND, _EVENT = table_of(AuthorRow), table_of(BrandRow), table_of(CaseEventRow)
_PREDICTION, _REVISION = table_of(PredictionRow), table_of(RevisionRow)
_STORY = table_of(StoryRow)
_NO_POST = "All its posts are gone upstream, and their words were removed here."

_REACH = tuple(_STORY.c[name].label(f"story_{name}") for name in ("mentions", "authors", "reach"))

# the prediction that counts now
_CURRENT = and_(
    _PREDICTION.c.mention_id == _MENTION.c.id, _PREDICTION.c.model_id == _MENTION.c.model_id
)


def queue(
    db: Database, which: QueueFilter, *, limit: int = 50, offset: int = 0
) -> tuple[CaseView, ...]:
    """Cases in the order that the filter asks for."""
    statement = _cases().where(_passes(which)).order_by(*_order(which.order))
    with db.read() as connection:
        rows = connection.execute(statement.limit(limit).offset(offset)).all()
        return _views(connection, rows)


def count_cases(db: Database, which: QueueFilter) -> int:
    """How many cases the filter lets through."""
    statement = (
        select(func.count())
        .select_from(_CASE.join(_AUTHOR, _AUTHOR.c.id == _CASE.c.author_id))
        .where(_passes(which))
    )
    with db.read() as connection:
        return connection.execute(statement).scalar_one()


def newest_flagged(db: Database, brand_id: str, *, limit: int = 10) -> tuple[CaseView, ...]:
    """The cases with the newest complaints, whatever their status, newest first."""
    which = QueueFilter(
        brand_id=brand_id, statuses=tuple(CaseStatus), order="newest", with_posts=True
    )
    return queue(db, which, limit=limit)


def case(db: Database, case_id: int) -> CaseDetail | None:
    """One case with its mentions and events; None when there is none by that number."""
    with db.read() as connection:
        rows = connection.execute(_cases().where(_CASE.c.id == case_id)).all()
        if not rows:
            return None
        (view,) = _views(connection, rows)
        return CaseDetail(
            case=view,
            mentions=_mentions(connection, case_id),
            events=_events(connection, case_id),
        )


def by_ids(connection: Connection, ids: Sequence[int]) -> tuple[CaseView, ...]:
    """These cases, highest priority first, inside a transaction."""
    rows: list[Any] = []
    for some in chunks(ids):
        rows += connection.execute(_cases().where(_CASE.c.id.in_(some))).all()
    rows.sort(key=lambda row: (-row.priority, row.id))
    return _views(connection, rows)


def assignees(db: Database) -> tuple[str, ...]:
    """Everybody who has or had a case, by name."""
    with db.read() as connection:
        names = connection.execute(
            select(_CASE.c.assignee).where(_CASE.c.assignee.is_not(None)).distinct()
        ).scalars()
        return tuple(sorted(names, key=str.casefold))


def count_events(db: Database, kind: str, window: Window, brand_id: str | None = None) -> int:
    """In how many cases something of that kind happened in the window."""
    statement = select(func.count(_EVENT.c.case_id.distinct())).where(
        _EVENT.c.kind == kind, _EVENT.c.at >= window.since, _EVENT.c.at < window.until
    )
    if brand_id is not None:
        statement = statement.join(_CASE, _CASE.c.id == _EVENT.c.case_id).where(
            _CASE.c.brand_id == brand_id
        )
    with db.read() as connection:
        return connection.execute(statement).scalar_one()


def _cases() -> Any:
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


def _passes(which: QueueFilter) -> Any:
    wanted: list[Any] = [_CASE.c.status.in_([status.value for status in which.statuses])]
    if all(status.is_open for status in which.statuses):
        wanted.append(IS_OPEN)  # IN alone would not use the partial index
    if which.brand_id is not None:
        wanted.append(_CASE.c.brand_id == which.brand_id)
    if which.assignee is not None:
        nobody = _CASE.c.assignee.is_(None)
        wanted.append(_CASE.c.assignee == which.assignee if which.assignee else nobody)
    if which.source is not None:
        wanted.append(_AUTHOR.c.source == which.source)
    if which.overdue_at is not None:
        wanted += [_CASE.c.due_at < which.overdue_at, IS_UNANSWERED]
    if which.with_posts:
        wanted.append(_CASE.c.complaints > 0)
    if which.least_priority:
        wanted.append(_CASE.c.priority >= which.least_priority)
    for column, window in (
        (_CASE.c.opened_at, which.opened),
        (_CASE.c.resolved_at, which.resolved),
    ):
        if window is not None:
            wanted += [column >= window.since, column < window.until]
    return and_(*wanted)


def _order(order: str) -> tuple[Any, ...]:
    orders: dict[str, tuple[Any, ...]] = {
        "priority": (_CASE.c.priority.desc(), _CASE.c.last_at.desc(), _CASE.c.id),
        "newest": (_CASE.c.last_at.desc(), _CASE.c.id),
        "due": (_CASE.c.due_at, _CASE.c.priority.desc(), _CASE.c.id),
    }
    if order not in orders:
        raise ValueError(f"queue: cannot order by {order!r}; use one of {', '.join(orders)}")
    return orders[order]


def _views(connection: Connection, rows: Sequence[Any]) -> tuple[CaseView, ...]:
    newest = _newest_flags(connection, [row.id for row in rows])
    return tuple(_view(row, newest.get(row.id)) for row in rows)


def _newest_flags(connection: Connection, case_ids: Sequence[int]) -> dict[int, Any]:
    found: dict[int, Any] = {}
    for some in chunks(case_ids):
        for row in connection.execute(
            select(
                _FLAG.c.case_id,
                _FLAG.c.reason,
                _FLAG.c.severity,
                _MENTION.c.text,
                _MENTION.c.lang,
                _MENTION.c.url,
                _MENTION.c.published_at,
                _PREDICTION.c.language,
                *_REACH,
            )
            .join(_MENTION, _MENTION.c.id == _FLAG.c.mention_id)
            .outerjoin(_PREDICTION, _CURRENT)
            .outerjoin(_STORY, _STORY.c.id == _MENTION.c.story_id)
            .where(_FLAG.c.case_id.in_(some))
            .order_by(_FLAG.c.published_at, _FLAG.c.id)
        ):
            found[row.case_id] = row
    return found


def _view(row: Any, flag: Any) -> CaseView:
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
        story=None if flag is None else _story_reach(flag),
    )


def _story_reach(row: Any) -> StoryReach | None:
    if row.story_mentions is None:
        return None
    return StoryReach(mentions=row.story_mentions, authors=row.story_authors, reach=row.story_reach)


def _mentions(connection: Connection, case_id: int) -> tuple[FlaggedMention, ...]:
    rows = connection.execute(
        select(
            _FLAG,
            _MENTION.c.text,
            _MENTION.c.edition,
            _MENTION.c.lang,
            _MENTION.c.url,
            _MENTION.c.source,
            _MENTION.c.shares,
            _MENTION.c.likes,
            _MENTION.c.replies,
            _MENTION.c.sentiment,
            _MENTION.c.model_id,
            _MENTION.c.corrected,
            _PREDICTION.c.negative,
            _PREDICTION.c.neutral,
            _PREDICTION.c.positive,
            _PREDICTION.c.language,
            *ratings.COLUMNS,
            *_REACH,
        )
        .join(_MENTION, _MENTION.c.id == _FLAG.c.mention_id)
        .outerjoin(_PREDICTION, _CURRENT)
        .outerjoin(_STORY, _STORY.c.id == _MENTION.c.story_id)
        .where(_FLAG.c.case_id == case_id)
        .order_by(_FLAG.c.published_at.desc(), _FLAG.c.id.desc())
    ).all()
    earlier = _earlier(connection, [row.mention_id for row in rows])
    return tuple(_flagged(row, earlier[row.mention_id]) for row in rows)


def _earlier(connection: Connection, ids: Sequence[int]) -> dict[int, list[Revision]]:
    found: dict[int, list[Revision]] = defaultdict(list)
    for some in chunks(ids):
        for row in connection.execute(
            select(_REVISION.c.mention_id, _REVISION.c.text, _REVISION.c.until)
            .where(_REVISION.c.mention_id.in_(some))
            .order_by(_REVISION.c.id.desc())
        ):
            found[row.mention_id].append(Revision(text=row.text, until=row.until))
    return found


def _flagged(row: Any, earlier: Sequence[Revision]) -> FlaggedMention:
    same = (
        *(
            "mention_id",
            "text",
            "edition",
            "lang",
            "language",
            "url",
            "source",
            "published_at",
            "shares",
        ),
        *("likes", "replies", "sentiment", "negative", "neutral", "positive", "model_id", "rule"),
        *("reason", "severity", "evidence", "corrected"),
    )
    return FlaggedMention(
        flagged_at=row.at,
        earlier=tuple(earlier),
        rating=ratings.from_row(row),
        story=_story_reach(row),
        **{name: row._mapping[name] for name in same},
    )


def _events(connection: Connection, case_id: int) -> tuple[CaseEvent, ...]:
    rows = connection.execute(
        select(_EVENT).where(_EVENT.c.case_id == case_id).order_by(_EVENT.c.id.desc())
    )
    return tuple(CaseEvent(at=row.at, by=row.by, kind=row.kind, note=row.note) for row in rows)
