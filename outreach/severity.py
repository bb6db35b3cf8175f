"""How much a flag matters, from 0 to 100: the weights, and the points of each part.

docs/rules.md has the arithmetic with a worked example.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from earful.enums import Intent, Sentiment
from earful.judgements import Evidence
from earful.types import Rating

RULE_MODEL = "the model is sure enough"
RULE_PERSON = "a person said so"
RULE_RATING = "the rating is low"

# Of 0 to 10, 0 to 6 is a detractor by definition: Reichheld, "The One Number You Need to Grow",
# Harvard Business Review, December 2003.
DETRACTOR_MOST = 6
# Of any other scale the lowest 40 % of its steps: 1 and 2 of 5 stars, the two sad faces of 5.
LOW_SHARE = 0.4

# The four weights sum to 100, and none reaches half: no part alone outweighs the others together.
# How sure it is counts most: a page for somebody who never complained costs the agents' trust.
NEGATIVE_WEIGHT = 45.0
# Somebody who complains again was not helped the first time.
REPEAT_WEIGHT = 20.0
# Reach may break ties; this is for customers, not only for influencers.
REACH_WEIGHT = 20.0
# A fresh complaint can still be turned around; an old one mostly waits for an apology.
RECENCY_WEIGHT = 15.0

# Half of the repeat part for one earlier complaint, three quarters for two: the second time says
# more than the seventh.
REPEAT_KEEPS = 0.5
# Audiences span six orders of magnitude, so reach counts by its logarithm; above a million it is
# "everybody" either way.
REACH_FULL = 1_000_000
# A day: the reply window that most support teams promise.
HALF_LIFE_HOURS = 24.0


def is_low(rating: Rating | None) -> bool:
    """True for a rating that says by itself that its author is unhappy."""
    if rating is None:
        return False
    if (rating.kind, rating.lowest, rating.highest) == ("nps", 0, 10):
        return rating.value <= DETRACTOR_MOST
    steps = rating.highest - rating.lowest + 1
    return rating.value - rating.lowest < LOW_SHARE * steps and steps > 1


def priority_parts(evidence: Evidence) -> dict[str, float]:
    """Return the points that each part adds to a severity; they sum to 0..100.

    The formula is Earful's own (docs/rules.md): sureness in proportion, reach by logarithm,
    recency by half-life, repeats by a geometric series. An urgent reason fills the sum up to
    ``lifted_to``. Rounded to hundredths, so that the numbers shown are the numbers summed.
    """
    heard_by = min(1.0, math.log10(1 + evidence.reach) / math.log10(1 + REACH_FULL))
    # docs/decisions/unhappy.md, "A customer who is leaving counts as one who complains again"
    repeats = evidence.earlier_complaints + (Intent.LEAVING in evidence.intents)
    parts = {
        "negative": round(NEGATIVE_WEIGHT * _sureness(evidence), 2),
        "repeat": round(REPEAT_WEIGHT * (1 - REPEAT_KEEPS**repeats), 2),
        "reach": round(REACH_WEIGHT * heard_by, 2),
        "recency": round(RECENCY_WEIGHT * 0.5 ** (evidence.age_hours / HALF_LIFE_HOURS), 2),
    }
    if evidence.lifted_to is not None:
        parts["urgent"] = round(max(0.0, evidence.lifted_to - sum(parts.values())), 2)
    return parts


def sum_parts(parts: Mapping[str, float]) -> int:
    """Return the severity (0 to 100) that the parts make."""
    return min(100, round(sum(parts.values())))


def negative_of(evidence: Evidence) -> float:
    """Return the probability (0 to 1) of negative: toward the brand where the model told it."""
    return evidence.toward.get(Sentiment.NEGATIVE, evidence.negative)


def _sureness(evidence: Evidence) -> float:
    if evidence.rule == RULE_PERSON:
        return 1.0
    sure = min(1.0, max(0.0, negative_of(evidence)))
    rating = evidence.rating
    if evidence.rule == RULE_RATING and rating is not None:
        # 1 of 5 stars leaves no doubt; a kind text beside it does not take that back
        sure = max(sure, (rating.highest - rating.value) / (rating.highest - rating.lowest))
    return sure
