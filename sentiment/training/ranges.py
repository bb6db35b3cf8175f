"""Measure the fixed activation ranges of the int8 graph by running the float graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnxruntime

from sentiment.batches import EncodedText, batches, model_inputs
from sentiment.heads import WIDTH

Array = np.ndarray[Any, Any]

# Values kept of each tensor and batch, beside its two extremes.
SAMPLE = 20_000


def logits(model: bytes, tokenizer: Any, texts: Sequence[str]) -> Array:
    """Return logits [texts, WIDTH] of a serialised graph, batched as in production."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    logits = np.zeros((len(texts), WIDTH), dtype=np.float32)
    for batch in batches(_encode(tokenizer, texts)):
        rows = [text.position for text in batch]
        logits[rows] = session.run(["logits"], model_inputs(batch))[0]
    return logits


def largest(model: bytes, tokenizer: Any, texts: Sequence[str]) -> dict[str, Array]:
    """Return the largest magnitude of each channel (the last axis) of every watched tensor."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    names = [o.name for o in session.get_outputs() if o.name != "logits"]
    seen: dict[str, Array] = {}
    for batch in batches(_encode(tokenizer, texts)):
        for name, value in zip(names, session.run(names, model_inputs(batch)), strict=True):
            top = np.abs(value).max(axis=tuple(range(value.ndim - 1)))
            seen[name] = np.maximum(seen.get(name, top), top)
    return seen


def observe(
    model: bytes,
    tokenizer: Any,
    texts: Sequence[str],
    seed: int,
    channel_divisors: Mapping[str, Array] | None = None,
) -> dict[str, Array]:
    """Return sorted values of every watched tensor, its extremes among them.

    Tensors in ``channel_divisors`` come with their channels divided.
    """
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    names = [o.name for o in session.get_outputs() if o.name != "logits"]
    rng = np.random.default_rng(seed)
    seen: dict[str, list[Array]] = {name: [] for name in names}
    for batch in batches(_encode(tokenizer, texts)):
        for name, value in zip(names, session.run(names, model_inputs(batch)), strict=True):
            values = (value / (channel_divisors or {}).get(name, np.float32(1.0))).ravel()
            seen[name].append(rng.choice(values, min(SAMPLE, len(values)), replace=False))
            seen[name].append(np.array([values.min(), values.max()]))
    return {name: np.sort(np.concatenate(values)) for name, values in seen.items()}


def _encode(tokenizer: Any, texts: Sequence[str]) -> list[EncodedText]:
    encoded = tokenizer.encode_batch_fast(list(texts))
    return [EncodedText(position, tokens.ids) for position, tokens in enumerate(encoded)]


def cut(seen: dict[str, Array], share: float) -> dict[str, tuple[float, float]]:
    """Return (low, high) of every tensor with ``share`` of its values cut off at each end."""
    return {
        name: (float(np.quantile(values, share)), float(np.quantile(values, 1 - share)))
        for name, values in seen.items()
    }
