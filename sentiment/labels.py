"""Map the label names of a foreign model to our three, or refuse the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from earful.judgements import Scores

LABELS = ("negative", "neutral", "positive")


def map_labels(names: Sequence[str], labels: Mapping[str, str] | None, model: str) -> list[str]:
    """Return negative, neutral or positive for each label name of the model, in its order.

    Several names may map to the same label (five stars). Negative and positive must both occur.
    ValueError names the labels and the line to write in the settings.
    """
    mapping = {str(name).casefold(): str(ours).casefold() for name, ours in (labels or {}).items()}
    invalid = sorted(set(mapping.values()) - set(LABELS))
    if invalid:
        raise ValueError(f"labels maps to {invalid}; only {', '.join(LABELS)} are known")
    unknown = sorted(set(mapping) - {name.casefold() for name in names})
    if unknown:
        raise ValueError(f"labels names {unknown}, which {model} lacks; it has {list(names)}")
    columns = [mapping.get(name.casefold(), name.casefold()) for name in names]
    unmapped = [name for name, column in zip(names, columns, strict=True) if column not in LABELS]
    if unmapped or not {"negative", "positive"} <= set(columns):
        example = ", ".join(f'"{name}" = "…"' for name in names)
        raise ValueError(
            f"{model} has the labels {list(names)}; say which of {', '.join(LABELS)} each is: "
            f"labels = {{ {example} }}"
        )
    return columns


def require_single_label(problem: object, model: str) -> None:
    """Raise ValueError when ``problem``, a config's problem_type, is not to choose one label."""
    if problem not in (None, "single_label_classification"):
        raise ValueError(
            f'{model} was made for the problem "{problem}"; only a model that chooses one label '
            "for each text can be used"
        )


def sum_scores(columns: Sequence[str], shares: Sequence[float], language: str | None) -> Scores:
    """Add up the probabilities of the model's labels into our three.

    ``columns``: the result of ``map_labels``. ``shares``: the model's probabilities, in its order.
    """
    three = dict.fromkeys(LABELS, 0.0)
    for column, share in zip(columns, shares, strict=True):
        three[column] += share
    return Scores(
        negative=three["negative"],
        neutral=three["neutral"],
        positive=three["positive"],
        language=language,
    )
