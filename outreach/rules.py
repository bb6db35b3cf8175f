"""Decide which author is unhappy, how much it matters, and why: pure functions of mentions.

Nothing here reads a clock or a database, so every flag can be reached again from its evidence.
docs/rules.md tells the same in prose, with a worked example.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from earful.enums import Reason, Sentiment, Verdict
from earful.judgements import HOLDS_AT, ClassifiedMention, Evidence, Flag, Reading, Scores
from earful.scoring import reach
from earful.settings.load import RuleSettings
from outreach.flag_sentence import describe_flag
from outreach.reasons import named_reasons
from outreach.severity import (
    RULE_MODEL,
    RULE_PERSON,
    RULE_RATING,
    is_low,
    priority_parts,
    sum_parts,
)
from outreach.unhappy import (
    Conditions,
    has_intents,
    is_urgent_reason,
    judge_reading,
    toward_brand,
)

_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules(Conditions):
    """The conditions of a flag, and what decides about its urgency and its due time.

    ``urgent_at`` is a severity in 0..100; a flag with one of ``urgent_reasons`` is urgent at any
    severity. ``look_back`` is how old a mention may be (None: any age), the other spans run from
    when a case opens.
    """

    look_back: timedelta | None
    urgent_at: int
    reply_within: timedelta
    urgent_reply_within: timedelta
    urgent_reasons: frozenset[Reason] = frozenset((Reason.SAFETY,))

    @classmethod
    def of(cls, settings: RuleSettings, *, any_age: bool = False) -> Rules:
        """Build the rules of [rules] in settings.toml; ``any_age`` drops the look-back."""
        return cls(
            negative_at=settings.negative_at,
            look_back=None if any_age else settings.look_back,
            urgent_at=settings.urgent_at,
            reply_within=settings.reply_within,
            urgent_reply_within=settings.urgent_reply_within,
            toward=frozenset(settings.toward),
            intents=frozenset(settings.intents),
            reasons=frozenset(settings.reasons),
            urgent_reasons=frozenset(settings.urgent_reasons),
        )


def decide(mention: ClassifiedMention, rules: Rules, now: datetime) -> Flag | Verdict:
    """Judge one mention about one brand at the instant ``now`` (aware).

    Returns a Flag, or the Verdict that says why there is none. The order matters:

    1. Competitors, the brand's own accounts and reposts are never complaints.
    2. A person's correction wins over the model and over age, because a person has just read it.
    3. A low rating is the author's own word, so it wins over the model's reading of the text.
    4. A reading with intents is judged by sentiment toward the brand, intent and reason; a
       model without intents by the sentiment of the text.
    5. COPY means "would be flagged, if its text were new".
    6. Age comes last: TOO_OLD means only "would be flagged if it were younger", and those
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
    rule = RULE_RATING if is_low(mention.rating) else RULE_MODEL  # 3
    if rule == RULE_MODEL:
        calm = _judge_words(mention, rules)  # 4
        if calm is not None:
            return calm
    if mention.copy:  # 5
        return Verdict.COPY
    # 6. Last, so that TOO_OLD marks only mentions that a longer look-back would flag.
    if rules.look_back is not None and now - mention.published_at > rules.look_back:
        return Verdict.TOO_OLD
    return _flag(mention, rules, now, rule)


def _not_a_complaint_to_us(mention: ClassifiedMention) -> Verdict | None:
    """Return the verdict on a mention that cannot be a complaint to the brand, else None."""
    if not mention.brand.ours:
        return Verdict.COMPETITOR
    if mention.own:
        return Verdict.OWN_ACCOUNT
    return Verdict.REPOST if mention.repost else None


def _judge_words(mention: ClassifiedMention, rules: Rules) -> Verdict | None:
    """Return the verdict against a flag by the model's answers; None for an unhappy customer."""
    if mention.scores.could_not_tell:
        return Verdict.COULD_NOT_TELL
    if has_intents(mention.reading):
        return judge_reading(mention.reading, rules)
    # word lists and foreign models know only the sentiment of the text
    return None if mention.scores.negative >= rules.negative_at else Verdict.CALM


def _flag(mention: ClassifiedMention, rules: Rules, now: datetime, rule: str) -> Flag:
    age = max(timedelta(0), now - mention.published_at)  # a platform's clock may run ahead of ours
    evidence = Evidence(
        model_id=mention.model_id,
        negative=mention.scores.negative,
        threshold=rules.negative_at,
        look_back_hours=None if rules.look_back is None else rules.look_back / _HOUR,
        rule=rule,
        followers=mention.followers,
        shares=mention.engagement.shares,
        reach=reach(mention.followers, mention.engagement.shares),
        age_hours=age / _HOUR,
        earlier_complaints=max(0, mention.earlier_complaints),
        priority_parts={},
        rating=mention.rating,
        counted=tuple(sorted(sentiment.value for sentiment in rules.toward)),
    )
    if has_intents(mention.reading):
        evidence = _with_reading(evidence, mention.reading)
    evidence = replace(evidence, lifted_to=lift(evidence, rules))
    evidence = replace(evidence, priority_parts=priority_parts(evidence))
    return Flag(
        mention_ids=(mention.mention_id,),
        brand_id=mention.brand.id,
        author_id=mention.author_id,
        rule=rule,
        severity=sum_parts(evidence.priority_parts),
        reason=describe_flag(
            evidence,
            brand=mention.brand.name,
            age=age,
            could_not_tell=mention.scores.could_not_tell,
        ),
        evidence=evidence,
        at=now,
    )


def _with_reading(evidence: Evidence, reading: Reading) -> Evidence:
    toward = toward_brand(reading)
    return replace(
        evidence,
        toward={name.value: getattr(toward, name) for name in Sentiment},
        intents={
            str(name): probability
            for name, probability in reading.intents.items()
            if probability >= HOLDS_AT
        },
        reasons={str(name): share for name, share in named_reasons(reading.reasons).items()},
        ironic=reading.ironic,
        pieces=reading.pieces,
    )


def lift(evidence: Evidence, rules: Rules) -> int | None:
    """Return the severity that an urgent reason lifts a flag to; None without such a reason."""
    # docs/decisions/unhappy.md, "An urgent reason lifts the severity to `urgent_at`"
    urgent = is_urgent_reason(evidence.reasons, rules.urgent_reasons)
    return rules.urgent_at if urgent else None


def replay(evidence: Evidence, conditions: Conditions | None = None) -> int | None:
    """Return the severity of this evidence under today's weights; None: not flagged.

    Without ``conditions`` the evidence's own threshold and sentiments count, and any reason.
    """
    if refusal(evidence, conditions) is not None:
        return None
    return sum_parts(priority_parts(evidence))


def refusal(evidence: Evidence, conditions: Conditions | None = None) -> Verdict | None:
    """Return the verdict that this evidence leads to instead of a flag; None: it is flagged.

    ``conditions`` are as in ``replay``.
    """
    if evidence.rule == RULE_PERSON:
        return None
    if evidence.rule == RULE_RATING:
        return None if is_low(evidence.rating) else Verdict.CALM
    if conditions is None:
        counted = frozenset(Sentiment(name) for name in evidence.counted)
        conditions = Conditions(negative_at=evidence.threshold, toward=counted)
    if not evidence.toward:
        return None if evidence.negative >= conditions.negative_at else Verdict.CALM
    return judge_reading(rebuild_reading(evidence), conditions)


def rebuild_reading(evidence: Evidence) -> Reading:
    """Return the answers of the reading that a flag was made from; ``toward`` is not empty."""
    negative, neutral, positive = (evidence.toward[name] for name in Sentiment)
    toward = Scores(negative=negative, neutral=neutral, positive=positive)
    return Reading(
        scores=toward,
        toward=toward,
        intents=evidence.intents,
        reasons=evidence.reasons,
        ironic=evidence.ironic,
        pieces=evidence.pieces,
    )


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
