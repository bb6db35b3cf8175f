"""Read the model directory and verify its files before use."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sentiment.brand_markers import MARKER_VERSION
from sentiment.calibration import Calibration
from sentiment.language import LANGUAGE_VERSION
from sentiment.prepare import PREPARATION_VERSION

SHIPPED = Path(__file__).parent / "model"
DESCRIPTION = "earful.json"
NGRAMS = "ngrams.bin"
LABELS = ("negative", "neutral", "positive")


class ModelDamaged(RuntimeError):
    """A model file is not the one that its description names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """The contents of ``earful.json``, which describes the model beside it.

    ``calibration``: its version; ``numbers``: the calibration itself. ``floor``: below this highest
    probability the answer is "could not tell". ``unknown_share``: from this share on, of a text's
    letters outside the vocabulary or in ``unread_scripts`` (first words of Unicode's character
    names, such as TAMIL), the answer is "could not tell" too. ``max_tokens``: longer texts are read
    in pieces. ``sha256`` by file name. ``ngram_share``: the weight of the expert of n-grams in the
    text's sentiment; 0 without one.
    """

    name: str
    labels: tuple[str, ...]
    numbers: Calibration
    floor: float
    unknown_share: float
    max_tokens: int
    preparation: int
    calibration: int
    languages: tuple[str, ...]
    unread_scripts: frozenset[str]
    sha256: dict[str, str]
    ngram_share: float = 0.0

    @property
    def model_id(self) -> str:
        """Return weights, text preparation, calibration and identification as one name."""
        weights = self.sha256["model.onnx"][:12]
        read = f"prep{self.preparation}-mark{MARKER_VERSION}-cal{self.calibration}"
        return f"{self.name}-{weights}-{read}-lang{LANGUAGE_VERSION}"


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A verified model directory: its description, its weights' file, its tokenizer's bytes, and
    the file of its expert of n-grams, if it has one."""

    description: Description
    weights: Path
    tokenizer: bytes
    ngrams: Path | None = None


def read(directory: Path | None = None) -> ModelFiles:
    """Read and verify ``directory`` (None: the shipped one).

    Raises FileNotFoundError for a missing file, and ModelDamaged for a SHA-256, labels or a version
    of the text preparation that this code cannot use.
    """
    folder = SHIPPED if directory is None else directory
    description = _description(folder)
    # the path, not the bytes: the session would hold the bytes beside its own copy
    weights = folder / "model.onnx"
    _verified(weights, description.sha256)
    ngrams = folder / NGRAMS if description.ngram_share else None
    if ngrams is not None:
        _verified(ngrams, description.sha256)
    tokenizer = _verified(folder / "tokenizer.json", description.sha256)
    return ModelFiles(description, weights, tokenizer, ngrams)


def is_ours(directory: Path | None) -> bool:
    """Return whether this is the shipped model (None) or a directory laid out like it."""
    return directory is None or (directory / DESCRIPTION).is_file()


def describe(directory: Path | None = None) -> Description:
    """Read the description in ``directory`` (None: the shipped one); errors as in ``read``."""
    return _description(SHIPPED if directory is None else directory)


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _bytes(path: Path) -> bytes:
    if not path.is_file():
        raise FileNotFoundError(
            f"{path}: missing model file; restore sentiment/model from the repository, "
            "or give a directory that holds earful.json, model.onnx and tokenizer.json"
        )
    return path.read_bytes()


def _description(folder: Path) -> Description:
    path = folder / DESCRIPTION
    raw: dict[str, Any] = json.loads(_bytes(path))
    try:
        raw["labels"] = tuple(raw["labels"])
        raw["numbers"] = Calibration(**raw["numbers"])
        raw["languages"] = tuple(raw["languages"])
        raw["unread_scripts"] = frozenset(raw["unread_scripts"])
        description = Description(**raw)
    except (KeyError, TypeError) as error:
        raise ModelDamaged(f"{path}: {error}; it was written for another version") from error
    if description.labels != LABELS:
        raise ModelDamaged(f"{path}: labels are {description.labels}; they must be {LABELS}")
    if description.preparation != PREPARATION_VERSION:
        raise ModelDamaged(
            f"{path}: trained on text preparation {description.preparation}, this code has "
            f"{PREPARATION_VERSION}; use the model that belongs to it, or train again"
        )
    return description


def _verified(path: Path, expected: dict[str, str]) -> bytes:
    data = _bytes(path)
    actual = hashlib.sha256(data).hexdigest()
    if actual != expected.get(path.name):
        raise ModelDamaged(
            f"{path}: SHA-256 is {actual}, {DESCRIPTION} says {expected.get(path.name)}; "
            "the file is damaged or was changed: restore it from the repository"
        )
    return data
