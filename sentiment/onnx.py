"""Classify and read with the shipped model: ONNX Runtime on the CPU, one session a process.

A text's answer depends on the text alone, never on its neighbours: activation ranges are fixed in
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

from earful.contracts import ReaderItem
from earful.judgements import Reading, Scores
from sentiment import shipped
from sentiment.answers import COULD_NOT_TELL, refuse_single_text, refuse_text_for_names
from sentiment.batches import EncodedText, TextFacts, batches, model_inputs
from sentiment.brand_markers import OTHERS, OURS, START, mark
from sentiment.calibration import intents_of, irony_of, reasons_of
from sentiment.heads import SENTIMENT, TOWARD, WIDTH
from sentiment.language import covered, identify, script_of
from sentiment.ngrams import NgramExpert
from sentiment.pieces import cut
from sentiment.prepare import has_content, prepare

# Texts tokenised at a time.
TEXTS_PER_PIECE = 128

# Batches per worker that may wait or run: bounds memory for any number of texts.
BATCHES_AHEAD = 4

_UNKNOWN = 3
_NOTHING_TO_READ = Reading(scores=COULD_NOT_TELL, toward=COULD_NOT_TELL)

Array = np.ndarray[Any, Any]
# A text's facts, and a piece's probabilities in the columns of ``sentiment.heads``.
Answer = tuple[TextFacts, Array]


def available_cores() -> int:
    """Return the number of cores that this process may use, at least 1."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1


class _Unnamed:
    """Texts as items without names, made as they are read: there may be millions."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts

    def __len__(self) -> int:
        return len(self._texts)

    def __getitem__(self, place: slice) -> list[ReaderItem]:
        return [(text, ()) for text in self._texts[place]]


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
        self._tokenizer.no_truncation()
        self._start = self._tokenizer.encode(START).ids[1:-1]
        self._session = _session(files.weights)
        self._ngrams = None if files.ngrams is None else NgramExpert.read(files.ngrams)
        self._threads = threads or available_cores()
        # its threads start with the first text and end with the classifier
        self._workers = ThreadPoolExecutor(self._threads, "classify")

    @property
    def model_id(self) -> str:
        """Return weights, text preparation and calibration as one name."""
        return self._description.model_id

    def classify(self, texts: Sequence[str]) -> list[Scores]:
        """Return one Scores for each text, in order; TypeError for anything that is not text."""
        refuse_single_text(texts)
        scores = [COULD_NOT_TELL] * len(texts)
        answers, _ = self._answer(_Unnamed(texts), ())
        for position, (facts, shares) in answers.items():
            scores[position] = self._scores(shares[SENTIMENT], facts)
        return scores

    def read(
        self, items: Sequence[ReaderItem], *, other_brands: Sequence[str] = ()
    ) -> list[Reading]:
        """Return one Reading for each (text, names of the brand), in order.

        ``other_brands``: names of other known brands. Raises TypeError for anything that is not
        text.
        """
        for text, names in items:
            refuse_text_for_names(names, text)
        readings = [_NOTHING_TO_READ] * len(items)
        answers, pieces = self._answer(items, other_brands)
        for position, (facts, shares) in answers.items():
            readings[position] = self._reading(facts, shares, pieces[position])
        return readings

    def _answer(
        self, items: Sequence[ReaderItem] | _Unnamed, other_brands: Sequence[str]
    ) -> tuple[dict[int, Answer], list[int]]:
        """Return each text's angriest answer by position, and the number of its pieces.

        1. The caller's thread prepares and tokenises texts, cuts long ones, and groups the pieces
           by length.
        2. Each full batch goes to a worker. At most ``BATCHES_AHEAD`` batches per worker are out.
        3. Answers are collected in the order of the batches. The angriest piece of a text counts.
        4. After an error the batches that have not started are cancelled.
        """
        angriest: dict[int, Answer] = {}
        pieces = [0] * len(items)
        running: deque[Future[list[tuple[int, Answer]]]] = deque()
        try:
            for batch in batches(self._encode(items, other_brands)):
                running.append(self._workers.submit(self._answer_batch, batch))
                if len(running) > BATCHES_AHEAD * self._threads:
                    _keep_angriest(running.popleft().result(), angriest, pieces)
            while running:
                _keep_angriest(running.popleft().result(), angriest, pieces)
        finally:
            for future in running:  # one text was not text, or a batch failed
                future.cancel()
        return angriest, pieces

    def _encode(
        self, items: Sequence[ReaderItem] | _Unnamed, other_brands: Sequence[str]
    ) -> Iterator[EncodedText]:
        """Yield the texts as token ids, in pieces, without those that have no content."""
        for start in range(0, len(items), TEXTS_PER_PIECE):
            batch_items = items[start : start + TEXTS_PER_PIECE]
            prepared = [prepare(mark(text, names, other_brands)) for text, names in batch_items]
            indexes = [index for index, text in enumerate(prepared) if _has_content(text)]
            encoded = self._tokenizer.encode_batch_fast([prepared[index] for index in indexes])
            for index, tokens in zip(indexes, encoded, strict=True):
                text, ids = prepared[index], tokens.ids
                unreadable = not text.isascii() and self._is_unreadable(ids, text)
                pieces = cut(ids, self._description.max_tokens, self._start)
                facts = TextFacts(
                    unreadable,
                    identify(text),
                    named=any(batch_items[index][1]),
                    ngrams=self._ngram_logits(text) if len(pieces) == 1 else None,
                )
                for piece in pieces:
                    yield EncodedText(start + index, piece, facts)

    def _ngram_logits(self, text: str) -> Array | None:
        if self._ngrams is None:
            return None
        return np.asarray(self._ngrams.logits(text) * self._description.ngram_share)

    def _answer_batch(self, batch: list[EncodedText]) -> list[tuple[int, Answer]]:
        (logits,) = self._session.run(["logits"], model_inputs(batch))
        for row, text in zip(logits, batch, strict=True):
            if text.facts.ngrams is not None:
                row[SENTIMENT] += text.facts.ngrams
        languages = [text.facts.language.language for text in batch]
        rows = self._description.numbers.probabilities(logits, languages)
        return [
            (text.position, (text.facts, shares)) for text, shares in zip(batch, rows, strict=True)
        ]

    def _is_unreadable(self, ids: Sequence[int], text: str) -> bool:
        """Return whether most letters are outside the vocabulary or in scripts cut to letters."""
        share = _share(text, self._description.unread_scripts)
        if _UNKNOWN in ids:
            # encode_batch_fast gives no offsets, so the text is encoded again to get them
            share += _unknown_share(self._tokenizer.encode(text), text)
        return share >= self._description.unknown_share

    def _reading(self, facts: TextFacts, shares: Array, pieces: int) -> Reading:
        scores = self._scores(shares[SENTIMENT], facts)
        irony = irony_of(shares)
        return Reading(
            scores=scores,
            toward=self._scores(shares[TOWARD], facts) if facts.named else scores,
            intents=intents_of(shares),
            reasons=reasons_of(shares),
            irony=irony,
            ironic=irony >= self._description.numbers.ironic_from,
            pieces=pieces,
        )

    def _scores(self, three: Array, facts: TextFacts) -> Scores:
        negative, neutral, positive = three.tolist()
        return Scores(
            negative=negative,
            neutral=neutral,
            positive=positive,
            could_not_tell=(
                facts.unreadable
                or facts.language.is_outside(self._languages)
                or max(negative, neutral, positive) < self._description.floor
            ),
            language=facts.language.language,
        )


def _keep_angriest(
    answers: list[tuple[int, Answer]], angriest: dict[int, Answer], pieces: list[int]
) -> None:
    """Keep each text's piece with the highest negative, toward the brand where one is named."""
    for position, answer in answers:
        pieces[position] += 1
        previous = angriest.get(position)
        column = (TOWARD if answer[0].named else SENTIMENT).start
        if previous is None or answer[1][column] > previous[1][column]:
            angriest[position] = answer


def _has_content(prepared: str) -> bool:
    """Return whether a text holds more than brands, links, handles, digits and punctuation."""
    return has_content(prepared.replace(OURS, " ").replace(OTHERS, " "))


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
    session = onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])
    answers = session.get_outputs()[0].shape[1]
    if answers != WIDTH:
        raise shipped.ModelDamaged(
            f"{weights}: {answers} answers a text, and this version reads {WIDTH}; "
            "train it again, or take sentiment/model from the repository"
        )
    return session


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
