"""The graph writer on a small network with random weights."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import onnxruntime
import pytest

from sentiment.contract import LAST_BIT
from sentiment.heads import WIDTH
from sentiment.onnx import _has_vnni
from sentiment.training import graph, ranges
from sentiment.training.finish import channel_divisors

LAYERS, HIDDEN, HEADS, INNER, PIECES, TOKENS = 2, 64, 4, 128, 50, 16
SEED = 5
# the id of a letter that some of the texts below hold and some do not
MARKER = ord("F") % PIECES

Array = np.ndarray[Any, Any]


class Letters:
    """A tokenizer of one token a letter, as much of it as the ranges ask for."""

    def encode_batch_fast(self, texts: list[str]) -> list[Any]:
        class One:
            def __init__(self, text: str) -> None:
                self.ids = [ord(c) % PIECES for c in text]

        return [One(text) for text in texts]


def tensors(random: np.random.Generator) -> dict[str, Array]:
    def matrix(rows: int, columns: int) -> Array:
        return random.normal(0, 0.15, (rows, columns)).astype(np.float32)

    def some(size: int) -> Array:
        return random.normal(0, 0.1, size).astype(np.float32)

    found = {
        "embeddings.position_embeddings.weight": matrix(TOKENS, HIDDEN),
        "embeddings.token_type_embeddings.weight": matrix(1, HIDDEN),
        "embeddings.LayerNorm.weight": 1 + some(HIDDEN),
        "embeddings.LayerNorm.bias": some(HIDDEN),
        "head.weight": matrix(WIDTH, 2 * HIDDEN),
        "head.bias": some(WIDTH),
    }
    for layer in range(LAYERS):
        at = f"encoder.layer.{layer}"
        for name, rows, columns in (
            ("attention.self.query", HIDDEN, HIDDEN),
            ("attention.self.key", HIDDEN, HIDDEN),
            ("attention.self.value", HIDDEN, HIDDEN),
            ("attention.output.dense", HIDDEN, HIDDEN),
            ("intermediate.dense", INNER, HIDDEN),
            ("output.dense", HIDDEN, INNER),
        ):
            found[f"{at}.{name}.weight"] = matrix(rows, columns)
            found[f"{at}.{name}.bias"] = some(rows)
        for name in ("attention.output.LayerNorm", "output.LayerNorm"):
            found[f"{at}.{name}.weight"] = 1 + some(HIDDEN)
            found[f"{at}.{name}.bias"] = some(HIDDEN)
    return found


@pytest.fixture(scope="module")
def weights() -> graph.Weights:
    random = np.random.default_rng(SEED)
    blocks = random.integers(0, 256, (PIECES, HIDDEN // 32, 18)).astype(np.uint8)
    blocks[..., :2] = np.full((PIECES, HIDDEN // 32, 1), 0.02, np.float16).view(np.uint8)
    return graph.Weights(
        blocks=blocks,
        tensors=tensors(random),
        layers=LAYERS,
        heads=HEADS,
        epsilon=1e-12,
        max_tokens=TOKENS,
        marker=MARKER,
    )


@pytest.fixture(scope="module")
def texts() -> list[str]:
    random = np.random.default_rng(SEED)
    return ["".join(map(chr, random.integers(60, 110, n % 15 + 1))) for n in range(150)]


@pytest.fixture(scope="module")
def int8(weights: graph.Weights, texts: list[str]) -> bytes:
    watching = graph.build(weights, watch=True).SerializeToString()
    seen = ranges.observe(watching, Letters(), texts, SEED)
    return bytes(graph.build(weights, ranges.cut(seen, 0.0)).SerializeToString())


def expected(weights: graph.Weights, ids: list[int]) -> Array:
    """Work the same network out in plain NumPy and float64, one text at a time."""
    t = {name: array.astype(np.float64) for name, array in weights.tensors.items()}

    def dense(x: Array, name: str) -> Array:
        return np.asarray(x @ t[f"{name}.weight"].T + t[f"{name}.bias"])

    def norm(x: Array, name: str) -> Array:
        centred = x - x.mean(-1, keepdims=True)
        deviation = np.sqrt((centred**2).mean(-1, keepdims=True) + weights.epsilon)
        return np.asarray(centred / deviation * t[f"{name}.weight"] + t[f"{name}.bias"])

    nibbles = weights.blocks[ids][..., 2:]
    halves = np.concatenate([nibbles & 15, nibbles >> 4], -1).astype(np.float64) - 8
    steps = weights.blocks[ids][..., :2].copy().view(np.float16).astype(np.float64)
    x = (halves * steps).reshape(len(ids), HIDDEN)
    x += t["embeddings.position_embeddings.weight"][: len(ids)]
    x = norm(x + t["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
    for layer in range(LAYERS):
        at = f"encoder.layer.{layer}"
        query, key, value = (
            dense(x, f"{at}.attention.self.{part}").reshape(len(ids), HEADS, -1).swapaxes(0, 1)
            for part in ("query", "key", "value")
        )
        powers = np.exp(query @ key.swapaxes(1, 2) / np.sqrt(HIDDEN / HEADS))
        mixed = powers / powers.sum(-1, keepdims=True) @ value
        context = mixed.swapaxes(0, 1).reshape(len(ids), HIDDEN)
        x = norm(
            dense(context, f"{at}.attention.output.dense") + x, f"{at}.attention.output.LayerNorm"
        )
        x = norm(
            dense(_gelu(dense(x, f"{at}.intermediate.dense")), f"{at}.output.dense") + x,
            f"{at}.output.LayerNorm",
        )
    ours = np.array(ids) == MARKER
    at_markers = x[ours].mean(0) if ours.any() else x.mean(0)
    both = np.concatenate([x.mean(0), at_markers])
    return np.asarray(both @ t["head.weight"].T + t["head.bias"])


def _gelu(x: Array) -> Array:
    from math import erf

    return np.asarray(x * (1 + np.vectorize(erf)(x / np.sqrt(2))) / 2)


def logits(model: bytes, ids: list[list[int]], exact: bool = False) -> Array:
    options = onnxruntime.SessionOptions()
    if exact:
        options.add_session_config_entry("session.x64quantprecision", "1")
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    given = np.array(ids, dtype=np.int64)
    model_inputs = {"input_ids": given, "attention_mask": np.ones_like(given)}
    return np.asarray(session.run(["logits"], model_inputs)[0])


def test_the_float_graph_computes_the_network(weights: graph.Weights, texts: list[str]) -> None:
    model = graph.build(weights).SerializeToString()
    assert {"F" in text for text in texts[:15]} == {True, False}
    for text in texts[:15]:
        (one,) = Letters().encode_batch_fast([text])
        assert logits(model, [one.ids])[0] == pytest.approx(expected(weights, one.ids), abs=1e-4)


def test_int8_stays_near_float(weights: graph.Weights, texts: list[str], int8: bytes) -> None:
    exact = ranges.logits(graph.build(weights).SerializeToString(), Letters(), texts)
    found = ranges.logits(int8, Letters(), texts)
    assert np.abs(found - exact).mean() < 0.05 * exact.std()
    assert not np.array_equal(found, exact)


def test_a_row_gets_the_same_logits_alone_and_in_a_batch(int8: bytes) -> None:
    random = np.random.default_rng(SEED)
    for length in (1, 2, 7, 16):
        ids = random.integers(0, PIECES, (33, length)).tolist()
        together = logits(int8, ids)
        alone = np.concatenate([logits(int8, [one]) for one in ids[:9]])
        assert np.abs(together[:9] - alone).max() <= LAST_BIT


@pytest.mark.skipif(not _has_vnni(), reason="an older processor has that way only")
def test_the_way_of_older_processors_gives_the_same_logits(int8: bytes) -> None:
    ids = np.random.default_rng(SEED).integers(0, PIECES, (20, 9)).tolist()
    assert np.array_equal(logits(int8, ids), logits(int8, ids, exact=True))


def test_every_large_product_is_in_integers(int8: bytes) -> None:
    import onnx

    kinds = [node.op_type for node in onnx.load_from_string(int8).graph.node]
    assert kinds.count("MatMulIntegerToFloat") == 6 * LAYERS
    assert kinds.count("DequantizeLinear") == 0


def test_evened_channels_come_nearer_to_float(weights: graph.Weights, texts: list[str]) -> None:
    tensors = dict(weights.tensors)
    for layer in range(LAYERS):  # one channel far larger than the others
        name = f"encoder.layer.{layer}.output.LayerNorm.weight"
        tensors[name] = tensors[name] * np.where(np.arange(HIDDEN) == 7, 60, 1).astype(np.float32)
    rough = replace(weights, tensors=tensors)
    exact = ranges.logits(graph.build(rough).SerializeToString(), Letters(), texts)
    watching = graph.build(rough, watch=True).SerializeToString()
    largest = ranges.largest(watching, Letters(), texts)
    off = {}
    for power in (0.0, 0.75):
        even = channel_divisors(rough, largest, power)
        cut = ranges.cut(ranges.observe(watching, Letters(), texts, SEED, even), 0.0)
        model = graph.build(rough, cut, channel_divisors=even).SerializeToString()
        off[power] = np.abs(ranges.logits(model, Letters(), texts) - exact).mean()
    assert off[0.75] < 0.75 * off[0.0]
