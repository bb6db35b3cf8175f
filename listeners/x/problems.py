"""Read the problems that X reports beside, or instead of, its data.

Fields: OpenAPI 2.166, in the schemas that extend Problem.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from earful.types import Gone, Rejected
from listeners.common.json_fields import string
from listeners.common.plain_text import one_line
from listeners.x.post_ids import is_id

# reasons of Gone by the type of X's problem
_GONE_REASONS = {
    "resource-not-found": "deleted",
    "not-authorized-for-resource": "protected",
    "resource-unavailable": "not available",
}


def problems(answer: object) -> list[dict[str, Any]]:
    """Return the problems that X reports beside, or instead of, its data."""
    errors = answer.get("errors") if isinstance(answer, dict) else None
    if not isinstance(errors, list):
        return []
    return [problem for problem in errors if isinstance(problem, dict)]


def find_gone(answer: object) -> dict[str, Gone]:
    """Return the posts of a lookup that X no longer shows, by id."""
    gone = {}
    for problem in problems(answer):
        number = string(problem, "resource_id") or string(problem, "value")
        reason = _GONE_REASONS.get(problem_type(problem))
        is_post = problem.get("resource_type") == "tweet" and is_id(number)
        if reason is None or not is_post:
            continue
        if "suspended" in string(problem, "detail"):
            reason = "suspended"
        gone[number] = Gone(source="x", external_id=number, reason=reason)
    return gone


def problem_type(problem: Mapping[str, Any]) -> str:
    """Return the last word of a problem's type: "resource-not-found"."""
    return string(problem, "type").rpartition("/")[2]


def reject_problem(problem: Mapping[str, Any]) -> Rejected:
    """Return a problem as a Rejected, in X's own words."""
    resource = f"{string(problem, 'resource_type')} {string(problem, 'resource_id')}".strip()
    reason = f"{string(problem, 'title')}: {string(problem, 'detail')}".strip(": ")
    return Rejected(
        where=one_line(resource, 80) or "answer",
        reason=f"X says: {one_line(reason, 300) or 'an error without a name'}",
    )
