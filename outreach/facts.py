"""The facts of a digest or an alert; the pipeline fills them in from the database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from earful.case_states import CaseStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseLine:
    """One unhappy customer as a digest shows them.

    ``handle_has_at``: whether people of this source are called by an @ and their handle.
    ``complaints`` counts the case's flagged mentions; ``text``, ``url``, ``reason``, ``problem``
    and ``lang`` are those of the newest one. ``problem`` is the reason in a few words ("leaving
    because of a delay"), "" where the model gave none. ``mentions`` counts the posts that say the
    same, ``accounts`` their authors, and ``reach`` estimates the people who follow them.
    ``priority`` is 0..100. Texts come as they were stored.
    """

    case_id: int
    brand: str
    handle: str
    handle_has_at: bool = True
    name: str | None = None
    source: str
    url: str | None = None
    followers: int | None = None
    priority: int
    status: CaseStatus = CaseStatus.OPEN
    assignee: str | None = None
    opened_at: datetime
    due_at: datetime | None = None
    complaints: int = 1
    reason: str
    problem: str = ""
    text: str
    lang: str | None = None
    mentions: int = 1
    accounts: int = 1
    reach: int = 0

    def __post_init__(self) -> None:
        _aware(self, "opened_at", "due_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class BrandNumbers:
    """How a brand was talked about in the window, and in the window of the same length before.

    ``negative_share`` is 0..1 of the classified mentions, ``net_sentiment`` -100..100; both are
    None where nothing was classified.
    """

    name: str
    mentions: int
    before: int
    negative_share: float | None = None
    net_sentiment: float | None = None
    net_before: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestFacts:
    """The events of a digest in [since, until), shown in ``timezone``.

    ``new_cases`` are those opened in the window, ``waiting_cases`` the older ones that are
    not contacted yet. Both may be the first few of more, by priority: the totals say how many there
    are. ``waiting_total`` counts the older ones. ``overdue`` counts all, new and old, that passed
    their due time without contact. ``urgent`` counts new ones. ``contacted`` and
    ``resolved`` count cases in the window. ``questions`` and ``wishes`` count the mentions of the
    window that are on these two lists and that nobody has handled. ``problems`` says in a line each
    which source or channel is broken.
    """

    since: datetime
    until: datetime
    timezone: str = "UTC"
    brands: tuple[BrandNumbers, ...] = ()
    new_cases: tuple[CaseLine, ...] = ()
    new_total: int = 0
    urgent: int = 0
    waiting_cases: tuple[CaseLine, ...] = ()
    waiting_total: int = 0
    overdue: int = 0
    contacted: int = 0
    resolved: int = 0
    questions: int = 0
    wishes: int = 0
    problems: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _aware(self, "since", "until")
        for total, cases in (("new_total", self.new_cases), ("waiting_total", self.waiting_cases)):
            if getattr(self, total) < len(cases):
                raise ValueError(
                    f"DigestFacts.{total} is {getattr(self, total)} but {len(cases)} cases are "
                    "listed; a total counts the listed ones too"
                )


def _aware(record: object, *names: str) -> None:
    for name in names:
        value: datetime | None = getattr(record, name)
        if value is not None and value.tzinfo is None:
            raise ValueError(
                f"{type(record).__name__}.{name}: {value!r} has no time zone; "
                "give an aware datetime (UTC)"
            )
