"""Classify with any sequence classifier that Transformers can load, by name or directory.

It runs on a GPU where torch finds one, else on the CPU. Texts are batched by tokens, so neither one
long text nor a thousand short ones exceed the memory. Transformers and torch are imported when a
classifier is created, never before.
"""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from earful.judgements import Scores
from sentiment import labels as naming
from sentiment.answers import COULD_NOT_TELL, refuse_single_text
from sentiment.language import identify
from sentiment.prepare import PREPARATION_VERSION, has_content, prepare

# Texts prepared and tokenised at a time: bounds memory for any number of texts.
WINDOW = 4096

# Tokens in one run of the model, padding included: a CPU gains nothing from larger batches, a GPU
# needs them to be busy.
TOKENS_PER_BATCH = 2048
TOKENS_PER_BATCH_ON_GPU = 16_384

MAX_TOKENS = 512

# A text as the model's inputs: ids, attention mask, perhaps more; all of one length.
Encoded = dict[str, list[int]]


class HubClassifier:
    """Answer with a model of the user's choice; uncalibrated, so it has no floor of its own."""

    def __init__(
        self,
        model: str,
        *,
        threads: int | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> None:
        """Load ``model`` (hub name or directory); Transformers may download a hub name.

        ``labels`` maps the model's label names to negative, neutral or positive. It may be left
        out when the names already are these words. Raises ImportError without the extra
        ``transformers`` and ValueError when the labels cannot be mapped.
        """
        self._torch, transformers = _libraries()
        if threads is not None:
            self._torch.set_num_threads(threads)
        self._tokenizer = transformers.AutoTokenizer.from_pretrained(model)
        self._model = transformers.AutoModelForSequenceClassification.from_pretrained(model)
        names = [str(self._model.config.id2label[i]) for i in range(self._model.num_labels)]
        naming.require_single_label(getattr(self._model.config, "problem_type", None), model)
        self._columns = naming.map_labels(names, labels, model)
        self._max_tokens = _max_tokens(self._model.config, self._tokenizer)
        self._model_id = f"{model}-{self._digest()}-prep{PREPARATION_VERSION}"
        self._device = find_device(self._torch)
        # weights may be stored in 16 bits, in which a CPU is slow and a score less exact
        self._model.float().eval().to(self._device)

    @property
    def model_id(self) -> str:
        """Return name, digest of weights and label mapping, and text preparation."""
        return self._model_id

    def classify(self, texts: Sequence[str]) -> list[Scores]:
        """Return one Scores for each text, in order; TypeError for anything that is not text."""
        refuse_single_text(texts)
        answers: list[Scores] = []
        for start in range(0, len(texts), WINDOW):
            answers += self._window(texts[start : start + WINDOW])
        return answers

    def _window(self, texts: Sequence[str]) -> list[Scores]:
        prepared = [prepare(text) for text in texts]
        answers = [COULD_NOT_TELL] * len(prepared)
        indexes = [index for index, text in enumerate(prepared) if has_content(text)]
        encoded = self._encode([prepared[index] for index in indexes])
        lengths = [len(fields["input_ids"]) for fields in encoded]
        for rows in padded_batches(lengths, self._tokens_per_batch()):
            batch = self._run([encoded[row] for row in rows])
            for row, shares in zip(rows, batch, strict=True):
                index = indexes[row]
                language = identify(prepared[index]).language
                answers[index] = naming.sum_scores(self._columns, shares, language)
        return answers

    def _tokens_per_batch(self) -> int:
        if self._tokenizer.pad_token_id is None:
            return 1  # nothing to pad with: every text by itself
        return TOKENS_PER_BATCH if self._device == "cpu" else TOKENS_PER_BATCH_ON_GPU

    def _encode(self, texts: list[str]) -> list[Encoded]:
        if not texts:
            return []
        encoded = self._tokenizer(texts, truncation=True, max_length=self._max_tokens)
        return [
            {name: values[row] for name, values in encoded.items()} for row in range(len(texts))
        ]

    def _run(self, batch: list[Encoded]) -> list[list[float]]:
        """Return the probabilities of the model's labels for each text of a batch."""
        encoded = self._tokenizer.pad(batch, padding=len(batch) > 1, return_tensors="pt")
        with self._torch.inference_mode():
            logits = self._model(**encoded.to(self._device)).logits
        # some GPUs know no 64-bit numbers
        shares: list[list[float]] = self._torch.softmax(logits.cpu().double(), dim=-1).tolist()
        return shares

    def _digest(self) -> str:
        digest = hashlib.sha256(json.dumps(self._columns).encode())
        for name, tensor in sorted(self._model.state_dict().items()):
            digest.update(name.encode())
            raw = tensor.detach().contiguous().reshape(-1).view(self._torch.uint8)
            digest.update(raw.numpy().data)
        return digest.hexdigest()[:12]


def padded_batches(lengths: Sequence[int], tokens: int) -> Iterator[list[int]]:
    """Yield row numbers whose texts share a batch, texts of like length together.

    ``lengths``: tokens of each row; a row without tokens is left out. A batch is padded to its
    longest text and holds ``tokens`` at most; a single text may be longer than that.
    """
    batch: list[int] = []
    for row in sorted(filter(lengths.__getitem__, range(len(lengths))), key=lengths.__getitem__):
        # in this order the next text is the longest of its batch
        if batch and (len(batch) + 1) * lengths[row] > tokens:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def find_device(torch: Any) -> str:
    """Return torch's name of the fastest processor at hand: a GPU, or "cpu"."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _max_tokens(config: Any, tokenizer: Any) -> int:
    """Return the most tokens that model and tokenizer can read, 512 at most."""
    limits = [MAX_TOKENS, tokenizer.model_max_length]
    positions = getattr(config, "max_position_embeddings", None)
    # models with relative positions write -1 or nothing
    if isinstance(positions, int) and positions > 0:
        limits.append(positions - 2)  # RoBERTa counts positions from 2: two can never be used
    return int(max(8, min(limits)))


def _libraries() -> tuple[Any, Any]:
    try:
        return importlib.import_module("torch"), importlib.import_module("transformers")
    except ImportError as error:
        raise ImportError(
            f"backend \"transformers\" needs {error.name}: pip install 'earful[transformers]' "
            "(on a machine without a GPU install a CPU build of torch first)"
        ) from error
