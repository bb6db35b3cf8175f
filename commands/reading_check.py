"""Measure a model's other answers on labelled rows: toward a brand, intents, reasons, irony."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from commands.labelled import LabelledText
from earful.brand_names import rival_names
from earful.contracts import Classifier
from earful.enums import Intent, Reason
from earful.judgements import Reading
from earful.types import Brand
from outreach.unhappy import UNHAPPY_INTENTS, Conditions, has_intents, judge_reading
from sentiment.evaluation import NEGATIVE, Flagged
from sentiment.plain_reading import read_items
from sentiment.reading_measures import (
    NameCounts,
    TowardRates,
    count_name,
    count_names,
    flagged_of,
    measure_toward,
)

INTENTS = tuple(intent.value for intent in Intent)
REASONS = tuple(reason.value for reason in Reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingQuality:
    """The measures of a model's readings; None or empty for labels that the file lacks.

    ``flagged``: who counts as unhappy with the brand, from the threshold in force, on rows labelled
    toward it and with intents. ``left_out``: labelled columns that the model cannot answer.
    """

    toward: TowardRates | None
    intents: list[NameCounts]
    reasons: list[NameCounts]
    irony: NameCounts | None
    flagged: Flagged | None
    left_out: tuple[str, ...]


def quality(
    classifier: Classifier,
    rows: Sequence[LabelledText],
    brands: Sequence[Brand],
    negative_at: float,
) -> ReadingQuality | None:
    """Judge the readings of rows that are labelled for them; None when none is.

    1. Read the rows brand by brand, because the names of the other brands differ.
    2. Judge each answer on the rows that have a label for it.
    3. Name the columns that a model without readings cannot answer.

    ``brands`` are those of settings: a row that names one is read with all its names.
    """
    chosen = [row for row in rows if _has_reading_labels(row)]
    if not chosen:
        return None
    pairs = list(zip(chosen, _read(classifier, chosen, brands), strict=True))  # 1
    # the same code also loads weights that only know the sentiment
    is_reader = any(has_intents(reading) for _, reading in pairs)
    toward = [(row, reading) for row, reading in pairs if row.labels.toward is not None]
    return ReadingQuality(
        toward=_measure_toward(toward),  # 2
        intents=_count(INTENTS, "intents", pairs) if is_reader else [],
        reasons=_count(REASONS, "reasons", pairs) if is_reader else [],
        irony=_count_irony(pairs) if is_reader else None,
        flagged=_flagged(toward, negative_at) if is_reader else None,
        left_out=() if is_reader else tuple(_unanswerable(chosen)),  # 3
    )


def _has_reading_labels(row: LabelledText) -> bool:
    labels = (row.labels.toward, row.labels.intents, row.labels.reasons, row.labels.ironic)
    return any(label is not None for label in labels)


def _read(
    classifier: Classifier, rows: Sequence[LabelledText], brands: Sequence[Brand]
) -> list[Reading]:
    """Return the readings in the order of the rows."""
    names_by_brand = _names_by_brand([row.labels.brand for row in rows], brands)
    readings: dict[int, Reading] = {}
    for brand, names in names_by_brand.items():
        places = [place for place, row in enumerate(rows) if row.labels.brand == brand]
        if not places:  # a brand of settings that the file does not name
            continue
        rivals = rival_names(names, names_by_brand.values()) if names else ()
        answers = read_items(
            classifier, [(rows[at].text, names) for at in places], other_brands=rivals
        )
        readings.update(zip(places, answers, strict=True))
    return [readings[place] for place in range(len(rows))]


def _names_by_brand(
    in_rows: Iterable[str], brands: Sequence[Brand]
) -> Mapping[str, tuple[str, ...]]:
    """Return the names of each brand of settings and of the rows; "" has none."""
    by_word = {
        word.casefold(): brand.all_names for brand in brands for word in (brand.id, brand.name)
    }
    names = {name: by_word.get(name.casefold(), (name,)) if name else () for name in in_rows}
    return {brand.name: by_word[brand.name.casefold()] for brand in brands} | names


Pair = tuple[LabelledText, Reading]


def _measure_toward(pairs: Sequence[Pair]) -> TowardRates | None:
    if not pairs:
        return None
    labels = [row.labels.toward for row, _ in pairs if row.labels.toward is not None]
    return measure_toward(labels, [reading for _, reading in pairs])


def _count(names: tuple[str, ...], column: str, pairs: Sequence[Pair]) -> list[NameCounts]:
    """Count intents or reasons on the rows labelled with them; nothing when there are none."""
    labelled_pairs = [pair for pair in pairs if getattr(pair[0].labels, column) is not None]
    if not labelled_pairs:
        return []
    labels = [
        {name: name in getattr(row.labels, column) for name in names} for row, _ in labelled_pairs
    ]
    return count_names(names, labels, [getattr(reading, column) for _, reading in labelled_pairs])


def _count_irony(pairs: Sequence[Pair]) -> NameCounts | None:
    labelled_pairs = [pair for pair in pairs if pair[0].labels.ironic is not None]
    if not labelled_pairs:
        return None
    actual = [bool(row.labels.ironic) for row, _ in labelled_pairs]
    return count_name("ironic", actual, [reading.ironic for _, reading in labelled_pairs])


def _flagged(pairs: Sequence[Pair], negative_at: float) -> Flagged | None:
    labelled_pairs = [pair for pair in pairs if pair[0].labels.intents is not None]
    if not labelled_pairs:
        return None
    conditions = Conditions(negative_at=negative_at)
    counts = count_name(
        "unhappy",
        [_is_unhappy(row) for row, _ in labelled_pairs],
        [_is_flagged(reading, conditions) for _, reading in labelled_pairs],
    )
    return flagged_of(counts, negative_at)


def _is_unhappy(row: LabelledText) -> bool:
    intents = row.labels.intents or frozenset()
    return row.labels.toward == NEGATIVE and any(name in intents for name in UNHAPPY_INTENTS)


def _is_flagged(reading: Reading, conditions: Conditions) -> bool:
    if reading.could_not_tell or not has_intents(reading):
        return False
    return judge_reading(reading, conditions) is None


def _unanswerable(rows: Sequence[LabelledText]) -> Iterable[str]:
    for column in ("intents", "reasons", "ironic"):
        if any(getattr(row.labels, column) is not None for row in rows):
            yield column
