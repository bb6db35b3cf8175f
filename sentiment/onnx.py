"""Classify with the shipped model: ONNX Runtime on the CPU, one session a process.

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
from sentiment.answers import COULD_NOT_TELL, refuse_single_text, softmax
from sentiment.batches import EncodedText, Ids, batches, model_inputs
from sentiment.language import covered, identify, script_of
from sentiment.prepare import has_content, prepare

# Texts tokenised at a time.
TEXTS_PER_PIECE = 128

# Batches per worker that may wait or run: bounds memory for any number of texts.
BATCHES_AHEAD = 4

_UNKNOWN = 3

Answer = tuple[int, Scores]


def available_cores() -> int:
    """Return the number of cores that this process may use, at least 1."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1


class OnnxClassifier:
    """Classify by a directory laid out like ``sentiment/model``; threads may share it."""

    def __init__(self, directory: Path | None = None, *, threads: int | None = None) -> None:
        """Read, verify and start the model; ``directory`` None means the shipped one.

        Raises FileNotFoundError for a missing file and ModelDamaged for a wrong one.
        """
        files = shipped.read(directory)
        self._description = files.description
        self._languages = covered(self._description.languages)
        self._tokenizer = Tokenizer.from_buffer(files.tokenizer)
        self._tokenizer.enable_truncation(self._description.max_tokens)
        self._session = _session(files.weights)
        self._threads = threads or available_cores()
        # its threads start with the first text and end with the classifier
        self._workers = ThreadPoolExecutor(self._threads, "classify")

    @property
    def model_id(self) -> str:
        """Return weights, text preparation and calibration as one name."""
        return self._description.model_id

    def classify(self, texts: Sequence[str]) -> list[Scores]:
        """Return one Scores for each text, in order; TypeError for anything that is not text.

        1. The caller's thread prepares and tokenises texts, and groups them by length.
        2. Each full batch goes to a worker. At most ``BATCHES_AHEAD`` batches per worker are out.
        3. Answers are collected in the order of the batches, and stored by position.
        4. After an error the batches that have not started are cancelled.
        """
        refuse_single_text(texts)
        answers = [COULD_NOT_TELL] * len(texts)
        running: deque[Future[list[Answer]]] = deque()
        try:
            for batch in batches(self._encode(texts)):
                running.append(self._workers.submit(self._classify_batch, batch))
                if len(running) > BATCHES_AHEAD * self._threads:
                    _store(answers, running.popleft())
            while running:
                _store(answers, running.popleft())
        finally:
            for future in running:  # one text was not text, or a batch failed
                future.cancel()
        return answers

    def _encode(self, texts: Sequence[str]) -> Iterator[EncodedText]:
        """Yield the texts as token ids, without those that have no content."""
        for start in range(0, len(texts), TEXTS_PER_PIECE):
            prepared = [prepare(text) for text in texts[start : start + TEXTS_PER_PIECE]]
            indexes = [index for index, text in enumerate(prepared) if has_content(text)]
            encoded = self._tokenizer.encode_batch_fast([prepared[index] for index in indexes])
            for index, tokens in zip(indexes, encoded, strict=True):
                text, ids = prepared[index], tokens.ids
                unreadable = not text.isascii() and self._is_unreadable(ids, text)
                yield EncodedText(start + index, ids, unreadable, identify(text))

    def _classify_batch(self, batch: list[EncodedText]) -> list[Answer]:
        (logits,) = self._session.run(["logits"], model_inputs(batch))
        rows = self._probabilities(logits, [text.language.language for text in batch])
        answers = zip(batch, rows, strict=True)
        return [(text.position, self._scores(three, text)) for text, three in answers]

    def _is_unreadable(self, ids: Sequence[int], text: str) -> bool:
        """Return whether most letters are outside the vocabulary or in scripts cut to letters."""
        share = _share(text, self._description.unread_scripts)
        if _UNKNOWN in ids:
            # encode_batch_fast gives no offsets, so the text is encoded again to get them
            share += _unknown_share(self._tokenizer.encode(text), text)
        return share >= self._description.unknown_share

    def _probabilities(self, logits: Ids, languages: Sequence[str | None]) -> list[list[float]]:
        divisors = np.array([[self._description.temperature_of(code)] for code in languages])
        shares: list[list[float]] = softmax(logits, divisors).tolist()
        return shares

    def _scores(self, three: list[float], text: EncodedText) -> Scores:
        negative, neutral, positive = three
        return Scores(
            negative=negative,
            neutral=neutral,
            positive=positive,
            could_not_tell=(
                text.unreadable
                or text.language.is_outside(self._languages)
                or max(three) < self._description.floor
            ),
            language=text.language.language,
        )


def _store(answers: list[Scores], batch: Future[list[Answer]]) -> None:
    """Wait for a batch and store its answers by position; raises the error of the batch."""
    for position, scores in batch.result():
        answers[position] = scores


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
    """Return whether the processor is known to multiply int8 without overflow."""
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.exists():
        return False
    flags = cpuinfo.read_text(encoding="utf-8", errors="replace")
    return "avx512_vnni" in flags or "avx_vnni" in flags


def _share(text: str, scripts: Collection[str]) -> float:
    """Return the share of the text's letters in ``scripts``, 0 to 1."""
    letters = [c for c in text if c.isalpha()]
    return sum(script_of(c) in scripts for c in letters) / max(1, len(letters))


def _unknown_share(encoded: Any, text: str) -> float:
    """Return the share of the text's letters outside the vocabulary, 0 to 1."""
    unknown = sum(
        sum(map(str.isalpha, text[begin:end]))
        for token, (begin, end) in zip(encoded.ids, encoded.offsets, strict=True)
        if token == _UNKNOWN
    )
    read = text[: max((end for _, end in encoded.offsets), default=0)]
    return unknown / max(1, sum(map(str.isalpha, read)))
