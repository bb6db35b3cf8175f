"""The choices above the queue, and the filter that they set."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import streamlit as st

from dashboard import address, data
from dashboard.access import visitor_name
from dashboard.address import Choice, WindowChoice
from dashboard.safe import one_line
from dashboard.words import capitalize, format_time, zone_name
from earful.case_states import OPEN_STATUSES, CaseStatus
from earful.clock import Window
from earful.enums import Intent, Reason
from outreach.reasons import INTENT_LABELS, REASON_LABELS
from storage import queries
from storage.database.engine import Database
from storage.views import BrandView, QueueFilter

_STATUSES = {
    "All open": OPEN_STATUSES,
    "New": (CaseStatus.OPEN,),
    "Taken": (CaseStatus.TAKEN,),
    "Contacted": (CaseStatus.CONTACTED,),
    "Resolved": (CaseStatus.RESOLVED,),
    "All": tuple(CaseStatus),
}
_ALL_CASES, _OWN_CASES, _UNASSIGNED = "All agents", "Mine", "Unassigned"
_ORDERS = {"Most urgent": "priority", "Newest": "newest", "Answer due": "due"}
_ALL_BRANDS, _ALL_SOURCES = "All brands", "All sources"
_ALL_REASONS, _ALL_INTENTS = "All reasons", "All intents"
_REASONS = {capitalize(words): reason for reason, words in REASON_LABELS.items()}
_INTENTS = {capitalize(words): intent for intent, words in INTENT_LABELS.items()}
# persist_state keeps these choices when the visitor changes the page and comes back
_KEYS = (
    *("queue_brand", "queue_status", "queue_agent", "queue_source", "queue_reason"),
    *("queue_intent", "queue_order", "queue_late", "queue_complained"),
)

_COMPLAINED = WindowChoice(name="complained", key="queue_complained")

Changed = Callable[[], None]


def draw_filters(
    db: Database, brands: Sequence[BrandView], now: datetime, *, on_change: Changed
) -> QueueFilter:
    """Draw the choices and return the filter that they set."""
    names = {one_line(brand.name, 60): brand.id for brand in brands}
    agents = _agents(db)
    sources = {name: name for name in data.mention_sources(tuple(brand.id for brand in brands))}
    address.synchronize([*_choices(names, agents, sources), _COMPLAINED])

    def changed() -> None:
        address.note_change()
        on_change()

    with st.container(horizontal=True, vertical_alignment="bottom", key="filters", gap="small"):
        brand_id: str | None = brands[0].id
        if len(brands) > 1:
            brand_id = names.get(_choose("Brand", [_ALL_BRANDS, *names], "queue_brand", changed))
        status = _choose("Status", list(_STATUSES), "queue_status", changed)
        agent = _choose("Agent", [_ALL_CASES, *agents], "queue_agent", changed)
        reason = _choose("Reason", [_ALL_REASONS, *_REASONS], "queue_reason", changed)
        intent = _choose("Intent", [_ALL_INTENTS, *_INTENTS], "queue_intent", changed)
        source = _choose("Source", [_ALL_SOURCES, *sources], "queue_source", changed)
        order = _choose("Order", list(_ORDERS), "queue_order", changed)
        overdue_only = st.toggle(
            "Overdue only", key="queue_late", on_change=changed, persist_state="session"
        )
    _draw_window([brand for brand in brands if brand_id in (None, brand.id)], now, changed)
    return QueueFilter(
        brand_id=brand_id,
        statuses=_STATUSES[status],
        assignee=agents.get(agent),
        reason=_REASONS.get(reason),
        intent=_INTENTS.get(intent),
        source=sources.get(source),
        complained=_COMPLAINED.chosen(),
        overdue_at=now if overdue_only else None,
        order=_ORDERS[order],
    )


def reset() -> None:
    """Return to all open cases."""
    # Runs as a callback, before the widgets are drawn: without a state they take their first value.
    for key in _KEYS:
        st.session_state.pop(key, None)
    st.query_params.clear()


def link_to(
    brand_id: str,
    window: Window,
    *,
    reason: Reason | None = None,
    intent: Intent | None = None,
) -> dict[str, str]:
    """Return the address of the brand's customers who first complained in the window."""
    parts = {"brand": brand_id, "status": "all", "reason": reason, "intent": intent}
    parts[_COMPLAINED.name] = address.format_window(window)
    return {name: str(word) for name, word in parts.items() if word is not None}


def _choices(
    brands: Mapping[str, str], agents: Mapping[str, str], sources: Mapping[str, str]
) -> list[Choice]:
    """Return all choices as the address writes them."""
    by_status = {name.lower(): name for name in _STATUSES if name != "All open"}
    by_order = {word: name for name, word in _ORDERS.items() if word != "priority"}
    by_brand = {brand_id: name for name, brand_id in brands.items()} if len(brands) > 1 else {}
    values: dict[str, Mapping[str, object]] = {
        "brand": by_brand,
        "status": by_status,
        "agent": {name: name for name in agents},
        "reason": {reason.value: name for name, reason in _REASONS.items()},
        "intent": {intent.value: name for name, intent in _INTENTS.items()},
        "source": sources,
        "order": by_order,
        "late": {"yes": True},
    }
    return [Choice(name=name, key=f"queue_{name}", values=own) for name, own in values.items()]


def _choose(name: str, options: list[str], key: str, changed: Changed) -> str:
    chosen = st.selectbox(
        name, options, key=key, on_change=changed, width=156, persist_state="session"
    )
    return chosen or options[0]


def _agents(db: Database) -> dict[str, str]:
    """Return the choices of an agent with the name to look for; "" finds unassigned cases."""
    me = visitor_name()
    own = {_OWN_CASES: me} if me else {}
    colleagues = {name: name for name in queries.assignees(db) if name != me}
    return {_UNASSIGNED: "", **own, **colleagues}


def _draw_window(brands: Sequence[BrandView], now: datetime, changed: Changed) -> None:
    """Draw the window of the first complaint that a link has set, and the way out of it."""
    window = _COMPLAINED.chosen()
    if window is None:
        return
    zone = brands[0].timezone if len({brand.timezone for brand in brands}) == 1 else "UTC"
    ends = [format_time(end, zone, now) for end in (window.since, window.until)]

    def leave() -> None:
        st.session_state.pop(_COMPLAINED.key, None)
        changed()

    with st.container(horizontal=True, vertical_alignment="center", key="small-window"):
        st.text(f"First complained from {ends[0]} to {ends[1]} ({zone_name(zone)})")
        st.button("Any time", key="any-time", on_click=leave)
