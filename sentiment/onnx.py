"""The default classifier: ONNX Runtime on the CPU, one session a process.

A text's scores depend on the text alone, never on its neighbours: activation ranges are fixed in
the model, and only texts of one length share a batch, so the arithmetic is the same whether a text
comes alone or among a million.

The session is single-threaded and several workers run it at once, each on a batch of its own: no
core waits for another between two operators. The caller's thread prepares and tokenises meanwhile.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

from earful.judgements import Scores
from sentiment import shipped
from sentiment.answers import EVEN, refuse_one_text, softmax
from sentiment.batches import Ids, Reading, batches, feed
from sentiment.language import covered, identify, script_of
from sentiment.prepare import prepare, says_something

PIECE = 128
"""Texts tokenised at a time."""

AHEAD = 4
"""Batches a worker that may wait or run: bounds memory whatever the number of texts."""

_UNKNOWN = 3

Answer = tuple[int, Scores]


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
        self._languages = covered(self._about.languages)
        self._tokenizer = Tokenizer.from_buffer(files.tokenizer)
        self._tokenizer.enable_truncation(self._about.max_tokens)
        self._session = _session(files.weights)
        self._threads = threads or free_cores()
        # its threads start with the first text and end with the classifier
        self._workers = ThreadPoolExecutor(self._threads, "classify")

    @property
    def model_id(self) -> str:
        """Weights, text preparation and calibration in one name."""
        return self._about.model_id

    def classify(self, texts: Sequence[str]) -> list[Scores]:
        """Return one Scores for each text, in order; TypeError for anything that is not text."""
        refuse_one_text(texts)
        answers = [EVEN] * len(texts)
        running: deque[Future[list[Answer]]] = deque()
        try:
            for batch in batches(self._readings(texts)):
                running.append(self._workers.submit(self._judge, batch))
                if len(running) > AHEAD * self._threads:
                    _put(answers, running.popleft())
            while running:
                _put(answers, running.popleft())
        finally:
            for left in running:  # one text was not text, or a batch failed
                left.cancel()
        return answers

    def _readings(self, texts: Sequence[str]) -> Iterator[Reading]:
        """Yield what the model is to read; texts that say nothing are left out."""
        for start in range(0, len(texts), PIECE):
            prepared = [prepare(text) for text in texts[start : start + PIECE]]
            telling = [at for at, text in enumerate(prepared) if says_something(text)]
            encoded = self._tokenizer.encode_batch_fast([prepared[at] for at in telling])
            for at, one in zip(telling, encoded, strict=True):
                text, ids = prepared[at], one.ids
                unsure = not text.isascii() and self._unread(ids, text)
                yield Reading(start + at, ids, unsure, identify(text))

    def _judge(self, batch: list[Reading]) -> list[Answer]:
        (logits,) = self._session.run(["logits"], feed(batch))
        shares = self._probabilities(logits, [r.found.language for r in batch])
        return [(r.at, self._scores(three, r)) for r, three in zip(batch, shares, strict=True)]

    def _unread(self, ids: Sequence[int], text: str) -> bool:
        """Say whether most letters are outside the vocabulary or in scripts cut to letters."""
        share = _share(text, self._about.unread_scripts)
        if _UNKNOWN in ids:
            # the fast way to tokenise does not say where in the text a token lies
            share += _unknown_share(self._tokenizer.encode(text), text)
        return share >= self._about.unknown_share

    def _probabilities(self, logits: Ids, languages: Sequence[str | None]) -> list[list[float]]:
        divisors = np.array([[self._about.temperature_of(language)] for language in languages])
        shares: list[list[float]] = softmax(logits, divisors).tolist()
        return shares

    def _scores(self, three: list[float], reading: Reading) -> Scores:
        negative, neutral, positive = three
        return Scores(
            negative=negative,
            neutral=neutral,
            positive=positive,
            could_not_tell=(
                reading.unsure
                or reading.found.outside(self._languages)
                or max(three) < self._about.floor
            ),
            language=reading.found.language,
        )


def _put(answers: list[Scores], done: Future[list[Answer]]) -> None:
    """Wait for a batch and put its answers in their places; raises what the batch raised."""
    for at, scores in done.result():
        answers[at] = scores


def _session(weights: Path) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    # memory planned for each shape is held for each shape, and texts come in many
    options.enable_mem_pattern = False
    if not _has_vnni():
        # older x86 processors overflow in unsigned x signed products: take the exact way there.
        # Not elsewhere: it halves the speed (python benchmarks/throughput.py) and changes no answer
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


def _share(text: str, scripts: Collection[str]) -> float:
    """Return which share of the text's letters is written in ``scripts``, 0 to 1."""
    letters = [c for c in text if c.isalpha()]
    return sum(script_of(c) in scripts for c in letters) / max(1, len(letters))


def _unknown_share(encoded: Any, text: str) -> float:
    """Return which share of the text's letters the vocabulary does not know, 0 to 1."""
    unknown = sum(
        sum(map(str.isalpha, text[begin:end]))
        for token, (begin, end) in zip(encoded.ids, encoded.offsets, strict=True)
        if token == _UNKNOWN
    )
    read = text[: max((end for _, end in encoded.offsets), default=0)]
    return unknown / max(1, sum(map(str.isalpha, read)))
