"""Predictions and corrections of mentions. A prediction is never overwritten.

Readings for the brands of a mention are stored with its prediction (readings.py).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, bindparam, func, select, update

from earful.enums import Sentiment, Verdict
from earful.judgements import Prediction
from storage.analysis import readings, tallies
from storage.analysis.readings import UNKNOWN, counted_sentiment
from storage.database.engine import Database
from storage.database.upsert import chunks, insert_new, table_of
from storage.tables import (
    LATE,
    LATE_BRAND,
    NOT_NOISE,
    UNJUDGED,
    UNREAD,
    CorrectionRow,
    MentionBrandRow,
    MentionRow,
    PredictionRow,
)

__all__ = [
    "CURRENT_PREDICTION",
    "UNKNOWN",
    "UnclassifiedMention",
    "count_never_classified",
    "count_unclassified",
    "counted_sentiment",
    "list_unclassified",
    "reset_verdicts",
    "save",
    "save_correction",
]

_MENTION, _MENTION_BRAND = table_of(MentionRow), table_of(MentionBrandRow)
_PREDICTION = table_of(PredictionRow)
# A mention may have predictions of several models; the one of its model_id counts
# (docs/decisions/storage.md, "The current sentiment stands on the mention's row").
CURRENT_PREDICTION = and_(
    _PREDICTION.c.mention_id == _MENTION.c.id, _PREDICTION.c.model_id == _MENTION.c.model_id
)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnclassifiedMention:
    """A mention that the current model has not read for ``brand_ids``, which are in order.

    ``edition`` says which text of it this is.
    """

    mention_id: int
    text: str
    edition: int = 0
    brand_ids: tuple[str, ...] = ()


def list_unclassified(db: Database, model_id: str, limit: int) -> tuple[UnclassifiedMention, ...]:
    """Return mentions that ``model_id`` has not read, oldest first.

    1. Mentions that no model has read come first.
    2. Those that another model has read follow.
    3. Those that got a further brand since this model read them come last, with that brand alone.

    Noise is left out: the index that this walks does not hold it, so its amount costs nothing.
    """
    rows: list[Any] = []
    with db.read() as connection:
        for condition in _other_models(model_id):  # 1 and 2
            rows += connection.execute(
                select(_MENTION.c.id, _MENTION.c.text, _MENTION.c.edition)
                .where(condition, NOT_NOISE)
                .order_by(_MENTION.c.model_id, _MENTION.c.id)
                .limit(limit - len(rows))
            )
            if len(rows) >= limit:
                break
        brand_ids = _read_brand_ids(connection, [row.id for row in rows])
        if len(rows) < limit:  # 3
            links = connection.execute(_late_links(model_id).limit(limit - len(rows))).all()
            for row in links:
                brand_ids[row.id].append(row.brand_id)
            rows += {row.id: row for row in links}.values()
    return tuple(
        UnclassifiedMention(
            mention_id=row.id,
            text=row.text,
            edition=row.edition,
            brand_ids=tuple(brand_ids[row.id]),
        )
        for row in rows
    )


def _read_brand_ids(
    connection: Connection, mention_ids: Sequence[int]
) -> defaultdict[int, list[str]]:
    """Return the brand ids of mentions, in order."""
    brand_ids: defaultdict[int, list[str]] = defaultdict(list)
    for ids in chunks(mention_ids):
        for mention_id, brands in readings.read_links(connection, ids).items():
            brand_ids[mention_id] = sorted(brands)
    return brand_ids


def _late_links(model_id: str) -> Any:
    """Return the statement that gives links to brands which the current model has not read."""
    return (
        select(_MENTION.c.id, _MENTION.c.text, _MENTION.c.edition, _MENTION_BRAND.c.brand_id)
        .join(_MENTION, _MENTION.c.id == _MENTION_BRAND.c.mention_id)
        .where(LATE_BRAND, _MENTION.c.model_id == model_id)
        .order_by(_MENTION_BRAND.c.mention_id, _MENTION_BRAND.c.brand_id)
    )


def count_unclassified(db: Database, model_id: str) -> int:
    """Count the mentions that the model ``model_id`` has not read for each of their brands."""
    links = _late_links(model_id).with_only_columns(_MENTION.c.id).order_by(None).distinct()
    with db.read() as connection:
        return (
            sum(
                connection.execute(select(func.count()).where(condition, NOT_NOISE)).scalar_one()
                for condition in _other_models(model_id)
            )
            + connection.execute(select(func.count()).select_from(links.subquery())).scalar_one()
        )


def _other_models(model_id: str) -> tuple[Any, ...]:
    """Return three ranges of the index on model_id that together exclude ``model_id``."""
    # one "differs from" would read the whole index
    column = _MENTION.c.model_id
    return column == "", and_(column > "", column < model_id), column > model_id


def save(db: Database, predictions: Sequence[Prediction]) -> int:
    """Store predictions of one model with their readings; return how many were new.

    1. Skip a mention that was deleted, or classified by this model meanwhile.
    2. Skip a mention that was edited, or got a further brand, since the model read it. It is read
       again.
    3. Insert the others and let them count: see ``_apply``.
    4. A mention that this model had read gets only the readings for its further brands.

    It is all one transaction.
    """
    if not predictions:
        return 0
    first: list[tuple[Prediction, Any]] = []
    read: list[tuple[Prediction, list[str]]] = []
    late_links: list[tuple[int, str]] = []
    with db.write() as connection:
        for batch in chunks(predictions):
            ids = [prediction.mention_id for prediction in batch]
            states, links = _read_states(connection, ids), readings.read_links(connection, ids)
            for prediction in batch:
                mention_id = prediction.mention_id
                state = states.get(mention_id)
                if state is None or prediction.edition != state.edition:
                    continue
                brand_ids = _brands_to_store(prediction, state, links.get(mention_id, {}))
                if brand_ids is None:
                    continue
                read.append((prediction, brand_ids))
                if state.model_id != prediction.model_id:
                    first.append((prediction, state))
                else:
                    late_links += [(mention_id, brand_id) for brand_id in brand_ids]
        insert_new(connection, PredictionRow, [_to_row(prediction) for prediction, _ in first])
        readings.store(connection, read)
        _apply(connection, first)
        readings.mark_read(connection, late_links)
    return len(read)


def _brands_to_store(
    prediction: Prediction, state: Any, verdicts: Mapping[str, str]
) -> list[str] | None:
    """Return the brands of the mention to store readings for; None when it is to be skipped.

    ``state`` is the mention's row. ``verdicts`` are those on all its brands.
    """
    brand_ids = sorted(verdicts)
    if prediction.model_id != state.model_id:
        return brand_ids if _has_all(prediction, brand_ids) else None
    waiting = [brand_id for brand_id in brand_ids if verdicts[brand_id] == LATE]
    return [brand_id for brand_id in waiting if _has_all(prediction, [brand_id])] or None


def _has_all(prediction: Prediction, brand_ids: Iterable[str]) -> bool:
    return prediction.readings is None or prediction.readings.keys() >= set(brand_ids)


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
    _reset(connection, list(changes), {Verdict.FLAGGED.value})


def reset_verdicts(connection: Connection, mention_ids: Sequence[int]) -> None:
    """Have the rules judge these mentions again.

    A flagged mention stays flagged, and one that waits for the model goes on waiting.
    """
    _reset(connection, mention_ids, {Verdict.FLAGGED.value, UNREAD, LATE})


def _reset(connection: Connection, mention_ids: Sequence[int], final: Collection[str]) -> None:
    for ids in chunks(mention_ids):
        connection.execute(
            update(_MENTION_BRAND)
            .where(_MENTION_BRAND.c.mention_id.in_(ids), _MENTION_BRAND.c.verdict.not_in(final))
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
