"""Write a trained network as a model directory: quantise, calibrate, describe, check."""

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
from sentiment.calibration import CALIBRATED_NAMES
from sentiment.heads import INTENTS, IRONY, SENTIMENT, TOWARD
from sentiment.language import identify
from sentiment.measures import measure
from sentiment.ngrams import NgramExpert
from sentiment.prepare import PREPARATION_VERSION
from sentiment.shipped import DESCRIPTION, LABELS, NGRAMS, sha256
from sentiment.training import calibrate, graph, ranges
from sentiment.training.rows import OWN_SET, Row
from sentiment.training.targets import targets
from sentiment.training.vocabulary import UNREAD_SCRIPTS

log = logging.getLogger(__name__)

NAME = "earful-e5s"
UNKNOWN_SHARE = 0.5
# Shares cut off at each end of a tensor's values, and powers by which channels are evened out
# before. The pair nearest to float32 on val is chosen.
CUTS = (0.0, 1e-5, 1e-4)
POWERS = (0.0, 0.75, 0.9, 1.0)
RANGE_ROWS = 1500
# Shares of the expert of n-grams to choose from, 0 for none.
NGRAM_SHARES = (0.0, 0.1, 0.2, 0.3, 0.4)
# Every tenth val row decides between the cuts; all of them are measured afterwards.
CHOOSING_STEP = 10

RANGE_SEED = 7

MIN_TEXTS = 50
# Languages in the training pool that a coin answers nearly as well on val (NollySenti, two
# labels).
NEAR_CHANCE = frozenset({"ha", "ig", "yo"})

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """The parts of a model directory before quantisation."""

    weights: graph.Weights
    tokenizer_file: Path
    tokenizer: Any


def finish(
    trained: Trained,
    pool: Sequence[Row],
    val: Sequence[Row],
    readings: Sequence[Row],
    expert: NgramExpert,
    directory: Path,
) -> None:
    """Write the model directory: int8 graph, tokenizer, config, description.

    ``pool`` gives texts for the activation ranges; ``val`` decides every choice about the text's
    sentiment, ``readings`` about all other answers. ``expert`` is written too where it helps.

    1. Run the float32 graph on val; choose the expert's share and add the fitted bias to the head.
    2. Quantise, choosing the cuts and divisors nearest to float32.
    3. Write the graph, the tokenizer, the config and the expert.
    4. Calibrate on the logits of the int8 graph, and write the description.
    """
    directory.mkdir(parents=True, exist_ok=True)
    texts, labels = [r.text for r in val], np.array([r.label for r in val])
    groups = np.array([_group(row) for row in val])
    exact = ranges.logits(
        graph.build(trained.weights).SerializeToString(), trained.tokenizer, texts
    )
    ngrams = np.stack([expert.logits(text) for text in texts])
    share, bias = _share_and_bias(exact[:, SENTIMENT], ngrams, labels, groups)
    log.info("n-grams count %.1f; added to the head's bias: %s", share, bias)
    trained = _biased(trained, bias)
    exact[:, SENTIMENT] += bias
    sample = slice(None, None, CHOOSING_STEP)
    model = _quantised(trained, pool, texts[sample], exact[sample])
    (directory / "model.onnx").write_bytes(model)
    shutil.copyfile(trained.tokenizer_file, directory / "tokenizer.json")
    (directory / "config.json").write_text(json.dumps(_config(trained.weights), indent=2) + "\n")
    if share:
        expert.write(directory / NGRAMS)
    rounded = ranges.logits(model, trained.tokenizer, texts)
    for logits in (exact, rounded):
        logits[:, SENTIMENT] += share * ngrams
    for name, logits in (("float32", exact), ("int8", rounded)):
        three = softmax(logits[:, SENTIMENT])
        log.info("val, all sets pooled, %s: %s", name, measure(labels, three))
    languages = np.array([identify(text).language or "" for text in texts])
    calibrated = _calibrated(rounded[:, SENTIMENT], labels, groups, languages)
    calibrated["numbers"] |= _calibrated_readings(
        ranges.logits(model, trained.tokenizer, [row.text for row in readings]), readings
    )
    log.info("%s", calibrated)
    described = _described(directory, trained.weights.max_tokens, share) | calibrated
    described["languages"] = languages_with_evidence(pool)
    (directory / DESCRIPTION).write_text(json.dumps(described, indent=2) + "\n")


def _share_and_bias(
    logits: Array, ngrams: Array, labels: Array, groups: Array
) -> tuple[float, Array]:
    """Return the expert's share and the head's offsets with the highest mean recall together."""
    biases = {s: calibrate.bias(logits + s * ngrams, labels, groups) for s in NGRAM_SHARES}

    def gain(share: float) -> float:
        return calibrate.mean_recall(logits + share * ngrams + biases[share], labels, groups)

    best = max(NGRAM_SHARES, key=gain)
    log.info("mean recall by share: %s", {s: round(gain(s), 4) for s in NGRAM_SHARES})
    return best, biases[best]


def _group(row: Row) -> str:
    """Return the row's group of equal weight: its set and language.

    Our own posts are one group, because each of their languages has few.
    """
    return OWN_SET if row.data_set == OWN_SET else f"{row.data_set} {row.lang}"


def languages_with_evidence(pool: Sequence[Row]) -> list[str]:
    """Return the languages with at least ``MIN_TEXTS`` texts that people labelled."""
    learned: dict[str, set[str]] = {}
    for row in pool:
        if row.weight >= 1.0:
            learned.setdefault(row.lang, set()).add(row.text)
    enough = {lang for lang, texts in learned.items() if len(texts) >= MIN_TEXTS}
    return sorted(enough - NEAR_CHANCE)


def _biased(trained: Trained, bias: Array) -> Trained:
    tensors = dict(trained.weights.tensors)
    moved = tensors["head.bias"].astype(np.float32).copy()
    moved[SENTIMENT] += bias
    tensors["head.bias"] = moved
    return replace(trained, weights=replace(trained.weights, tensors=tensors))


def _quantised(trained: Trained, pool: Sequence[Row], val: Sequence[str], exact: Array) -> bytes:
    """Return the int8 graph with the val logits nearest to those of the float32 graph."""
    chosen = np.random.default_rng(RANGE_SEED).permutation(len(pool))[:RANGE_ROWS]
    watching = graph.build(trained.weights, watch=True).SerializeToString()
    texts = [pool[i].text for i in chosen]
    largest = ranges.largest(watching, trained.tokenizer, texts)
    best, least = b"", np.inf
    for power in POWERS:
        even = channel_divisors(trained.weights, largest, power)
        seen = ranges.observe(watching, trained.tokenizer, texts, RANGE_SEED, even)
        for share in CUTS:
            cut = ranges.cut(seen, share)
            model = graph.build(trained.weights, cut, channel_divisors=even).SerializeToString()
            off = float(np.abs(ranges.logits(model, trained.tokenizer, val) - exact).mean())
            log.info("evened by %g, %g cut off: logits off by %.4f on average", power, share, off)
            if off < least:
                best, least = model, off
    return best


def channel_divisors(
    weights: graph.Weights, largest: Mapping[str, Array], power: float
) -> dict[str, Array]:
    """Return the divisors for the channels of products' inputs; none for power 0.

    A divisor is the channel's largest value to the ``power``, over its largest weight to the power
    of 1 - ``power``, as in SmoothQuant. The output of attention keeps its channels, because it has
    no outliers.
    """
    divisors: dict[str, Array] = {}
    for layer in range(weights.layers if power else 0):
        at = f"encoder.layer.{layer}"
        attention = [f"{at}.attention.self.{part}" for part in ("query", "key", "value")]
        inner, outer = f"{at}.intermediate.dense", f"{at}.output.dense"
        for name, products in ((f"{at}.qkv", attention), (inner, [inner]), (outer, [outer])):
            tops = [np.abs(weights.tensors[f"{key}.weight"]).max(axis=0) for key in products]
            values = np.maximum(largest[f"{name}.input"], 1e-5)
            divisor = values**power / np.maximum(np.max(tops, axis=0), 1e-5) ** (1.0 - power)
            scaled = divisor / np.exp(np.log(divisor).mean())
            divisors[f"{name}.input"] = scaled.astype(np.float32)
    return divisors


def _config(weights: graph.Weights) -> dict[str, Any]:
    """Return the encoder's shape and the labels as Transformers and Optimum read them."""
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
        "marker_token_id": weights.marker,
    }


def _calibrated(logits: Array, labels: Array, groups: Array, languages: Array) -> dict[str, Any]:
    """Return the general temperature, the temperatures by language, and the floor."""
    general = calibrate.temperature(logits, labels, groups)
    by_language = calibrate.temperatures(logits, labels, groups, languages)
    divisors = np.array([[by_language.get(language, general)] for language in languages.tolist()])
    return {
        "numbers": {"temperature": general, "temperatures": by_language},
        "floor": calibrate.floor(softmax(logits / divisors), labels),
    }


def _calibrated_readings(logits: Array, rows: Sequence[Row]) -> dict[str, Any]:
    """Return the calibration of all other answers; every set counts the same for each of them."""
    toward = np.array([row.toward for row in rows])
    sets = np.array([row.data_set for row in rows])
    with_toward = toward >= 0
    numbers: dict[str, Any] = {
        "toward_temperature": calibrate.temperature(
            logits[with_toward, TOWARD], toward[with_toward], sets[with_toward]
        ),
        "scales": {},
        "offsets": {},
    }
    goals = np.stack([targets(row) for row in rows])
    for column, name in enumerate(CALIBRATED_NAMES, INTENTS.start):
        with_answer = ~np.isnan(goals[:, column])
        holds, of_column = goals[with_answer, column].round(), logits[with_answer, column]
        weights = _equal_weights(sets[with_answer])
        scale, offset = calibrate.scale_and_offset(of_column, holds, weights)
        numbers["scales"][name], numbers["offsets"][name] = scale, offset
    irony = ~np.isnan(goals[:, IRONY])
    moved = logits[irony, IRONY] * numbers["scales"]["irony"] + numbers["offsets"]["irony"]
    shares = 1.0 / (1.0 + np.exp(-moved))
    numbers["ironic_from"] = calibrate.best_threshold(shares, goals[irony, IRONY])
    return numbers


def _equal_weights(sets: Array) -> Array:
    """Return weights [rows] by which every set counts the same, 1 on average."""
    names, number, counts = np.unique(sets, return_inverse=True, return_counts=True)
    return np.asarray(len(sets) / len(names) / counts[number])


def _described(directory: Path, max_tokens: int, ngram_share: float) -> dict[str, Any]:
    files = ["model.onnx", "tokenizer.json", "config.json", *([NGRAMS] if ngram_share else [])]
    return {
        "name": NAME,
        "labels": list(LABELS),
        "unknown_share": UNKNOWN_SHARE,
        "max_tokens": max_tokens,
        "unread_scripts": list(UNREAD_SCRIPTS),
        "preparation": PREPARATION_VERSION,
        "calibration": calibrate.CALIBRATION_VERSION,
        "ngram_share": ngram_share,
        "sha256": {name: sha256(directory / name) for name in files},
    }
