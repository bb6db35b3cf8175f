"""Write the demo's survey answers, and a review that is rewritten later.

They go into the inbox of `earful feedback serve`, as if it had received them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from earful.clock import Clock
from listeners.inbox import feedback, webhook
from listeners.inbox.inbox import Inbox

# as commands/demo/settings.toml names them
_FORM, _HOOK = "shop", "reviews"

# hours before now, 0 to 10, why, name, e-mail
_ANSWERS: tuple[tuple[int, int, str, str, str], ...] = (
    (
        5,
        1,
        "Three deliveries, three apologies, no oven dish. Your chat closes while I am typing.",
        "Ines",
        "ines@post.example",
    ),
    (
        9,
        2,
        "Seit dem Ausfall fehlt mir eine Gutschrift, und am Telefon weiß niemand Bescheid.",
        "Torsten",
        "",
    ),
    (20, 9, "Your driver carried the water up two floors for me. Wonderful, thank you!", "", ""),
    (27, 6, "", "", ""),
)
_REVIEW = (
    "The tent came with half of its poles. I asked for the rest twelve days ago, and nobody has "
    "answered."
)
_REWRITTEN = (
    "The tent came with half of its poles. Now they have answered: I am to pay the postage for "
    "THEIR missing poles. Still half a tent, still one star."
)


def write(inbox: Path, clock: Clock) -> int:
    """Put the answers and the review into the inbox; returns their number."""
    now = clock()
    answers = [_answer(number, now) for number in range(len(_ANSWERS))]
    _drop(feedback.folder_of(inbox, _FORM), clock, *answers)
    _drop(webhook.folder_of(inbox, _HOOK), clock, _review(_REVIEW, now))
    return len(answers) + 1


def rewrite(inbox: Path, clock: Clock) -> None:
    """Rewrite the review: its author sends new words under the same id."""
    _drop(webhook.folder_of(inbox, _HOOK), clock, _review(_REWRITTEN, clock()))


def _drop(folder: Path, clock: Clock, *lines: Mapping[str, Any]) -> None:
    Inbox(folder, clock=clock).append(lines)


def _answer(number: int, now: datetime) -> dict[str, Any]:
    hours, rating, reason, name, email = _ANSWERS[number]
    at = (now - timedelta(hours=hours)).isoformat()
    answer = {"id": f"demo-{number}", "kind": "nps", "rating": rating, "at": at}
    return {**answer, "why": reason, "name": name, "email": email}


def _review(text: str, now: datetime) -> dict[str, Any]:
    at = (now - timedelta(hours=7)).isoformat()
    row = {"id": "demo-tent", "author": "camp_bea", "text": text, "published_at": at, "rating": 1}
    return {"kind": "stars", "row": row}
