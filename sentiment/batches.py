"""Batch texts of one length: no padding, and no text's arithmetic depends on another's."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sentiment.language import DetectedLanguage

# Tokens in one run of the model: the tensors between two products stay in the processor's cache,
# and the fixed cost of a run is still small beside its work.
TOKENS_PER_BATCH = 512

NO_LANGUAGE = DetectedLanguage()

Ids = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class TextFacts:
    """Facts of a text that its answer needs beside the model's output.

    ``unreadable``: the answer is "could not tell", regardless of that output. ``named``: names of
    a brand were given. ``ngrams``: logits [3] of the expert of n-grams, times its share; None for
    a text in pieces, because the expert reads a text whole.
    """

    unreadable: bool = False
    language: DetectedLanguage = NO_LANGUAGE
    named: bool = False
    ngrams: Ids | None = None


NO_FACTS = TextFacts()


@dataclass(frozen=True, slots=True)
class EncodedText:
    """One text, or a piece of a long one, as token ids; ``position``: its index in the caller's
    list."""

    position: int
    ids: Sequence[int]
    facts: TextFacts = NO_FACTS


def batches(
    encoded_texts: Iterable[EncodedText], tokens: int = TOKENS_PER_BATCH
) -> Iterator[list[EncodedText]]:
    """Yield lists of texts with the same number of tokens, together ``tokens`` at most.

    A full batch is yielded at once. Unfilled batches follow at the end, the longest texts first,
    so that the last batch to be worked on is the smallest. A single text may be longer than
    ``tokens``.
    """
    waiting: defaultdict[int, list[EncodedText]] = defaultdict(list)
    for encoded in encoded_texts:
        length = len(encoded.ids)
        waiting[length].append(encoded)
        if (len(waiting[length]) + 1) * length > tokens:
            yield waiting.pop(length)
    for length in sorted(waiting, reverse=True):
        yield waiting[length]


def model_inputs(batch: Sequence[EncodedText]) -> dict[str, Ids]:
    """Return the model's inputs for one batch: ids and attention mask, [rows, tokens]."""
    ids = np.array([encoded.ids for encoded in batch], dtype=np.int64)
    return {"input_ids": ids, "attention_mask": np.ones_like(ids)}
