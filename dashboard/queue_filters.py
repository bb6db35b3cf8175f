"""The choices above the queue, and the filter that they set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

import streamlit as st

from dashboard import data
from dashboard.access import visitor_name
from dashboard.safe import one_line
from earful.case_states import OPEN_STATUSES, CaseStatus
from storage import queries
from storage.database.engine import Database
from storage.views import BrandView, QueueFilter

_STATUSES = {
    "All open": OPEN_STATUSES,
    "New": (CaseStatus.OPEN,),
    "Taken": (CaseStatus.TAKEN,),
    "Contacted": (CaseStatus.CONTACTED,),
    "Resolved": (CaseStatus.RESOLVED,),
}
_ALL_CASES, _OWN_CASES, _UNASSIGNED = "All agents", "Mine", "Unassigned"
_ORDERS = {"Most urgent": "priority", "Newest": "newest", "Answer due": "due"}
_ALL_BRANDS, _ALL_SOURCES = "All brands", "All sources"
# persist_state keeps these choices when the visitor changes the page and comes back
_KEYS = ("queue_brand", "queue_status", "queue_agent", "queue_source", "queue_order", "queue_late")

Changed = Callable[[], None]


def draw_filters(
    db: Database, brands: Sequence[BrandView], now: datetime, *, on_change: Changed
) -> QueueFilter:
    """Draw the choices and return the filter that they set."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="filters", gap="small"):
        brand_id = _choose_brand(brands, on_change)
        status = _choose("Status", list(_STATUSES), "queue_status", on_change)
        assignee = _choose_assignee(db, on_change)
        source = _choose_source(brands, on_change)
        order = _choose("Order", list(_ORDERS), "queue_order", on_change)
        overdue_only = st.toggle(
            "Overdue only", key="queue_late", on_change=on_change, persist_state="session"
        )
    return QueueFilter(
        brand_id=brand_id,
        statuses=_STATUSES[status],
        assignee=assignee,
        source=source,
        overdue_at=now if overdue_only else None,
        order=_ORDERS[order],
    )


def reset() -> None:
    """Return to all open cases."""
    # Runs as a callback, before the widgets are drawn: without a state they take their first value.
    for key in _KEYS:
        st.session_state.pop(key, None)
    st.query_params.clear()


def _choose(name: str, options: list[str], key: str, changed: Changed, width: int = 170) -> str:
    chosen = st.selectbox(
        name, options, key=key, on_change=changed, width=width, persist_state="session"
    )
    return chosen or options[0]


def _choose_brand(brands: Sequence[BrandView], changed: Changed) -> str | None:
    if len(brands) == 1:
        return brands[0].id
    by_name = {one_line(brand.name, 60): brand.id for brand in brands}
    return by_name.get(_choose("Brand", [_ALL_BRANDS, *by_name], "queue_brand", changed, 200))


def _choose_assignee(db: Database, changed: Changed) -> str | None:
    me = visitor_name()
    colleagues = [name for name in queries.assignees(db) if name != me]
    first = [_ALL_CASES, _UNASSIGNED] + ([_OWN_CASES] if me else [])
    chosen = _choose("Agent", first + colleagues, "queue_agent", changed)
    return {_ALL_CASES: None, _UNASSIGNED: "", _OWN_CASES: me}.get(chosen, chosen)


def _choose_source(brands: Sequence[BrandView], changed: Changed) -> str | None:
    sources = data.mention_sources(tuple(brand.id for brand in brands))
    chosen = _choose("Source", [_ALL_SOURCES, *sources], "queue_source", changed)
    return None if chosen == _ALL_SOURCES else chosen
