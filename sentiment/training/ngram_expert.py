"""Train the expert of n-grams: softmax regression on hashed features, by AdaGrad."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np

from sentiment.answers import softmax
from sentiment.ngrams import BUCKETS, LABELS, NgramExpert, features
from sentiment.training.rows import Row

Array = np.ndarray[Any, Any]


def train(
    rows: Sequence[Row], *, passes: int = 3, rate: float = 0.12, decay: float = 2e-6, seed: int = 1
) -> NgramExpert:
    """Return the expert after ``passes`` over the rows that have a label.

    ``rate``: AdaGrad's step (Duchi et al. 2011). ``decay``: the pull towards 0 at every use of a
    feature. Rows of sets without a neutral leave it out.
    """
    rows = [row for row in rows if row.label >= 0]
    features_by_row = [features(row.text) for row in rows]
    weights = np.zeros((BUCKETS, LABELS), dtype=np.float32)
    squares = np.full((BUCKETS, LABELS), 1e-3, dtype=np.float32)
    bias = np.zeros(LABELS, dtype=np.float32)
    rng = random.Random(seed)  # noqa: S311 - an order, no secret
    for number in range(passes):
        for i in rng.sample(range(len(rows)), len(rows)):
            row, used = rows[i], features_by_row[i]
            share = 1.0 / np.sqrt(len(used))
            gradient = _gradient(weights[used].sum(axis=0) * share + bias, row)
            step = gradient * share + decay * weights[used]
            squares[used] += step**2
            weights[used] -= rate * step / np.sqrt(squares[used])
            bias -= 0.02 / (1 + number) * gradient
    return _rounded(weights, bias)


def _gradient(logits: Array, row: Row) -> Array:
    if row.binary:
        logits = logits + np.array([0.0, -1e4, 0.0])
    shares = softmax(logits[None])[0]
    shares[row.label] -= 1.0
    return np.asarray(shares * row.weight, dtype=np.float32)


def _rounded(weights: Array, bias: Array) -> NgramExpert:
    """Return the expert with its weights in int8, one scale a label."""
    # a few features are far larger than the others; cutting them costs less than coarse steps
    tops = np.quantile(np.abs(weights[np.abs(weights).sum(axis=1) > 0]), 0.9995, axis=0)
    scales = (np.maximum(tops, 1e-6) / 127.0).astype(np.float32)
    in_int8 = np.clip(np.round(weights / scales), -127, 127).astype(np.int8)
    return NgramExpert(in_int8, scales, bias)
