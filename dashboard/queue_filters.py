"""The choices above the queue, and the filter that they make."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

import streamlit as st

from dashboard import data
from dashboard.access import who
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
_ANYBODY, _MINE, _NOBODY = "Anybody's", "Mine", "Nobody's"
_ORDERS = {"Most urgent": "priority", "Newest": "newest", "Answer due": "due"}
_ALL_BRANDS, _ALL_SOURCES = "All brands", "All sources"
_KEYS = ("queue_brand", "queue_status", "queue_whose", "queue_source", "queue_order", "queue_late")

Changed = Callable[[], None]


def ask(
    db: Database, brands: Sequence[BrandView], now: datetime, *, on_change: Changed
) -> QueueFilter:
    """Draw the filters; give what they mean."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="filters", gap="small"):
        brand_id = _brand(brands, on_change)
        status = _choice("Status", list(_STATUSES), "queue_status", on_change)
        assignee = _whose(db, on_change)
        source = _source(brands, on_change)
        order = _choice("Order", list(_ORDERS), "queue_order", on_change)
        late = st.toggle(
            "Overdue only", key="queue_late", on_change=on_change, persist_state="session"
        )
    return QueueFilter(
        brand_id=brand_id,
        statuses=_STATUSES[status],
        assignee=assignee,
        source=source,
        overdue_at=now if late else None,
        order=_ORDERS[order],
    )


def forget() -> None:
    """Back to all open cases."""
    for key in _KEYS:
        st.session_state.pop(key, None)
    st.query_params.clear()


def _choice(name: str, options: list[str], key: str, changed: Changed, width: int = 170) -> str:
    chosen = st.selectbox(
        name, options, key=key, on_change=changed, width=width, persist_state="session"
    )
    return chosen or options[0]


def _brand(brands: Sequence[BrandView], changed: Changed) -> str | None:
    if len(brands) == 1:
        return brands[0].id
    by_name = {one_line(brand.name, 60): brand.id for brand in brands}
    return by_name.get(_choice("Brand", [_ALL_BRANDS, *by_name], "queue_brand", changed, 200))


def _whose(db: Database, changed: Changed) -> str | None:
    me = who()
    others = [name for name in queries.assignees(db) if name != me]
    first = [_ANYBODY, _NOBODY] + ([_MINE] if me else [])
    chosen = _choice("Whose", first + others, "queue_whose", changed)
    return {_ANYBODY: None, _NOBODY: "", _MINE: me}.get(chosen, chosen)


def _source(brands: Sequence[BrandView], changed: Changed) -> str | None:
    known = data.sources(tuple(brand.id for brand in brands))
    chosen = _choice("Source", [_ALL_SOURCES, *known], "queue_source", changed)
    return None if chosen == _ALL_SOURCES else chosen
