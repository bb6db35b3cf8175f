"""Classify every mention without a reading by the current model."""

from __future__ import annotations

from collections.abc import Callable

from earful.clock import Clock
from earful.contracts import Classifier
from earful.judgements import Prediction
from storage.analysis import predictions
from storage.database.engine import Database

# large enough to sort by length well, small enough that a killed process loses little
_BATCH_SIZE = 512

Stop = Callable[[], bool]


def classify(
    db: Database,
    classifier: Classifier,
    *,
    clock: Clock,
    stop: Stop = lambda: False,
    progress: Callable[[int], None] = lambda _number: None,
) -> int:
    """Classify until no mention is left, oldest first; returns the number classified."""
    classified = 0
    while not stop():
        waiting = predictions.list_unclassified(db, classifier.model_id, _BATCH_SIZE)
        if not waiting:
            break
        readings = classifier.classify([mention.text for mention in waiting])
        # one instant for the batch: the time of the answer, not that of storing it
        at = clock()
        classified += predictions.save(
            db,
            [
                Prediction(
                    mention_id=mention.mention_id,
                    model_id=classifier.model_id,
                    scores=scores,
                    at=at,
                    edition=mention.edition,
                )
                for mention, scores in zip(waiting, readings, strict=True)
            ],
        )
        progress(len(waiting))
    return classified
