"""A list of mentions as a page has it, and the actions of an agent on one of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from dashboard import access, case_actions, data
from dashboard.parts import person_name
from dashboard.safe import one_line
from earful import clock
from earful.enums import Intent, Verdict
from storage.cases import commands
from storage.cases.mention_lists import ListedMention, MentionPage


@dataclass(frozen=True, slots=True, kw_only=True)
class MentionList:
    """A list's queries and words. ``unit`` and ``units`` are nouns for its posts.

    ``next_step`` tells an agent what to do. ``button`` takes a post off the list, and ``is_done``
    says so.
    """

    title: str
    intent: Intent
    verdict: Verdict
    unit: str
    units: str
    next_step: str
    button: str
    is_done: str
    read: Callable[..., MentionPage]
    count: Callable[..., int]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Result:
    """The result of the last action, and the mention that a click puts back on the list."""

    kind: str
    words: str
    mention_id: int
    brand_id: str
    can_undo: bool


def draw_result(kind: MentionList) -> None:
    """Draw the result of the last action, with the way back."""
    # taken out: it is about this list and the last click alone
    result = st.session_state.pop(_result_key(kind), None)
    if not isinstance(result, _Result):
        return
    with st.container(horizontal=True, vertical_alignment="center", key="list-result"):
        case_actions.draw_result(result.kind, result.words)
        if result.can_undo:
            place = (kind, result.mention_id, result.brand_id)
            st.button("Undo", key="undo", on_click=_undo, args=place)


def _mark_handled(kind: MentionList, mention: ListedMention) -> None:
    def step(name: str) -> str:
        commands.mark_handled(
            data.database(),
            mention.mention_id,
            mention.brand_id,
            edition=mention.edition,
            by=name,
            at=clock.now(),
        )
        return f"{kind.is_done}: {person_name(mention)}, “{one_line(mention.text, 60)}”"

    _act(kind, mention.mention_id, mention.brand_id, step, can_undo=True)


def _undo(kind: MentionList, mention_id: int, brand_id: str) -> None:
    def step(name: str) -> str:
        commands.undo_handled(data.database(), mention_id, brand_id)
        return f"The {kind.unit} is on the list again."

    _act(kind, mention_id, brand_id, step, can_undo=False)


def _act(
    kind: MentionList, mention_id: int, brand_id: str, step: case_actions.Step, *, can_undo: bool
) -> None:
    """Run a step in the visitor's name, and store its result for the next draw."""
    name = access.visitor_name()
    if name is None:
        return
    outcome, words = case_actions.attempt(step, name)
    st.session_state[_result_key(kind)] = _Result(
        kind=outcome,
        words=words,
        mention_id=mention_id,
        brand_id=brand_id,
        can_undo=can_undo and outcome == "done",
    )


def _result_key(kind: MentionList) -> str:
    return f"{kind.unit}_result"


def draw_action(kind: MentionList, mention: ListedMention) -> None:
    """Draw the button that takes a mention off its list, or puts a handled one back."""
    number = mention.mention_id
    if mention.handled_at is None:
        place = (kind, mention)
        st.button(kind.button, key=f"done-{number}", on_click=_mark_handled, args=place)
    else:
        link = (kind, number, mention.brand_id)
        st.button("Back on the list", key=f"back-{number}", on_click=_undo, args=link)
