"""Classify with any sequence classifier that Transformers can load, by name or directory.

Transformers and torch are imported when a classifier is created, never before.
"""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from earful.judgements import Scores
from sentiment import labels as naming
from sentiment.answers import COULD_NOT_TELL, refuse_single_text
from sentiment.language import identify
from sentiment.prepare import PREPARATION_VERSION, has_content, prepare

BATCH = 32
MAX_TOKENS = 512


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
        out when the names already are these words. Raises ImportError without the extra ``torch``
        and ValueError when the labels cannot be mapped.
        """
        self._torch, transformers = _libraries()
        if threads is not None:
            self._torch.set_num_threads(threads)
        self._tokenizer = transformers.AutoTokenizer.from_pretrained(model)
        self._model = transformers.AutoModelForSequenceClassification.from_pretrained(model)
        self._model.eval()
        names = [str(self._model.config.id2label[i]) for i in range(self._model.num_labels)]
        naming.require_single_label(getattr(self._model.config, "problem_type", None), model)
        self._columns = naming.map_labels(names, labels, model)
        positions = getattr(self._model.config, "max_position_embeddings", None) or MAX_TOKENS
        # RoBERTa counts positions from 2, so two of them can never be used
        self._max_tokens = max(8, min(MAX_TOKENS, positions - 2))
        self._model_id = f"{model}-{self._digest()}-prep{PREPARATION_VERSION}"

    @property
    def model_id(self) -> str:
        """Return name, digest of weights and label mapping, and text preparation."""
        return self._model_id

    def classify(self, texts: Sequence[str]) -> list[Scores]:
        """Return one Scores for each text, in order; TypeError for anything that is not text."""
        refuse_single_text(texts)
        prepared = [prepare(text) for text in texts]
        answers = [COULD_NOT_TELL] * len(prepared)
        indexes = [index for index, text in enumerate(prepared) if has_content(text)]
        # texts of like length share a batch, so that little is padded
        indexes.sort(key=lambda index: len(prepared[index]))
        for start in range(0, len(indexes), BATCH):
            batch = indexes[start : start + BATCH]
            rows = self._run([prepared[index] for index in batch])
            for index, shares in zip(batch, rows, strict=True):
                language = identify(prepared[index]).language
                answers[index] = naming.sum_scores(self._columns, shares, language)
        return answers

    def _run(self, texts: list[str]) -> list[list[float]]:
        encoded = self._tokenizer(
            texts, padding=True, truncation=True, max_length=self._max_tokens, return_tensors="pt"
        )
        with self._torch.inference_mode():
            logits = self._model(**encoded).logits.double()
        shares: list[list[float]] = self._torch.softmax(logits, dim=-1).tolist()
        return shares

    def _digest(self) -> str:
        digest = hashlib.sha256(json.dumps(self._columns).encode())
        for name, tensor in sorted(self._model.state_dict().items()):
            digest.update(name.encode())
            raw = tensor.detach().contiguous().reshape(-1).view(self._torch.uint8)
            digest.update(raw.numpy().data)
        return digest.hexdigest()[:12]


def _libraries() -> tuple[Any, Any]:
    try:
        return importlib.import_module("torch"), importlib.import_module("transformers")
    except ImportError as error:
        raise ImportError(
            f"backend \"transformers\" needs {error.name}: pip install 'earful[torch]' "
            "(on a machine without a GPU install a CPU build of torch first)"
        ) from error
