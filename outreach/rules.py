"""Decide which author is unhappy, how much it matters, and why: pure functions of mentions.

Nothing here reads a clock or a database, so every flag can be reached again from its evidence.
docs/rules.md tells the same in prose, with a worked example.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from earful.enums import Sentiment, Verdict
from earful.judgements import ClassifiedMention, Evidence, Flag
from earful.scoring import reach
from earful.settings.load import RuleSettings
from earful.types import Rating
from outreach.words import count, describe_rating, join_words, length, percent, times

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
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The thresholds that decide about a flag, its urgency and its due time.

    ``negative_at`` is a probability in 0..1, ``urgent_at`` a severity in 0..100. ``look_back`` is
    how old a mention may be (None: any age), the other spans run from when a case opens.
    """

    negative_at: float
    look_back: timedelta | None
    urgent_at: int
    reply_within: timedelta
    urgent_reply_within: timedelta

    @classmethod
    def of(cls, settings: RuleSettings, *, any_age: bool = False) -> Rules:
        """Build the rules of [rules] in settings.toml; ``any_age`` drops the look-back."""
        return cls(
            negative_at=settings.negative_at,
            look_back=None if any_age else settings.look_back,
            urgent_at=settings.urgent_at,
            reply_within=settings.reply_within,
            urgent_reply_within=settings.urgent_reply_within,
        )


def decide(mention: ClassifiedMention, rules: Rules, now: datetime) -> Flag | Verdict:
    """Judge one mention about one brand at the instant ``now`` (aware).

    Returns a Flag, or the Verdict that says why there is none. The order matters:

    1. Competitors, the brand's own accounts and reposts are never complaints.
    2. A person's correction wins over the model and over age, because a person has just read it.
    3. A low rating is the author's own word, so it wins over the model's reading of the text.
    4. COPY means "would be flagged, if its text were new".
    5. Age comes last: TOO_OLD means only "would be flagged if it were younger", and those
       mentions are judged again by ``earful flag --all``.

    Raises ValueError when ``now`` is naive.
    """
    _aware("now", now)
    barred = _not_a_complaint_to_us(mention)  # 1
    if barred is not None:
        return barred
    # 2. Before the age is checked: docs/decisions/unhappy.md, a person's "this is negative" flags
    # at any age.
    if mention.corrected is Sentiment.NEGATIVE:
        return _flag(mention, rules, now, RULE_PERSON)
    if mention.corrected is not None:
        return Verdict.CORRECTED
    if is_low(mention.rating):  # 3
        rule = RULE_RATING
    elif mention.scores.could_not_tell:
        return Verdict.COULD_NOT_TELL
    elif mention.scores.negative < rules.negative_at:
        return Verdict.CALM
    else:
        rule = RULE_MODEL
    if mention.copy:  # 4
        return Verdict.COPY
    # 5. Last, so that TOO_OLD marks only mentions that a longer look-back would flag.
    if rules.look_back is not None and now - mention.published_at > rules.look_back:
        return Verdict.TOO_OLD
    return _flag(mention, rules, now, rule)


def is_low(rating: Rating | None) -> bool:
    """True for a rating that says by itself that its author is unhappy."""
    if rating is None:
        return False
    if (rating.kind, rating.lowest, rating.highest) == ("nps", 0, 10):
        return rating.value <= DETRACTOR_MOST
    steps = rating.highest - rating.lowest + 1
    return rating.value - rating.lowest < LOW_SHARE * steps and steps > 1


def _not_a_complaint_to_us(mention: ClassifiedMention) -> Verdict | None:
    """Return the verdict on a mention that cannot be a complaint to the brand, else None."""
    if not mention.brand.ours:
        return Verdict.COMPETITOR
    if mention.own:
        return Verdict.OWN_ACCOUNT
    return Verdict.REPOST if mention.repost else None


def _flag(mention: ClassifiedMention, rules: Rules, now: datetime, rule: str) -> Flag:
    age = max(timedelta(0), now - mention.published_at)  # a platform's clock may run ahead of ours
    age_hours = age / _HOUR
    heard_by = reach(mention.followers, mention.engagement.shares)
    earlier = max(0, mention.earlier_complaints)
    parts = priority_parts(
        rule=rule,
        negative=mention.scores.negative,
        reach=heard_by,
        age_hours=age_hours,
        earlier_complaints=earlier,
        rating=mention.rating,
    )
    return Flag(
        mention_ids=(mention.mention_id,),
        brand_id=mention.brand.id,
        author_id=mention.author_id,
        rule=rule,
        severity=_sum(parts),
        reason=_reason(mention, rules, rule, age),
        evidence=Evidence(
            model_id=mention.model_id,
            negative=mention.scores.negative,
            threshold=rules.negative_at,
            look_back_hours=None if rules.look_back is None else rules.look_back / _HOUR,
            rule=rule,
            followers=mention.followers,
            shares=mention.engagement.shares,
            reach=heard_by,
            age_hours=age_hours,
            earlier_complaints=earlier,
            priority_parts=parts,
            rating=mention.rating,
        ),
        at=now,
    )


def priority_parts(
    *,
    rule: str,
    negative: float,
    reach: int,
    age_hours: float,
    earlier_complaints: int,
    rating: Rating | None = None,
) -> dict[str, float]:
    """Return the points that each part adds to a severity; they sum to 0..100.

    The formula is Earful's own (docs/rules.md): sureness in proportion, reach by logarithm,
    recency by half-life, repeats by a geometric series. Rounded to hundredths, so that the
    numbers shown are the numbers summed.
    """
    sure = 1.0 if rule == RULE_PERSON else min(1.0, max(0.0, negative))
    if rule == RULE_RATING and rating is not None:
        # 1 of 5 stars leaves no doubt; a kind text beside it does not take that back
        sure = max(sure, (rating.highest - rating.value) / (rating.highest - rating.lowest))
    heard_by = min(1.0, math.log10(1 + reach) / math.log10(1 + REACH_FULL))
    return {
        "negative": round(NEGATIVE_WEIGHT * sure, 2),
        "repeat": round(REPEAT_WEIGHT * (1 - REPEAT_KEEPS**earlier_complaints), 2),
        "reach": round(REACH_WEIGHT * heard_by, 2),
        "recency": round(RECENCY_WEIGHT * 0.5 ** (age_hours / HALF_LIFE_HOURS), 2),
    }


def _sum(parts: Mapping[str, float]) -> int:
    return min(100, round(sum(parts.values())))


def replay(evidence: Evidence) -> int | None:
    """Return the severity of this evidence under today's weights; None: not flagged."""
    if evidence.rule == RULE_MODEL and evidence.negative < evidence.threshold:
        return None
    if evidence.rule == RULE_RATING and not is_low(evidence.rating):
        return None
    return _sum(
        priority_parts(
            rule=evidence.rule,
            negative=evidence.negative,
            reach=evidence.reach,
            age_hours=evidence.age_hours,
            earlier_complaints=evidence.earlier_complaints,
            rating=evidence.rating,
        )
    )


def _reason(mention: ClassifiedMention, rules: Rules, rule: str, age: timedelta) -> str:
    """Explain a flag in a sentence to read aloud: certainty, repeats, followers, shares, age."""
    parts = [_certainty_text(mention, rules, rule)]
    if mention.rating is not None and rule != RULE_RATING:
        parts.append(f"they gave {describe_rating(mention.rating)}")
    parts += [_repeats_text(max(0, mention.earlier_complaints)), _followers_text(mention.followers)]
    if mention.engagement.shares > 0:
        parts.append(f"it was shared {times(mention.engagement.shares)}")
    if age >= timedelta(days=1):
        parts.append(f"it was already {length(age)} old")
    return join_words(parts) + "."


def _certainty_text(mention: ClassifiedMention, rules: Rules, rule: str) -> str:
    certainty = percent(mention.scores.negative)
    if rule == RULE_PERSON:
        model = "could not tell" if mention.scores.could_not_tell else f"gave it {certainty}"
        return f"A person said that this is negative (the model {model})"
    if rule == RULE_RATING and mention.rating is not None:
        model = f"is {certainty} sure that the words are negative"
        model = "could not tell from the words" if mention.scores.could_not_tell else model
        return f"They gave {describe_rating(mention.rating)} (the model {model})"
    # "60 % sure (flagged from 60.5 %)" would contradict itself
    places = 0 if round(rules.negative_at * 100, 6).is_integer() else 1
    sure, least = percent(mention.scores.negative, places), percent(rules.negative_at, places)
    return f"The model is {sure} sure that this is negative (flagged from {least})"


def _repeats_text(earlier: int) -> str:
    if earlier == 0:
        return "it is the author's first complaint in 30 days"
    return f"the author complained {times(earlier)} before in 30 days"


def _followers_text(followers: int | None) -> str:
    if followers is None:
        return "how many people follow them is not known"
    if followers <= 0:
        return "nobody follows them"
    return f"{count(followers, 'person follows', 'people follow')} them"


def is_urgent(severity: int, rules: Rules) -> bool:
    """True when a flag's severity or a case's priority (0..100) calls for the shorter answer."""
    return severity >= rules.urgent_at


def due_at(severity: int, rules: Rules, opened_at: datetime) -> datetime:
    """Return the instant by which a case opened at ``opened_at`` (aware) needs an answer.

    Raises ValueError when ``opened_at`` is naive.
    """
    _aware("opened_at", opened_at)
    within = rules.urgent_reply_within if is_urgent(severity, rules) else rules.reply_within
    return opened_at + within


def _aware(name: str, at: datetime) -> None:
    if at.tzinfo is None:
        raise ValueError(f"{name}: {at!r} has no time zone; give an aware datetime (UTC)")
