"""One case: the person, their mentions, the reasons for the flags, and the history."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from dashboard import case_actions, case_pages, flag_numbers, reading_view
from dashboard.case_pages import CasePages
from dashboard.parts import (
    draw_link,
    draw_priority,
    draw_small_print,
    person_details,
    person_name,
    post_facts,
)
from dashboard.safe import clean, label, one_line
from dashboard.words import (
    STATUS,
    STATUS_COLOUR,
    format_age,
    format_due,
    format_time,
    zone_name,
)
from earful.case_states import Action
from earful.enums import Sentiment
from earful.settings.load import Settings
from storage import queries
from storage.database.engine import Database
from storage.views import CaseDetail, CaseEvent, CaseView, FlaggedMention

_EVENT_WORDS = {
    "opened": "Case opened",
    Action.COMPLAIN.event: "Complained again",
    "edited": "A post was edited",
    "deleted": "A post was deleted",
    Action.TAKE.event: "took the case",
    Action.RELEASE.event: "gave the case back",
    Action.NOTE.event: "noted",
    Action.CONTACT.event: "contacted the customer",
    Action.RESOLVE.event: "resolved the case",
    Action.REOPEN.event: "opened the case again",
}


def draw(db: Database, settings: Settings, detail: CaseDetail, now: datetime) -> None:
    """Draw the whole case, in the order in which an agent needs it."""
    case = detail.case
    zone = _zone(db, case)
    case_actions.draw_notice(case.id)
    with st.container(border=True, key="case-head"):
        _draw_head(case, settings.rules.urgent_at, zone, now)
    with st.container(border=True, key="case-act"):
        case_actions.draw(case)
    pages = case_pages.of_case(case.id)
    st.subheader(f"Mentions ({case.complaints:,})", anchor=False)
    # above too: after a turn of the page its reader begins at the top
    _draw_mention_pager("mentions-top", detail, pages)
    for mention in detail.mentions:
        _draw_mention(db, case, mention, pages, zone, now)
    _draw_mention_pager("mentions", detail, pages)
    st.subheader("History", anchor=False)
    with st.container(border=True, key="history"):
        for index, event in enumerate(detail.events):
            _draw_event(index, event, zone, now)
        if detail.events:
            last_event = detail.events[-1].key
            case_pages.draw_pager("events", pages.events, last_event, detail.older_events, "")
        draw_small_print("zone", f"Times are {zone_name(zone)}.")


def _draw_mention_pager(key: str, detail: CaseDetail, pages: CasePages) -> None:
    """Draw the pager of the mentions, and which of them are on this page."""
    if not detail.mentions:
        return
    total = detail.case.complaints
    last = total - detail.older_mentions
    place = f"{last - len(detail.mentions) + 1:,} to {last:,} of {total:,}, newest first"
    last_key = detail.mentions[-1].key
    case_pages.draw_pager(key, pages.mentions, last_key, detail.older_mentions, place)


def _zone(db: Database, case: CaseView) -> str:
    zones = {brand.id: brand.timezone for brand in queries.brands(db)}
    return zones.get(case.brand_id, "UTC")


def _draw_head(case: CaseView, urgent_at: int, zone: str, now: datetime) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        with st.container(key="person", width="stretch"):
            st.text(person_name(case))
        draw_priority(case.priority, urgent_at)
        st.badge(STATUS[case.status], color=STATUS_COLOUR[case.status])  # type: ignore[arg-type]
    draw_small_print("person", f"{person_details(case)} · about {one_line(case.brand, 60)}")
    with st.container(key="reason"):
        st.text(clean(case.reason, 600))
    with st.container(horizontal=True, vertical_alignment="center"):
        _draw_clock(case, zone, now)
        draw_link("Profile", case.author_url, f"profile-{case.id}")
        draw_link("Newest post", case.url, f"newest-{case.id}")


def _draw_clock(case: CaseView, zone: str, now: datetime) -> None:
    """Draw the time that is left to answer, or when the answer came."""
    is_late = False
    if case.resolved_at is not None:
        words = f"Resolved {format_age(case.resolved_at, now)}: {one_line(case.outcome or '', 40)}"
    elif not case.status.is_unanswered and case.first_contact_at is not None:
        words = f"First answered {format_time(case.first_contact_at, zone, now)}"
    else:
        is_late = case.due_at < now
        due_at = format_time(case.due_at, zone, now)
        words = f"{format_due(case.due_at, now).capitalize()} (due {due_at})"
    with st.container(key=f"{'late' if is_late else 'small'}-clock", width="stretch"):
        st.text(words)


def _draw_mention(
    db: Database,
    case: CaseView,
    mention: FlaggedMention,
    pages: CasePages,
    zone: str,
    now: datetime,
) -> None:
    key = mention.mention_id
    with st.container(border=True, key=f"mention-{key}"):
        case_pages.draw_text(f"m{key}", mention.text, pages)
        reading_view.draw(f"m{key}", mention.reading, case.brand)
        draw_small_print(f"mention-{key}", " · ".join(post_facts(mention, zone, now)))
        _draw_earlier(db, mention, pages, zone, now)
        with st.container(key=f"why-m{key}"):
            st.text(f"Why it was flagged: {clean(mention.reason, 600)}")
        with st.container(horizontal=True, vertical_alignment="center"):
            with st.popover("The numbers"):
                # st.code keeps the columns by its fixed-width font, and has a button that copies.
                st.code(flag_numbers.describe(mention), language=None)
            reading_view.draw_numbers(mention.answers, mention.model_id, case.brand, zone)
            case_actions.draw_correction(case, mention)
            draw_link("Open the post", mention.url, f"post-{key}")
        if mention.corrected:
            word = label(mention.sentiment)
            st.badge(
                f"Corrected by a person: {word}",
                color="green" if word != Sentiment.NEGATIVE else "orange",
            )


def _draw_earlier(
    db: Database, mention: FlaggedMention, pages: CasePages, zone: str, now: datetime
) -> None:
    """Draw the texts before the edits: the case may have been opened for one of them."""
    if not mention.earlier:
        return
    number = mention.mention_id
    earlier = mention.earlier
    if pages.all_revisions == number:
        earlier = queries.revisions(db, number)
    with st.popover("Edited: earlier texts"):
        for index, revision in enumerate(earlier):
            draw_small_print(
                f"until-{number}-{index}", f"Until {format_time(revision.until, zone, now)}"
            )
            case_pages.draw_text(f"m{number}-{index}", revision.text, pages)
        if hidden := mention.earlier_count - len(earlier):
            st.button(
                f"{hidden:,} more",
                key=f"earlier-{number}",
                on_click=case_pages.show_all_revisions,
                args=(pages, number),
            )


def _draw_event(index: int, event: CaseEvent, zone: str, now: datetime) -> None:
    action = _EVENT_WORDS.get(event.kind, event.kind)
    by_earful = event.by == "earful"
    head = action if by_earful else f"{one_line(event.by, 60)} {action}"
    with st.container(key=f"event-{index}", gap=None):
        draw_small_print(f"event-{index}", f"{format_time(event.at, zone, now)} · {head}")
        if event.note:
            with st.container(key=f"words-event-{index}"):
                st.text(clean(event.note, 5000))
