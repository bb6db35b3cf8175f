"""Who is flagged by a reading: toward whom, with which intent, and why."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earful.enums import Intent, Reason, Sentiment, Verdict
from earful.judgements import ClassifiedMention, Flag, Reading, Scores
from earful.settings.load import RuleSettings
from earful.types import Rating
from outreach import severity
from outreach.reasons import (
    INTENT_LABELS,
    REASON_LABELS,
    describe_briefly,
    describe_complaint,
    named_reasons,
)
from outreach.rules import Rules, decide, is_urgent, refusal, replay
from outreach.unhappy import Conditions, judge_reading
from storage.cases.explanations import evidence_from

Make = Callable[..., ClassifiedMention]
MakeRules = Callable[..., Rules]

CONDITIONS = Conditions(negative_at=0.6)
COMPLAINT = {"complaint": 0.9}
NEITHER = {"complaint": 0.3, "leaving": 0.1}


def scores(negative: float, *, unsure: bool = False) -> Scores:
    return Scores(
        negative=negative,
        neutral=(1 - negative) * 0.75,
        positive=(1 - negative) * 0.25,
        could_not_tell=unsure,
    )


def reading(
    toward: float = 0.87,
    intents: Mapping[str, float] = COMPLAINT,
    reasons: Mapping[str, float] | None = None,
    *,
    text: float | None = None,
    **other: object,
) -> Reading:
    """A reading with this probability of negative toward the brand, and of the text."""
    told = {"intents": intents, "reasons": reasons or {}} | other
    own = scores(toward if text is None else text)
    return Reading(scores=own, toward=scores(toward), **told)  # type: ignore[arg-type]


def flag(answer: Flag | Verdict) -> Flag:
    assert isinstance(answer, Flag), answer
    return answer


@pytest.mark.parametrize(
    ("toward", "intents", "verdict"),
    [
        # unhappy: toward us, and a complaint or leaving
        (0.9, {"complaint": 0.9}, None),
        (0.6, {"complaint": 0.5}, None),
        (0.9, {"leaving": 0.7}, None),
        (0.9, {"complaint": 0.8, "leaving": 0.9}, None),
        # a question or a wish that is also a complaint
        (0.9, {"complaint": 0.6, "question": 0.95}, None),
        (0.9, {"complaint": 0.6, "suggestion": 0.95}, None),
        # not sure enough toward us
        (0.5999, {"complaint": 0.9}, Verdict.CALM),
        (0.1, {"praise": 0.9}, Verdict.CALM),
        # solved, and more probably so than a complaint
        (0.9, {"resolved": 0.8, "complaint": 0.7}, Verdict.RESOLVED),
        (0.9, {"resolved": 0.7, "complaint": 0.8}, None),
        (0.9, {"resolved": 0.7, "leaving": 0.8}, None),
        (0.9, {"resolved": 0.49, "complaint": 0.3}, Verdict.NO_COMPLAINT),
        (0.1, {"resolved": 0.9}, Verdict.RESOLVED),
        # asks, and is calm or only sounds cross
        (0.1, {"question": 0.9}, Verdict.QUESTION),
        (0.8, {"question": 0.9, "complaint": 0.4}, Verdict.QUESTION),
        (0.1, {"question": 0.7, "praise": 0.9}, Verdict.QUESTION),
        (0.1, {"question": 0.6, "suggestion": 0.7}, Verdict.WISH),
        (0.1, {"suggestion": 0.6}, Verdict.WISH),
        # an advert asks too, and nobody waits for an answer
        (0.1, {"question": 0.6, "other": 0.8}, Verdict.CALM),
        (0.8, {"question": 0.6, "other": 0.8}, Verdict.NO_COMPLAINT),
        # negative toward us, and no customer: news, a joke
        (0.9, {"other": 0.9}, Verdict.NO_COMPLAINT),
        (0.9, {"complaint": 0.4999, "leaving": 0.4}, Verdict.NO_COMPLAINT),
    ],
)
def test_an_intent_decides_with_the_sentiment_toward_us(
    toward: float, intents: Mapping[str, float], verdict: Verdict | None
) -> None:
    assert judge_reading(reading(toward, intents), CONDITIONS) is verdict


@pytest.mark.parametrize(
    ("intents", "verdict"),
    [
        ({"complaint": 0.9}, Verdict.NOT_TOWARD_US),
        ({"leaving": 0.9}, Verdict.NOT_TOWARD_US),
        ({"other": 0.9}, Verdict.NOT_TOWARD_US),
        ({"question": 0.9, "complaint": 0.6}, Verdict.QUESTION),
    ],
)
def test_angry_words_about_a_rival_are_no_complaint_to_us(
    intents: Mapping[str, float], verdict: Verdict
) -> None:
    assert judge_reading(reading(0.2, intents, text=0.95), CONDITIONS) is verdict


def test_praise_in_the_text_does_not_hide_a_complaint_to_us() -> None:
    assert judge_reading(reading(0.8, text=0.1), CONDITIONS) is None


def test_the_words_count_where_the_model_cannot_tell_toward_whom() -> None:
    unsure = Reading(
        scores=scores(0.9), toward=scores(0.1, unsure=True), intents=COMPLAINT, reasons={}
    )
    assert judge_reading(unsure, CONDITIONS) is None


@pytest.mark.parametrize(
    ("change", "told", "verdict"),
    [
        ({"intents": {Intent.LEAVING}}, reading(), Verdict.LEFT_OUT),
        ({"intents": {Intent.LEAVING}}, reading(intents={"leaving": 0.6}), None),
        ({"intents": {Intent.COMPLAINT}}, reading(intents={"leaving": 0.6}), Verdict.LEFT_OUT),
        ({"reasons": {Reason.PRICE}}, reading(reasons={"price": 0.8, "late": 0.9}), None),
        ({"reasons": {Reason.PRICE}}, reading(reasons={"price": 0.4, "late": 0.1}), None),
        (
            {"reasons": {Reason.PRICE}},
            reading(reasons={"price": 0.4, "late": 0.9}),
            Verdict.LEFT_OUT,
        ),
        ({"reasons": {Reason.PRICE}}, reading(reasons={"price": 0.1}), Verdict.LEFT_OUT),
        ({"reasons": {Reason.PRICE}}, reading(reasons={}), Verdict.LEFT_OUT),
        # scores(0.4) is 0.4 negative and 0.45 neutral
        ({"toward": {Sentiment.NEGATIVE, Sentiment.NEUTRAL}}, reading(0.4), None),
        (
            {"toward": {Sentiment.NEGATIVE, Sentiment.NEUTRAL}},
            reading(0.4, NEITHER),
            Verdict.NO_COMPLAINT,
        ),
        ({"toward": {Sentiment.POSITIVE}}, reading(0.9, text=0.1), Verdict.CALM),
    ],
)
def test_settings_choose_sentiment_intent_and_reason(
    change: Mapping[str, set[str]], told: Reading, verdict: Verdict | None
) -> None:
    conditions = replace(CONDITIONS, **{key: frozenset(words) for key, words in change.items()})  # type: ignore[arg-type]
    assert judge_reading(told, conditions) is verdict


@pytest.mark.parametrize("told", [None, Reading(scores=scores(0.9), toward=scores(0.9))])
def test_without_intents_the_sentiment_of_the_text_decides(
    heard: Make, rules: MakeRules, now: datetime, told: Reading | None
) -> None:
    """A neutral post of a model without intents would be flagged by ``toward`` alone."""
    picky = rules(
        toward=frozenset(Sentiment),
        intents=frozenset((Intent.LEAVING,)),
        reasons=frozenset((Reason.SAFETY,)),
    )
    got = flag(decide(heard(0.9, reading=told), picky, now))
    assert got.reason == flag(decide(heard(0.9), rules(), now)).reason
    assert (got.evidence.toward, got.evidence.lifted_to) == ({}, None)
    assert decide(heard(0.59, reading=told), picky, now) is Verdict.CALM


def test_people_and_ratings_win_over_every_reading(
    heard: Make, rules: MakeRules, now: datetime
) -> None:
    calm = reading(0.02, {"resolved": 0.99, "question": 0.9})
    one_star = Rating(kind="stars", value=1, lowest=1, highest=5)
    rated = flag(decide(heard(0.02, reading=calm, rating=one_star), rules(), now))
    assert rated.rule == severity.RULE_RATING
    said = flag(decide(heard(0.02, reading=calm, corrected=Sentiment.NEGATIVE), rules(), now))
    assert said.rule == severity.RULE_PERSON
    angry = heard(0.9, reading=reading(), corrected=Sentiment.NEUTRAL)
    assert decide(angry, rules(), now) is Verdict.CORRECTED
    unsure = heard(0.9, unsure=True, reading=reading())
    assert decide(unsure, rules(), now) is Verdict.COULD_NOT_TELL
    assert decide(heard(0.9, reading=calm, copy=True), rules(), now) is Verdict.RESOLVED
    assert decide(heard(0.9, reading=reading(), copy=True), rules(), now) is Verdict.COPY
    assert decide(heard(0.9, reading=reading(), hours=999), rules(), now) is Verdict.TOO_OLD


# -- severity ---------------------------------------------------------------------------------


def test_the_sentiment_toward_us_makes_the_severity(
    heard: Make, rules: MakeRules, now: datetime
) -> None:
    got = flag(decide(heard(0.99, reading=reading(0.7, text=0.99)), rules(), now))
    assert got.evidence.priority_parts["negative"] == round(45 * 0.7, 2)
    assert got.evidence.negative == 0.99


def test_leaving_counts_as_one_more_complaint(heard: Make, rules: MakeRules, now: datetime) -> None:
    leaving = reading(intents={"leaving": 0.8})
    for earlier in (0, 1, 5):
        gone = flag(decide(heard(reading=leaving, earlier_complaints=earlier), rules(), now))
        stays = flag(decide(heard(reading=reading(), earlier_complaints=earlier + 1), rules(), now))
        assert gone.severity == stays.severity
        assert gone.evidence.earlier_complaints == earlier


def test_an_urgent_reason_makes_any_flag_urgent(
    heard: Make, rules: MakeRules, now: datetime
) -> None:
    unsafe = heard(hours=70, reading=reading(0.6, reasons={"safety": 0.5}))
    got = flag(decide(unsafe, rules(), now))
    assert is_urgent(got.severity, rules()) and got.severity == 70
    assert round(sum(got.evidence.priority_parts.values())) == 70
    assert replay(got.evidence) == 70
    # a doubtful reason alerts nobody at night, and another list of reasons is another choice
    doubtful = replace(unsafe, reading=reading(0.6, reasons={"safety": 0.4999}))
    assert flag(decide(doubtful, rules(), now)).severity < 70
    none = rules(urgent_reasons=frozenset[Reason]())
    assert "urgent" not in flag(decide(unsafe, none, now)).evidence.priority_parts
    # nothing is taken from a case that is more urgent anyway
    loud = heard(reading=reading(0.99, reasons={"safety": 0.9}), followers=10**6)
    assert flag(decide(loud, rules(), now)).evidence.priority_parts["urgent"] == 0


# -- the evidence -----------------------------------------------------------------------------

probability = st.floats(0, 1, allow_nan=False)
_NAMES = st.sampled_from(sorted(Intent))
_WHY = st.sampled_from(sorted(Reason))


@given(
    toward=probability,
    text=probability,
    intents=st.dictionaries(_NAMES, probability, min_size=1),
    reasons=st.dictionaries(_WHY, probability),
    counted=st.sets(st.sampled_from(sorted(Sentiment)), min_size=1),
)
def test_evidence_of_a_reading_replays_also_from_json(
    heard: Make,
    rules: MakeRules,
    now: datetime,
    toward: float,
    text: float,
    intents: dict[Intent, float],
    reasons: dict[Reason, float],
    counted: set[Sentiment],
) -> None:
    own = rules(toward=frozenset(counted))
    told = heard(text, reading=reading(toward, intents, reasons, text=text))
    got = decide(told, own, now)
    if isinstance(got, Verdict):
        return
    kept = evidence_from(json.loads(json.dumps(asdict(got.evidence))))
    assert kept == got.evidence
    assert replay(kept) == replay(kept, own) == got.severity
    assert 0 <= got.severity <= 100


def test_a_replay_follows_other_conditions(heard: Make, rules: MakeRules, now: datetime) -> None:
    told = heard(reading=reading(0.7, reasons={"price": 0.9}))
    kept = flag(decide(told, rules(), now)).evidence
    assert kept.intents == COMPLAINT and kept.reasons == {"price": 0.9}
    assert replay(kept, rules(negative_at=0.71)) is None
    late_only = rules(reasons=frozenset((Reason.LATE,)))
    assert refusal(kept, late_only) is Verdict.LEFT_OUT
    assert replay(kept, rules(reasons=frozenset((Reason.PRICE,)))) is not None


# -- the sentence -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("intents", "reasons", "words"),
    [
        ({"complaint": 0.9}, {}, "They complain"),
        ({"complaint": 0.9}, {"other": 0.9}, "They complain"),
        ({"complaint": 0.9}, {"late": 0.9}, "They complain about a delay"),
        ({"complaint": 0.9}, {"late": 0.9, "other": 0.95}, "They complain about a delay"),
        (
            {"complaint": 0.9},
            {"unreachable": 0.6, "price": 0.9, "late": 0.49},
            "They complain about a price or a refund and about getting no answer",
        ),
        ({"complaint": 0.9}, {"staff": 0.3, "late": 0.2}, "They complain, perhaps about the staff"),
        ({"complaint": 0.9}, {"staff": 0.19}, "They complain"),
        (
            {"leaving": 0.5, "complaint": 0.9},
            {"late": 0.5},
            "They say they are leaving because of a delay",
        ),
        (
            {"leaving": 0.9},
            {"safety": 0.4},
            "They say they are leaving, perhaps because of safety",
        ),
        ({"complaint": 0.49}, {"late": 0.9}, ""),
    ],
)
def test_a_complaint_in_words(
    intents: Mapping[str, float], reasons: Mapping[str, float], words: str
) -> None:
    assert describe_complaint(intents, reasons) == words


@pytest.mark.parametrize(
    ("intents", "reasons", "ironic", "words"),
    [
        ({}, {"late": 0.9}, False, ""),
        ({}, {}, True, "ironic"),
        ({"complaint": 0.9}, {}, False, ""),
        (
            {"complaint": 0.9},
            {"late": 0.9, "staff": 0.8},
            False,
            "about a delay and about the staff",
        ),
        ({"complaint": 0.9}, {"late": 0.3}, True, "perhaps about a delay, ironic"),
        ({"leaving": 0.9}, {}, False, "leaving"),
        ({"leaving": 0.9}, {"late": 0.3}, False, "leaving, perhaps because of a delay"),
        ({"leaving": 0.9}, {"late": 0.9}, True, "leaving because of a delay, ironic"),
    ],
)
def test_a_complaint_in_a_few_words(
    intents: Mapping[str, float], reasons: Mapping[str, float], ironic: bool, words: str
) -> None:
    assert describe_briefly(intents, reasons, ironic=ironic) == words


def test_only_what_can_be_taken_in_is_read_aloud() -> None:
    every = describe_complaint(COMPLAINT, {reason.value: 0.9 for reason in Reason})
    assert every.count("about") == 3
    assert len(named_reasons({reason.value: 0.9 for reason in Reason})) == len(Reason)


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        (
            reading(reasons={"price": 0.8}),
            "They complain about a price or a refund; the model is 87 % sure that it is aimed at "
            "Acme Air. It is the author's first complaint in 30 days, and 100 people follow them.",
        ),
        (
            reading(intents={"leaving": 0.8}, reasons={"late": 0.8}, irony=0.9, ironic=True),
            "They say they are leaving because of a delay; the model is 87 % sure that it is aimed "
            "at Acme Air. It is meant ironically, it is the author's first complaint in 30 days, "
            "and 100 people follow them.",
        ),
        (
            reading(pieces=3),
            "They complain; the model is 87 % sure that it is aimed at Acme Air. It is the "
            "author's first complaint in 30 days, and 100 people follow them. The text is long: "
            "it was read in 3 pieces, and the angriest counts.",
        ),
    ],
)
def test_the_sentence_in_full(
    heard: Make, rules: MakeRules, now: datetime, told: Reading, sentence: str
) -> None:
    got = flag(decide(heard(followers=100, reading=told), rules(), now))
    assert got.reason == sentence


def test_the_sentence_of_stars_names_the_reason(
    heard: Make, rules: MakeRules, now: datetime
) -> None:
    one_star = Rating(kind="stars", value=1, lowest=1, highest=5)
    told = heard(0.93, rating=one_star, reading=reading(reasons={"broken": 0.8}))
    assert flag(decide(told, rules(), now)).reason.startswith(
        "They gave 1 of 5 stars (the model is 93 % sure that the words are negative). They "
        "complain about a faulty product. It is the author's first complaint"
    )


def test_the_sentence_of_a_calm_complaint_claims_no_more(
    heard: Make, rules: MakeRules, now: datetime
) -> None:
    calm_too = rules(toward=frozenset((Sentiment.NEGATIVE, Sentiment.NEUTRAL)))
    got = flag(decide(heard(0.2, reading=reading(0.2)), calm_too, now))
    assert got.reason.startswith("They complain; the model reads it as neutral toward Acme Air.")


def test_every_intent_and_reason_has_a_label() -> None:
    assert set(INTENT_LABELS) == set(Intent) and set(REASON_LABELS) == set(Reason)


def test_the_defaults_of_settings_are_those_of_the_rules() -> None:
    default = Rules.of(RuleSettings())
    same = Conditions(negative_at=default.negative_at)
    assert (default.toward, default.intents) == (same.toward, same.intents)
    assert (default.reasons, default.urgent_reasons) == (same.reasons, {Reason.SAFETY})
