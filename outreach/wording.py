"""Facts put into words once, so that the text and the HTML of a message cannot disagree.

Everything that a stranger wrote leaves here cleaned; escaping for HTML is the template's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from earful.case_states import CaseStatus
from earful.languages import name_of
from earful.untrusted import Link, one_line, parse_link
from outreach.facts import BrandNumbers, CaseLine
from outreach.words import count, describe_reach, display_handle, length, moment, percent
from outreach.wrap import isolate

MAX_TEXT = 280
MAX_NAME = 60
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*\Z")
_UNKNOWN = "–"


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseWording:
    """One case in words. ``headline`` and ``text`` hold a stranger's characters, cleaned."""

    priority: int
    headline: str
    facts: str
    text: str
    lang: str | None
    reason: str
    standing: str
    overdue: bool
    link: Link | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BrandSummary:
    """One row of the table of brands."""

    name: str
    mentions: str
    before: str
    negative: str
    net: str
    net_before: str

    @property
    def cells(self) -> tuple[str, ...]:
        """Return the row's cells, in the order of ``HEADINGS``."""
        return (self.name, self.mentions, self.before, self.negative, self.net, self.net_before)


HEADINGS = ("Brand", "Mentions", "before", "Negative", "Net sentiment", "before")


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A heading and the cases below it, and how many more there are."""

    title: str
    cases: tuple[CaseWording, ...]
    hidden_note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagePage:
    """A whole message in words, from top to bottom."""

    title: str
    lead: tuple[str, ...]
    problems: tuple[str, ...] = ()
    sections: tuple[Section, ...] = ()
    brands: tuple[BrandSummary, ...] = ()
    foot: tuple[str, ...] = ()


def urgency(case: CaseLine) -> tuple[float, float, int]:
    """Return the sort key of the queue: highest priority, then the earliest due answer."""
    due = case.due_at or case.opened_at
    return (-case.priority, due.timestamp(), case.case_id)


def is_overdue(case: CaseLine, now: datetime) -> bool:
    """True when the author is not contacted and the time to answer has passed."""
    return _unanswered(case) and case.due_at is not None and case.due_at <= now


def _unanswered(case: CaseLine) -> bool:
    return case.status.is_unanswered


def first_to_call(cases: Sequence[CaseLine]) -> CaseLine | None:
    """Return the case to call first: the top of the queue among uncontacted authors."""
    return min(filter(_unanswered, cases), key=urgency, default=None)


def handle(case: CaseLine) -> str:
    """Show a handle, "@maria", cleaned and cut; or the name, where there is no handle."""
    handle_text = one_line(case.handle, MAX_NAME)
    if not handle_text.lstrip("@"):
        return one_line(case.name or "", MAX_NAME) or "somebody"
    return display_handle(handle_text, has_at=case.handle_has_at)


def brief(case: CaseLine, now: datetime) -> str:
    """Name a case in short: "@maria on x (priority 82, about a delay, overdue by 3 hours)"."""
    notes = [f"priority {case.priority}"]
    if case.problem:
        notes.append(case.problem)
    if case.due_at is not None and is_overdue(case, now):
        notes.append(f"overdue by {length(now - case.due_at)}")
    headline = f"{isolate(handle(case))} on {one_line(case.source, MAX_NAME)}"
    return f"{headline} ({', '.join(notes)})"


def view(case: CaseLine, zone: ZoneInfo, now: datetime) -> CaseWording:
    """Put a case into words, as at ``now``."""
    named = one_line(case.name or "", MAX_NAME)
    account = handle(case)
    extra = f" ({isolate(named)})" if named and named.casefold() not in account.casefold() else ""
    context = f"{one_line(case.source, MAX_NAME)}, about {one_line(case.brand, MAX_NAME)}"
    facts = [count(case.complaints, "complaint")]
    if case.followers is not None:
        facts.append(count(case.followers, "follower"))
    if repeats := describe_reach(case.mentions, case.accounts, case.reach):
        facts.append(repeats)
    facts.append(f"opened {moment(case.opened_at, zone)}")
    lang = case.lang if case.lang and _LANGUAGE.match(case.lang) else None
    if lang:
        facts.append(f"written in {name_of(lang)}")
    return CaseWording(
        priority=case.priority,
        headline=f"{isolate(account)}{extra} on {context}",
        facts=", ".join(facts),
        text=one_line(case.text, MAX_TEXT) or "(no text)",
        lang=lang,
        reason=one_line(case.reason),
        standing=_standing(case, zone, now),
        overdue=is_overdue(case, now),
        link=parse_link(case.url),
    )


def _standing(case: CaseLine, zone: ZoneInfo, now: datetime) -> str:
    """Name the assignee, and the time by which an answer is due."""
    name = one_line(case.assignee or "", MAX_NAME)
    if case.status is CaseStatus.RESOLVED:
        return f"Resolved by {name}." if name else "Resolved."
    if case.status is CaseStatus.CONTACTED:
        return f"{name} has contacted them." if name else "Somebody has contacted them."
    headline = f"{name} has it." if name else "Nobody has it yet."
    if case.due_at is None:
        return headline
    due = moment(case.due_at, zone)
    if is_overdue(case, now):
        return f"{headline} An answer was due {due}: overdue by {length(now - case.due_at)}."
    return f"{headline} Answer by {due}, in {length(case.due_at - now)}."


def numbers(brand: BrandNumbers) -> BrandSummary:
    """Return a brand's row, with a dash where nothing was classified."""
    share = brand.negative_share
    return BrandSummary(
        name=one_line(brand.name, MAX_NAME),
        mentions=f"{brand.mentions:,}",
        before=f"{brand.before:,}",
        negative=_UNKNOWN if share is None else percent(share),
        net=_signed(brand.net_sentiment),
        net_before=_signed(brand.net_before),
    )


def _signed(net: float | None) -> str:
    if net is None:
        return _UNKNOWN
    # zero without a sign: "+0" would read as a gain
    return f"{round(net):+d}" if round(net) else "0"
