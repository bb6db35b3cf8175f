"""One case of the queue: a page of its mentions with their earlier texts, and of its history.

A stranger decides how long a case is. So every list is a page behind a key, and the time that a
page takes does not depend on the length of the case.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, and_, func, literal, select, tuple_

from storage.analysis import ratings, readings
from storage.analysis.predictions import CURRENT_PREDICTION
from storage.cases.queue import (
    STORY_COLUMNS,
    select_cases,
    story_reach,
    to_views,
)
from storage.database.engine import Database
from storage.database.upsert import table_of
from storage.database.utc import UTCInstant
from storage.tables import (
    CaseEventRow,
    CaseRow,
    FlagRow,
    MentionRow,
    PredictionRow,
    ReadingRow,
    RevisionRow,
    StoryRow,
)
from storage.views import (
    CaseDetail,
    CaseEvent,
    FlaggedMention,
    MentionKey,
    ModelAnswer,
    Revision,
)

_CASE, _FLAG, _MENTION = table_of(CaseRow), table_of(FlagRow), table_of(MentionRow)
_EVENT, _PREDICTION = table_of(CaseEventRow), table_of(PredictionRow)
_REVISION, _STORY = table_of(RevisionRow), table_of(StoryRow)
_READING = table_of(ReadingRow)


PAGE_SIZE = 20  # mentions, and events
# The earlier texts of a mention that a page shows at once; `revisions` reads all of them.
SHOWN_REVISIONS = 3


def case(
    db: Database,
    case_id: int,
    *,
    mentions_after: MentionKey | None = None,
    events_after: int | None = None,
) -> CaseDetail | None:
    """Return one case with a page of mentions and events; None without such a case.

    The pages begin with the newest, or behind the keys of an earlier page.
    """
    with db.read() as connection:
        rows = connection.execute(select_cases().where(_CASE.c.id == case_id)).all()
        if not rows:
            return None
        (view,) = to_views(connection, rows)
        mentions, older_mentions = _read_mentions(connection, case_id, mentions_after)
        events, older_events = _read_events(connection, case_id, events_after)
        return CaseDetail(
            case=view,
            mentions=mentions,
            events=events,
            older_mentions=older_mentions,
            older_events=older_events,
        )


def revisions(db: Database, mention_id: int) -> tuple[Revision, ...]:
    """Return every stored earlier text of a mention, newest first."""
    with db.read() as connection:
        rows = connection.execute(
            select(_REVISION.c.text, _REVISION.c.until)
            .where(_REVISION.c.mention_id == mention_id)
            .order_by(_REVISION.c.id.desc())
        )
        return tuple(Revision(text=row.text, until=row.until) for row in rows)


def _read_mentions(
    connection: Connection, case_id: int, after: MentionKey | None
) -> tuple[tuple[FlaggedMention, ...], int]:
    """Return a page of mentions, newest first, and the number of older ones."""
    in_page = _FLAG.c.case_id == case_id
    if after is not None:
        key = tuple_(literal(after[0], UTCInstant), after[1])
        in_page &= tuple_(_FLAG.c.published_at, _FLAG.c.id) < key
    total = connection.execute(select(func.count(_FLAG.c.id)).where(in_page)).scalar_one()
    order = (_FLAG.c.published_at.desc(), _FLAG.c.id.desc())
    # ids first: PostgreSQL would join every mention of the case and sort them
    ids = select(_FLAG.c.id).where(in_page).order_by(*order).limit(PAGE_SIZE)
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
        .where(_FLAG.c.id.in_(ids))
        .order_by(*order)
    ).all()
    ids_in_page = [row.mention_id for row in rows]
    earlier = _read_newest_revisions(connection, ids_in_page)
    # a case is about one brand
    answers = _read_answers(connection, ids_in_page, rows[0].brand_id) if rows else {}
    mentions = tuple(
        _to_flagged(row, earlier[row.mention_id], answers.get(row.mention_id, ())) for row in rows
    )
    return mentions, total - len(mentions)


def _read_newest_revisions(connection: Connection, ids: Sequence[int]) -> dict[int, list[Any]]:
    """Return the newest earlier texts of each mention; each row counts them all as ``total``."""
    ranked = select(
        _REVISION.c.id,
        func.count().over(partition_by=_REVISION.c.mention_id).label("total"),
        func.row_number()
        .over(partition_by=_REVISION.c.mention_id, order_by=_REVISION.c.id.desc())
        .label("rank"),
    ).where(_REVISION.c.mention_id.in_(ids))
    newest = ranked.subquery()
    earlier: dict[int, list[Any]] = defaultdict(list)
    for row in connection.execute(
        select(_REVISION.c.mention_id, _REVISION.c.text, _REVISION.c.until, newest.c.total)
        .join(newest, newest.c.id == _REVISION.c.id)
        .where(newest.c.rank <= SHOWN_REVISIONS)
        .order_by(_REVISION.c.id.desc())
    ):
        earlier[row.mention_id].append(row)
    return earlier


def _read_answers(
    connection: Connection, mention_ids: Sequence[int], brand_id: str
) -> dict[int, list[ModelAnswer]]:
    """Return the answers of all models about each mention and this brand, newest first."""
    answers: dict[int, list[ModelAnswer]] = defaultdict(list)
    of_prediction = and_(
        _READING.c.mention_id == _PREDICTION.c.mention_id,
        _READING.c.model_id == _PREDICTION.c.model_id,
        _READING.c.brand_id == brand_id,
    )
    for row in connection.execute(
        select(_PREDICTION, *readings.COLUMNS)
        .outerjoin(_READING, of_prediction)
        .where(_PREDICTION.c.mention_id.in_(mention_ids))
        .order_by(_PREDICTION.c.at.desc(), _PREDICTION.c.model_id)
    ):
        answers[row.mention_id].append(
            ModelAnswer(
                model_id=row.model_id,
                at=row.at,
                scores=readings.scores_from_row(row),
                reading=readings.from_row(row),
            )
        )
    return answers


def _to_flagged(row: Any, earlier: Sequence[Any], answers: Sequence[ModelAnswer]) -> FlaggedMention:
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
        key=(row.published_at, row.id),
        earlier=tuple(Revision(text=text.text, until=text.until) for text in earlier),
        earlier_count=earlier[0].total if earlier else 0,
        rating=ratings.from_row(row),
        story=story_reach(row),
        answers=tuple(answers),
        **{name: row._mapping[name] for name in same_names},
    )


def _read_events(
    connection: Connection, case_id: int, after: int | None
) -> tuple[tuple[CaseEvent, ...], int]:
    """Return a page of events, newest first, and the number of older ones."""
    in_page = _EVENT.c.case_id == case_id
    if after is not None:
        in_page &= _EVENT.c.id < after
    total = connection.execute(select(func.count(_EVENT.c.id)).where(in_page)).scalar_one()
    rows = connection.execute(
        select(_EVENT).where(in_page).order_by(_EVENT.c.id.desc()).limit(PAGE_SIZE)
    )
    events = tuple(
        CaseEvent(key=row.id, at=row.at, by=row.by, kind=row.kind, note=row.note) for row in rows
    )
    return events, total - len(events)
