"""Unhappy customers: the queue on the left, the open case on the right."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from dashboard import access, case_view, data, queue_filters, states
from dashboard.parts import person, priority_badge, small
from dashboard.safe import clean, one_line
from dashboard.words import STATUS, ago, due
from earful import clock
from earful.case_states import CaseStatus
from earful.settings.load import Settings
from outreach.words import count, said_again
from storage import queries
from storage.database.engine import Database
from storage.views import CaseView, QueueFilter

_PAGE = 20
_OFFSET = "queue_offset"
_ALL = QueueFilter()


def page() -> None:
    """Filters above; the list and the case that is open below."""
    db, settings = data.database(), data.settings()
    now = clock.now()
    brands = [brand for brand in queries.brands(db) if brand.competitor_of is None]
    if not brands:
        states.no_brand()
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.title("Unhappy customers", anchor=False, width="content")
        with st.container(key="tally", width="stretch"):
            st.fragment(_tally, run_every=settings.dashboard.refresh)(
                db, queries.count_cases(db, _ALL)
            )
        access.badge()
    which = queue_filters.ask(db, brands, now, on_change=_first_page)
    found, cases = _some(db, which)
    chosen = _chosen(cases)
    if not cases and chosen is None:
        _nobody(db, settings)
        return
    left, right = st.columns([1, 1.75], gap="medium")
    with left, st.container(key="list"):
        _list(found, cases, chosen, settings, now, many_brands=len(brands) > 1)
    with right:
        _open(db, settings, chosen, now)


def _tally(db: Database, drawn_with: int) -> None:
    """How the whole queue stands, by itself; the list stays put until its reader wants it new."""

    def draw() -> None:
        now = clock.now()
        open_now = queries.count_cases(db, _ALL)
        late = queries.count_cases(db, QueueFilter(overdue_at=now))
        nobody = queries.count_cases(db, QueueFilter(assignee=""))
        words = f"{open_now:,} open · {nobody:,} with nobody · {late:,} overdue"
        with st.container(horizontal=True, vertical_alignment="center"):
            st.text(words)
            if open_now and not drawn_with:
                st.rerun(scope="app")  # nobody reads an empty list: it may change by itself
            if open_now != drawn_with and st.button("The queue has changed: show it"):
                st.rerun(scope="app")

    states.guarded(draw)


def _some(db: Database, which: QueueFilter) -> tuple[int, tuple[CaseView, ...]]:
    """How many cases pass, and the page of them that is being read."""
    found = queries.count_cases(db, which)
    offset = min(st.session_state.get(_OFFSET, 0), max(0, (found - 1) // _PAGE * _PAGE))
    st.session_state[_OFFSET] = offset
    return found, queries.queue(db, which, limit=_PAGE, offset=offset)


def _chosen(cases: tuple[CaseView, ...]) -> int | None:
    """The case that the address names, else the first of the list."""
    asked = st.query_params.get("case", "")
    if asked.isascii() and asked.isdigit() and len(asked) < 18:
        return int(asked)
    return cases[0].id if cases else None


def _list(
    found: int,
    cases: tuple[CaseView, ...],
    chosen: int | None,
    settings: Settings,
    now: datetime,
    *,
    many_brands: bool,
) -> None:
    if not cases:
        small("none", "No case passes these filters.")
    for case in cases:
        _row(case, case.id == chosen, settings.rules.urgent_at, now, many_brands=many_brands)
    if found > _PAGE:
        _pager(found)


def _row(case: CaseView, chosen: bool, urgent_at: int, now: datetime, *, many_brands: bool) -> None:
    with st.container(border=True, key=f"{'chosen' if chosen else 'row'}-{case.id}"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            with st.container(key=f"who-{case.id}", width="stretch"):
                st.text(person(case))
            priority_badge(case.priority, urgent_at)
        with st.container(key=f"words-{case.id}"):
            st.text(clean(case.text, 300) or "(no words)")
        parts = [case.brand] if many_brands else []
        parts += [case.source, ago(case.last_at, now)]
        if case.complaints > 1:
            parts.append(f"{case.complaints} complaints")
        if (story := case.story) and story.mentions > 1:
            parts.append(said_again(story.mentions, story.authors, story.reach))
        parts.append(_standing(case))
        small(f"at-{case.id}", " · ".join(parts))
        if _is_late(case, now):
            with st.container(key=f"late-{case.id}"):
                st.text(due(case.due_at, now).capitalize())
        st.button(f"Open case {case.id}", key=f"open-{case.id}", on_click=_go_to, args=(case.id,))


def _standing(case: CaseView) -> str:
    if case.status is CaseStatus.OPEN or not case.assignee:
        return STATUS[case.status]
    return f"{STATUS[case.status]}: {one_line(case.assignee, 30)}"


def _is_late(case: CaseView, now: datetime) -> bool:
    return case.status.is_unanswered and case.due_at < now


def _pager(found: int) -> None:
    offset = st.session_state[_OFFSET]
    last = min(offset + _PAGE, found)
    with st.container(horizontal=True, vertical_alignment="center", key="pager"):
        st.button("Previous", disabled=offset == 0, on_click=_turn, args=(offset - _PAGE,))
        st.text(f"{offset + 1:,} to {last:,} of {found:,}")
        st.button("Next", disabled=last >= found, on_click=_turn, args=(offset + _PAGE,))


def _open(db: Database, settings: Settings, chosen: int | None, now: datetime) -> None:
    if chosen is None:
        return
    detail = queries.case(db, chosen)
    if detail is None:
        with st.container(border=True):
            st.header(f"There is no case {chosen}", anchor=False)
            st.text("It may have been erased, or the link is cut. Choose one from the list.")
        return
    case_view.draw(db, settings, detail, now)


def _nobody(db: Database, settings: Settings) -> None:
    """Nobody in the list, and no case asked for: why that may be."""
    if not _has_heard(db):
        states.nothing_heard(lambda: _has_heard(db), settings.dashboard.refresh)
        return
    with st.container(border=True, key="state-card"):
        if queries.count_cases(db, _ALL):
            st.header("No case passes these filters", anchor=False)
            st.text(f"{count(queries.count_cases(db, _ALL), 'case is', 'cases are')} open in all.")
            st.button("Show all open cases", on_click=queue_filters.forget)
        else:
            st.header("Nobody is unhappy right now", anchor=False)
            st.text("New complaints appear here by themselves, the most urgent first.")


def _has_heard(db: Database) -> bool:
    return queries.health(db).newest_mention_at is not None


def _go_to(case_id: int) -> None:
    st.query_params["case"] = str(case_id)


def _turn(offset: int) -> None:
    st.session_state[_OFFSET] = max(0, offset)
    st.query_params.clear()


def _first_page() -> None:
    _turn(0)


if __name__ == "__main__":
    states.guarded(page)
