"""The digest that support reads in the morning, and the page that goes out at once.

Pure: facts in, a Message out. Each names the person to call first, their words, the reason of the
flag, the assignee, overdue cases, and broken collection. docs/digest.md shows one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Literal
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined

from earful.command_name import command
from earful.messages import Message
from earful.untrusted import one_line
from outreach.facts import BrandNumbers, CaseLine, DigestFacts
from outreach.text_page import letter
from outreach.wording import (
    HEADINGS,
    MessagePage,
    Section,
    brief,
    first_to_call,
    handle,
    numbers,
    urgency,
    view,
)
from outreach.words import count, join_words, moment
from outreach.wrap import isolate

__all__ = ["BrandNumbers", "CaseLine", "DigestFacts", "alert", "render"]

_MAX_PROBLEMS = 20
_QUESTIONS_PAGE, _WISHES_PAGE = "“Questions”", "“Wishes”"


def render(
    facts: DigestFacts, when_nothing: Literal["say", "skip"] = "say", *, max_cases: int = 20
) -> Message | None:
    """Write the digest of ``facts``: subject, text of 80 columns, and HTML.

    At most ``max_cases`` cases are listed under each heading, then how many more there are. When
    nothing happened, waits or is broken: one line ("say") or None ("skip").
    Raises zoneinfo.ZoneInfoNotFoundError for an unknown ``facts.timezone``.
    """
    zone = ZoneInfo(facts.timezone)
    if _is_quiet(facts):
        return None if when_nothing == "skip" else _message(_subject(facts), _quiet_page(facts))
    new = sorted(facts.new_cases, key=urgency)
    listed_new = {case.case_id for case in new}
    waiting = [case for case in facts.waiting_cases if case.case_id not in listed_new]
    waiting.sort(key=urgency)
    sections = (
        _section("New unhappy customers", new, facts.new_total, max_cases, zone, facts.until),
        _section("Still waiting", waiting, facts.waiting_total, max_cases, zone, facts.until),
    )
    page = MessagePage(
        title="Who is unhappy",
        lead=_lead(facts, [*new, *waiting], zone),
        problems=_problems(facts),
        sections=tuple(section for section in sections if section is not None),
        brands=tuple(numbers(brand) for brand in facts.brands),
        foot=_foot(facts),
    )
    return _message(_subject(facts), page)


def alert(
    cases: Sequence[CaseLine], *, timezone: str, now: datetime, max_cases: int = 20
) -> Message:
    """Write one message about all urgent cases that have just opened.

    ``now`` (aware) is the instant that "in 2 hours" counts from. Raises ValueError for no cases
    or a naive ``now``.
    """
    if not cases:
        raise ValueError("alert: there are no cases to page anybody for; send none")
    if now.tzinfo is None:
        raise ValueError(f"alert: now {now!r} has no time zone; give an aware datetime (UTC)")
    ranked = sorted(cases, key=urgency)
    brands = join_words(sorted({one_line(case.brand, 40) for case in ranked})[:3])
    customers = count(len(ranked), "unhappy customer")
    first = ranked[0]
    author_note = (
        f" ({isolate(handle(first))}, priority {first.priority})" if len(ranked) == 1 else ""
    )
    section = _section("Answer now", ranked, len(ranked), max_cases, ZoneInfo(timezone), now)
    page = MessagePage(
        title=f"{customers} of {brands} {'needs' if len(ranked) == 1 else 'need'} an answer now",
        lead=(f"Call first: {brief(first, now)}.", f"Times are in {timezone}."),
        sections=() if section is None else (section,),
    )
    return _message(f"Urgent: {customers} of {brands}{author_note}", page)


def _is_quiet(facts: DigestFacts) -> bool:
    """True when support has nothing to do or to know; calm mentions do not count."""
    cases = (facts.new_total, facts.waiting_total, facts.overdue, facts.contacted, facts.resolved)
    return not (any(cases) or facts.questions or facts.wishes or facts.problems)


def _quiet_page(facts: DigestFacts) -> MessagePage:
    mentions = count(sum(brand.mentions for brand in facts.brands), "mention")
    since = moment(facts.since, ZoneInfo(facts.timezone))
    line = (
        f"Nobody new is unhappy and nobody waits: {mentions} since {since} "
        f"({facts.timezone}), collection is working."
    )
    return MessagePage(title="", lead=(line,))


def _section(
    title: str, cases: Sequence[CaseLine], total: int, max_cases: int, zone: ZoneInfo, now: datetime
) -> Section | None:
    if total == 0:
        return None
    visible = tuple(view(case, zone, now) for case in cases[:max_cases])
    hidden = total - len(visible)
    hidden_note = (
        None if hidden <= 0 else f"and {hidden:,}{' more' if visible else ''} in the queue"
    )
    return Section(title=f"{title}: {total:,}", cases=visible, hidden_note=hidden_note)


def _lead(facts: DigestFacts, cases: Sequence[CaseLine], zone: ZoneInfo) -> tuple[str, ...]:
    window = f"From {moment(facts.since, zone)} to {moment(facts.until, zone)}, {facts.timezone}."
    first = first_to_call(cases)
    call = [] if first is None else [f"Call first: {brief(first, facts.until)}."]
    return (window, *call, _totals(facts), *_lists(facts))


def _totals(facts: DigestFacts) -> str:
    new = count(facts.new_total, "new unhappy customer") if facts.new_total else "Nobody new"
    urgent = f" ({facts.urgent:,} urgent)" if facts.urgent else ""
    return f"{new}{urgent}, {facts.waiting_total:,} still waiting, {facts.overdue:,} overdue."


def _lists(facts: DigestFacts) -> tuple[str, ...]:
    """Count the mentions that are no complaints and still want an answer or an ear."""
    parts, pages = [], []
    if facts.questions:
        pages.append(_QUESTIONS_PAGE)
        new = "new question" if facts.questions == 1 else "new questions"
        parts.append(f"{facts.questions:,} {new} that nobody answered")
    if facts.wishes:
        pages.append(_WISHES_PAGE)
        parts.append(count(facts.wishes, "new wish", "new wishes"))
    page = "page" if len(pages) == 1 else "pages"
    return (f"{join_words(parts)}: see the {page} {join_words(pages)}.",) if parts else ()


def _problems(facts: DigestFacts) -> tuple[str, ...]:
    visible = [one_line(problem, 300) for problem in facts.problems[:_MAX_PROBLEMS]]
    hidden = len(facts.problems) - len(visible)
    return (
        (*visible, f"and {hidden} more; run {command('doctor')}") if hidden > 0 else tuple(visible)
    )


def _foot(facts: DigestFacts) -> tuple[str, ...]:
    handled = f"{facts.contacted:,} contacted and {facts.resolved:,} resolved in this time."
    # with problems listed above, the reader already knows
    return (handled,) if facts.problems else (handled, "Collection is working.")


def _subject(facts: DigestFacts) -> str:
    """Sum up the state in a line, without a stranger's words: they may be anything."""
    parts = [count(facts.new_total, "new unhappy customer") if facts.new_total else "nobody new"]
    if facts.urgent:
        parts.append(f"{facts.urgent:,} urgent")
    if facts.waiting_total:
        parts.append(f"{facts.waiting_total:,} waiting")
    if facts.overdue:
        parts.append(f"{facts.overdue:,} overdue")
    broken = "something is not working; " if facts.problems else ""
    return f"Earful: {broken}{', '.join(parts)}"


def _message(subject: str, page: MessagePage) -> Message:
    html = _templates().get_template("page.html.j2").render(page=page, headings=HEADINGS)
    return Message(subject=subject, text=letter(page), html=html)


@cache
def _templates() -> Environment:
    # always escaping, whatever a template is called
    return Environment(
        loader=PackageLoader("outreach"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
