"""From a trained network to a model directory: quantise, calibrate, describe, check."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from sentiment.language import identify
from sentiment.prepare import PREPARATION_VERSION
from sentiment.shipped import DESCRIPTION, LABELS, sha256
from sentiment.training import calibrate, graph, ranges
from sentiment.training.measure import measure, softmax
from sentiment.training.rows import Row
from sentiment.training.vocabulary import UNREAD_SCRIPTS

log = logging.getLogger(__name__)

NAME = "earful-e5s"
UNKNOWN_SHARE = 0.5
CUTS = (0.0, 1e-5, 1e-4, 3e-4, 1e-3)
"""Shares cut off at each end of a tensor's values: the one nearest to float32 on val is kept."""
RANGE_ROWS = 1500
CHOOSING_STEP = 10
"""Every tenth val row decides between the cuts; all of them are measured afterwards."""

RANGE_SEED = 7

LEAST_EVIDENCE = 50

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
    groups = np.array([f"{r.data_set} {r.lang}" for r in val])
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


def evidence(pool: Sequence[Row]) -> list[str]:
    """Return the languages of which enough was learned to answer in them: ``LEAST_EVIDENCE``
    texts whose labels are people's."""
    learned: dict[str, set[str]] = {}
    for row in pool:
        if row.weight >= 1.0:
            learned.setdefault(row.lang, set()).add(row.text)
    return sorted(lang for lang, texts in learned.items() if len(texts) >= LEAST_EVIDENCE)


def _biased(trained: Trained, bias: Array) -> Trained:
    tensors = dict(trained.weights.tensors)
    tensors["head.bias"] = (tensors["head.bias"] + bias).astype(np.float32)
    return replace(trained, weights=replace(trained.weights, tensors=tensors))


def _quantised(trained: Trained, pool: Sequence[Row], val: Sequence[str], exact: Array) -> bytes:
    """Return the int8 graph whose val logits lie nearest to the float32 graph's."""
    chosen = np.random.default_rng(RANGE_SEED).permutation(len(pool))[:RANGE_ROWS]
    watching = graph.build(trained.weights, watch=True).SerializeToString()
    texts = [pool[i].text for i in chosen]
    seen = ranges.observe(watching, trained.tokenizer, texts, RANGE_SEED)
    best, least = b"", np.inf
    for share in CUTS:
        model = graph.build(trained.weights, ranges.cut(seen, share)).SerializeToString()
        off = float(np.abs(ranges.logits(model, trained.tokenizer, val) - exact).mean())
        log.info("ranges with %g cut off: logits off by %.4f on average", share, off)
        if off < least:
            best, least = model, off
    return best


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
