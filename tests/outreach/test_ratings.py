"""What people give beside words: a low rating flags by itself, a high one excuses no words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import datetime, timedelta

import pytest

from earful.enums import Sentiment, Verdict
from earful.judgements import ClassifiedMention, Evidence, Flag
from earful.types import Engagement, Rating
from outreach.rules import Rules, decide, replay
from outreach.severity import RULE_MODEL, RULE_PERSON, RULE_RATING, is_low
from outreach.words import describe_rating, describe_reach

HeardLike = Callable[..., ClassifiedMention]
RulesLike = Callable[..., Rules]


def _stars(value: int) -> Rating:
    return Rating(kind="stars", value=value, lowest=1, highest=5)


def _nps(value: int) -> Rating:
    return Rating(kind="nps", value=value, lowest=0, highest=10)


def _flag(got: Flag | Verdict) -> Flag:
    assert isinstance(got, Flag), got
    return got


@pytest.mark.parametrize(
    ("rating", "low"),
    [
        *((_stars(value), value <= 2) for value in range(1, 6)),
        *((_nps(value), value <= 6) for value in range(11)),
        *((Rating(kind="csat", value=v, lowest=1, highest=5), v <= 2) for v in range(1, 6)),
        *((Rating(kind="thumbs", value=v, lowest=0, highest=1), v == 0) for v in range(2)),
        *((Rating(kind="stars", value=v, lowest=1, highest=10), v <= 4) for v in range(1, 11)),
        (Rating(kind="stamp", value=1, lowest=1, highest=1), False),
        (None, False),
    ],
)
def test_low_is_the_lowest_two_fifths_or_a_detractor(rating: Rating | None, low: bool) -> None:
    assert is_low(rating) is low


@pytest.mark.parametrize("unsure", [False, True])
@pytest.mark.parametrize("negative", [0.0, 0.3, 0.99])
def test_a_low_rating_flags_whatever_the_model_says(
    heard: HeardLike, rules: RulesLike, now: datetime, negative: float, unsure: bool
) -> None:
    got = _flag(decide(heard(negative, unsure=unsure, rating=_stars(1)), rules(), now))
    assert got.rule == got.evidence.rule == RULE_RATING
    assert got.evidence.rating == _stars(1)
    assert got.evidence.priority_parts["negative"] == 45.0
    assert replay(got.evidence) == got.severity


def test_the_lower_the_rating_the_higher_the_severity_and_clear_words_add_to_it(
    heard: HeardLike, rules: RulesLike, now: datetime
) -> None:
    def points(rating: Rating, negative: float = 0.1) -> float:
        got = _flag(decide(heard(negative, rating=rating), rules(), now))
        return got.evidence.priority_parts["negative"]

    assert [points(_stars(value)) for value in (1, 2)] == [45.0, 33.75]
    assert [points(_nps(value)) for value in (0, 3, 6)] == [45.0, 31.5, 18.0]
    assert points(_nps(6), negative=0.9) == 40.5


@pytest.mark.parametrize("rating", [_stars(4), _stars(5), _nps(9), _nps(10)])
def test_a_high_rating_does_not_excuse_angry_words(
    heard: HeardLike, rules: RulesLike, now: datetime, rating: Rating
) -> None:
    got = _flag(decide(heard(0.93, rating=rating), rules(), now))
    assert got.rule == RULE_MODEL
    assert f", they gave {describe_rating(rating)}, " in got.reason
    bare = _flag(decide(heard(0.93), rules(), now))
    assert got.severity == bare.severity == replay(got.evidence)
    assert decide(heard(0.2, rating=rating), rules(), now) is Verdict.CALM
    assert decide(heard(0.2, unsure=True, rating=rating), rules(), now) is Verdict.COULD_NOT_TELL


def test_a_person_wins_over_a_rating(heard: HeardLike, rules: RulesLike, now: datetime) -> None:
    fine = heard(0.9, rating=_stars(1), corrected=Sentiment.POSITIVE)
    assert decide(fine, rules(), now) is Verdict.CORRECTED
    bad = _flag(decide(heard(0.1, rating=_stars(5), corrected=Sentiment.NEGATIVE), rules(), now))
    assert bad.rule == RULE_PERSON
    assert "they gave 5 of 5 stars" in bad.reason


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({"own": True}, Verdict.OWN_ACCOUNT),
        ({"repost": True}, Verdict.REPOST),
        ({"copy": True}, Verdict.COPY),
        ({"hours": 73}, Verdict.TOO_OLD),
        ({"copy": True, "hours": 73}, Verdict.COPY),
    ],
)
def test_a_low_rating_is_barred_by_what_bars_words(
    heard: HeardLike,
    rules: RulesLike,
    now: datetime,
    change: dict[str, object],
    verdict: Verdict,
) -> None:
    assert decide(heard(rating=_stars(1), **change), rules(), now) is verdict


def test_a_copy_is_one_only_if_it_would_be_flagged(
    heard: HeardLike, rules: RulesLike, now: datetime
) -> None:
    assert decide(heard(0.9, copy=True), rules(), now) is Verdict.COPY
    assert decide(heard(0.1, copy=True), rules(), now) is Verdict.CALM
    assert decide(heard(0.9, copy=True, unsure=True), rules(), now) is Verdict.COULD_NOT_TELL
    read = heard(0.9, copy=True, corrected=Sentiment.NEGATIVE)
    assert _flag(decide(read, rules(), now)).rule == RULE_PERSON


def test_the_sentence_says_what_was_given(
    heard: HeardLike, rules: RulesLike, now: datetime
) -> None:
    def reason(**change: object) -> str:
        return _flag(decide(heard(**change), rules(), now)).reason

    assert reason(negative=0.102, rating=_stars(1)) == (
        "They gave 1 of 5 stars (the model is 10 % sure that the words are negative), it is the "
        "author's first complaint in 30 days, and 100 people follow them."
    )
    assert reason(unsure=True, rating=_nps(3), followers=None).startswith(
        "They gave 3 of 10 for recommending us (the model could not tell from the words), "
    )
    faces = Rating(kind="csat", value=2, lowest=1, highest=5)
    assert reason(rating=faces).startswith("They gave 2 of 5 for satisfaction (")


def test_evidence_that_was_stored_replays_to_the_same(
    heard: HeardLike, rules: RulesLike, now: datetime
) -> None:
    told = heard(0.2, rating=_nps(4), hours=5, engagement=Engagement(shares=3))
    got = _flag(decide(told, rules(look_back=timedelta(days=2)), now))
    stored = asdict(got.evidence)
    again = Evidence(**(stored | {"rating": Rating(**stored["rating"])}))
    assert again == got.evidence
    assert replay(again) == got.severity
    assert replay(replace(again, rating=_nps(7))) is None
    assert replay(replace(again, rating=None)) is None


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ((1, 1, 100), ""),
        ((2, 1, 100), "said twice by 1 account, reach about 100"),
        ((1200, 987, 48000), "said 1,200 times by 987 accounts, reach about 48,000"),
    ],
)
def test_what_was_said_again_is_counted_in_words(told: tuple[int, int, int], words: str) -> None:
    assert describe_reach(*told) == words
