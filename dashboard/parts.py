"""Pieces that both pages draw: people, links, how urgent."""

from __future__ import annotations

import streamlit as st

from dashboard.safe import handle, label, one_line
from earful.untrusted import web_link
from outreach.words import count
from storage.views import CaseView

QUEUE_PAGE = "views/unhappy.py"


def priority_badge(priority: int, urgent_at: int) -> None:
    """The priority as a figure; urgent is said in a word as well, never by colour alone."""
    if priority >= urgent_at:
        st.badge(f"Urgent {priority}", color="orange")
    else:
        st.badge(f"Priority {priority}", color="gray")


def person(case: CaseView) -> str:
    """Who it is, on one line: name if there is one, else the handle."""
    return one_line(case.name or "", 60) or handle(case.handle, case.source)


def person_line(case: CaseView) -> str:
    """Handle, source and audience on one line of plain text."""
    parts = [handle(case.handle, case.source), case.source]
    if case.followers is not None:
        parts.append(count(case.followers, "follower"))
    return " · ".join(parts)


def small(key: str, words: str) -> None:
    """A line of plain text in small print."""
    with st.container(key=f"small-{key}"):
        st.text(words)


def link(text: str, url: str | None, key: str) -> None:
    """A link out, when the address is one that may be followed."""
    address = web_link(url)
    if address is not None:
        st.link_button(label(text), address, key=key)
