"""`earful model check`: check a classifier against the contract, and on a file of the user's."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from commands.label_cells import SENTIMENTS
from commands.labelled import LabelledText
from earful.contracts import Classifier, Reader
from earful.settings import load as configuration
from earful.settings.errors import SettingsError, nearest
from earful.settings.load import SentimentSettings, Settings
from pipeline.app import classifier_for
from sentiment import BACKENDS, contract, reading_contract
from sentiment.evaluation import Flagged, collect_answers, flagged_at, measure_answers
from sentiment.measures import Array, Measures, confusion, most_probable
from sentiment.shipped import DESCRIPTION, is_ours

# A few seconds of work for the slowest backend that a person would use.
SPEED_TEXTS = 300
ALONE = contract.ALONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """The measures of a classifier on labelled rows.

    ``unsure``: share "could not tell", 0 to 1. ``table`` counts [actual, answered] in the order
    negative, neutral, positive. ``flagged``: the effect of the threshold in force.
    """

    measures: Measures
    unsure: float
    table: Array
    flagged: Flagged


def settings_for(*names: str | None) -> Settings:
    """Return the settings in force, or the defaults for a named model without a settings file.

    ``names`` are the model and backend of the command line. A settings file that EARFUL_SETTINGS
    names has to exist.
    """
    has_file = "EARFUL_SETTINGS" in os.environ or configuration.settings_path().exists()
    return configuration.load() if has_file or not any(names) else Settings()


def choose(
    settings: Settings, model: str | None, backend: str | None, labels: str | None
) -> SentimentSettings:
    """Return the model to check: that of settings, unless the command line names another.

    A model without a backend is for onnx when it is a directory with an ONNX file, else for
    transformers. SettingsError names an option that does not fit.
    """
    if backend is not None and backend not in BACKENDS:
        raise SettingsError(f"--backend: {backend!r} is none{nearest(backend, BACKENDS)}")
    ours = settings.sentiment
    if model is None and backend in (None, ours.backend):
        mapping = parse_labels(labels) if labels else ours.labels
        return ours.model_copy(update={"labels": mapping})
    return SentimentSettings.model_validate(
        {
            "backend": backend or _backend_of(str(model)),
            "model": model,
            "labels": parse_labels(labels) if labels else None,
            "threads": None if backend == "lexicon" else ours.threads,
        }
    )


def _backend_of(model: str) -> str:
    directory = Path(model)
    if model.startswith((".", "/")) and not directory.is_dir():
        raise SettingsError(f"{model}: there is no such directory")
    parts = (DESCRIPTION, "model.onnx", "onnx/model.onnx")
    return "onnx" if any((directory / part).is_file() for part in parts) else "transformers"


def parse_labels(text: str) -> dict[str, str]:
    """ "LABEL_0=negative,LABEL_1=positive" as a mapping; SettingsError names a wrong part."""
    labels: dict[str, str] = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        foreign, equals, ours = (piece.strip() for piece in part.rpartition("="))
        if not equals or not foreign:
            raise SettingsError(
                f"--labels: {part!r} is not NAME=LABEL", hint="Write LABEL_0=negative,…"
            )
        if ours.casefold() not in SENTIMENTS:
            raise SettingsError(
                f"--labels: {foreign} is mapped to {ours!r}{nearest(ours.casefold(), SENTIMENTS)}"
            )
        labels[foreign] = ours.casefold()
    return labels


def check(classifier: Classifier, chosen: SentimentSettings) -> Iterator[tuple[str, str]]:
    """Yield (rule of the contract, problem or ""); loads the model once more at the end.

    Earful's own classifiers must answer a text alone as among others to the last bit. A classifier
    that reads for a brand has rules of its own beside these.
    """
    allowed = contract.LAST_BIT if _exact(chosen) else contract.NOTICEABLE
    yield from contract.run(classifier, lambda: classifier_for(chosen), allowed)
    if isinstance(classifier, Reader):
        yield from reading_contract.run(classifier)


def _exact(chosen: SentimentSettings) -> bool:
    if chosen.backend == "onnx":
        return is_ours(None if chosen.model is None else Path(chosen.model))
    return chosen.backend == "lexicon"


def speed(classifier: Classifier) -> float:
    """Return posts a second on the built-in posts, after a first few to warm up."""
    texts = contract.sample_posts(SPEED_TEXTS)
    # the first call loads libraries and is no measure
    classifier.classify(texts[:20])
    started = time.perf_counter()
    classifier.classify(texts)
    return len(texts) / (time.perf_counter() - started)


@dataclass(frozen=True, slots=True)
class _LabelledSentiment:
    """A text and its right sentiment: ``label`` is a place in SENTIMENTS."""

    text: str
    label: int


def quality(
    classifier: Classifier, rows: Sequence[LabelledText], negative_at: float
) -> Quality | None:
    """Judge the classifier on the rows that are labelled with a sentiment; None when none is."""
    labelled = [
        _LabelledSentiment(row.text, row.labels.sentiment)
        for row in rows
        if row.labels.sentiment is not None
    ]
    if not labelled:
        return None
    answers = collect_answers(labelled, classifier)
    return Quality(
        measures=measure_answers(answers),
        unsure=answers.unsure,
        table=confusion(answers.labels, most_probable(answers.probabilities)),
        flagged=flagged_at(answers, negative_at),
    )
