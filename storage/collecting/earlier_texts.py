"""Keep the earlier texts of an edited mention, with what models made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, select

from storage.analysis import readings
from storage.database.upsert import table_of
from storage.tables import PredictionRow, RevisionRow

_PREDICTION, _REVISION = table_of(PredictionRow), table_of(RevisionRow)
# a page that is edited all day long would fill the database, and each poll the memory
_MAX_REVISIONS = 50
_PREDICTED = ("model_id", "negative", "neutral", "positive", "could_not_tell", "language")


def store(connection: Connection, row: Any, at: datetime) -> None:
    """Move the text and its predictions to a revision, where they no longer count.

    ``row`` is the stored mention. A prediction keeps the readings that came with it.
    """
    old_predictions = connection.execute(
        select(_PREDICTION).where(_PREDICTION.c.mention_id == row.id).order_by(_PREDICTION.c.at)
    ).all()
    old_readings = readings.take_out(connection, row.id)
    connection.execute(
        _REVISION.insert().values(
            mention_id=row.id,
            text=row.text,
            lang=row.lang,
            until=at,
            sentiment=row.sentiment,
            predictions=[
                _prediction_json(prediction, old_readings.get(prediction.model_id, []))
                for prediction in old_predictions
            ],
        )
    )
    connection.execute(delete(_PREDICTION).where(_PREDICTION.c.mention_id == row.id))
    revisions = select(_REVISION.c.id).where(_REVISION.c.mention_id == row.id)
    newest = revisions.order_by(_REVISION.c.id.desc()).limit(_MAX_REVISIONS)
    connection.execute(
        delete(_REVISION).where(_REVISION.c.mention_id == row.id, _REVISION.c.id.not_in(newest))
    )


def _prediction_json(row: Any, old_readings: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    values = {name: getattr(row, name) for name in _PREDICTED} | {"at": row.at.isoformat()}
    return values | {"readings": list(old_readings)}
