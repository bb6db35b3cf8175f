"""Read the verdicts on stored mentions, with the evidence of each flag."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, func, select

from earful.judgements import Evidence, Reading
from earful.types import Rating
from storage.analysis import readings
from storage.analysis.predictions import CURRENT_PREDICTION
from storage.database.engine import Database
from storage.database.upsert import table_of
from storage.tables import (
    LATE,
    BrandRow,
    FlagRow,
    MatchRow,
    MentionBrandRow,
    MentionRow,
    PredictionRow,
    ReadingRow,
)

__all__ = [
    "LATE",
    "MentionVerdict",
    "StoredFlag",
    "count_flags",
    "evidence_from",
    "of_case",
    "of_mention",
    "of_post",
]

_MENTION, _MENTION_BRAND = table_of(MentionRow), table_of(MentionBrandRow)
_BRAND, _FLAG = table_of(BrandRow), table_of(FlagRow)
_PREDICTION, _MATCH = table_of(PredictionRow), table_of(MatchRow)
_READING = table_of(ReadingRow)
# evidence that an earlier version stored lacks the keys that came later
_LATER_KEYS: Mapping[str, object] = {
    "rating": None,
    "look_back_hours": None,
    "followers": None,
    "shares": 0,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFlag:
    """A stored flag with its evidence; ``severity`` runs from 0 to 100."""

    case_id: int
    severity: int
    reason: str
    evidence: Evidence
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MentionVerdict:
    """The stored verdict on a mention about one brand.

    ``brand`` is its name, "" for noise; ``noise_reason`` says why a mention is about no brand.
    ``verdict`` is as in the mention_brand table. ``negative`` is the probability by ``model_id``,
    None before any model has read the text. ``reading`` is the current one for this brand.
    """

    mention_id: int
    source: str
    external_id: str
    brand: str
    verdict: str
    noise_reason: str
    model_id: str
    negative: float | None
    could_not_tell: bool
    flag: StoredFlag | None
    reading: Reading | None = None


def of_mention(db: Database, mention_id: int) -> tuple[MentionVerdict, ...]:
    """Return the verdicts on a mention, one for each brand; () for an unknown number."""
    return _verdicts(db, _MENTION.c.id == mention_id)


def of_post(db: Database, source: str, external_id: str) -> tuple[MentionVerdict, ...]:
    """Return the verdicts on a platform's post, one for each brand; () for an unknown post."""
    return _verdicts(db, and_(_MENTION.c.source == source, _MENTION.c.external_id == external_id))


def of_case(db: Database, case_id: int, *, limit: int | None = None) -> tuple[MentionVerdict, ...]:
    """Return the verdicts behind a case, newest mention first; () for an unknown number.

    ``limit`` bounds them to the newest ones.
    """
    # by the order of ix_flag_case, so that a limited answer reads no more than it returns
    order = (_FLAG.c.published_at.desc(), _FLAG.c.id.desc())
    newest = select(_FLAG.c.id).where(_FLAG.c.case_id == case_id).order_by(*order).limit(limit)
    return _verdicts(db, _FLAG.c.id.in_(newest))


def count_flags(db: Database, case_id: int) -> int:
    """Count the flags of a case; 0 for an unknown number."""
    with db.read() as connection:
        return connection.execute(
            select(func.count(_FLAG.c.id)).where(_FLAG.c.case_id == case_id)
        ).scalar_one()


# of the queries that found the mention, one with a reason is enough: "" is the smallest text
_NOISE_REASON = (
    select(func.max(_MATCH.c.noise_reason))
    .where(_MATCH.c.mention_id == _MENTION.c.id)
    .scalar_subquery()
)
_COLUMNS = (
    *(_MENTION.c[name] for name in ("id", "source", "external_id", "model_id")),
    _BRAND.c.name.label("brand"),
    _MENTION_BRAND.c.verdict,
    _NOISE_REASON.label("noise_reason"),
    *(_PREDICTION.c[name] for name in ("negative", "neutral", "positive")),
    *(_PREDICTION.c[name] for name in ("could_not_tell", "language")),
    *readings.COLUMNS,
    *(_FLAG.c[name] for name in ("case_id", "severity", "reason", "evidence", "at")),
)


def _verdicts(db: Database, condition: ColumnElement[bool]) -> tuple[MentionVerdict, ...]:
    statement = (
        select(*_COLUMNS)
        # outer joins: noise has no brand, a new mention no prediction, a calm one no flag
        .outerjoin(_MENTION_BRAND, _MENTION_BRAND.c.mention_id == _MENTION.c.id)
        .outerjoin(_BRAND, _BRAND.c.id == _MENTION_BRAND.c.brand_id)
        .outerjoin(_PREDICTION, CURRENT_PREDICTION)
        .outerjoin(_READING, readings.CURRENT_READING)
        .outerjoin(
            _FLAG,
            and_(
                _FLAG.c.mention_id == _MENTION.c.id,
                _FLAG.c.brand_id == _MENTION_BRAND.c.brand_id,
            ),
        )
        .where(condition)
        .order_by(_MENTION.c.published_at.desc(), _MENTION.c.id.desc(), _BRAND.c.name)
    )
    with db.read() as connection:
        return tuple(_verdict(row) for row in connection.execute(statement))


def _verdict(row: Any) -> MentionVerdict:
    flag = None
    if row.case_id is not None:
        flag = StoredFlag(
            case_id=row.case_id,
            severity=row.severity,
            reason=row.reason,
            evidence=evidence_from(row.evidence),
            at=row.at,
        )
    return MentionVerdict(
        mention_id=row.id,
        source=row.source,
        external_id=row.external_id,
        brand=row.brand or "",
        verdict=row.verdict or "",
        noise_reason=row.noise_reason or "",
        model_id=row.model_id,
        negative=row.negative,
        could_not_tell=bool(row.could_not_tell),
        flag=flag,
        reading=readings.from_row(row),
    )


def evidence_from(stored: Mapping[str, Any]) -> Evidence:
    """Return the Evidence that a flag's row holds as JSON."""
    fields = {**_LATER_KEYS, **stored}
    rating = fields["rating"]
    fields["rating"] = None if rating is None else Rating(**rating)
    if "counted" in fields:
        fields["counted"] = tuple(fields["counted"])  # JSON knows lists only
    return Evidence(**fields)
