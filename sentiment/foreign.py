"""Classify with a foreign ONNX model, exported to a directory by Optimum; needs no torch.

The directory holds ``config.json`` (with the label names), ``tokenizer.json`` and ``model.onnx``.
Only texts of the same number of tokens share a batch. So nothing is ever padded, no padding token
can be the wrong one, and a text's neighbours cannot change its scores unless the model itself looks
at the whole batch (dynamic quantisation does).
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from tokenizers import Encoding, Tokenizer

from earful.judgements import Scores
from sentiment import labels as naming
from sentiment.answers import COULD_NOT_TELL, refuse_single_text, softmax
from sentiment.language import identify
from sentiment.onnx import available_cores
from sentiment.prepare import PREPARATION_VERSION, has_content, prepare

# Texts prepared and tokenised at a time: bounds memory for any number of texts.
WINDOW = 4096

TOKENS_PER_BATCH = 2048
MAX_TOKENS = 512

_REQUIRED_INPUTS = {"input_ids", "attention_mask"}
_SUPPORTED_INPUTS = {*_REQUIRED_INPUTS, "token_type_ids"}
_TYPES: dict[str, type[np.integer[Any]]] = {"tensor(int64)": np.int64, "tensor(int32)": np.int32}

Array = np.ndarray[Any, Any]


class ForeignClassifier:
    """Answer with a model of the user's choice; uncalibrated, so it has no floor of its own."""

    def __init__(
        self,
        directory: Path,
        *,
        threads: int | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> None:
        """Read the directory, start the model and try it on two made-up texts.

        ``labels`` maps the model's label names to negative, neutral or positive. It may be left
        out when the names already are these words. Raises FileNotFoundError for a missing file and
        ValueError for an unusable file or labels that cannot be mapped.
        """
        files = {
            name: _existing_file(directory, name) for name in ("config.json", "tokenizer.json")
        }
        weights = _weights(directory)
        config = _json(files["config.json"])
        naming.require_single_label(config.get("problem_type"), str(directory))
        names = label_names(config, files["config.json"])
        self._columns = naming.map_labels(names, labels, str(directory))
        self._tokenizer = _tokenizer(files["tokenizer.json"])
        self._max_tokens = _max_tokens(config, directory, self._tokenizer)
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(self._max_tokens)
        self._session = _session(weights, threads or available_cores())
        self._inputs = _inputs(self._session, weights)
        self._output = _output(self._session, weights)
        self._try(weights)
        digest = self._digest(weights, files["tokenizer.json"])
        self._model_id = f"{directory.resolve().name}-{digest}-prep{PREPARATION_VERSION}"

    @property
    def model_id(self) -> str:
        """Return directory name, digest of files and label mapping, and text preparation."""
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
        encoded = self._tokenizer.encode_batch([prepared[index] for index in indexes])
        for rows in _batches(encoded):
            logits = self._run([encoded[row] for row in rows])
            for row, shares in zip(rows, softmax(logits).tolist(), strict=True):
                index = indexes[row]
                language = identify(prepared[index]).language
                answers[index] = naming.sum_scores(self._columns, shares, language)
        return answers

    def _run(self, encoded: Sequence[Encoding]) -> Array:
        fields = {
            "input_ids": [tokens.ids for tokens in encoded],
            "attention_mask": [tokens.attention_mask for tokens in encoded],
            "token_type_ids": [tokens.type_ids for tokens in encoded],
        }
        inputs = {name: np.array(fields[name], dtype=kind) for name, kind in self._inputs.items()}
        (logits,) = self._session.run([self._output], inputs)
        return np.asarray(logits)

    def _try(self, weights: Path) -> None:
        """Run one short text and two of the greatest length, so that nothing fails later."""
        for text, rows in (("a", 1), ("a " * MAX_TOKENS, 2)):
            encoded = self._tokenizer.encode_batch([text] * rows)
            tokens = len(encoded[0].ids)
            try:
                logits = self._run(encoded)
            except Exception as error:  # ONNX Runtime's errors have no base of their own
                raise ValueError(
                    f"{weights}: it cannot be run on {rows} texts of {tokens} tokens "
                    f"({_first_line(error)}); export it with free batch size and length"
                ) from error
            expected = (rows, len(self._columns))
            if logits.shape != expected:
                raise ValueError(
                    f'{weights}: the output "{self._output}" has the shape {list(logits.shape)} '
                    f"for {rows} texts and {len(self._columns)} labels; it must be "
                    f"{list(expected)}: export it for the task text-classification"
                )
            if not np.isfinite(logits).all():
                raise ValueError(f"{weights}: it answers with numbers that are none (NaN or inf)")

    def _digest(self, weights: Path, tokenizer: Path) -> str:
        digest = hashlib.sha256(json.dumps([self._columns, self._max_tokens]).encode())
        # a model above 2 GB keeps its weights in a file beside the graph
        external = (weights.with_name(weights.name + end) for end in ("_data", ".data"))
        for path in (weights, *filter(Path.is_file, external), tokenizer):
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        return digest.hexdigest()[:12]


def label_names(config: Mapping[str, Any], path: Path) -> list[str]:
    """Return the label names of a ``config.json`` in the order of the model's output."""
    named = config.get("id2label")
    if not isinstance(named, dict) or not named:
        raise ValueError(
            f"{path}: it names no labels; add what each output means, as in "
            '"id2label": {"0": "negative", "1": "neutral", "2": "positive"}'
        )
    numbers = [str(number) for number in range(len(named))]
    if set(named) != set(numbers):
        raise ValueError(
            f"{path}: id2label numbers its labels {sorted(named)}; they must be {numbers}"
        )
    return [str(named[number]) for number in numbers]


def _existing_file(directory: Path, name: str) -> Path:
    path = directory / name
    if path.is_file():
        return path
    if not directory.is_dir():
        kind = "a file, not a directory" if directory.is_file() else "not there"
        raise FileNotFoundError(f"{directory} is {kind}; name the directory that the model lies in")
    names = sorted(path.name for path in directory.iterdir())
    raise FileNotFoundError(
        f"{path}: missing model file; a directory holds config.json, tokenizer.json and "
        f"model.onnx (as Optimum writes them) or earful.json, tokenizer.json and model.onnx. "
        f"It holds {', '.join(names[:12]) or 'nothing'}"
    )


def _weights(directory: Path) -> Path:
    inner = directory / "onnx" / "model.onnx"  # where hubs keep it beside other formats
    return inner if inner.is_file() else _existing_file(directory, "model.onnx")


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path}: it is not JSON ({error}); copy it again") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path}: it is JSON, but no object {{…}}; copy it again")
    return content


def _tokenizer(path: Path) -> Tokenizer:
    _json(path)
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing narrower
        raise ValueError(f"{path}: it is no tokenizer ({_first_line(error)})") from error


def _max_tokens(config: Mapping[str, Any], directory: Path, tokenizer: Tokenizer) -> int:
    """Return the most tokens that the model can read: the least of its files, 512 at most."""
    limits = [MAX_TOKENS]
    positions = config.get("max_position_embeddings")
    # models with relative positions write -1 or nothing
    if isinstance(positions, int) and positions > 0:
        limits.append(positions - 2)  # RoBERTa counts positions from 2: two can never be used
    if (file := directory / "tokenizer_config.json").is_file():
        longest = _json(file).get("model_max_length")
        limits += [int(longest)] if isinstance(longest, (int, float)) else []
    if tokenizer.truncation is not None:
        limits.append(int(tokenizer.truncation["max_length"]))
    return max(8, min(limits))


def _session(weights: Path, threads: int) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # waiting threads that spin take the core from the thread that they wait for
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(
            str(weights), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # ONNX Runtime's errors have no base of their own
        raise ValueError(
            f"{weights}: ONNX Runtime cannot load it ({_first_line(error)}); copy or export it anew"
        ) from error


def _inputs(session: Any, weights: Path) -> dict[str, type[np.integer[Any]]]:
    types = {argument.name: argument.type for argument in session.get_inputs()}
    if not _REQUIRED_INPUTS <= set(types) <= _SUPPORTED_INPUTS:
        raise ValueError(
            f"{weights}: its inputs are {sorted(types)}; they must be input_ids and "
            "attention_mask, and may be token_type_ids: export it for the task "
            "text-classification"
        )
    unsupported = sorted({kind for kind in types.values() if kind not in _TYPES})
    if unsupported:
        raise ValueError(f"{weights}: its inputs have the type {unsupported}; they must be int64")
    return {name: _TYPES[kind] for name, kind in types.items()}


def _output(session: Any, weights: Path) -> str:
    names = [str(argument.name) for argument in session.get_outputs()]
    if "logits" in names or len(names) == 1:
        return "logits" if "logits" in names else names[0]
    raise ValueError(
        f'{weights}: its outputs are {names}, none of them "logits"; export it for the task '
        "text-classification"
    )


def _batches(encoded: Sequence[Encoding]) -> Iterator[list[int]]:
    """Yield row numbers, each batch of one length and bounded in tokens; no row without tokens."""
    by_length: defaultdict[int, list[int]] = defaultdict(list)
    for row, tokens in enumerate(encoded):
        if tokens.ids:
            by_length[len(tokens.ids)].append(row)
    for length, rows in sorted(by_length.items()):
        size = max(1, TOKENS_PER_BATCH // length)
        for start in range(0, len(rows), size):
            yield rows[start : start + size]


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:200]
