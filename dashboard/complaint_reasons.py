"""Why people are unhappy: the new customers of a period by reason, each figure with its cases."""

from __future__ import annotations

import streamlit as st

from dashboard import queue_filters
from dashboard.parts import QUEUE_PAGE, draw_small_print
from dashboard.words import capitalize, format_count
from earful.clock import Window
from earful.enums import Intent
from outreach.reasons import REASON_LABELS
from outreach.words import count
from storage import queries
from storage.cases.complaints import ComplaintCounts
from storage.database.engine import Database


def draw(db: Database, brand_id: str, window: Window) -> None:
    """Draw the reasons of the customers who first complained in the window, most frequent first."""
    st.subheader("Why people are unhappy", anchor=False)
    counts = queries.count_complaints(db, brand_id, window)
    if not counts.customers:
        draw_small_print("no-reasons", "No customer complained for the first time in this period.")
        return
    draw_small_print("reasons-of", _describe(counts))
    if counts.leaving:
        place = queue_filters.link_to(brand_id, window, intent=Intent.LEAVING)
        link = count(counts.leaving, "says that they are leaving", "say that they are leaving")
        st.page_link(QUEUE_PAGE, label=link, query_params=place)
    # the longest bar is the most frequent reason: shares of all would be too short to compare
    largest = max(counts.reasons.values())
    for reason in sorted(counts.reasons, key=lambda reason: -counts.reasons[reason]):
        if number := counts.reasons[reason]:
            place = queue_filters.link_to(brand_id, window, reason=reason)
            words = capitalize(REASON_LABELS[reason])
            _draw_row(reason, words, number, largest, place)


def _describe(counts: ComplaintCounts) -> str:
    total = count(counts.customers, "new customer", "new customers")
    if not counts.explained and not counts.leaving:
        return f"{total}. The model in use names no reason."
    return f"{total}, {counts.explained:,} with a reason. One may have several."


def _draw_row(key: str, words: str, number: int, largest: int, place: dict[str, str]) -> None:
    """Draw a link to the cases, a bar against the ``largest`` number, and their number."""
    with st.container(
        horizontal=True, vertical_alignment="center", gap="small", key=f"cause-{key}"
    ):
        st.page_link(QUEUE_PAGE, label=words, query_params=place, width=172)
        st.progress(number / largest, width="stretch")
        with st.container(key=f"number-{key}", width=48):
            st.text(format_count(number))
