"""Hold the figures of a reader: toward the brand, intents, reasons, irony, and who is flagged."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from earful.enums import Intent, Reason
from earful.judgements import Reading
from sentiment.evaluation import Flagged
from sentiment.measures import Rates
from sentiment.reading_measures import (
    NameCounts,
    TowardRates,
    count_name,
    count_names,
    macro_f1,
    measure_toward,
)

OWN = "own_readings"
MAPPED = "mapped"

LABELS = ("negative", "neutral", "positive")

Kind = Literal["intents", "reasons"]
NAMES: dict[Kind, tuple[str, ...]] = {
    "intents": tuple(intent.value for intent in Intent),
    "reasons": tuple(reason.value for reason in Reason),
}

Key = TypeVar("Key", bound=Hashable)
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class Toward:
    """The sentiment toward the brand in one part of a set; ``part`` "" is all of it."""

    data_set: str
    part: str
    split: str
    measures: TowardRates


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """Intents or reasons in one language of a set; ``lang`` "" is all of them."""

    kind: Kind
    data_set: str
    lang: str
    rows: int
    counts: list[NameCounts]
    macro_f1: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Irony:
    """Irony in one language of a set; ``lang`` "" is all of them."""

    data_set: str
    lang: str
    split: str
    counts: NameCounts


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingsReport:
    """All figures of a reader.

    ``tone``: the text's sentiment on our own posts. ``flagged``: who counts as unhappy there, from
    each threshold; ``flagged_by_text``: the same by the text's own scores alone. ``absent``: sets
    without a file.
    """

    toward: list[Toward]
    names: list[Names]
    irony: list[Irony]
    tone: Rates | None
    flagged: list[Flagged]
    flagged_by_text: list[Flagged]
    absent: list[str]

    def named(self, kind: Kind, data_set: str, lang: str = "") -> Names | None:
        """Return one table of intents or reasons; None when it was not judged."""
        place = (kind, data_set, lang)
        return next((n for n in self.names if (n.kind, n.data_set, n.lang) == place), None)


def toward_figures(
    data_set: str, part: str, split: str, labels: Sequence[int], readings: Sequence[Reading]
) -> Toward:
    """Measure readings by labels: 0 negative, 1 neutral, 2 positive."""
    measures = measure_toward(labels, readings)
    return Toward(data_set=data_set, part=part, split=split, measures=measures)


def names_figures(
    kind: Kind,
    data_set: str,
    lang: str,
    labels: Sequence[Mapping[str, bool]],
    readings: Sequence[Reading],
) -> Names | None:
    """Measure intents or reasons by the names that each row's label knows; None without rows."""
    pairs = [(label, reading) for label, reading in zip(labels, readings, strict=True) if label]
    if not pairs:
        return None
    probabilities = [getattr(reading, kind) for _, reading in pairs]
    counts = count_names(NAMES[kind], [label for label, _ in pairs], probabilities)
    return Names(
        kind=kind,
        data_set=data_set,
        lang=lang,
        rows=len(pairs),
        counts=counts,
        macro_f1=macro_f1(counts),
    )


def irony_counts(ironic: Sequence[bool], readings: Sequence[Reading]) -> NameCounts:
    """Count irony by its labels."""
    return count_name("ironic", ironic, [reading.ironic for reading in readings])


def group_by(items: Iterable[Item], key_of: Callable[[Item], Key]) -> dict[Key, list[Item]]:
    """Return lists of items with the same key, in the items' order."""
    groups: dict[Key, list[Item]] = {}
    for item in items:
        groups.setdefault(key_of(item), []).append(item)
    return groups
