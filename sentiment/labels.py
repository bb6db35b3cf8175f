"""The label names of other people's models: each is one of our three, or the model is refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from earful.judgements import Scores

LABELS = ("negative", "neutral", "positive")


def columns(names: Sequence[str], labels: Mapping[str, str] | None, model: str) -> list[str]:
    """Return for each label of the model which of our three it is.

    Several may be the same one (five stars). Negative and positive must both occur. ValueError
    says what was found and what to write.
    """
    given = {str(name).casefold(): str(ours).casefold() for name, ours in (labels or {}).items()}
    wrong = sorted(set(given.values()) - set(LABELS))
    if wrong:
        raise ValueError(f"labels maps to {wrong}; only {', '.join(LABELS)} are known")
    strange = sorted(set(given) - {name.casefold() for name in names})
    if strange:
        raise ValueError(f"labels names {strange}, which {model} has not; it has {list(names)}")
    found = [given.get(name.casefold(), name.casefold()) for name in names]
    unmapped = [n for n, column in zip(names, found, strict=True) if column not in LABELS]
    if unmapped or not {"negative", "positive"} <= set(found):
        example = ", ".join(f'"{name}" = "…"' for name in names)
        raise ValueError(
            f"{model} has the labels {list(names)}; say which of {', '.join(LABELS)} each is: "
            f"labels = {{ {example} }}"
        )
    return found


def one_of_several(problem: object, model: str) -> None:
    """Raise ValueError when ``problem``, a config's problem_type, is not to choose one label."""
    if problem not in (None, "single_label_classification"):
        raise ValueError(
            f'{model} was made for the problem "{problem}"; only a model that chooses one label '
            "for each text can be used"
        )


def scores(columns: Sequence[str], shares: Sequence[float], language: str | None) -> Scores:
    """Add up the probabilities of the model's labels into our three."""
    three = dict.fromkeys(LABELS, 0.0)
    for column, share in zip(columns, shares, strict=True):
        three[column] += share
    return Scores(
        negative=three["negative"],
        neutral=three["neutral"],
        positive=three["positive"],
        language=language,
    )
