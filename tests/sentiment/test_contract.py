"""The checks of the contract find what is wrong: each classifier here breaks one law."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from earful.contracts import Classifier
from earful.judgements import Scores
from sentiment import contract
from sentiment.answers import COULD_NOT_TELL
from sentiment.prepare import has_content, prepare

Answer = Callable[[str], Scores]


def by_length(text: str) -> Scores:
    """An answer that depends on the text and on nothing else."""
    if not has_content(prepare(text)):
        return COULD_NOT_TELL
    share = (len(text) % 7) / 10
    return Scores(negative=share, neutral=0.1, positive=0.9 - share)


class Lawful:
    """Keeps every law; those below break one each."""

    model_id = "lawful-1"

    def classify(self, texts: Sequence[str]) -> list[Scores]:
        if isinstance(texts, str):
            raise TypeError("put it in a list")
        return [by_length(text) for text in texts]


class SaysMore(Lawful):
    def classify(self, texts: Sequence[str]) -> list[Scores]:
        return [*super().classify(texts), COULD_NOT_TELL]


class TakesOneText(Lawful):
    def classify(self, texts: Sequence[str]) -> list[Scores]:
        return super().classify([texts] if isinstance(texts, str) else texts)


class DropsTwins(Lawful):
    def classify(self, texts: Sequence[str]) -> list[Scores]:
        found = super().classify(texts)
        return [found[texts.index(text)] for text in dict.fromkeys(texts)]


class GivesTuples(Lawful):
    def classify(self, texts: Sequence[str]) -> list[Scores]:
        return [contract.probabilities_of(one) for one in super().classify(texts)]  # type: ignore[misc]


class Careless(Lawful):
    """Its three sum to 1 as nearly as Scores allows, and no nearer."""

    def classify(self, texts: Sequence[str]) -> list[Scores]:
        careless = Scores(negative=0.2, neutral=0.3, positive=0.5005)
        return [one if one.could_not_tell else careless for one in super().classify(texts)]


class JudgesSilence(Lawful):
    def classify(self, texts: Sequence[str]) -> list[Scores]:
        super().classify(texts)
        return [Scores(negative=0.2, neutral=0.6, positive=0.2) for _ in texts]


class Fragile(Lawful):
    def classify(self, texts: Sequence[str]) -> list[Scores]:
        for text in texts:
            text.encode()  # not every str is UTF-8
        return super().classify(texts)


class LooksAround(Lawful):
    def classify(self, texts: Sequence[str]) -> list[Scores]:
        few = len(texts) < 2
        return [
            one if few or one.could_not_tell else Scores(negative=0.3, neutral=0.3, positive=0.4)
            for one in super().classify(texts)
        ]


class Reverses(Lawful):
    def classify(self, texts: Sequence[str]) -> list[Scores]:
        return super().classify(texts)[::-1]


class Nameless(Lawful):
    model_id = " "


class Counted(Lawful):
    made = 0

    def __init__(self) -> None:
        type(self).made += 1
        self.model_id = f"counted-{self.made}"


def broken_by(make: Callable[[], Classifier]) -> dict[str, str]:
    return {name: wrong for name, wrong in contract.run(make(), make) if wrong}


def test_a_lawful_classifier_passes_every_check() -> None:
    assert [*contract.run(Lawful(), Lawful)] == [(name, "") for name in names()]


def names() -> list[str]:
    return [*contract.CHECKS, contract.ALONE, "loaded twice, it has the same model_id"]


@pytest.mark.parametrize(
    ("make", "check", "says"),
    [
        (SaysMore, 0, "it must give []"),
        (TakesOneText, 1, "classify of one text gave 1 answers; it must raise TypeError"),
        (DropsTwins, 2, "50 texts gave 1 answers; there must be one each"),
        (GivesTuples, 2, "it must be Scores"),
        (Careless, 3, "must be in 0..1 and sum to 1"),
        (JudgesSilence, 4, "say nothing, but were judged"),
        (Fragile, 5, "it raised UnicodeEncodeError"),
        (LooksAround, 6, "differ by up to"),
        (Reverses, 6, "differ by up to"),
        (Nameless, 7, "model_id is ' '"),
        (Counted, 7, "when loaded again; it must stay the same"),
    ],
)
def test_what_breaks_a_law_is_found(make: Callable[[], Classifier], check: int, says: str) -> None:
    assert says in broken_by(make)[names()[check]]


@pytest.mark.parametrize("make", [TakesOneText, Careless, Nameless, LooksAround])
def test_one_broken_law_is_not_reported_as_another(make: Callable[[], Classifier]) -> None:
    assert len(broken_by(make)) == 1


def test_a_small_difference_may_be_allowed() -> None:
    assert "differ" in contract.check_neighbours(LooksAround(), tolerance=0.1)
    assert contract.check_neighbours(LooksAround(), tolerance=1.0) == ""


def test_an_answer_given_only_sometimes_is_a_difference() -> None:
    sure = Scores(negative=0.2, neutral=0.3, positive=0.5)
    unsure = Scores(negative=0.2, neutral=0.3, positive=0.5, could_not_tell=True)
    assert contract.difference([sure], [unsure]) == contract.Difference(1.0, 1)


def test_the_posts_are_as_many_as_asked_and_always_the_same() -> None:
    assert len(contract.sample_posts(300)) == 300
    assert contract.sample_posts(300) == contract.sample_posts(300)
    assert len(set(contract.sample_posts(300))) > 290
