"""The numbers behind a flag, as lines for a report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dashboard.safe import one_line
from dashboard.words import format_percent
from earful.enums import Sentiment
from outreach.reasons import INTENT_LABELS, REASON_LABELS
from storage.views import FlaggedMention

_PART_NAMES = {
    "negative": "how sure it is",
    "repeat": "complained before",
    "reach": "how many may see it",
    "recency": "how fresh it is",
    "urgent": "its urgent reason",
}


def describe(mention: FlaggedMention) -> str:
    """Return all evidence of the flag, in lines that can be copied into a report."""
    evidence = mention.evidence
    rows = [
        ("Rule", _name(evidence.get("rule"))),
        *_compared(evidence),
        ("Threshold", _figure(evidence.get("threshold"))),
        ("Model, when flagged", _name(evidence.get("model_id"))),
        *_read(evidence),
        ("Negative / neutral / positive now", _three(mention)),
        ("Model now", _name(mention.model_id)),
        ("Oldest that counts, when flagged", _hours(evidence.get("look_back_hours"), "any age")),
        ("Followers / shares, when flagged", _audience(evidence)),
        ("Reach", _rounded(evidence.get("reach"))),
        ("Age when flagged", _hours(evidence.get("age_hours"), "–")),
        ("Complaints before, in 30 days", _rounded(evidence.get("earlier_complaints"))),
    ]
    rating = evidence.get("rating")
    if isinstance(rating, Mapping):
        rows.append(("Rating, when flagged", f"{rating['kind']}: {_out_of(rating)}"))
    parts = evidence.get("priority_parts")
    if isinstance(parts, Mapping):
        rows += [
            (f"Points for {_PART_NAMES.get(name, name)}", _figure(points, 1))
            for name, points in parts.items()
        ]
    rows.append((_severity_name(evidence), str(mention.severity)))
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name.ljust(width)}  {value}" for name, value in rows)


def _compared(evidence: Mapping[str, object]) -> list[tuple[str, str]]:
    """Return the probability that was compared with the threshold, and its parts.

    It is that toward the brand where the model read one: ironic words may sound positive.
    """
    toward = evidence.get("toward")
    if not isinstance(toward, Mapping) or not toward:
        return [("Negative, when flagged", _figure(evidence.get("negative")))]
    counted = evidence.get("counted")
    names = counted if isinstance(counted, list | tuple) else [Sentiment.NEGATIVE.value]
    words = " or ".join(str(name) for name in names)
    return [
        (f"Toward the brand {words}", _figure(sum(toward.get(name, 0.0) for name in names))),
        ("Text itself negative", _figure(evidence.get("negative"))),
    ]


def _read(evidence: Mapping[str, object]) -> list[tuple[str, str]]:
    """Return what the model read when the mention was flagged."""
    rows = []
    labels: tuple[tuple[str, Mapping[Any, str]], ...] = (
        ("intents", INTENT_LABELS),
        ("reasons", REASON_LABELS),
    )
    for key, words in labels:
        probabilities = evidence.get(key)
        if isinstance(probabilities, Mapping) and probabilities:
            figures = [
                f"{words.get(name, name)} {_figure(share)}" for name, share in probabilities.items()
            ]
            rows.append((f"{key.capitalize()}, when flagged", ", ".join(figures)))
    if evidence.get("ironic"):
        rows.append(("Meant ironically", "yes"))
    pieces = evidence.get("pieces")
    if isinstance(pieces, int) and pieces > 1:
        rows.append(("Pieces read", str(pieces)))
    return rows


def _severity_name(evidence: Mapping[str, object]) -> str:
    lifted_to = evidence.get("lifted_to")
    if lifted_to is None:
        return "Severity (their sum)"
    return f"Severity (an urgent reason: at least {_rounded(lifted_to)})"


def _three(mention: FlaggedMention) -> str:
    return " / ".join(
        format_percent(share) for share in (mention.negative, mention.neutral, mention.positive)
    )


def _hours(value: object, without: str) -> str:
    return f"{value:,.1f} h" if isinstance(value, int | float) else without


def _audience(evidence: Mapping[str, object]) -> str:
    return f"{_rounded(evidence.get('followers'))} / {_rounded(evidence.get('shares'))}"


def _out_of(rating: Mapping[str, object]) -> str:
    return f"{rating['value']}, of {rating['lowest']} to {rating['highest']}"


def _figure(value: object, digits: int = 3) -> str:
    return f"{value:.{digits}f}" if isinstance(value, int | float) else "–"


def _rounded(value: object) -> str:
    return f"{value:,.0f}" if isinstance(value, int | float) else "–"


def _name(value: object) -> str:
    return one_line(str(value), 120) if value else "–"
