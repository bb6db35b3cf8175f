"""Shared by all classifiers: refuse a single text, answer an empty one, softmax."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from earful.judgements import Scores

Array = np.ndarray[Any, Any]

# The answer to a text in which nothing is left to judge.
COULD_NOT_TELL = Scores(negative=1 / 3, neutral=1 / 3, positive=1 / 3, could_not_tell=True)


def refuse_single_text(texts: Sequence[str]) -> None:
    """Raise TypeError for one text in place of a list: its letters would be classified."""
    if isinstance(texts, str):
        raise TypeError("classify takes a list of texts, not one text: put it in a list")


def refuse_text_for_names(names: Sequence[str], text: object) -> None:
    """Raise TypeError for one name in place of a list: its letters would be looked for."""
    if isinstance(names, str):
        raise TypeError(
            f"the names beside {str(text)[:40]!r} are one text, {names!r}; write ({names!r},)"
        )


def softmax(logits: Array, temperature: float | Array = 1.0) -> Array:
    """Return probabilities [rows, labels] of the logits, in float64.

    ``temperature`` divides the logits: one number, or one a row [rows, 1].
    """
    scaled = logits.astype(np.float64) / temperature
    powers = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    shares: Array = powers / powers.sum(axis=-1, keepdims=True)
    return shares
