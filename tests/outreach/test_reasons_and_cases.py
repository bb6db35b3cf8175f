"""The sentence of a flag, a case's priority and time to answer, and which accounts are ours."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from factories import case_priority
from hypothesis import given
from hypothesis import strategies as st

from earful.enums import Sentiment, Verdict
from earful.judgements import ClassifiedMention, Flag
from earful.settings.load import RuleSettings
from earful.types import Brand
from outreach.own_accounts import is_own_account
from outreach.rules import Rules, decide, due_at, is_urgent
from outreach.words import length

Make = Callable[..., ClassifiedMention]
MakeRules = Callable[..., Rules]


def flag(answer: Flag | Verdict) -> Flag:
    assert isinstance(answer, Flag), answer
    return answer


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        (0.9, "less than a minute"),
        (1, "1 minute"),
        (89, "89 minutes"),
        (119, "119 minutes"),
        (120, "2 hours"),
        (149, "2 hours"),
        (150, "3 hours"),
        (24 * 60 - 1, "24 hours"),
        (47 * 60, "47 hours"),
        (48 * 60, "2 days"),
        (59 * 60, "2 days"),
        (60 * 60, "3 days"),
        (-5, "less than a minute"),
    ],
)
def test_a_length_of_time_is_never_far_from_what_is_said(minutes: float, words: str) -> None:
    assert length(timedelta(minutes=minutes)) == words


# -- the sentence -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"earlier_complaints": 0}, "it is the author's first complaint in 30 days"),
        ({"earlier_complaints": 1}, "the author complained once before in 30 days"),
        ({"earlier_complaints": 2}, "the author complained twice before in 30 days"),
        ({"earlier_complaints": 5}, "the author complained 5 times before in 30 days"),
        ({"followers": None}, "how many people follow them is not known"),
        ({"followers": 0}, "nobody follows them"),
        ({"followers": 1}, "1 person follows them"),
        ({"followers": 2}, "2 people follow them"),
        ({"followers": 284_000}, "284,000 people follow them"),
        ({"shares": 1}, "it was shared once."),
        ({"shares": 2}, "it was shared twice."),
        ({"shares": 1400}, "it was shared 1,400 times."),
        ({"hours": 25}, "it was already 25 hours old"),
        ({"hours": 47}, "it was already 47 hours old"),
        ({"hours": 59}, "it was already 2 days old"),
        ({"hours": 71}, "it was already 3 days old"),
        ({"negative": 0.9999}, "The model is 99 % sure"),
        ({"negative": 0.29, "hours": 1}, "The model is 29 % sure"),
        ({"corrected": Sentiment.NEGATIVE, "negative": 0.12}, "(the model gave it 12 %)"),
        ({"corrected": Sentiment.NEGATIVE, "unsure": True}, "(the model could not tell)"),
    ],
)
def test_the_reason_is_right_english(
    heard: Make, rules: MakeRules, now: datetime, change: dict[str, object], words: str
) -> None:
    got = flag(decide(heard(**change), rules(negative_at=0.2), now)).reason
    assert words in got
    assert got.endswith(".") and got.count(".") == 1
    assert got.count(", and ") == 1


def test_the_reason_in_full(heard: Make, rules: MakeRules, now: datetime) -> None:
    told = heard(0.93, earlier_complaints=2, followers=284_000)
    assert flag(decide(told, rules(), now)).reason == (
        "The model is 93 % sure that this is negative (flagged from 60 %), the author complained "
        "twice before in 30 days, and 284,000 people follow them."
    )


def test_a_fine_threshold_does_not_contradict_the_sureness_beside_it(
    heard: Make, rules: MakeRules, now: datetime
) -> None:
    got = flag(decide(heard(0.609), rules(negative_at=0.605), now)).reason
    assert "60.9 % sure" in got and "flagged from 60.5 %" in got


# -- time to answer, and the case -------------------------------------------------------------


def test_an_urgent_case_is_due_sooner(rules: MakeRules, now: datetime) -> None:
    assert not is_urgent(69, rules()) and is_urgent(70, rules())
    assert due_at(69, rules(), now) == now + timedelta(hours=24)
    assert due_at(70, rules(), now) == now + timedelta(hours=2)


def test_rules_come_from_settings() -> None:
    block = RuleSettings.model_validate({"negative_at": 0.7, "look_back": "2d", "urgent_at": 80})
    assert Rules.of(block).look_back == timedelta(days=2)
    assert (Rules.of(block).negative_at, Rules.of(block).urgent_at) == (0.7, 80)
    assert Rules.of(block, any_age=True).look_back is None


def test_a_case_is_as_urgent_as_its_worst_flag_and_a_little_more_for_each_other() -> None:
    assert case_priority([]) == 0
    assert case_priority([64]) == 64
    assert case_priority([40, 64, 50]) == 68
    assert case_priority([64] * 50) == 74
    assert case_priority([99, 99, 99]) == 100


@given(st.lists(st.integers(0, 100)), st.integers(0, 100))
def test_a_further_flag_never_lowers_a_case(severities: list[int], further: int) -> None:
    before, after = case_priority(severities), case_priority([*severities, further])
    assert 0 <= before <= after <= 100
    assert case_priority([further, *severities]) == after


# -- the brand itself -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "handle", "own"),
    [
        ("x", "AcmeHelp", True),
        ("reddit", "@acmehelp", True),
        ("x", "acmecare", True),
        ("reddit", "acmecare", False),
        ("mastodon", "acme@social.example", True),
        ("mastodon", "@Acme@Social.Example", True),
        ("mastodon", "acme@evil.example", False),
        ("mastodon", "acmehelp@evil.example", False),
        ("x", "acme_air", True),
        ("x", "acmeair", True),
        ("x", "AcmeAirlines", True),
        ("rss", "Acme Air", True),
        ("rss", "Acme Air Fans", False),
        ("x", "acmeair_fan", False),
        ("x", "", False),
        ("x", "@", False),
    ],
)
def test_own_account(acme: Brand, source: str, handle: str, own: bool) -> None:
    assert is_own_account(acme, source, handle) is own


def test_a_brand_of_signs_only_does_not_own_everybody() -> None:
    brand = Brand(id="brand", name="!!!", own_accounts=("",))
    assert not is_own_account(brand, "x", "")
    assert not is_own_account(brand, "x", "maria")


def test_letters_composed_or_not_are_the_same_account() -> None:
    assert is_own_account(Brand(id="cafe", name="Café"), "x", "cafe\u0301")
