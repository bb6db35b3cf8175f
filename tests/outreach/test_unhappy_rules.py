"""Who is flagged, in which order the reasons are asked, and what a severity is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.words import format_age, format_time
from earful.clock import UNDATED
from earful.enums import Sentiment, Verdict
from earful.judgements import ClassifiedMention, Flag
from earful.types import Brand, Engagement
from outreach import severity as r
from outreach.rules import Rules, decide, due_at, is_urgent, replay

Make = Callable[..., ClassifiedMention]
MakeRules = Callable[..., Rules]

shares_of_one = st.floats(0, 1, allow_nan=False)
people = st.none() | st.integers(0, 10**9)
labels = st.none() | st.sampled_from(Sentiment)


def flag(answer: Flag | Verdict) -> Flag:
    assert isinstance(answer, Flag), answer
    return answer


def test_a_sure_fresh_complaint_is_flagged(heard: Make, rules: MakeRules, now: datetime) -> None:
    got = flag(decide(heard(), rules(), now))
    assert got.mention_ids == (7,)
    assert (got.brand_id, got.author_id, got.at) == ("acme-air", 3, now)
    assert (got.rule, got.evidence.rule) == (r.RULE_MODEL, r.RULE_MODEL)
    assert (got.evidence.model_id, got.evidence.negative, got.evidence.threshold) == (
        "m-1",
        0.93,
        0.6,
    )
    assert got.severity == round(sum(got.evidence.priority_parts.values()))


def test_the_first_reason_that_applies_is_the_one_given(
    heard: Make, rules: MakeRules, acme: Brand, now: datetime
) -> None:
    other = replace(acme, competitor_of="somebody-else")
    layers = [
        ({"brand": other}, Verdict.COMPETITOR),
        ({"own": True}, Verdict.OWN_ACCOUNT),
        ({"repost": True}, Verdict.REPOST),
        ({"corrected": Sentiment.POSITIVE}, Verdict.CORRECTED),
        ({"unsure": True}, Verdict.COULD_NOT_TELL),
        ({"negative": 0.1}, Verdict.CALM),
        ({"hours": 1000}, Verdict.TOO_OLD),
    ]
    # everything is wrong with the first, and one thing less with each that follows
    for start in range(len(layers)):
        all_of_it: dict[str, object] = {}
        for change, _ in layers[start:]:
            all_of_it |= change
        assert decide(heard(**all_of_it), rules(), now) is layers[start][1]


def test_calm_and_old_is_calm_because_only_too_old_is_judged_again(
    heard: Make, rules: MakeRules, now: datetime
) -> None:
    assert decide(heard(0.1, hours=1000), rules(), now) is Verdict.CALM
    assert decide(heard(0.9, hours=1000), rules(), now) is Verdict.TOO_OLD
    assert isinstance(decide(heard(0.9, hours=1000), rules(look_back=None), now), Flag)


def test_an_undated_post_is_never_fresh(heard: Make, rules: MakeRules, now: datetime) -> None:
    """A feed's entry whose date cannot be read may be years old."""
    assert decide(heard(0.99, published_at=UNDATED), rules(), now) is Verdict.TOO_OLD
    assert format_time(UNDATED, "Europe/Athens", now) == "undated"
    assert format_age(UNDATED, now) == "age unknown"


def test_bounds_belong_to_the_flag(heard: Make, rules: MakeRules, now: datetime) -> None:
    assert isinstance(decide(heard(0.6, hours=72), rules(), now), Flag)
    assert decide(heard(0.5999), rules(), now) is Verdict.CALM
    old = heard(published_at=now - timedelta(hours=72, microseconds=1))
    assert decide(old, rules(), now) is Verdict.TOO_OLD


@pytest.mark.parametrize("label", [Sentiment.NEUTRAL, Sentiment.POSITIVE])
def test_a_person_who_says_not_negative_wins(
    heard: Make, rules: MakeRules, now: datetime, label: Sentiment
) -> None:
    assert decide(heard(0.99, corrected=label), rules(), now) is Verdict.CORRECTED


@pytest.mark.parametrize("change", [{"negative": 0.02}, {"unsure": True}, {"hours": 5000}])
def test_a_person_who_says_negative_wins(
    heard: Make, rules: MakeRules, now: datetime, change: dict[str, object]
) -> None:
    got = flag(decide(heard(corrected=Sentiment.NEGATIVE, **change), rules(), now))
    assert got.rule == "a person said so"
    # as sure as sure can be: the person has read it
    assert got.evidence.priority_parts["negative"] == r.NEGATIVE_WEIGHT


def test_a_person_cannot_flag_a_competitor(
    heard: Make, rules: MakeRules, acme: Brand, now: datetime
) -> None:
    other = replace(acme, competitor_of="somebody-else")
    said = heard(brand=other, corrected=Sentiment.NEGATIVE)
    assert decide(said, rules(), now) is Verdict.COMPETITOR


def test_a_naive_now_is_refused(heard: Make, rules: MakeRules, now: datetime) -> None:
    with pytest.raises(ValueError, match=r"now: .* has no time zone"):
        decide(heard(), rules(), now.replace(tzinfo=None))
    with pytest.raises(ValueError, match=r"opened_at: .* has no time zone"):
        due_at(50, rules(), now.replace(tzinfo=None))


def test_a_platform_whose_clock_runs_ahead_is_fresh(
    heard: Make, rules: MakeRules, now: datetime
) -> None:
    got = flag(decide(heard(hours=-2), rules(), now))
    assert got.evidence.age_hours == 0
    assert got.evidence.priority_parts["recency"] == r.RECENCY_WEIGHT


# -- what a severity is made of --------------------------------------------------------------


@given(
    negative=shares_of_one,
    followers=people,
    shares=st.integers(-5, 10**7),
    hours=st.floats(-1000, 10**5, allow_nan=False),
    earlier=st.integers(-1, 10**6),
    corrected=labels,
    unsure=st.booleans(),
)
def test_any_flag_stays_in_bounds_and_replays(
    heard: Make,
    rules: MakeRules,
    now: datetime,
    negative: float,
    followers: int | None,
    shares: int,
    hours: float,
    earlier: int,
    corrected: Sentiment | None,
    unsure: bool,
) -> None:
    first = heard(
        negative,
        hours=hours,
        shares=shares,
        unsure=unsure,
        followers=followers,
        earlier_complaints=earlier,
        corrected=corrected,
    )
    got = decide(first, rules(look_back=None), now)
    if isinstance(got, Verdict):
        return
    assert 0 <= got.severity <= 100
    kept = got.evidence
    assert replay(kept) == got.severity == round(sum(kept.priority_parts.values()))
    # and the whole decision, from nothing but what was kept
    again = heard(
        kept.negative,
        published_at=now - timedelta(hours=kept.age_hours),
        followers=kept.followers,
        shares=kept.shares,
        earlier_complaints=kept.earlier_complaints,
        corrected=Sentiment.NEGATIVE if kept.rule == r.RULE_PERSON else None,
        model_id=kept.model_id,
    )
    told = flag(decide(again, rules(look_back=None, negative_at=kept.threshold), now))
    assert told.evidence == kept
    assert (told.rule, told.severity) == (got.rule, got.severity)


def test_evidence_below_its_threshold_replays_to_nothing(
    heard: Make, rules: MakeRules, now: datetime
) -> None:
    kept = flag(decide(heard(0.7), rules(), now)).evidence
    assert replay(replace(kept, threshold=0.8)) is None


@given(one=shares_of_one, two=shares_of_one)
def test_more_negative_is_never_less_severe(
    heard: Make, rules: MakeRules, now: datetime, one: float, two: float
) -> None:
    low, high = sorted((one, two))
    least = rules(negative_at=0.0)
    calmer, angrier = (flag(decide(heard(x), least, now)) for x in (low, high))
    assert calmer.severity <= angrier.severity


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.integers(0, 10**6))
def test_more_reach_is_never_less_severe(
    heard: Make, rules: MakeRules, now: datetime, one: int, two: int, shares: int
) -> None:
    low, high = sorted((one, two))
    small = flag(decide(heard(followers=low), rules(), now))
    large = flag(decide(heard(followers=high), rules(), now))
    shared = flag(decide(heard(followers=high, shares=shares), rules(), now))
    assert small.severity <= large.severity <= shared.severity


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_more_complaints_are_never_less_severe(
    heard: Make, rules: MakeRules, now: datetime, one: int, two: int
) -> None:
    low, high = sorted((one, two))
    fewer, more = (
        flag(decide(heard(earlier_complaints=n), rules(), now)).severity for n in (low, high)
    )
    assert fewer <= more


@given(st.floats(0, 72), st.floats(0, 72))
def test_fresher_is_never_less_severe(
    heard: Make, rules: MakeRules, now: datetime, one: float, two: float
) -> None:
    young, old = sorted((one, two))
    fresh, stale = (flag(decide(heard(hours=h), rules(), now)).severity for h in (young, old))
    assert fresh >= stale


@given(shares_of_one, people, st.integers(0, 100), labels, st.integers(0, 3))
def test_what_is_not_a_complaint_to_us_is_never_flagged(
    heard: Make,
    rules: MakeRules,
    acme: Brand,
    now: datetime,
    negative: float,
    followers: int | None,
    earlier: int,
    corrected: Sentiment | None,
    which: int,
) -> None:
    barred: dict[str, object] = [
        {"brand": replace(acme, competitor_of="x")},
        {"own": True},
        {"repost": True},
        {"own": True, "repost": True},
    ][which]
    told = heard(
        negative,
        followers=followers,
        earlier_complaints=earlier,
        corrected=corrected,
        **barred,
    )
    assert isinstance(decide(told, rules(negative_at=0.0, look_back=None), now), Verdict)


def test_no_part_outweighs_the_others_together() -> None:
    weights = [r.NEGATIVE_WEIGHT, r.REPEAT_WEIGHT, r.REACH_WEIGHT, r.RECENCY_WEIGHT]
    assert sum(weights) == 100
    assert all(weight < 50 for weight in weights)


def test_a_furious_ordinary_customer_ranks_above_a_doubtful_celebrity(
    heard: Make, rules: MakeRules, now: datetime
) -> None:
    ordinary = flag(decide(heard(0.95, followers=100), rules(), now))
    celebrity = flag(decide(heard(0.62, followers=10**8), rules(), now))
    assert ordinary.severity > celebrity.severity
    assert ordinary.severity >= 60
    # and is urgent at the usual threshold as soon as they have to ask twice
    again = flag(decide(heard(0.95, followers=100, earlier_complaints=1), rules(), now))
    assert is_urgent(again.severity, rules())


def test_a_source_that_does_not_count_followers_is_not_a_handicap(
    heard: Make, rules: MakeRules, now: datetime
) -> None:
    unknown = flag(decide(heard(followers=None), rules(), now))
    assert unknown.severity == flag(decide(heard(followers=100), rules(), now)).severity


def test_a_count_below_zero_cannot_break_the_scale(
    heard: Make, rules: MakeRules, now: datetime
) -> None:
    got = flag(decide(heard(engagement=Engagement(shares=-3), followers=-1), rules(), now))
    assert 0 <= got.severity <= 100
