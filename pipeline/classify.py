"""Give every mention that the current model has not read its scores."""

from __future__ import annotations

from collections.abc import Callable

from earful.clock import Clock
from earful.contracts import Classifier
from earful.judgements import Prediction
from storage.analysis import predictions
from storage.database.engine import Database

# enough to sort by length well, little enough to lose nothing worth naming when killed
_AT_ONCE = 512

Stop = Callable[[], bool]


def classify(
    db: Database,
    classifier: Classifier,
    *,
    clock: Clock,
    stop: Stop = lambda: False,
    progress: Callable[[int], None] = lambda _number: None,
) -> int:
    """Classify until nothing is left, oldest first; gives how many mentions were classified."""
    done = 0
    while not stop():
        waiting = predictions.list_unclassified(db, classifier.model_id, _AT_ONCE)
        if not waiting:
            break
        scores = classifier.classify([one.text for one in waiting])
        at = clock()
        done += predictions.save(
            db,
            [
                Prediction(
                    mention_id=one.mention_id,
                    model_id=classifier.model_id,
                    scores=found,
                    at=at,
                    edition=one.edition,
                )
                for one, found in zip(waiting, scores, strict=True)
            ],
        )
        progress(len(waiting))
    return done
