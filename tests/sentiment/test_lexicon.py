"""The list of words: the thresholds of its authors, English alone, bounded whatever it is given."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from earful.contracts import Classifier
from earful.enums import Sentiment
from earful.judgements import Scores
from sentiment import contract, load
from sentiment.lexicon import MAX_CHARACTERS, probabilities_of_compound
from sentiment.prepare import prepare


@pytest.fixture(scope="module")
def lexicon() -> Classifier:
    return load("lexicon")


@pytest.mark.parametrize("check", contract.CHECKS.values(), ids=contract.CHECKS)
def test_it_keeps_the_contract(lexicon: Classifier, check: contract.Check) -> None:
    assert check(lexicon) == ""


def test_a_text_scores_alone_as_among_others_to_the_last_bit(lexicon: Classifier) -> None:
    assert contract.compare_with_neighbours(lexicon) == contract.Difference(0.0, 0)


@pytest.mark.parametrize(
    ("compound", "label"),
    [
        (1.0, Sentiment.POSITIVE),
        (0.05, Sentiment.POSITIVE),
        (0.0499, Sentiment.NEUTRAL),
        (0.0, Sentiment.NEUTRAL),
        (-0.0499, Sentiment.NEUTRAL),
        (-0.05, Sentiment.NEGATIVE),
        (-1.0, Sentiment.NEGATIVE),
    ],
)
def test_the_label_is_what_the_thresholds_say(compound: float, label: Sentiment) -> None:
    negative, neutral, positive = probabilities_of_compound(compound)
    assert Scores(negative=negative, neutral=neutral, positive=positive).sentiment is label


def test_no_list_of_words_is_sure_and_more_of_a_mood_is_more() -> None:
    rising = [probabilities_of_compound(step / 100)[2] for step in range(-100, 101)]
    assert rising == sorted(rising)
    assert max(rising) < 0.9
    assert probabilities_of_compound(0.4) == tuple(reversed(probabilities_of_compound(-0.4)))


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Great service, I love this company!", Sentiment.POSITIVE),
        ("This is the worst, most horrible flight ever.", Sentiment.NEGATIVE),
        ("The desk by the gate opens at nine in the morning.", Sentiment.NEUTRAL),
        ("The service was not good.", Sentiment.NEGATIVE),
        (":(", Sentiment.NEGATIVE),
        ("😍", Sentiment.POSITIVE),
    ],
)
def test_the_obvious(lexicon: Classifier, text: str, label: Sentiment) -> None:
    (found,) = lexicon.classify([text])
    assert (found.sentiment, found.could_not_tell) == (label, False)


@pytest.mark.parametrize(
    "text",
    [
        "Περιμένω δύο ώρες στη γραμμή και δεν απαντά κανείς, ντροπή σας.",
        "Der Kundendienst war freundlich und hat alles sofort geklärt, super.",
        "Le colis est arrivé ouvert et il manque deux articles, quelle honte.",
        "الطلب تأخر أسبوعين ولا أحد يرد على رسائلي",
    ],
)
def test_another_language_is_not_guessed_at(lexicon: Classifier, text: str) -> None:
    (found,) = lexicon.classify([text])
    assert found.could_not_tell
    assert found.language is not None


def test_only_the_first_characters_are_read(lexicon: Classifier) -> None:
    line = "The desk opens at nine. "
    told = line * (MAX_CHARACTERS // len(line) + 1)
    before, behind = lexicon.classify(["Awful, horrible. " + told, told + " Awful, horrible."])
    assert before.sentiment is Sentiment.NEGATIVE
    assert behind.sentiment is Sentiment.NEUTRAL


@pytest.mark.parametrize(
    "unit", ["good but ", "but ", "not so good ", "GOOD!!! ", "😡", ":( ", "a", "! ", "\u0301"]
)
def test_ten_thousand_hostile_characters_score_as_the_first_of_them(
    lexicon: Classifier, unit: str
) -> None:
    long = (unit * 10_000)[:10_000]
    whole, head = lexicon.classify([long, prepare(long)[:MAX_CHARACTERS]])
    assert contract.probabilities_of(whole) == contract.probabilities_of(head)


def test_its_id_names_version_words_and_preparation(lexicon: Classifier) -> None:
    assert contract.check_model_id(lexicon, load("lexicon")) == ""
    name, version, digest, preparation = lexicon.model_id.split("-")
    assert (name, len(digest), preparation) == ("vader", 12, "prep2")
    assert version[0].isdigit()


def test_other_arithmetic_has_another_id(
    lexicon: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sentiment.lexicon.STEEPNESS", 3.0)
    assert load("lexicon").model_id != lexicon.model_id


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"model": "some/thing"}, "model"),
        ({"threads": 2}, "threads"),
        ({"labels": {"a": "negative"}, "model": "x"}, "model or labels"),
    ],
)
def test_it_takes_nothing_else(given: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=f"takes no {named}; leave that out"):
        load("lexicon", **given)


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("vaderSentiment")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "vaderSentiment", None)  # as if it were not installed
    with pytest.raises(ImportError, match=r"pip install 'earful\[lexicon\]'"):
        load("lexicon")
