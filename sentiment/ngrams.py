"""A small linear expert beside the encoder: pieces of 2 to 5 characters, words and pairs of words.

It knows spellings, slang and signs by heart, which the encoder sees only through its vocabulary,
so the two are wrong about different texts. Its logits are added to those of the text's sentiment.
"""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

# Features share this many rows by their hash; more brought nothing on val (training/LOG.md).
BUCKETS = 1 << 19
LENGTHS = (2, 3, 4, 5)
# Longer texts are cut here: they come in pieces anyway, and the cost stays bounded.
MAX_CHARACTERS = 600
LABELS = 3

_WORD = re.compile(r"\w+|[^\w\s]")
# An odd multiplier mixes all bits of a 64-bit number (Knuth, "The Art of Computer Programming",
# volume 3, section 6.4).
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(64 - 19)

Array = np.ndarray[Any, Any]


def features(prepared: str) -> Array:
    """Return the distinct rows of a text's features, each from 0 to ``BUCKETS`` - 1."""
    text = f" {prepared[:MAX_CHARACTERS].lower()} "
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(
        np.uint64
    )
    rows = []
    with np.errstate(over="ignore"):
        mixed = np.zeros(len(codes), dtype=np.uint64)
        for length in range(1, max(LENGTHS) + 1):
            reach = len(codes) - length + 1
            if reach < 1:
                break
            mixed = (mixed[:reach] + codes[length - 1 :]) * _MULTIPLIER
            mixed ^= mixed >> np.uint64(29)
            if length in LENGTHS:
                rows.append(((mixed + np.uint64(length)) * _MULTIPLIER) >> _SHIFT)
    words = _WORD.findall(text)
    pairs = [f"{a} {b}" for a, b in pairwise(words)]
    hashed = [crc32(word.encode("utf-8", "replace")) % BUCKETS for word in (*words, *pairs)]
    return np.unique(np.concatenate([*rows, np.array(hashed, dtype=np.uint64)])).astype(np.int64)


class NgramExpert:
    """The expert's weights, [``BUCKETS``, 3] in int8 with one scale a label."""

    def __init__(self, weights: Array, scales: Array, bias: Array) -> None:
        """``scales`` and ``bias``: float32 [3]."""
        self._weights, self._scales, self._bias = weights, scales, bias

    @classmethod
    def read(cls, path: Path) -> NgramExpert:
        """Read a file that ``write`` made; ValueError when it has another size."""
        data = path.read_bytes()
        head = 2 * LABELS * 4
        if len(data) != head + BUCKETS * LABELS:
            raise ValueError(f"{path}: {len(data):,} bytes; expected {head + BUCKETS * LABELS:,}")
        numbers = np.frombuffer(data[:head], dtype="<f4")
        weights = np.frombuffer(data[head:], dtype=np.int8).reshape(BUCKETS, LABELS)
        return cls(weights, numbers[:LABELS], numbers[LABELS:])

    def write(self, path: Path) -> None:
        """Write scales, bias and weights, little-endian."""
        head = np.concatenate([self._scales, self._bias]).astype("<f4").tobytes()
        path.write_bytes(head + self._weights.astype(np.int8).tobytes())

    def logits(self, prepared: str) -> Array:
        """Return the text's logits [3] in float32: negative, neutral, positive."""
        rows = features(prepared)
        # whole numbers first, so that the sum is the same in any order
        summed = self._weights[rows].sum(axis=0, dtype=np.int64) / np.sqrt(len(rows))
        return np.asarray(summed * self._scales + self._bias, dtype=np.float32)
