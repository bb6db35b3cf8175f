"""Read every mention that the current model has not read, once for each of its brands."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from earful.brand_names import rival_names
from earful.clock import Clock
from earful.contracts import Classifier, Reader
from earful.judgements import Prediction, Reading, Scores
from earful.types import Brand
from storage.analysis import predictions
from storage.analysis.predictions import UnclassifiedMention
from storage.database.engine import Database
from storage.entities import brands

# large enough to sort by length well, small enough that a killed process loses little
_BATCH_SIZE = 512
# stands for the brand of a mention that is about none
_NO_BRAND = ""

Stop = Callable[[], bool]
# the scores of a text, and its readings by brand id; None when the model gives scores alone
Answer = tuple[Scores, Mapping[str, Reading] | None]


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
        answers = _answer(db, classifier, waiting)
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
                    readings=readings,
                )
                for mention, (scores, readings) in zip(waiting, answers, strict=True)
            ],
        )
        progress(len(waiting))
    return classified


def _answer(
    db: Database, classifier: Classifier, waiting: Sequence[UnclassifiedMention]
) -> list[Answer]:
    """Return the model's answer about each mention, in their order."""
    if isinstance(classifier, Reader):
        # for each batch anew: an import may add a brand during a long run
        return _read_for_brands(classifier, waiting, brands.all_brands(db))
    return [(scores, None) for scores in classifier.classify([mention.text for mention in waiting])]


def _read_for_brands(
    reader: Reader, waiting: Sequence[UnclassifiedMention], brand_by_id: Mapping[str, Brand]
) -> list[Answer]:
    """Read each mention once for each of its brands.

    1. Collect the mentions of each brand. A mention without a brand is read by itself.
    2. Read them brand by brand, in the order of the ids: the names of the other brands differ.
    3. The text's own scores are those of its first brand.
    """
    places_by_brand: dict[str, list[int]] = defaultdict(list)  # 1
    for place, mention in enumerate(waiting):
        for brand_id in mention.brand_ids or (_NO_BRAND,):
            places_by_brand[brand_id].append(place)
    readings: list[dict[str, Reading]] = [{} for _ in waiting]
    for brand_id, places in sorted(places_by_brand.items()):  # 2
        names, rivals = _names_for(brand_id, brand_by_id)
        texts = [(waiting[place].text, names) for place in places]
        for place, reading in zip(places, reader.read(texts, other_brands=rivals), strict=True):
            readings[place][brand_id] = reading
    return [(next(iter(by_brand.values())).scores, by_brand) for by_brand in readings]  # 3


def _names_for(
    brand_id: str, brand_by_id: Mapping[str, Brand]
) -> tuple[Sequence[str], Sequence[str]]:
    """Return the names of a brand, and those of all other brands."""
    if brand_id == _NO_BRAND:
        return (), ()
    names = brand_by_id[brand_id].all_names
    return names, list(rival_names(names, (brand.all_names for brand in brand_by_id.values())))
