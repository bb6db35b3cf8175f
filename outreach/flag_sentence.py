"""The sentence of a flag, which an agent can read aloud: why, how sure, and who it is."""

from __future__ import annotations

from datetime import timedelta

from earful.enums import Sentiment
from earful.judgements import Evidence
from outreach.reasons import describe_complaint
from outreach.severity import RULE_PERSON, RULE_RATING, negative_of
from outreach.words import count, describe_rating, join_words, length, percent, times


def describe_flag(evidence: Evidence, *, brand: str, age: timedelta, could_not_tell: bool) -> str:
    """Explain a flag: the complaint, certainty, irony, repeats, followers, shares, age.

    ``brand`` is its name, ``age`` the mention's when it was flagged. ``could_not_tell`` is the
    model's answer about the text.
    """
    circumstances = _circumstances(evidence, age)
    complaint = describe_complaint(evidence.intents, evidence.reasons)
    certainty = _certainty(evidence, could_not_tell)
    if complaint and evidence.rule in (RULE_PERSON, RULE_RATING):
        sentences = [certainty, complaint, _join(circumstances)]
    elif complaint:
        sentences = [f"{complaint}; {_aim(evidence, brand)}", _join(circumstances)]
    else:
        sentences = [_join([certainty, *circumstances])]
    if evidence.pieces > 1:
        sentences.append(
            f"The text is long: it was read in {evidence.pieces} pieces, and the angriest counts"
        )
    return " ".join(f"{sentence}." for sentence in sentences)


def _join(parts: list[str]) -> str:
    # two main clauses take a comma, where two words do not
    text = ", and ".join(parts) if len(parts) == 2 else join_words(parts)
    return text[:1].upper() + text[1:]


def _circumstances(evidence: Evidence, age: timedelta) -> list[str]:
    parts = ["it is meant ironically"] if evidence.ironic else []
    if evidence.rating is not None and evidence.rule != RULE_RATING:
        parts.append(f"they gave {describe_rating(evidence.rating)}")
    parts += [_repeats(evidence.earlier_complaints), _followers(evidence.followers)]
    if evidence.shares > 0:
        parts.append(f"it was shared {times(evidence.shares)}")
    if age >= timedelta(days=1):
        parts.append(f"it was already {length(age)} old")
    return parts


def _aim(evidence: Evidence, brand: str) -> str:
    if negative_of(evidence) >= evidence.threshold:
        return f"the model is {percent(negative_of(evidence))} sure that it is aimed at {brand}"
    # only with [rules] toward: a complaint in calm words was flagged
    sentiment = max(Sentiment, key=lambda name: evidence.toward.get(name, 0.0))
    return f"the model reads it as {sentiment} toward {brand}"


def _certainty(evidence: Evidence, could_not_tell: bool) -> str:
    negative = negative_of(evidence)
    if evidence.rule == RULE_PERSON:
        model = "could not tell" if could_not_tell else f"gave it {percent(negative)}"
        return f"A person said that this is negative (the model {model})"
    if evidence.rule == RULE_RATING and evidence.rating is not None:
        model = f"is {percent(evidence.negative)} sure that the words are negative"
        model = "could not tell from the words" if could_not_tell else model
        return f"They gave {describe_rating(evidence.rating)} (the model {model})"
    # "60 % sure (flagged from 60.5 %)" would contradict itself
    places = 0 if round(evidence.threshold * 100, 6).is_integer() else 1
    sure, least = percent(negative, places), percent(evidence.threshold, places)
    return f"The model is {sure} sure that this is negative (flagged from {least})"


def _repeats(earlier: int) -> str:
    if earlier == 0:
        return "it is the author's first complaint in 30 days"
    return f"the author complained {times(earlier)} before in 30 days"


def _followers(followers: int | None) -> str:
    if followers is None:
        return "how many people follow them is not known"
    if followers <= 0:
        return "nobody follows them"
    return f"{count(followers, 'person follows', 'people follow')} them"
