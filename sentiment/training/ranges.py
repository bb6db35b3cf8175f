"""Find the fixed activation ranges of the int8 graph: run the float graph and look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnxruntime

from sentiment.batches import Reading, batches, feed

Array = np.ndarray[Any, Any]

SAMPLE = 20_000
"""Values kept of each tensor and batch, beside its two extremes."""


def logits(model: bytes, tokenizer: Any, texts: Sequence[str]) -> Array:
    """Return logits [texts, 3] of a serialised graph, batched as in production."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    found = np.zeros((len(texts), 3), dtype=np.float32)
    for batch in batches(_readings(tokenizer, texts)):
        found[[reading.at for reading in batch]] = session.run(["logits"], feed(batch))[0]
    return found


def largest(model: bytes, tokenizer: Any, texts: Sequence[str]) -> dict[str, Array]:
    """Return the largest magnitude of each channel (the last axis) of every watched tensor."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    names = [o.name for o in session.get_outputs() if o.name != "logits"]
    seen: dict[str, Array] = {}
    for batch in batches(_readings(tokenizer, texts)):
        for name, value in zip(names, session.run(names, feed(batch)), strict=True):
            top = np.abs(value).max(axis=tuple(range(value.ndim - 1)))
            seen[name] = np.maximum(seen.get(name, top), top)
    return seen


def observe(
    model: bytes,
    tokenizer: Any,
    texts: Sequence[str],
    seed: int,
    evening: Mapping[str, Array] | None = None,
) -> dict[str, Array]:
    """Return sorted values seen at every watched tensor, its extremes among them; those in
    ``evening`` with their channels divided by it."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    names = [o.name for o in session.get_outputs() if o.name != "logits"]
    rng = np.random.default_rng(seed)
    seen: dict[str, list[Array]] = {name: [] for name in names}
    for batch in batches(_readings(tokenizer, texts)):
        for name, value in zip(names, session.run(names, feed(batch)), strict=True):
            values = (value / (evening or {}).get(name, np.float32(1.0))).ravel()
            seen[name].append(rng.choice(values, min(SAMPLE, len(values)), replace=False))
            seen[name].append(np.array([values.min(), values.max()]))
    return {name: np.sort(np.concatenate(values)) for name, values in seen.items()}


def _readings(tokenizer: Any, texts: Sequence[str]) -> list[Reading]:
    encoded = tokenizer.encode_batch_fast(list(texts))
    return [Reading(at, one.ids) for at, one in enumerate(encoded)]


def cut(seen: dict[str, Array], share: float) -> dict[str, tuple[float, float]]:
    """Return (low, high) of every tensor with ``share`` of its values cut off at each end."""
    return {
        name: (float(np.quantile(values, share)), float(np.quantile(values, 1 - share)))
        for name, values in seen.items()
    }
