"""Give a Reading where a classifier only scores texts: a lexicon, a foreign or a hub model."""

from __future__ import annotations

from collections.abc import Sequence

from earful.contracts import Classifier, Reader, ReaderItem
from earful.judgements import Reading


def read_plainly(classifier: Classifier, items: Sequence[ReaderItem]) -> list[Reading]:
    """Return a reading for each text: its scores, the same toward the brand, and no intents.

    ``items`` are texts with a brand's names, as ``Reader.read`` takes them. The names change
    nothing here, so a text that several brands share is classified once.
    """
    texts = list(dict.fromkeys(text for text, _ in items))
    scores = dict(zip(texts, classifier.classify(texts), strict=True))
    return [Reading(scores=scores[text], toward=scores[text]) for text, _ in items]


def read_items(
    classifier: Classifier, items: Sequence[ReaderItem], *, other_brands: Sequence[str] = ()
) -> list[Reading]:
    """Read each item with the classifier's own ``read``, or plainly where it has none.

    ``other_brands`` are names of other known brands. The result has the length and order of
    ``items``.
    """
    if isinstance(classifier, Reader):
        return classifier.read(items, other_brands=other_brands)
    return read_plainly(classifier, items)
