"""The pages of a long case: its mentions, its history, long texts and earlier texts.

A stranger decides how many posts a case holds and how long they are. So the page draws a part of
each list, and what is beyond it takes a click. The choices belong to the open case and end with it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from dashboard.safe import clean

_STATE = "case_pages"
# In characters: ten times a post of X. Text beyond it is drawn on request, for one mention at a
# time, because marks on letters make a text of 20,000 characters slow to clean.
MAX_SHOWN_TEXT = 2000


@dataclass(slots=True, kw_only=True)
class MentionPages:
    """The pages that a visitor looks at, of a list of mentions.

    ``mentions`` holds the key of the last row of each page before the current one. ``whole_text``
    names the mention that is drawn in full.
    """

    mentions: list[Any] = field(default_factory=list)
    whole_text: str | None = None


@dataclass(slots=True, kw_only=True)
class CasePages(MentionPages):
    """The pages that a visitor looks at, of one case.

    ``events`` is as ``mentions``. ``all_revisions`` names the mention with all its earlier texts.
    """

    case_id: int
    events: list[Any] = field(default_factory=list)
    all_revisions: int | None = None


def of_case(case_id: int) -> CasePages:
    """Return the visitor's pages of this case; those of another case are forgotten."""
    pages = st.session_state.get(_STATE)
    if not isinstance(pages, CasePages) or pages.case_id != case_id:
        pages = CasePages(case_id=case_id)
        st.session_state[_STATE] = pages
    return pages


def draw_pager(key: str, before: list[Any], last_key: Any, older: int, words: str) -> None:
    """Draw the way to newer and older rows; nothing for a list of a single page.

    ``before`` is the list of CasePages that the buttons change, ``last_key`` the key of the last
    row on this page, and ``older`` the number of rows behind it.
    """
    if not before and not older:
        return
    with st.container(horizontal=True, vertical_alignment="center", key=f"pager-{key}"):
        st.button("Newest", key=f"newest-{key}", disabled=not before, on_click=before.clear)
        st.button(
            "Newer", key=f"newer-{key}", disabled=not before, on_click=_go_newer, args=(before,)
        )
        st.button(
            f"{older:,} more" if older else "No more",
            key=f"older-{key}",
            disabled=not older,
            on_click=before.append,
            args=(last_key,),
        )
        st.text(words)


def _go_newer(before: list[Any]) -> None:
    # a second click may arrive before the page is drawn again
    if before:
        before.pop()


def draw_text(key: str, text: str, pages: MentionPages) -> None:
    """Draw a stranger's text up to MAX_SHOWN_TEXT characters, and a button for a longer one."""
    is_cut = len(text) > MAX_SHOWN_TEXT and pages.whole_text != key
    with st.container(key=f"words-{key}"):
        st.text((clean(text, MAX_SHOWN_TEXT) if is_cut else clean(text)) or "(no text)")
    if is_cut:
        st.button(
            f"Show the whole text ({len(text):,} characters)",
            key=f"whole-{key}",
            on_click=_show_whole,
            args=(pages, key),
        )


def _show_whole(pages: MentionPages, key: str) -> None:
    pages.whole_text = key


def show_all_revisions(pages: CasePages, mention_id: int) -> None:
    """Draw every earlier text of this mention from now on."""
    pages.all_revisions = mention_id
