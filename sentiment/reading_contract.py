"""Check the contract of a reader, which reads a text for a brand: toward, intents, reasons.

The checks are made like those in ``contract``: each returns the fault as a sentence, or "".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from earful.contracts import Classifier, Reader, ReaderItem
from earful.enums import Intent, Reason
from earful.judgements import Reading
from sentiment import contract


class ClassifyingReader(Classifier, Reader, Protocol):
    """A reader is a classifier too."""


Check = Callable[[ClassifyingReader], str]

_BRAND, _RIVAL = ("Kestrova", "@kestrova"), ("Brindlow",)
_ABOUT_BRANDS = (
    "Leaving Brindlow for Kestrova, best decision this year",
    "Leaving Kestrova for Brindlow after the third lost parcel",
    "@kestrova how late are you open today?",
    "Brindlow lost my parcel, and nobody at Brindlow answers",
)


def _items() -> list[ReaderItem]:
    texts = [*_ABOUT_BRANDS, *contract.POSTS, *contract.SILENT[:3]]
    return [(text, _BRAND) for text in texts] + [(text, ()) for text in texts]


def check_reading_count(reader: ClassifyingReader) -> str:
    """Check that each item gives one Reading, and that ``[]`` gives ``[]``."""
    if readings := reader.read([]):
        return f"read([]) gave {readings!r}; it must give []"
    items = _items()
    readings = reader.read(items, other_brands=_RIVAL)
    if len(readings) != len(items):
        return f"{len(items)} items gave {len(readings)} readings; there must be one each, in order"
    invalid = [reading for reading in readings if not isinstance(reading, Reading)]
    return f"a reading is {invalid[0]!r}; it must be a Reading" if invalid else ""


def check_text_without_brand(reader: ClassifyingReader) -> str:
    """Check that a text without a brand is read as it is classified."""
    texts = list(contract.POSTS)
    scores = reader.classify(texts)
    readings = reader.read([(text, ()) for text in texts])
    for text, own, reading in zip(texts, scores, readings, strict=True):
        gap = contract.difference([own, own], [reading.scores, reading.toward]).largest
        if gap > contract.NOTICEABLE:
            return (
                f"{text[:60]!r} has scores that differ by {gap:.2g} from those read without a "
                "brand; both the text's own and those toward nobody must be the same"
            )
    return ""


def check_names(reader: ClassifyingReader) -> str:
    """Check that every intent and reason has a probability, unless nothing was understood.

    Weights without these answers leave them empty, in every reading.
    """
    expected = ({intent.value for intent in Intent}, {reason.value for reason in Reason})
    items = _items()
    readings = reader.read(items)
    has_names = any(reading.intents or reading.reasons for reading in readings)
    for (text, _), reading in zip(items, readings, strict=True):
        names = (set(reading.intents), set(reading.reasons))
        if has_names and names != expected and not reading.could_not_tell:
            missing = sorted((expected[0] ^ names[0]) | (expected[1] ^ names[1]))
            return f"{text[:60]!r} got a reading that differs in {missing}; each has a probability"
        shares = [*reading.intents.values(), *reading.reasons.values(), reading.irony]
        if not all(0.0 <= share <= 1.0 for share in shares):
            return f"{text[:60]!r} got {shares}; probabilities must be in 0..1"
    return ""


def check_neighbours(reader: ClassifyingReader) -> str:
    """Check that a text's reading is the same alone and among others."""
    items = _items()
    together = reader.read(items, other_brands=_RIVAL)
    alone = [reader.read([item], other_brands=_RIVAL)[0] for item in items]
    for (text, _), first, second in zip(items, together, alone, strict=True):
        gap = _difference(first, second)
        if gap > contract.NOTICEABLE:
            return f"{text[:60]!r} is read otherwise alone: a probability differs by {gap:.2g}"
    return ""


def check_hostile_texts(reader: ClassifyingReader) -> str:
    """Check that broken, endless and malicious texts and names raise no error."""
    items: list[ReaderItem] = [(text, ("Acme", "(")) for text in contract.HOSTILE]
    # a name becomes part of a pattern
    names = [*contract.HOSTILE, "", "[a-", "\\", "*", "a|b"]
    items += [("we left Acme", (name,)) for name in names]
    readings = reader.read(items, other_brands=contract.SILENT)
    return (
        "" if len(readings) == len(items) else f"{len(items)} items gave {len(readings)} readings"
    )


def _difference(first: Reading, second: Reading) -> float:
    """Return the largest difference of two readings of one text; 1 where names differ."""
    if set(first.intents) != set(second.intents) or set(first.reasons) != set(second.reasons):
        return 1.0
    pairs = [(first.irony, second.irony)]
    pairs += [(first.intents[name], second.intents[name]) for name in first.intents]
    pairs += [(first.reasons[name], second.reasons[name]) for name in first.reasons]
    scores = contract.difference([first.scores, first.toward], [second.scores, second.toward])
    return max(scores.largest, *(abs(a - b) for a, b in pairs))


CHECKS: dict[str, Check] = {
    "one reading for each text and brand": check_reading_count,
    "without a brand, a text is read as it is classified": check_text_without_brand,
    "each intent and reason has a probability": check_names,
    "a text's reading depends on the text and the brand alone": check_neighbours,
    "broken and hostile texts and names raise nothing when read": check_hostile_texts,
}


def run(reader: ClassifyingReader) -> Iterator[tuple[str, str]]:
    """Run all checks, yielding (sentence of the check, fault or "") for each."""
    for name, check in CHECKS.items():
        yield name, contract.fault(check, reader)
