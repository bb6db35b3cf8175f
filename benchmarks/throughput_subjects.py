"""The subjects of ``throughput.py``; each runs in a process of its own."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WARM = 64
BATCH = 32
MAX_TOKENS = 128


class Stopwatch:
    """Measure a ``with`` block: ``seconds``, and ``processor`` seconds of all threads."""

    def __enter__(self) -> Stopwatch:
        """Start."""
        self._began = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.seconds = time.perf_counter() - self._began[0]
        self.processor = time.process_time() - self._began[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """The time of a subject, with its labels and its number of tokens where it has them."""

    time: Stopwatch
    labels: list[str] | None = None
    tokens: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """``name`` in the table. ``slow``: fewer rows give its rate."""

    name: str
    run: Callable[[list[str], Path | None], Timing]
    slow: bool = False


def earful(texts: list[str], model: Path | None) -> Timing:
    """Time ``sentiment.load()``, whole: preparation, language, tokens, model, scores."""
    from sentiment import load

    classifier = load(model=model)
    classifier.classify(texts[:WARM])
    with Stopwatch() as stopwatch:
        scores = classifier.classify(texts)
    labels = [str(answer.sentiment) for answer in scores]
    return Timing(time=stopwatch, labels=labels, tokens=_tokens(texts, model))


def earful_float(texts: list[str], model: Path | None) -> Timing:
    """Time a Transformers pipeline on our weights in float32."""
    from sentiment.shipped import SHIPPED
    from sentiment.training.rebuild import rebuild

    network, _ = rebuild(model or SHIPPED)
    stopwatch, labels = _pipeline(network, texts, model)
    return Timing(time=stopwatch, labels=labels)


def vader(texts: list[str], model: Path | None) -> Timing:
    """Time VADER's own function on the texts as they are."""
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    analyzer = SentimentIntensityAnalyzer()
    for text in texts[:WARM]:
        analyzer.polarity_scores(text)
    with Stopwatch() as stopwatch:
        for text in texts:
            analyzer.polarity_scores(text)
    return Timing(time=stopwatch)


def random_weights(vocabulary: int, positions: int, precision: str) -> Any:
    """Return a subject that times a base-sized RoBERTa with random weights."""

    def run(texts: list[str], model: Path | None) -> Timing:
        import torch
        from transformers import RobertaConfig, RobertaForSequenceClassification

        class Clamped(RobertaForSequenceClassification):  # type: ignore[misc, unused-ignore]
            """Take the ids of a larger vocabulary; unknown ids become the last one."""

            def forward(self, input_ids: Any, **inputs: Any) -> Any:
                return super().forward(input_ids.clamp(max=vocabulary - 1), **inputs)

        config = RobertaConfig(
            vocab_size=vocabulary,
            max_position_embeddings=positions,
            type_vocab_size=1,
            layer_norm_eps=1e-5,
            num_labels=3,
        )
        network = Clamped(config).to(getattr(torch, precision)).eval()
        return Timing(time=_pipeline(network, texts, model)[0])

    return run


def _pipeline(network: Any, texts: list[str], model: Path | None) -> tuple[Stopwatch, list[str]]:
    """Return the time and the labels of a Transformers pipeline, as its users call it."""
    from transformers import PreTrainedTokenizerFast, logging, pipeline

    from sentiment.prepare import prepare
    from sentiment.shipped import SHIPPED

    logging.set_verbosity(logging.CRITICAL)  # it complains of a class that it does not know
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str((model or SHIPPED) / "tokenizer.json"),
        pad_token="<pad>",
        unk_token="<unk>",
        model_max_length=MAX_TOKENS,
    )
    pipe: Any = pipeline("text-classification", model=network, tokenizer=tokenizer, device="cpu")
    prepared = [prepare(text) or "." for text in texts]
    pipe(prepared[:WARM], batch_size=BATCH, truncation=True)
    with Stopwatch() as stopwatch:
        answers = pipe(prepared, batch_size=BATCH, truncation=True)
    return stopwatch, [answer["label"] for answer in answers]


def _tokens(texts: list[str], model: Path | None) -> int:
    from tokenizers import Tokenizer

    from sentiment.prepare import has_content, prepare
    from sentiment.shipped import SHIPPED

    tokenizer = Tokenizer.from_file(str((model or SHIPPED) / "tokenizer.json"))
    tokenizer.enable_truncation(MAX_TOKENS)
    read = [text for text in map(prepare, texts) if has_content(text)]
    return sum(len(encoded.ids) for encoded in tokenizer.encode_batch_fast(read))


def operations_a_token(model: Path | None) -> int:
    """Return the int8 operations that our model spends on one token (attention's are float)."""
    from sentiment.shipped import SHIPPED

    config = json.loads(((model or SHIPPED) / "config.json").read_text("utf-8"))
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    return int(2 * config["num_hidden_layers"] * (4 * hidden * hidden + 2 * hidden * inner))


ROBERTA = (50_265, 514)
XLM_ROBERTA = (250_002, 514)

SUBJECTS = {
    "earful": Subject(name="Earful, int8", run=earful),
    "earful-float": Subject(name="Earful's weights, pipeline, float32", run=earful_float),
    "roberta-f32": Subject(
        name="roberta-base, pipeline, float32",
        run=random_weights(*ROBERTA, "float32"),
        slow=True,
    ),
    "roberta-bf16": Subject(
        name="roberta-base, pipeline, bfloat16",
        run=random_weights(*ROBERTA, "bfloat16"),
        slow=True,
    ),
    "xlmr-f32": Subject(
        name="xlm-roberta-base, pipeline, float32",
        run=random_weights(*XLM_ROBERTA, "float32"),
        slow=True,
    ),
    "xlmr-bf16": Subject(
        name="xlm-roberta-base, pipeline, bfloat16",
        run=random_weights(*XLM_ROBERTA, "bfloat16"),
        slow=True,
    ),
    "vader": Subject(name="VADER", run=vader),
}
