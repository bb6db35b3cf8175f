"""Turn the model's logits into honest probabilities, by numbers fitted on val."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sentiment.answers import softmax
from sentiment.heads import (
    INTENT_NAMES,
    INTENTS,
    IRONY,
    REASON_NAMES,
    REASONS,
    SENTIMENT,
    TOWARD,
    WIDTH,
)

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Numbers of ``earful.json`` that change logits before they become probabilities.

    ``temperature`` divides the logits of the text's sentiment; ``temperatures`` holds others for
    some languages, by the code that identification returns. ``toward_temperature`` divides those
    toward the brand. ``scales`` and ``offsets`` of intents, reasons and irony, by name: each logit
    is multiplied and moved before the logistic function (Platt 1999). ``ironic_from``: the
    probability from which irony is believed.
    """

    temperature: float
    temperatures: Mapping[str, float] = field(default_factory=dict)
    toward_temperature: float = 1.0
    scales: Mapping[str, float] = field(default_factory=dict)
    offsets: Mapping[str, float] = field(default_factory=dict)
    ironic_from: float = 0.5

    def temperature_of(self, language: str | None) -> float:
        """Return the divisor of the logits for a text in ``language``; None is a text without."""
        return self.temperatures.get(language or "", self.temperature)

    def probabilities(self, logits: Array, languages: Sequence[str | None]) -> Array:
        """Return probabilities in the logits' columns: all of ``heads``, or the first three."""
        shares = np.empty(logits.shape, dtype=np.float64)
        divisors = np.array([[self.temperature_of(code)] for code in languages])
        shares[:, SENTIMENT] = softmax(logits[:, SENTIMENT], divisors)
        if logits.shape[1] < WIDTH:
            return shares
        shares[:, TOWARD] = softmax(logits[:, TOWARD], self.toward_temperature)
        alone = slice(INTENTS.start, WIDTH)
        moved = logits[:, alone] * self._vector("scales", 1.0) + self._vector("offsets", 0.0)
        shares[:, alone] = 1.0 / (1.0 + np.exp(-moved.astype(np.float64)))
        return shares

    def _vector(self, kind: str, default: float) -> Array:
        values: Mapping[str, float] = getattr(self, kind)
        return np.array([values.get(name, default) for name in CALIBRATED_NAMES])


# One for each column behind the two sentiments; a reason may share its name with an intent.
CALIBRATED_NAMES = (
    *(f"intent {name}" for name in INTENT_NAMES),
    *(f"reason {name}" for name in REASON_NAMES),
    "irony",
)


def intents_of(shares: Array) -> dict[str, float]:
    """Return one row's intents and their probabilities."""
    return dict(zip(INTENT_NAMES, shares[INTENTS].tolist(), strict=True))


def reasons_of(shares: Array) -> dict[str, float]:
    """Return one row's reasons and their probabilities."""
    return dict(zip(REASON_NAMES, shares[REASONS].tolist(), strict=True))


def irony_of(shares: Array) -> float:
    """Return one row's probability of irony."""
    return float(shares[IRONY])
