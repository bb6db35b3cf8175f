"""From a trained network to a model directory: quantise, calibrate, describe, check."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from sentiment.answers import softmax
from sentiment.language import identify
from sentiment.prepare import PREPARATION_VERSION
from sentiment.shipped import DESCRIPTION, LABELS, sha256
from sentiment.training import calibrate, graph, ranges
from sentiment.training.measure import measure
from sentiment.training.rows import OWN, Row
from sentiment.training.vocabulary import UNREAD_SCRIPTS

log = logging.getLogger(__name__)

NAME = "earful-e5s"
UNKNOWN_SHARE = 0.5
CUTS = (0.0, 1e-5, 1e-4)
POWERS = (0.0, 0.75, 0.9, 1.0)
"""Shares cut off at each end of a tensor's values, and how far channels are evened out before: the
pair nearest to float32 on val is kept."""
RANGE_ROWS = 1500
CHOOSING_STEP = 10
"""Every tenth val row decides between the cuts; all of them are measured afterwards."""

RANGE_SEED = 7

LEAST_EVIDENCE = 50
NEAR_CHANCE = frozenset({"ha", "ig", "yo"})
"""Languages of which something was learned, but whose val rows (NollySenti, two labels) are
answered little better than by a coin."""

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """All that the model directory is made of."""

    weights: graph.Weights
    tokenizer_file: Path
    tokenizer: Any


def finish(trained: Trained, pool: Sequence[Row], val: Sequence[Row], out: Path) -> None:
    """Write the model directory: int8 graph, tokenizer, config, description.

    ``pool`` gives texts for the activation ranges; ``val`` decides every choice.
    """
    out.mkdir(parents=True, exist_ok=True)
    texts, labels = [r.text for r in val], np.array([r.label for r in val])
    groups = np.array([_group(row) for row in val])
    exact = ranges.logits(
        graph.build(trained.weights).SerializeToString(), trained.tokenizer, texts
    )
    bias = calibrate.bias(exact, labels, groups)
    log.info("added to the head's bias: %s", bias)
    trained = _biased(trained, bias)
    exact += bias
    some = slice(None, None, CHOOSING_STEP)
    model = _quantised(trained, pool, texts[some], exact[some])
    (out / "model.onnx").write_bytes(model)
    shutil.copyfile(trained.tokenizer_file, out / "tokenizer.json")
    (out / "config.json").write_text(json.dumps(_config(trained.weights), indent=2) + "\n")
    found = ranges.logits(model, trained.tokenizer, texts)
    for name, got in (("float32", exact), ("int8", found)):
        log.info("val, all sets pooled, %s: %s", name, measure(labels, softmax(got)))
    languages = np.array([identify(text).language or "" for text in texts])
    calibrated = _calibrated(found, labels, groups, languages)
    log.info("%s", calibrated)
    described = _described(out, trained.weights.max_tokens) | calibrated
    described["languages"] = evidence(pool)
    (out / DESCRIPTION).write_text(json.dumps(described, indent=2) + "\n")


def _group(row: Row) -> str:
    """Return what counts once: a set in a language, but our own posts together, as each of their
    languages has few."""
    return OWN if row.data_set == OWN else f"{row.data_set} {row.lang}"


def evidence(pool: Sequence[Row]) -> list[str]:
    """Return the languages of which enough was learned to answer in them: ``LEAST_EVIDENCE``
    texts whose labels are people's."""
    learned: dict[str, set[str]] = {}
    for row in pool:
        if row.weight >= 1.0:
            learned.setdefault(row.lang, set()).add(row.text)
    enough = {lang for lang, texts in learned.items() if len(texts) >= LEAST_EVIDENCE}
    return sorted(enough - NEAR_CHANCE)


def _biased(trained: Trained, bias: Array) -> Trained:
    tensors = dict(trained.weights.tensors)
    tensors["head.bias"] = (tensors["head.bias"] + bias).astype(np.float32)
    return replace(trained, weights=replace(trained.weights, tensors=tensors))


def _quantised(trained: Trained, pool: Sequence[Row], val: Sequence[str], exact: Array) -> bytes:
    """Return the int8 graph whose val logits lie nearest to the float32 graph's."""
    chosen = np.random.default_rng(RANGE_SEED).permutation(len(pool))[:RANGE_ROWS]
    watching = graph.build(trained.weights, watch=True).SerializeToString()
    texts = [pool[i].text for i in chosen]
    largest = ranges.largest(watching, trained.tokenizer, texts)
    best, least = b"", np.inf
    for power in POWERS:
        even = evening(trained.weights, largest, power)
        seen = ranges.observe(watching, trained.tokenizer, texts, RANGE_SEED, even)
        for share in CUTS:
            cut = ranges.cut(seen, share)
            model = graph.build(trained.weights, cut, evening=even).SerializeToString()
            off = float(np.abs(ranges.logits(model, trained.tokenizer, val) - exact).mean())
            log.info("evened by %g, %g cut off: logits off by %.4f on average", power, share, off)
            if off < least:
                best, least = model, off
    return best


def evening(weights: graph.Weights, largest: Mapping[str, Array], power: float) -> dict[str, Array]:
    """Return what to divide the channels of products' inputs by; nothing for power 0.

    A channel's largest value to the ``power`` over its largest weight to the rest of it, as in
    SmoothQuant. What attention mixed is left as it is: it has no outliers.
    """
    found: dict[str, Array] = {}
    for layer in range(weights.layers if power else 0):
        at = f"encoder.layer.{layer}"
        attention = [f"{at}.attention.self.{part}" for part in ("query", "key", "value")]
        inner, outer = f"{at}.intermediate.dense", f"{at}.output.dense"
        for name, products in ((f"{at}.qkv", attention), (inner, [inner]), (outer, [outer])):
            tops = [np.abs(weights.tensors[f"{one}.weight"]).max(axis=0) for one in products]
            values = np.maximum(largest[f"{name}.input"], 1e-5)
            divisor = values**power / np.maximum(np.max(tops, axis=0), 1e-5) ** (1.0 - power)
            found[f"{name}.input"] = (divisor / np.exp(np.log(divisor).mean())).astype(np.float32)
    return found


def _config(weights: graph.Weights) -> dict[str, Any]:
    """Return what Transformers and Optimum want to know of the encoder and the labels."""
    tensors = weights.tensors
    return {
        "model_type": "bert",
        "architectures": ["BertModel"],
        "vocab_size": len(weights.blocks),
        "hidden_size": len(tensors["embeddings.LayerNorm.bias"]),
        "num_hidden_layers": weights.layers,
        "num_attention_heads": weights.heads,
        "intermediate_size": len(tensors["encoder.layer.0.intermediate.dense.bias"]),
        "max_position_embeddings": weights.max_tokens,
        "type_vocab_size": 1,
        "layer_norm_eps": weights.epsilon,
        "hidden_act": "gelu",
        "pad_token_id": 1,
        "id2label": {str(i): label for i, label in enumerate(LABELS)},
        "label2id": {label: i for i, label in enumerate(LABELS)},
        "pooling": "mean",
    }


def _calibrated(logits: Array, labels: Array, groups: Array, languages: Array) -> dict[str, Any]:
    """Return the temperature, those by language found, and the floor under which to be silent."""
    general = calibrate.temperature(logits, labels, groups)
    by_language = calibrate.temperatures(logits, labels, groups, languages)
    divisors = np.array([[by_language.get(language, general)] for language in languages.tolist()])
    return {
        "temperature": general,
        "temperatures": by_language,
        "floor": calibrate.floor(softmax(logits / divisors), labels),
    }


def _described(out: Path, max_tokens: int) -> dict[str, Any]:
    return {
        "name": NAME,
        "labels": list(LABELS),
        "unknown_share": UNKNOWN_SHARE,
        "max_tokens": max_tokens,
        "unread_scripts": list(UNREAD_SCRIPTS),
        "preparation": PREPARATION_VERSION,
        "calibration": calibrate.CALIBRATION_VERSION,
        "sha256": {n: sha256(out / n) for n in ("model.onnx", "tokenizer.json", "config.json")},
    }
