"""Readings of mentions, one for each brand and model. A reading is never overwritten.

The words of the current reading also stand on the mention's link to its brand, so that lists and
counts need no second table.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, and_, bindparam, delete, select, update

from earful.judgements import Prediction, Reading, Scores
from storage.database.upsert import insert_new, table_of
from storage.tables import LATE, UNJUDGED, MentionBrandRow, MentionRow, ReadingRow

_MENTION, _MENTION_BRAND = table_of(MentionRow), table_of(MentionBrandRow)
_READING = table_of(ReadingRow)
# the reading by the model that counts now (CURRENT_PREDICTION), for the brand of a link
CURRENT_READING = and_(
    _READING.c.mention_id == _MENTION_BRAND.c.mention_id,
    _READING.c.brand_id == _MENTION_BRAND.c.brand_id,
    _READING.c.model_id == _MENTION.c.model_id,
)
TOWARD = ("toward_negative", "toward_neutral", "toward_positive")
_ANSWERS = (*TOWARD, "irony", "ironic", "pieces", "could_not_tell", "intents", "reasons")
# Labelled, because predictions and links have columns of the same names.
COLUMNS = tuple(_READING.c[name].label(f"reading_{name}") for name in _ANSWERS)
UNKNOWN = "unknown"  # the sentiment of a mention that the model could not tell
_DECIMALS = 4

Links = Mapping[int, Mapping[str, str]]  # mention id -> brand id -> verdict


def counted_sentiment(scores: Scores) -> str:
    """Return the word under which a mention with these scores is counted."""
    return UNKNOWN if scores.could_not_tell else scores.sentiment.value


def read_links(connection: Connection, mention_ids: Sequence[int]) -> Links:
    """Return the verdict of each of these mentions about each of its brands, by brand id."""
    links: dict[int, dict[str, str]] = defaultdict(dict)
    columns = (_MENTION_BRAND.c[name] for name in ("mention_id", "brand_id", "verdict"))
    rows = connection.execute(select(*columns).where(_MENTION_BRAND.c.mention_id.in_(mention_ids)))
    for mention_id, brand_id, verdict in rows:
        links[mention_id][brand_id] = verdict
    return links


def store(connection: Connection, predictions: Iterable[tuple[Prediction, Iterable[str]]]) -> None:
    """Store the readings of predictions for these of their brands, and let their words count."""
    rows: list[dict[str, Any]] = []
    words: list[dict[str, Any]] = []
    for prediction, brand_ids in predictions:
        for brand_id in brand_ids:
            reading = _reading_for(prediction, brand_id)
            rows.append(_to_row(prediction, brand_id, reading))
            words.append(
                {"b_mention": prediction.mention_id, "b_brand": brand_id} | _words_of(reading)
            )
    insert_new(connection, ReadingRow, rows)
    if words:
        connection.execute(
            update(_MENTION_BRAND)
            .where(
                _MENTION_BRAND.c.mention_id == bindparam("b_mention"),
                _MENTION_BRAND.c.brand_id == bindparam("b_brand"),
            )
            .values({name: bindparam(f"b_{name}") for name in ("toward", "intent", "reason")}),
            words,
        )


def _reading_for(prediction: Prediction, brand_id: str) -> Reading:
    if prediction.readings is None:
        return Reading(scores=prediction.scores, toward=prediction.scores)
    return prediction.readings[brand_id]


def _to_row(prediction: Prediction, brand_id: str, reading: Reading) -> dict[str, Any]:
    toward = reading.toward
    return {
        "mention_id": prediction.mention_id,
        "brand_id": brand_id,
        "model_id": prediction.model_id,
        "toward_negative": toward.negative,
        "toward_neutral": toward.neutral,
        "toward_positive": toward.positive,
        "irony": reading.irony,
        "ironic": reading.ironic,
        "pieces": reading.pieces,
        "could_not_tell": toward.could_not_tell or reading.could_not_tell,
        "intents": _rounded(reading.intents),
        "reasons": _rounded(reading.reasons),
        "at": prediction.at,
    }


def _rounded(probabilities: Mapping[str, float]) -> dict[str, float]:
    return {str(name): round(float(value), _DECIMALS) for name, value in probabilities.items()}


def _words_of(reading: Reading) -> dict[str, str]:
    """Return the words of a reading as values of the link's columns."""
    is_unknown = reading.toward.could_not_tell or reading.could_not_tell
    return {
        "b_toward": UNKNOWN if is_unknown else reading.toward.sentiment.value,
        "b_intent": reading.intent.value if reading.intent else "",
        "b_reason": reading.reason.value if reading.reason else "",
    }


def mark_read(connection: Connection, links: Sequence[tuple[int, str]]) -> None:
    """Let the rules judge these (mention id, brand id) links, which were late."""
    if links:
        connection.execute(
            update(_MENTION_BRAND)
            .where(
                _MENTION_BRAND.c.mention_id == bindparam("b_mention"),
                _MENTION_BRAND.c.brand_id == bindparam("b_brand"),
                _MENTION_BRAND.c.verdict == LATE,
            )
            .values(verdict=UNJUDGED),
            [{"b_mention": mention_id, "b_brand": brand_id} for mention_id, brand_id in links],
        )


def scores_from_row(row: Any) -> Scores:
    """Return the scores of a text in a row with the columns of its prediction."""
    return Scores(
        negative=row.negative,
        neutral=row.neutral,
        positive=row.positive,
        could_not_tell=row.could_not_tell,
        language=row.language,
    )


def take_out(connection: Connection, mention_id: int) -> dict[str, list[dict[str, Any]]]:
    """Delete a mention's readings and return them as JSON values, by model id."""
    readings: dict[str, list[dict[str, Any]]] = defaultdict(list)
    of_mention = _READING.c.mention_id == mention_id
    rows = connection.execute(
        select(_READING).where(of_mention).order_by(_READING.c.at, _READING.c.brand_id)
    )
    for row in rows:
        answers = {name: row._mapping[name] for name in _ANSWERS}
        readings[row.model_id].append({"brand_id": row.brand_id} | answers)
    connection.execute(delete(_READING).where(of_mention))
    return readings


def from_row(row: Any) -> Reading | None:
    """Return the reading in a row with COLUMNS and those of its prediction; None without one."""
    if row.reading_toward_negative is None:
        return None
    scores = scores_from_row(row)
    toward = Scores(
        negative=row.reading_toward_negative,
        neutral=row.reading_toward_neutral,
        positive=row.reading_toward_positive,
        could_not_tell=row.reading_could_not_tell,
        language=scores.language,
    )
    return Reading(
        scores=scores,
        toward=toward,
        intents=row.reading_intents,
        reasons=row.reading_reasons,
        irony=row.reading_irony,
        ironic=row.reading_ironic,
        pieces=row.reading_pieces,
    )
