"""Explain a stored verdict in sentences, and replay a flag under today's settings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from earful.command_name import command
from earful.enums import Sentiment, Verdict
from earful.judgements import Evidence, Reading
from outreach.rules import Rules, lift, rebuild_reading, refusal, replay
from outreach.severity import RULE_PERSON, RULE_RATING
from outreach.unhappy import has_intents, toward_brand
from outreach.words import count, describe_rating, length, percent
from storage.cases.explanations import LATE, MentionVerdict, StoredFlag

_LEAST = 0.1  # of the probabilities that are listed
_REASONS = {
    Verdict.CORRECTED: "A person corrected the model: the mention is not negative.",
    Verdict.OWN_ACCOUNT: "One of the brand's own accounts wrote it.",
    Verdict.REPOST: "It is a repost. The complaint belongs to the original author.",
    Verdict.COMPETITOR: "It is about a competitor, which is counted and never flagged.",
    Verdict.TOO_OLD: "It was older than `look_back` when it was judged. {judge_again} "
    "judges it at any age.",
    Verdict.COPY: "Another mention of the same story was flagged. This one is counted with it.",
    Verdict.QUESTION: "It asks something and is no complaint, so it is listed as a question.",
    Verdict.WISH: "It suggests something and is no complaint, so it is listed as a wish.",
    Verdict.RESOLVED: "It says that a problem is solved.",
    Verdict.NOT_TOWARD_US: "Its words are negative, but not toward the brand.",
    Verdict.NO_COMPLAINT: "It is negative toward the brand, but its author neither complains nor "
    "is leaving. News, jokes and opinions are such mentions.",
    Verdict.LEFT_OUT: "It complains, but `[rules] intents` or `reasons` leave such complaints out.",
}


def explain(verdict: MentionVerdict, rules: Rules) -> Iterator[str]:
    """Yield the lines that explain a verdict: its sentence first, then its numbers.

    ``rules`` are today's: a flag is replayed under them.
    """
    if verdict.flag is not None:
        yield verdict.flag.reason
        yield from _numbers(verdict.flag)
        yield _today(verdict.flag, rules)
        return
    yield _not_flagged(verdict, rules)
    if has_intents(verdict.reading) and verdict.verdict in set(Verdict):
        yield _answers(verdict.reading)


def headline(verdict: MentionVerdict) -> str:
    """Name the mention, its brand and its verdict in a line."""
    name = f"{verdict.source}:{verdict.external_id} (mention:{verdict.mention_id})"
    if not verdict.brand:
        return f"{name}: noise"
    outcome = "flagged" if verdict.flag is not None else _outcome(verdict.verdict)
    return f"{name} about {verdict.brand}: {outcome}"


def replay_today(evidence: Evidence, rules: Rules) -> int | None:
    """Return the severity (0 to 100) that the evidence leads to under ``rules``.

    None: not flagged. Age counts as it was when the flag was made.
    """
    if evidence.rule != RULE_PERSON and _is_too_old(evidence, rules):
        return None
    # an urgent reason lifts to today's `urgent_at`, not to the one of then
    return replay(replace(evidence, lifted_to=lift(evidence, rules)), rules)


def _is_too_old(evidence: Evidence, rules: Rules) -> bool:
    return rules.look_back is not None and timedelta(hours=evidence.age_hours) > rules.look_back


def _outcome(verdict: str) -> str:
    is_final = verdict in set(Verdict)
    return f"not flagged ({verdict})" if is_final else "not judged yet"


def _not_flagged(verdict: MentionVerdict, rules: Rules) -> str:
    if not verdict.brand:
        return f"It is about none of the brands: {verdict.noise_reason or 'no reason is stored'}."
    if verdict.negative is None:
        return f"No model has read it. Run {command('classify')}, then {command('flag')}."
    if verdict.verdict == LATE:
        return (
            f"The model {verdict.model_id} read it before it was about {verdict.brand}. "
            f"Run {command('classify')}, then {command('flag')}."
        )
    if verdict.verdict not in set(Verdict):
        return f"The rules have not judged it. Run {command('flag')}."
    if verdict.verdict == Verdict.COULD_NOT_TELL:
        return f"The model {verdict.model_id} could not tell, which is not the same as neutral."
    if verdict.verdict == Verdict.CALM:
        return (
            f"The model {verdict.model_id} is {_exact(verdict.negative)} sure that it is negative, "
            f"below the threshold. Today's threshold is {_exact(rules.negative_at)}."
        )
    reason = _REASONS.get(Verdict(verdict.verdict), "Its flag is not stored any more.")
    return reason.replace("{judge_again}", command("flag --all"))


def _numbers(flag: StoredFlag) -> Iterator[str]:
    evidence = flag.evidence
    yield (
        f"case:{flag.case_id}, rule: {evidence.rule}, model: {evidence.model_id}, "
        f"flagged at {flag.at:%Y-%m-%d %H:%M} UTC"
    )
    parts = " + ".join(f"{part} {points:g}" for part, points in evidence.priority_parts.items())
    yield f"severity {flag.severity} = {parts}"
    age = timedelta(hours=evidence.age_hours)
    facts = [
        f"negative {_exact(evidence.negative)} (flagged from {_exact(evidence.threshold)})",
        f"reach {evidence.reach:,}",
        f"age {length(age)}",
        count(evidence.earlier_complaints, "earlier complaint"),
    ]
    if evidence.rating is not None:
        facts.append(f"rating {describe_rating(evidence.rating)}")
    yield ", ".join(facts)
    if evidence.toward:
        # the evidence holds the answers that counted, as a reading has them
        yield _answers(rebuild_reading(evidence))


def _answers(reading: Reading) -> str:
    """Write the answers of a reading in percent, without those that hardly say anything."""
    toward = toward_brand(reading)
    facts = [f"{name} toward the brand {_exact(getattr(toward, name))}" for name in Sentiment]
    for kind, answers in (("intent", reading.intents), ("reason", reading.reasons)):
        ranked = sorted(answers.items(), key=lambda pair: -pair[1])
        facts += [f"{kind} {name} {_exact(share)}" for name, share in ranked if share >= _LEAST]
    if reading.ironic:
        facts.append("ironic")
    facts.append(f"read in {count(reading.pieces, 'piece')}")
    return ", ".join(facts)


def _today(flag: StoredFlag, rules: Rules) -> str:
    evidence, severity = flag.evidence, replay_today(flag.evidence, rules)
    if severity is not None:
        change = "the same" if severity == flag.severity else f"it was {flag.severity}"
        return f"Today's settings: flagged with severity {severity} ({change})."
    return f"Today's settings: not flagged, because {_refusal(evidence, rules)}."


def _refusal(evidence: Evidence, rules: Rules) -> str:
    """Say why ``rules`` would not flag this evidence."""
    if evidence.rule != RULE_PERSON and _is_too_old(evidence, rules):
        return "it was older than today's `look_back`"
    if evidence.rule == RULE_RATING:
        return "the rating is not low any more by the rules"
    if refusal(evidence, rules) is Verdict.LEFT_OUT:
        return "today's `intents` or `reasons` leave it out"
    return f"today's `negative_at` is {_exact(rules.negative_at)}"


def _exact(share: float) -> str:
    """Write a share in percent, with a decimal where it needs one: 60.5 % is not 60 %."""
    return percent(share, 0 if round(share * 100, 6).is_integer() else 1)
