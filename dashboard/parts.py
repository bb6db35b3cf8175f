"""Pieces that both pages draw: people, links, priorities."""

from __future__ import annotations

import streamlit as st

from dashboard.safe import handle, label, one_line
from earful.settings.load import Settings
from earful.untrusted import web_link
from outreach.words import count
from pipeline.brand_order import is_former
from storage.views import BrandView, CaseView

QUEUE_PAGE = "views/unhappy.py"


def draw_priority(priority: int, urgent_at: int) -> None:
    """Draw the priority as a figure; urgency is also a word, never colour alone."""
    if priority >= urgent_at:
        st.badge(f"Urgent {priority}", color="orange")
    else:
        st.badge(f"Priority {priority}", color="gray")


def brand_name(brand: BrandView, settings: Settings) -> str:
    """Return the brand's name on one line, and that it is a former one."""
    name = one_line(brand.name, 60)
    return f"{name} (former)" if is_former(brand, settings) else name


def person_name(case: CaseView) -> str:
    """Return the person's name on one line, or the handle without one."""
    return one_line(case.name or "", 60) or handle(case.handle, case.source)


def person_details(case: CaseView) -> str:
    """Return handle, source and number of followers on one line."""
    parts = [handle(case.handle, case.source), case.source]
    if case.followers is not None:
        parts.append(count(case.followers, "follower"))
    return " · ".join(parts)


def draw_small_print(key: str, words: str) -> None:
    """Draw a line of plain text in small print."""
    # Streamlit makes the key a CSS class, and style.css gives the class its look.
    with st.container(key=f"small-{key}"):
        st.text(words)


def draw_link(text: str, url: str | None, key: str) -> None:
    """Draw a link to the web; an unsafe address draws nothing."""
    # An address like javascript:… must end here (test_only_web_addresses_become_links).
    address = web_link(url)
    if address is not None:
        st.link_button(label(text), address, key=key)
