"""Unhappy customers: the queue on the left, the open case on the right."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from dashboard import (
    access,
    case_pages,
    case_view,
    data,
    health,
    own_brands,
    queue_filters,
    reading_view,
    states,
)
from dashboard.parts import draw_priority, draw_small_print, person_name
from dashboard.safe import clean, one_line
from dashboard.silence import explain_silence
from dashboard.words import STATUS, format_age, format_due
from earful import clock
from earful.case_states import CaseStatus
from earful.settings.load import Settings
from outreach.words import count, describe_reach
from storage import queries
from storage.database.engine import Database
from storage.views import CaseDetail, CaseView, QueueFilter

_PAGE_SIZE = 20
_OFFSET = "queue_offset"
_ALL = QueueFilter()


def page() -> None:
    """Draw the filters above, the list and the open case below."""
    db, settings = data.database(), data.settings()
    now = clock.now()
    brands = own_brands.list_own(db, settings)
    if not brands and not settings.brand:
        states.draw_no_brand()
        return
    if not brands:
        _draw_empty(db, settings)
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.title("Unhappy customers", anchor=False, width="content")
        with st.container(key="tally", width="stretch"):
            st.fragment(_draw_tally, run_every=settings.dashboard.refresh)(
                db, queries.count_cases(db, _ALL)
            )
        access.draw_visitor()
    selection = queue_filters.draw_filters(db, brands, now, on_change=_go_to_start)
    total, cases = _read_page(db, selection)
    chosen_id = _chosen_id(cases)
    if not cases and chosen_id is None:
        _draw_empty(db, settings)
        return
    side, main = st.columns([1, 1.75], gap="medium")
    with side, st.container(key="list"):
        _draw_list(total, cases, chosen_id, settings, now, many_brands=len(brands) > 1)
    with main:
        _draw_case(db, settings, chosen_id, now)


def _draw_tally(db: Database, drawn_total: int) -> None:
    """Draw the numbers of the whole queue, which refresh by themselves.

    The list stays as it is until its reader asks for a new one.
    """

    def draw() -> None:
        tally = queries.count_queue(db, clock.now())
        open_total = tally.open
        words = f"{open_total:,} open · {tally.unassigned:,} unassigned · {tally.overdue:,} overdue"
        with st.container(horizontal=True, vertical_alignment="center"):
            st.text(words)
            if open_total and not drawn_total:
                st.rerun(scope="app")  # an empty list has no reader who would lose their place
            if open_total != drawn_total and st.button("The queue has changed: show it"):
                st.rerun(scope="app")

    states.draw_guarded(draw)


def _read_page(db: Database, selection: QueueFilter) -> tuple[int, tuple[CaseView, ...]]:
    """Return the number of selected cases, and the current page of them."""
    total = queries.count_cases(db, selection)
    # The queue may have become shorter since the page before was drawn.
    offset = min(st.session_state.get(_OFFSET, 0), max(0, (total - 1) // _PAGE_SIZE * _PAGE_SIZE))
    st.session_state[_OFFSET] = offset
    return total, queries.queue(db, selection, limit=_PAGE_SIZE, offset=offset)


def _chosen_id(cases: tuple[CaseView, ...]) -> int | None:
    """Return the id of the case in the address, else of the first in the list."""
    # anyone can write an address: only digits that fit into 64 bits reach the database
    number = st.query_params.get("case", "")
    if number.isascii() and number.isdigit() and len(number) < 18:
        return int(number)
    return cases[0].id if cases else None


def _draw_list(
    total: int,
    cases: tuple[CaseView, ...],
    chosen_id: int | None,
    settings: Settings,
    now: datetime,
    *,
    many_brands: bool,
) -> None:
    if not cases:
        draw_small_print("none", "No case passes these filters.")
    for case in cases:
        _draw_row(
            case, case.id == chosen_id, settings.rules.urgent_at, now, many_brands=many_brands
        )
    if total > _PAGE_SIZE:
        _draw_pager(total)


def _draw_row(
    case: CaseView, chosen: bool, urgent_at: int, now: datetime, *, many_brands: bool
) -> None:
    with st.container(border=True, key=f"{'chosen' if chosen else 'row'}-{case.id}"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            with st.container(key=f"who-{case.id}", width="stretch"):
                st.text(person_name(case))
            draw_priority(case.priority, urgent_at)
        with st.container(key=f"words-{case.id}"):
            st.text(clean(case.text, 300) or "(no text)")
        reading_view.draw_marks(f"case-{case.id}", reading_view.brief_marks(case.reading))
        parts = [case.brand] if many_brands else []
        parts += [case.source, format_age(case.last_at, now)]
        if case.complaints > 1:
            parts.append(count(case.complaints, "complaint"))
        if (story := case.story) and story.mentions > 1:
            parts.append(describe_reach(story.mentions, story.authors, story.reach))
        parts.append(_status(case))
        draw_small_print(f"at-{case.id}", " · ".join(parts))
        if _is_late(case, now):
            with st.container(key=f"late-{case.id}"):
                st.text(format_due(case.due_at, now).capitalize())
        st.button(
            f"Open case {case.id}", key=f"open-{case.id}", on_click=_open_case, args=(case.id,)
        )


def _status(case: CaseView) -> str:
    if case.status is CaseStatus.OPEN or not case.assignee:
        return STATUS[case.status]
    return f"{STATUS[case.status]}: {one_line(case.assignee, 30)}"


def _is_late(case: CaseView, now: datetime) -> bool:
    return case.status.is_unanswered and case.due_at < now


def _draw_pager(total: int) -> None:
    offset = st.session_state[_OFFSET]
    last = min(offset + _PAGE_SIZE, total)
    with st.container(horizontal=True, vertical_alignment="center", key="pager"):
        st.button(
            "Previous", disabled=offset == 0, on_click=_go_to_offset, args=(offset - _PAGE_SIZE,)
        )
        st.text(f"{offset + 1:,} to {last:,} of {total:,}")
        st.button(
            "Next", disabled=last >= total, on_click=_go_to_offset, args=(offset + _PAGE_SIZE,)
        )


def _draw_case(db: Database, settings: Settings, chosen_id: int | None, now: datetime) -> None:
    if chosen_id is None:
        return
    detail = _read_case(db, chosen_id)
    if detail is None:
        with st.container(border=True):
            st.header(f"There is no case {chosen_id}", anchor=False)
            st.text(
                "It may have been erased, or the link is incomplete. Choose a case from the list."
            )
        return
    case_view.draw(db, settings, detail, now)


def _read_case(db: Database, case_id: int) -> CaseDetail | None:
    """Read the pages of the case that its reader has turned to."""
    pages = case_pages.of_case(case_id)
    detail = queries.case(
        db,
        case_id,
        mentions_after=pages.mentions[-1] if pages.mentions else None,
        events_after=pages.events[-1] if pages.events else None,
    )
    if detail is not None and pages.mentions and not detail.mentions:
        # the posts of that page were deleted meanwhile
        pages.mentions.clear()
        return _read_case(db, case_id)
    return detail


def _draw_empty(db: Database, settings: Settings) -> None:
    """Draw the reason why the list is empty and no case is open."""
    listening, now = queries.health(db), clock.now()
    if listening.newest_mention_at is None:
        states.draw_nothing_collected(
            explain_silence(listening, settings, now),
            lambda: _has_mentions(db),
            settings.dashboard.refresh,
        )
        return
    health.draw_problems(listening, settings, now)
    with st.container(border=True, key="state-card"):
        if queries.count_cases(db, _ALL):
            st.header("No case passes these filters", anchor=False)
            st.text(f"{count(queries.count_cases(db, _ALL), 'case is', 'cases are')} open in all.")
            st.button("Show all open cases", on_click=queue_filters.reset)
        else:
            st.header("No unhappy customers right now", anchor=False)
            st.text("New complaints appear here by themselves, most urgent first.")
            if listening.pending:
                waiting = count(listening.pending, "mention is", "mentions are")
                st.text(f"{waiting} not classified yet: complaints among them are still missing.")


def _has_mentions(db: Database) -> bool:
    return queries.health(db).newest_mention_at is not None


def _open_case(case_id: int) -> None:
    st.query_params["case"] = str(case_id)


def _go_to_offset(offset: int) -> None:
    # The case in the address may not be on that page of the list.
    st.session_state[_OFFSET] = max(0, offset)
    st.query_params.clear()


def _go_to_start() -> None:
    _go_to_offset(0)


# st.navigation runs a page's file as __main__.
if __name__ == "__main__":
    states.draw_guarded(page)
