"""The words for intents and reasons, shared by sentences, digests, pages and docs."""

from __future__ import annotations

from collections.abc import Mapping

from earful.enums import Intent, Reason
from earful.judgements import HOLDS_AT

# Below this a reason is not even named with "perhaps": an agent would ask about a wrong problem.
PERHAPS_AT = 0.2
# Three can be taken in when they are read aloud; the numbers show all.
_MOST_NAMED = 3

INTENT_LABELS: Mapping[Intent, str] = {
    Intent.COMPLAINT: "complaint",
    Intent.QUESTION: "question",
    Intent.PRAISE: "praise",
    Intent.SUGGESTION: "wish",
    Intent.LEAVING: "leaving",
    Intent.RESOLVED: "problem solved",
    Intent.OTHER: "no customer's experience",
}
REASON_LABELS: Mapping[Reason, str] = {
    Reason.LATE: "delay",
    Reason.MISSING: "lost or missing",
    Reason.STAFF: "staff",
    Reason.PRICE: "price or refund",
    Reason.BROKEN: "faulty product",
    Reason.DIGITAL: "app or website",
    Reason.CANCELLED: "cancelled or sold out",
    Reason.UNREACHABLE: "no answer",
    Reason.SAFETY: "safety",
    Reason.OTHER: "another reason",
}
# Reads on after "about" and "because of". OTHER has no words: "about something else" tells nothing.
_REASON_PHRASES: Mapping[Reason, str] = {
    Reason.LATE: "a delay",
    Reason.MISSING: "something lost or missing",
    Reason.STAFF: "the staff",
    Reason.PRICE: "a price or a refund",
    Reason.BROKEN: "a faulty product",
    Reason.DIGITAL: "the app or the website",
    Reason.CANCELLED: "something cancelled or sold out",
    Reason.UNREACHABLE: "getting no answer",
    Reason.SAFETY: "safety",
}


def named_reasons(reasons: Mapping[str, float]) -> dict[str, float]:
    """Return the reasons that hold, most probable first; else the most probable one.

    ``reasons`` maps names to probabilities (0 to 1). Empty when none reaches ``PERHAPS_AT``.
    """
    ranked = sorted(reasons.items(), key=lambda pair: -pair[1])
    holding = {name: probability for name, probability in ranked if probability >= HOLDS_AT}
    if holding or not ranked or ranked[0][1] < PERHAPS_AT:
        return holding
    return dict(ranked[:1])


def describe_complaint(intents: Mapping[str, float], reasons: Mapping[str, float]) -> str:
    """Write "They complain about a delay", or "They say they are leaving because of the staff".

    Leaving says more than complaining, so it alone is written where both hold. Without a full
    stop; "" when neither holds. Both arguments map names to probabilities (0 to 1).
    """
    if _holds(intents, Intent.LEAVING):
        return _with_reasons("They say they are leaving", "because of", reasons)
    if _holds(intents, Intent.COMPLAINT):
        return _with_reasons("They complain", "about", reasons)
    return ""


def describe_briefly(
    intents: Mapping[str, float], reasons: Mapping[str, float], *, ironic: bool = False
) -> str:
    """Write "leaving because of a delay, ironic" or "about the staff"; "" with nothing to say.

    The arguments are those of ``describe_complaint``.
    """
    clause = ""
    if _holds(intents, Intent.LEAVING):
        clause = _with_reasons("leaving", "because of", reasons)
    elif _holds(intents, Intent.COMPLAINT):
        clause = _with_reasons("", "about", reasons).lstrip(", ")
    return ", ".join(filter(None, [clause, "ironic" if ironic else ""]))


def _holds(intents: Mapping[str, float], intent: Intent) -> bool:
    return intents.get(intent, 0.0) >= HOLDS_AT


def _with_reasons(clause: str, link: str, reasons: Mapping[str, float]) -> str:
    named = named_reasons(reasons)
    phrases = [
        f"{link} {_REASON_PHRASES[Reason(name)]}" for name in named if name in _REASON_PHRASES
    ][:_MOST_NAMED]
    if not phrases:
        return clause
    if max(named.values()) < HOLDS_AT:
        return f"{clause}, perhaps {phrases[0]}"
    return f"{clause} {' and '.join(phrases)}"
