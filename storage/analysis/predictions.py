"""Which mentions await a model, and keeping what it said. A prediction is never overwritten."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, bindparam, func, select, update

from earful.enums import Sentiment, Verdict
from earful.judgements import Prediction, Scores
from storage.analysis import tallies
from storage.database.engine import Database
from storage.database.upsert import chunks, insert_new, table_of
from storage.tables import (
    NOT_NOISE,
    UNJUDGED,
    CorrectionRow,
    MentionBrandRow,
    MentionRow,
    PredictionRow,
)

_MENTION, _MENTION_BRAND = table_of(MentionRow), table_of(MentionBrandRow)
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnclassifiedMention:
    """A mention that the current model has not read; ``edition`` says which text of it this is."""

    mention_id: int
    text: str
    edition: int = 0


def list_unclassified(db: Database, model_id: str, limit: int) -> tuple[UnclassifiedMention, ...]:
    """Mentions without a prediction by ``model_id``: never read ones first, oldest first.

    Not those that are noise: they are not in the index that is walked here, however many there are.
    """
    found: list[UnclassifiedMention] = []
    with db.read() as connection:
        for stretch in _not_by(model_id):
            rows = connection.execute(
                select(_MENTION.c.id, _MENTION.c.text, _MENTION.c.edition)
                .where(stretch, NOT_NOISE)
                .order_by(_MENTION.c.model_id, _MENTION.c.id)
                .limit(limit - len(found))
            )
            found += [
                UnclassifiedMention(mention_id=row.id, text=row.text, edition=row.edition)
                for row in rows
            ]
            if len(found) >= limit:
                break
    return tuple(found)


def count_unclassified(db: Database, model_id: str) -> int:
    """How many mentions the current model has not read."""
    with db.read() as connection:
        return sum(
            connection.execute(select(func.count()).where(stretch, NOT_NOISE)).scalar_one()
            for stretch in _not_by(model_id)
        )


def _not_by(model_id: str) -> tuple[Any, ...]:
    """Three ranges of the index on model_id; one "differs from" would read all of it."""
    column = _MENTION.c.model_id
    return column == "", and_(column > "", column < model_id), column > model_id


def save(db: Database, predictions: Sequence[Prediction]) -> int:
    """Keep predictions and let them count; gives how many were new. One transaction.

    All must be by one model. A mention that another process classified meanwhile is left alone,
    and one whose text was changed since it was read waits to be read again.
    """
    if not predictions:
        return 0
    with db.write() as connection:
        fresh: list[tuple[Prediction, Any]] = []
        for some in chunks(predictions):
            states = _states(connection, [one.mention_id for one in some])
            fresh += [
                (one, states[one.mention_id])
                for one in some
                if one.mention_id in states and _is_news(one, states[one.mention_id])
            ]
        insert_new(connection, PredictionRow, [_row(one) for one, _ in fresh])
        _let_count(connection, fresh)
    return len(fresh)


def _is_news(prediction: Prediction, state: Any) -> bool:
    same_words: bool = prediction.edition == state.edition
    return same_words and prediction.model_id != state.model_id


def _states(connection: Connection, ids: Sequence[int]) -> dict[int, Any]:
    rows = connection.execute(
        select(
            *(_MENTION.c[name] for name in ("id", "sentiment", "model_id", "corrected", "edition"))
        ).where(_MENTION.c.id.in_(ids))
    )
    return {row.id: row for row in rows}


def _row(prediction: Prediction) -> dict[str, Any]:
    scores = prediction.scores
    return {
        "mention_id": prediction.mention_id,
        "model_id": prediction.model_id,
        "negative": scores.negative,
        "neutral": scores.neutral,
        "positive": scores.positive,
        "could_not_tell": scores.could_not_tell,
        "language": scores.language,
        "at": prediction.at,
    }


def counted_sentiment(scores: Scores) -> str:
    """The word that the tallies count a classified mention under."""
    return UNKNOWN if scores.could_not_tell else scores.sentiment.value


def _let_count(connection: Connection, fresh: Sequence[tuple[Prediction, Any]]) -> None:
    changed: dict[int, tuple[str, str]] = {}
    updates: list[dict[str, Any]] = []
    for one, state in fresh:
        sentiment = state.sentiment if state.corrected else counted_sentiment(one.scores)
        changed[one.mention_id] = (state.sentiment, sentiment)
        updates.append({"b_id": one.mention_id, "b_model": one.model_id, "b_sentiment": sentiment})
    if updates:
        connection.execute(
            update(_MENTION)
            .where(_MENTION.c.id == bindparam("b_id"))
            .values(model_id=bindparam("b_model"), sentiment=bindparam("b_sentiment")),
            updates,
        )
    tallies.move(connection, changed)
    reset_verdicts(connection, [one.mention_id for one, _ in fresh])


def reset_verdicts(connection: Connection, mention_ids: Sequence[int]) -> None:
    """Let the rules look at these mentions, or look again; what was flagged stays flagged."""
    for some in chunks(mention_ids):
        connection.execute(
            update(_MENTION_BRAND)
            .where(
                _MENTION_BRAND.c.mention_id.in_(some),
                _MENTION_BRAND.c.verdict != Verdict.FLAGGED.value,
            )
            .values(verdict=UNJUDGED)
        )


def save_correction(
    db: Database, mention_id: int, sentiment: Sentiment, *, edition: int, by: str, at: datetime
) -> bool:
    """A person's word on the text of that edition; it counts from now on.

    False, and nothing is changed, when the mention says something else by now. KeyError: there is
    no such mention.
    """
    with db.write() as connection:
        state = _states(connection, [mention_id]).get(mention_id)
        if state is None:
            raise KeyError(f"mention {mention_id}: there is none by that number")
        if state.edition != edition:
            return False
        connection.execute(
            table_of(CorrectionRow)
            .insert()
            .values(mention_id=mention_id, sentiment=sentiment.value, by=by, at=at)
        )
        connection.execute(
            update(_MENTION)
            .where(_MENTION.c.id == mention_id)
            .values(sentiment=sentiment.value, corrected=True)
        )
        tallies.move(connection, {mention_id: (state.sentiment, sentiment.value)})
        reset_verdicts(connection, [mention_id])
    return True


def count_never_classified(connection: Connection) -> int:
    """How many mentions no model has read yet."""
    never = select(func.count()).where(_MENTION.c.model_id == "", NOT_NOISE)
    return connection.execute(never).scalar_one()
