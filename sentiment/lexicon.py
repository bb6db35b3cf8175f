"""Classify with VADER's list of English words, for comparison and for tiny machines.

VADER answers with one number, ``compound``, from -1 to 1. The thresholds are those of its authors:
from 0.05 on positive, up to -0.05 negative, neutral between. ``probabilities_of_compound`` spreads
the number over three probabilities so that the most probable one is always the label that these
thresholds give. The probabilities rise and fall with ``compound``, but they were not fitted: they
are no measured frequencies.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from earful.judgements import Scores
from sentiment.answers import COULD_NOT_TELL, refuse_single_text
from sentiment.language import LANGUAGE_VERSION, identify
from sentiment.prepare import PREPARATION_VERSION, has_content, prepare

# Longer texts are cut: VADER's time grows with the square of the length after a "but".
MAX_CHARACTERS = 1000

# Low, so that the strongest words together reach 0.86 and no list of words claims to be sure.
STEEPNESS = 2.0

# Just inside the threshold: VADER rounds to four digits, and 0.05 itself is positive.
MIDDLE = 0.04995

LANGUAGES = ("en",)
_WORDS = ("vader_lexicon.txt", "emoji_utf8_lexicon.txt")


class LexiconClassifier:
    """Answers by VADER's list of words; a text surely not in English is "could not tell"."""

    def __init__(self) -> None:
        """Read the list of words; ImportError without the extra ``lexicon``."""
        vader = _library()
        self._analyzer = vader.SentimentIntensityAnalyzer()
        version = importlib.metadata.version("vaderSentiment")
        digest = _digest(Path(vader.__file__).parent)
        self._model_id = f"vader-{version}-{digest}-prep{PREPARATION_VERSION}"

    @property
    def model_id(self) -> str:
        """VADER's version, digest of its words and of our arithmetic, and text preparation."""
        return self._model_id

    def classify(self, texts: Sequence[str]) -> list[Scores]:
        """Return one Scores for each text, in order; TypeError for anything that is not text."""
        refuse_single_text(texts)
        return [self._classify_prepared(prepare(text)) for text in texts]

    def _classify_prepared(self, text: str) -> Scores:
        if not has_content(text):
            return COULD_NOT_TELL
        detected = identify(text)
        compound = self._analyzer.polarity_scores(text[:MAX_CHARACTERS])["compound"]
        negative, neutral, positive = probabilities_of_compound(compound)
        return Scores(
            negative=negative,
            neutral=neutral,
            positive=positive,
            could_not_tell=detected.is_outside(LANGUAGES),
            language=detected.language,
        )


def probabilities_of_compound(compound: float) -> tuple[float, float, float]:
    """Return negative, neutral and positive for VADER's ``compound`` (-1 to 1), summing to 1.

    >>> [round(share, 2) for share in three(0.6)]
    [0.06, 0.23, 0.7]
    """
    powers = [math.exp(STEEPNESS * side) for side in (-compound, MIDDLE, compound)]
    negative, neutral, positive = (power / sum(powers) for power in powers)
    return negative, neutral, positive


def _digest(folder: Path) -> str:
    # every constant that can change an answer is part of the model's name
    constants = [MAX_CHARACTERS, STEEPNESS, MIDDLE, LANGUAGE_VERSION]
    digest = hashlib.sha256(json.dumps(constants).encode())
    for name in _WORDS:
        digest.update((folder / name).read_bytes())
    return digest.hexdigest()[:12]


def _library() -> Any:
    try:
        return importlib.import_module("vaderSentiment.vaderSentiment")
    except ImportError as error:
        raise ImportError(
            f"backend \"lexicon\" needs {error.name}: pip install 'earful[lexicon]'"
        ) from error
