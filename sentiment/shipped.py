"""The model directory: what must lie in it, checked before anything of it is used."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sentiment.language import LANGUAGE_VERSION
from sentiment.prepare import PREPARATION_VERSION

SHIPPED = Path(__file__).parent / "model"
DESCRIPTION = "earful.json"
LABELS = ("negative", "neutral", "positive")


class ModelDamaged(RuntimeError):
    """A model file is not the one that its description names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What ``earful.json`` says of the model beside it.

    ``temperature`` divides the logits; ``temperatures`` has another for some languages, by the code
    that identification finds. ``floor``: below this highest probability the answer is
    "could not tell". ``unknown_share``: the share of a text's letters outside the vocabulary, or in
    ``unread_scripts`` (first words of Unicode's character names, such as TAMIL), from which on it
    is too. ``max_tokens``: longer texts are read up to here. ``sha256`` by file name.
    """

    name: str
    labels: tuple[str, ...]
    temperature: float
    floor: float
    unknown_share: float
    max_tokens: int
    preparation: int
    calibration: int
    languages: tuple[str, ...]
    unread_scripts: frozenset[str]
    sha256: dict[str, str]
    temperatures: dict[str, float] = field(default_factory=dict)

    def temperature_of(self, language: str | None) -> float:
        """Return what divides the logits of a text found to be in ``language``."""
        return self.temperatures.get(language or "", self.temperature)

    @property
    def model_id(self) -> str:
        """Weights, text preparation, calibration and language identification in one name."""
        weights = self.sha256["model.onnx"][:12]
        read = f"prep{self.preparation}-cal{self.calibration}-lang{LANGUAGE_VERSION}"
        return f"{self.name}-{weights}-{read}"


@dataclass(frozen=True, slots=True)
class Files:
    """A verified model directory: its description, its weights' file, its tokenizer's bytes."""

    description: Description
    weights: Path
    tokenizer: bytes


def read(directory: Path | None = None) -> Files:
    """Read and verify ``directory`` (None: the shipped one).

    Raises FileNotFoundError for a missing file and ModelDamaged when a SHA-256, the labels or
    the version of the text preparation is not what this code needs.
    """
    folder = SHIPPED if directory is None else directory
    description = _description(folder)
    # not as bytes: the session would hold them beside what it makes of them
    weights = folder / "model.onnx"
    _verified(weights, description.sha256)
    return Files(description, weights, _verified(folder / "tokenizer.json", description.sha256))


def is_ours(directory: Path | None) -> bool:
    """True for the shipped model (None) and for a directory that is laid out like it."""
    return directory is None or (directory / DESCRIPTION).is_file()


def describe(directory: Path | None = None) -> Description:
    """Read what ``directory`` (None: the shipped one) says of itself; errors as in ``read``."""
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
    found = hashlib.sha256(data).hexdigest()
    if found != expected.get(path.name):
        raise ModelDamaged(
            f"{path}: SHA-256 is {found}, {DESCRIPTION} says {expected.get(path.name)}; "
            "the file is damaged or was changed: restore it from the repository"
        )
    return data
