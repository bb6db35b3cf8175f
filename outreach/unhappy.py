"""Decide from a model's reading whether a customer is unhappy with the brand.

docs/rules.md tells the same in prose; docs/decisions/unhappy.md gives the reasons.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeGuard

from earful.enums import Intent, Reason, Sentiment, Verdict
from earful.judgements import HOLDS_AT, Reading, Scores
from outreach.reasons import named_reasons

# The intents of an unhappy customer. The others are listed elsewhere or nowhere.
UNHAPPY_INTENTS = (Intent.COMPLAINT, Intent.LEAVING)
# The verdict on a mention that is no complaint, by its intent.
_CALM_VERDICTS = {
    Intent.QUESTION: Verdict.QUESTION,
    Intent.SUGGESTION: Verdict.WISH,
    Intent.RESOLVED: Verdict.RESOLVED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """The conditions under which a mention counts as unhappy.

    ``negative_at`` is a probability in 0..1. The other three hold only for a reading that has
    intents: ``toward``, the sentiments toward the brand that flag; ``intents`` and ``reasons``,
    those that flag.
    """

    negative_at: float
    toward: frozenset[Sentiment] = frozenset((Sentiment.NEGATIVE,))
    intents: frozenset[Intent] = frozenset(UNHAPPY_INTENTS)
    reasons: frozenset[Reason] = frozenset(Reason)


def has_intents(reading: Reading | None) -> TypeGuard[Reading]:
    """Return whether a model with answers of its own about the brand made this reading."""
    return reading is not None and bool(reading.intents)


def toward_brand(reading: Reading) -> Scores:
    """Return the scores toward the brand; the text's own where the model could not tell them."""
    return reading.scores if reading.toward.could_not_tell else reading.toward


def judge_reading(reading: Reading, conditions: Conditions) -> Verdict | None:
    """Return the verdict against a flag; None for an unhappy customer.

    ``reading`` has intents. The steps:

    1. A solved problem, when that is more probable than a complaint and than leaving.
    2. Sure enough toward the brand, and a complaint or leaving: unhappy, unless the settings
       leave that intent or every named reason out.
    3. Everything else gets the verdict of its most probable intent, if that has one.
    4. What is left differs only in its sentiment.
    """
    probabilities = reading.intents
    unhappy = max(probabilities.get(intent, 0.0) for intent in UNHAPPY_INTENTS)
    solved = probabilities.get(Intent.RESOLVED, 0.0)
    if solved >= HOLDS_AT and solved > unhappy:  # 1
        return Verdict.RESOLVED
    toward = toward_brand(reading)
    is_toward = _sum_of(toward, conditions.toward) >= conditions.negative_at
    if is_toward and unhappy >= HOLDS_AT:  # 2
        return None if _is_wanted(reading, conditions) else Verdict.LEFT_OUT
    if (verdict := _calm_verdict(probabilities)) is not None:  # 3
        return verdict
    if is_toward:  # 4
        return Verdict.NO_COMPLAINT
    is_negative = reading.scores.negative >= conditions.negative_at
    return Verdict.NOT_TOWARD_US if is_negative else Verdict.CALM


def is_urgent_reason(reasons: Mapping[str, float], urgent: frozenset[Reason]) -> bool:
    """Return whether an urgent reason holds; ``reasons`` are probabilities (0 to 1)."""
    # "perhaps" is not enough to alert an agent at night
    return any(reasons.get(reason, 0.0) >= HOLDS_AT for reason in urgent)


def _sum_of(scores: Scores, sentiments: frozenset[Sentiment]) -> float:
    return sum(float(getattr(scores, sentiment)) for sentiment in sorted(sentiments))


def _is_wanted(reading: Reading, conditions: Conditions) -> bool:
    if not any(reading.holds(intent) for intent in conditions.intents):
        return False
    # a model without reasons must not lose every complaint to the default, which is all of them
    if conditions.reasons == frozenset(Reason):
        return True
    return any(reason in conditions.reasons for reason in named_reasons(reading.reasons))


def _calm_verdict(probabilities: Mapping[str, float]) -> Verdict | None:
    """Return the verdict of the most probable of these intents that holds.

    An advert or a news headline often asks something, so ``other`` competes and has no verdict.
    Praise does not: "Lovely shoes! Do they come in red?" waits for an answer.
    """
    intents = (*_CALM_VERDICTS, Intent.OTHER)
    intent = max(intents, key=lambda name: probabilities.get(name, 0.0))
    return _CALM_VERDICTS.get(intent) if probabilities.get(intent, 0.0) >= HOLDS_AT else None
