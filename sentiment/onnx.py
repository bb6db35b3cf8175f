"""The default classifier: ONNX Runtime on the CPU, one session a process.

A text's scores depend on the text alone, never on its neighbours: activation ranges are fixed in
the model, and only texts of one padded length share a batch, so the arithmetic is the same
whether a text comes alone or among a million.
"""

from __future__ import annotations

import os
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

from earful.types import Scores
from sentiment import shipped
from sentiment.prepare import prepare, says_something

WINDOW = 4096
"""Texts prepared and tokenised at a time: bounds memory whatever the number of texts."""

TOKENS_PER_BATCH = 2048
LENGTH_STEP = 4
"""Lengths are padded up to a multiple of this; see the module's first lines."""

_PAD = 1
_UNKNOWN = 3
_EVEN = Scores(negative=1 / 3, neutral=1 / 3, positive=1 / 3, could_not_tell=True)

Ids = np.ndarray[Any, Any]


def free_cores() -> int:
    """Return how many cores this process may use, at least 1."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1


class OnnxClassifier:
    """Classifies by a directory laid out like ``sentiment/model``; safe to share by threads."""

    def __init__(self, directory: Path | None = None, *, threads: int | None = None) -> None:
        """Read, verify and start the model; ``directory`` None means the shipped one.

        Raises FileNotFoundError for a missing file and ModelDamaged for a wrong one.
        """
        files = shipped.read(directory)
        self._about = files.description
        self._tokenizer = Tokenizer.from_buffer(files.tokenizer)
        self._tokenizer.enable_truncation(self._about.max_tokens)
        self._session = _session(files.weights, threads or free_cores())

    @property
    def model_id(self) -> str:
        """Weights, text preparation and calibration in one name."""
        return self._about.model_id

    def classify(self, texts: Sequence[str]) -> list[Scores]:
        """Return one Scores for each text, in order; TypeError for anything that is not text."""
        if isinstance(texts, str):
            raise TypeError("classify takes a list of texts, not one text: put it in a list")
        answers: list[Scores] = []
        for start in range(0, len(texts), WINDOW):
            answers += self._window(texts[start : start + WINDOW])
        return answers

    def _window(self, texts: Sequence[str]) -> list[Scores]:
        prepared = [prepare(text) for text in texts]
        answers = [_EVEN] * len(texts)
        telling = [at for at, text in enumerate(prepared) if says_something(text)]
        encoded = self._tokenizer.encode_batch([prepared[at] for at in telling])
        unsure = [
            not prepared[at].isascii() and self._unread(e, prepared[at])
            for e, at in zip(encoded, telling, strict=True)
        ]
        for rows, ids, mask in batches([e.ids for e in encoded]):
            (logits,) = self._session.run(["logits"], {"input_ids": ids, "attention_mask": mask})
            for row, three in zip(rows, self._probabilities(logits), strict=True):
                answers[telling[row]] = self._scores(three, unsure[row])
        return answers

    def _unread(self, encoded: Any, text: str) -> bool:
        """Say whether most letters are outside the vocabulary or in scripts cut to letters."""
        share = _share(text, self._about.unread_scripts)
        if _UNKNOWN in encoded.ids:
            share += _unknown_share(encoded, text)
        return share >= self._about.unknown_share

    def _probabilities(self, logits: Ids) -> list[list[float]]:
        scaled = logits.astype(np.float64) / self._about.temperature
        powers = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
        shares: list[list[float]] = (powers / powers.sum(axis=-1, keepdims=True)).tolist()
        return shares

    def _scores(self, three: list[float], unsure: bool) -> Scores:
        negative, neutral, positive = three
        return Scores(
            negative=negative,
            neutral=neutral,
            positive=positive,
            could_not_tell=unsure or max(three) < self._about.floor,
        )


def _session(weights: bytes, threads: int) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # waiting threads that spin take the core from whoever they wait for
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if not _has_vnni():
        # older x86 processors overflow in unsigned x signed products: take the exact way there.
        # Not elsewhere: it halves the speed (python benchmarks/classify.py) and changes no answer
        options.add_session_config_entry("session.x64quantprecision", "1")
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])


def _has_vnni() -> bool:
    """Say whether the processor is known to multiply int8 without overflow."""
    about = Path("/proc/cpuinfo")
    if not about.exists():
        return False
    flags = about.read_text(encoding="utf-8", errors="replace")
    return "avx512_vnni" in flags or "avx_vnni" in flags


@lru_cache(maxsize=4096)
def _script(letter: str) -> str:
    return unicodedata.name(letter, "").split(" ", 1)[0]


def _share(text: str, scripts: Collection[str]) -> float:
    """Return which share of the text's letters is written in ``scripts``, 0 to 1."""
    letters = [c for c in text if c.isalpha()]
    return sum(_script(c) in scripts for c in letters) / max(1, len(letters))


def _unknown_share(encoded: Any, text: str) -> float:
    """Return which share of the text's letters the vocabulary does not know, 0 to 1."""
    unknown = sum(
        sum(map(str.isalpha, text[begin:end]))
        for token, (begin, end) in zip(encoded.ids, encoded.offsets, strict=True)
        if token == _UNKNOWN
    )
    read = text[: max((end for _, end in encoded.offsets), default=0)]
    return unknown / max(1, sum(map(str.isalpha, read)))


def batches(encoded: Sequence[Sequence[int]]) -> Iterator[tuple[list[int], Ids, Ids]]:
    """Yield (row numbers, ids, mask), each batch of one padded length and bounded in tokens."""
    by_length: defaultdict[int, list[int]] = defaultdict(list)
    for row, ids in enumerate(encoded):
        by_length[-(-len(ids) // LENGTH_STEP) * LENGTH_STEP].append(row)
    for length, rows in sorted(by_length.items()):
        size = max(1, TOKENS_PER_BATCH // length)
        for start in range(0, len(rows), size):
            chosen = rows[start : start + size]
            yield chosen, *_padded([encoded[row] for row in chosen], length)


def _padded(encoded: Sequence[Sequence[int]], length: int) -> tuple[Ids, Ids]:
    ids = np.full((len(encoded), length), _PAD, dtype=np.int64)
    mask = np.zeros((len(encoded), length), dtype=np.int64)
    for row, tokens in enumerate(encoded):
        ids[row, : len(tokens)] = tokens
        mask[row, : len(tokens)] = 1
    return ids, mask
