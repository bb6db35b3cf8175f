"""Predictions and corrections of mentions. A prediction is never overwritten."""

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
_PREDICTION = table_of(PredictionRow)
# A mention may have predictions of several models; the one of its model_id counts
# (docs/decisions/storage.md, "The current sentiment stands on the mention's row").
CURRENT_PREDICTION = and_(
    _PREDICTION.c.mention_id == _MENTION.c.id, _PREDICTION.c.model_id == _MENTION.c.model_id
)
UNKNOWN = "unknown"  # the sentiment of a mention that the model could not tell


@dataclass(frozen=True, slots=True, kw_only=True)
class UnclassifiedMention:
    """A mention that the current model has not read; ``edition`` says which text of it this is."""

    mention_id: int
    text: str
    edition: int = 0


def list_unclassified(db: Database, model_id: str, limit: int) -> tuple[UnclassifiedMention, ...]:
    """Return mentions without a prediction by ``model_id``, oldest first.

    Mentions that no model has read come before those that another model has read. Noise is left
    out: the index that this walks does not hold it, so its amount costs nothing.
    """
    mentions: list[UnclassifiedMention] = []
    with db.read() as connection:
        for condition in _other_models(model_id):
            rows = connection.execute(
                select(_MENTION.c.id, _MENTION.c.text, _MENTION.c.edition)
                .where(condition, NOT_NOISE)
                .order_by(_MENTION.c.model_id, _MENTION.c.id)
                .limit(limit - len(mentions))
            )
            mentions += [
                UnclassifiedMention(mention_id=row.id, text=row.text, edition=row.edition)
                for row in rows
            ]
            if len(mentions) >= limit:
                break
    return tuple(mentions)


def count_unclassified(db: Database, model_id: str) -> int:
    """Count the mentions that the model ``model_id`` has not read."""
    with db.read() as connection:
        return sum(
            connection.execute(select(func.count()).where(condition, NOT_NOISE)).scalar_one()
            for condition in _other_models(model_id)
        )


def _other_models(model_id: str) -> tuple[Any, ...]:
    """Return three ranges of the index on model_id that together exclude ``model_id``."""
    # one "differs from" would read the whole index
    column = _MENTION.c.model_id
    return column == "", and_(column > "", column < model_id), column > model_id


def save(db: Database, predictions: Sequence[Prediction]) -> int:
    """Store predictions of one model and count their sentiments; return how many were new.

    1. Skip a mention that was deleted, or classified by this model meanwhile.
    2. Skip a mention that was edited since the model read it; it is read again.
    3. Insert the others and let them count: see ``_apply``. It is all one transaction.
    """
    if not predictions:
        return 0
    with db.write() as connection:
        accepted: list[tuple[Prediction, Any]] = []
        for batch in chunks(predictions):
            states = _read_states(connection, [prediction.mention_id for prediction in batch])
            accepted += [
                (prediction, states[prediction.mention_id])
                for prediction in batch
                if prediction.mention_id in states
                and _is_new(prediction, states[prediction.mention_id])
            ]
        insert_new(connection, PredictionRow, [_to_row(prediction) for prediction, _ in accepted])
        _apply(connection, accepted)
    return len(accepted)


def _is_new(prediction: Prediction, state: Any) -> bool:
    is_current_text: bool = prediction.edition == state.edition
    return is_current_text and prediction.model_id != state.model_id


def _read_states(connection: Connection, ids: Sequence[int]) -> dict[int, Any]:
    rows = connection.execute(
        select(
            *(_MENTION.c[name] for name in ("id", "sentiment", "model_id", "corrected", "edition"))
        ).where(_MENTION.c.id.in_(ids))
    )
    return {row.id: row for row in rows}


def _to_row(prediction: Prediction) -> dict[str, Any]:
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
    """Return the word under which the tallies count a mention with these scores."""
    return UNKNOWN if scores.could_not_tell else scores.sentiment.value


def _apply(connection: Connection, accepted: Sequence[tuple[Prediction, Any]]) -> None:
    """Let predictions count: on their mentions, in the tallies, and for the rules."""
    changes: dict[int, tuple[str, str]] = {}
    updates: list[dict[str, Any]] = []
    for prediction, state in accepted:
        mention_id, model_id = prediction.mention_id, prediction.model_id
        # a person's correction outlasts every later model
        sentiment = state.sentiment if state.corrected else counted_sentiment(prediction.scores)
        changes[mention_id] = (state.sentiment, sentiment)
        updates.append({"b_id": mention_id, "b_model": model_id, "b_sentiment": sentiment})
    if updates:
        connection.execute(
            update(_MENTION)
            .where(_MENTION.c.id == bindparam("b_id"))
            .values(model_id=bindparam("b_model"), sentiment=bindparam("b_sentiment")),
            updates,
        )
    tallies.move(connection, changes)
    reset_verdicts(connection, list(changes))


def reset_verdicts(connection: Connection, mention_ids: Sequence[int]) -> None:
    """Have the rules judge these mentions again; a flagged mention stays flagged."""
    for ids in chunks(mention_ids):
        connection.execute(
            update(_MENTION_BRAND)
            .where(
                _MENTION_BRAND.c.mention_id.in_(ids),
                _MENTION_BRAND.c.verdict != Verdict.FLAGGED.value,
            )
            .values(verdict=UNJUDGED)
        )


def save_correction(
    db: Database, mention_id: int, sentiment: Sentiment, *, edition: int, by: str, at: datetime
) -> bool:
    """Store a person's sentiment for the text of that edition; it counts from now on.

    Returns False, and changes nothing, when the mention has another text by now. Raises KeyError
    without such a mention.
    """
    with db.write() as connection:
        state = _read_states(connection, [mention_id]).get(mention_id)
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
    """Count the mentions that no model has read yet."""
    never_classified = select(func.count()).where(_MENTION.c.model_id == "", NOT_NOISE)
    return connection.execute(never_classified).scalar_one()
