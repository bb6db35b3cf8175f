"""One case of the queue, read whole: its mentions, their earlier texts, and its history."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, select

from storage.analysis import ratings
from storage.analysis.predictions import CURRENT_PREDICTION
from storage.cases.queue import (
    STORY_COLUMNS,
    select_cases,
    story_reach,
    to_views,
)
from storage.database.engine import Database
from storage.database.upsert import chunks, table_of
from storage.tables import (
    CaseEventRow,
    CaseRow,
    FlagRow,
    MentionRow,
    PredictionRow,
    RevisionRow,
    StoryRow,
)
from storage.views import CaseDetail, CaseEvent, FlaggedMention, Revision

_CASE, _FLAG, _MENTION = table_of(CaseRow), table_of(FlagRow), table_of(MentionRow)
_EVENT, _PREDICTION = table_of(CaseEventRow), table_of(PredictionRow)
_REVISION, _STORY = table_of(RevisionRow), table_of(StoryRow)


def case(db: Database, case_id: int) -> CaseDetail | None:
    """Return one case with its mentions and events; None without such a case."""
    with db.read() as connection:
        rows = connection.execute(select_cases().where(_CASE.c.id == case_id)).all()
        if not rows:
            return None
        (view,) = to_views(connection, rows)
        return CaseDetail(
            case=view,
            mentions=_read_mentions(connection, case_id),
            events=_read_events(connection, case_id),
        )


def _read_mentions(connection: Connection, case_id: int) -> tuple[FlaggedMention, ...]:
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
            *STORY_COLUMNS,
        )
        .join(_MENTION, _MENTION.c.id == _FLAG.c.mention_id)
        .outerjoin(_PREDICTION, CURRENT_PREDICTION)
        .outerjoin(_STORY, _STORY.c.id == _MENTION.c.story_id)
        .where(_FLAG.c.case_id == case_id)
        .order_by(_FLAG.c.published_at.desc(), _FLAG.c.id.desc())
    ).all()
    revisions = _read_revisions(connection, [row.mention_id for row in rows])
    return tuple(_to_flagged(row, revisions[row.mention_id]) for row in rows)


def _read_revisions(connection: Connection, ids: Sequence[int]) -> dict[int, list[Revision]]:
    revisions: dict[int, list[Revision]] = defaultdict(list)
    for batch in chunks(ids):
        for row in connection.execute(
            select(_REVISION.c.mention_id, _REVISION.c.text, _REVISION.c.until)
            .where(_REVISION.c.mention_id.in_(batch))
            .order_by(_REVISION.c.id.desc())
        ):
            revisions[row.mention_id].append(Revision(text=row.text, until=row.until))
    return revisions


def _to_flagged(row: Any, revisions: Sequence[Revision]) -> FlaggedMention:
    same_names = (
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
        earlier=tuple(revisions),
        rating=ratings.from_row(row),
        story=story_reach(row),
        **{name: row._mapping[name] for name in same_names},
    )


def _read_events(connection: Connection, case_id: int) -> tuple[CaseEvent, ...]:
    rows = connection.execute(
        select(_EVENT).where(_EVENT.c.case_id == case_id).order_by(_EVENT.c.id.desc())
    )
    return tuple(CaseEvent(at=row.at, by=row.by, kind=row.kind, note=row.note) for row in rows)
