"""What an agent can do with a case. Each button acts on the case as it was drawn, so that whoever
was overtaken by a colleague is told instead of overwriting them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from dashboard import access, data, states
from dashboard.safe import label, one_line
from earful import clock
from earful.case_states import Action, is_allowed
from earful.enums import Sentiment
from storage.cases import commands
from storage.views import CaseView, FlaggedMention

_NOTICE = "case_notice"
_DRAFT = "case_draft"
_OUTCOMES = {
    "won back": "Won back: happy again",
    "answered": "Answered: nothing more to do",
    "no reply": "No reply from the customer",
    "left": "The customer has left",
    "not a complaint": "It was not a complaint",
    "duplicate": "Same as another case",
}
Step = Callable[[str], str]  # the acting person's name -> what to say afterwards


@dataclass(frozen=True, slots=True, kw_only=True)
class _Notice:
    case_id: int
    kind: str
    words: str


def show_notice(case_id: int) -> None:
    """Say once what became of the last step in this case."""
    notice = st.session_state.pop(_NOTICE, None)
    if not isinstance(notice, _Notice) or notice.case_id != case_id:
        return
    shown = {"done": st.success, "conflict": st.warning, "failed": st.error}[notice.kind]
    shown(label(notice.words, 400))


def draw(case: CaseView) -> None:
    """The steps that fit the case as it stands."""
    if access.who() is None:
        access.ask_name("act")
        return
    if not case.status.is_open:
        _resolved(case)
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        _whose(case)
    _write(case)


def _whose(case: CaseView) -> None:
    seen = {"case_id": case.id, "version": case.version}
    if case.assignee is None:
        st.text("Nobody has this case.", width="stretch")
        st.button("Take it", type="primary", key=f"take-{case.id}", on_click=_take, kwargs=seen)
        return
    mine = case.assignee == access.who()
    st.text(
        "You have this case." if mine else f"{one_line(case.assignee, 60)} has this case.",
        width="stretch",
    )
    if not mine:
        st.button("Take it over", key=f"take-{case.id}", on_click=_take, kwargs=seen)
    st.button("Give it back", key=f"back-{case.id}", on_click=_give_back, kwargs=seen)


def _write(case: CaseView) -> None:
    """One box for words; the button says what they are."""
    draft = _draft_key(case.id)
    seen = {"case_id": case.id, "version": case.version, "draft": draft}
    first = case.status.is_unanswered
    with st.form(f"write-{case.id}", border=False, enter_to_submit=False):
        st.text_area(
            "What should colleagues know?",
            key=draft,
            height=90,
            max_chars=5000,
            placeholder="What you told the customer, what they answered, what is promised",
        )
        with st.container(horizontal=True, vertical_alignment="bottom"):
            st.form_submit_button("Add note", key=f"note-{case.id}", on_click=_note, kwargs=seen)
            st.form_submit_button(
                "I contacted them" if first else "Contacted again",
                key=f"contacted-{case.id}",
                type="primary" if first and case.assignee else "secondary",
                on_click=_contacted,
                kwargs=seen,
            )
            st.space("stretch")
            outcome = f"outcome-{draft}"
            st.selectbox(
                "How did it end?",
                commands.OUTCOMES,
                format_func=lambda one: _OUTCOMES.get(one, one),
                key=outcome,
                width=250,
            )
            st.form_submit_button(
                "Resolve",
                key=f"resolve-{case.id}",
                type="secondary" if first else "primary",
                on_click=_resolve,
                kwargs={**seen, "outcome": outcome},
            )


def _resolved(case: CaseView) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.text("This case is resolved.", width="stretch")
        # without complaints all its posts are deleted, and there is no one to answer
        if case.complaints and is_allowed(case.status, Action.REOPEN):
            st.button(
                "Open it again",
                key=f"reopen-{case.id}",
                on_click=_reopen,
                kwargs={"case_id": case.id, "version": case.version},
            )
        st.button("Back to the queue", key=f"next-{case.id}", type="primary", on_click=_to_queue)


def correction(case: CaseView, mention: FlaggedMention) -> None:
    """Let a person overrule the model on one mention; their word counts from then on."""
    with st.popover(
        "The model is wrong" if mention.sentiment == "negative" else "Change the sentiment"
    ):
        if access.who() is None:
            access.ask_name(f"correct-{mention.mention_id}")
            return
        st.text(
            "How does this mention really feel?\nYour word counts from now on, in every figure."
        )
        for sentiment in Sentiment:
            if sentiment.value == mention.sentiment:
                continue
            st.button(
                f"It is {sentiment.value}",
                key=f"correct-{mention.mention_id}-{sentiment.value}",
                on_click=_correct,
                kwargs={
                    "case_id": case.id,
                    "mention_id": mention.mention_id,
                    "edition": mention.edition,
                    "sentiment": sentiment,
                },
            )


def _do(case_id: int, step: Step) -> None:
    """Run a step in the visitor's name, stay with the case, and say what came of it."""
    st.query_params["case"] = str(case_id)
    name = access.who()
    if name is None:
        return
    try:
        kind, words = "done", step(name)
    except commands.Conflict as error:
        kind = "conflict"
        words = f"Not done: {error} Below is the case as it is now; what you wrote is still there."
    except ValueError as error:
        kind, words = "failed", f"Not done: {error}"
    except Exception as error:  # noqa: BLE001 - an agent gets words, the log gets the failure
        number = states.noted(error)
        kind, words = "failed", f"Not done, and it may be tried again. The log has it as {number}."
    st.session_state[_NOTICE] = _Notice(case_id=case_id, kind=kind, words=words)


def _take(case_id: int, version: int) -> None:
    def step(name: str) -> str:
        commands.take(data.database(), case_id, version=version, by=name, at=clock.now())
        return "It is yours."

    _do(case_id, step)


def _give_back(case_id: int, version: int) -> None:
    def step(name: str) -> str:
        commands.release(data.database(), case_id, version=version, by=name, at=clock.now())
        return "Given back: anybody can take it now."

    _do(case_id, step)


def _note(case_id: int, version: int, draft: str) -> None:
    def step(name: str) -> str:
        text = _written(draft)
        commands.add_note(data.database(), case_id, by=name, at=clock.now(), text=text)
        _next_draft(case_id)
        return "Noted."

    _do(case_id, step)


def _contacted(case_id: int, version: int, draft: str) -> None:
    def step(name: str) -> str:
        commands.record_contact(
            data.database(),
            case_id,
            version=version,
            by=name,
            at=clock.now(),
            text=_written(draft),
        )
        _next_draft(case_id)
        return "Contact recorded."

    _do(case_id, step)


def _resolve(case_id: int, version: int, draft: str, outcome: str) -> None:
    def step(name: str) -> str:
        chosen = st.session_state.get(outcome) or commands.OUTCOMES[0]
        commands.resolve(
            data.database(),
            case_id,
            version=version,
            by=name,
            at=clock.now(),
            outcome=chosen,
            text=_written(draft),
        )
        _next_draft(case_id)
        return f"Resolved: {chosen}."

    _do(case_id, step)


def _reopen(case_id: int, version: int) -> None:
    def step(name: str) -> str:
        commands.reopen(data.database(), case_id, version=version, by=name, at=clock.now())
        return "Open again."

    _do(case_id, step)


def _correct(case_id: int, mention_id: int, edition: int, sentiment: Sentiment) -> None:
    def step(name: str) -> str:
        commands.correct_sentiment(
            data.database(), mention_id, sentiment, edition=edition, by=name, at=clock.now()
        )
        if sentiment is Sentiment.NEGATIVE:
            return "Kept: this mention is negative."
        return (
            f"Kept: this mention is {sentiment.value}. If nothing else is wrong, resolve the case "
            "as 'not a complaint'."
        )

    _do(case_id, step)


def _to_queue() -> None:
    st.query_params.clear()


def _draft_key(case_id: int) -> str:
    """The box's key; it changes once its words are kept, which empties the box."""
    return f"{_DRAFT}-{case_id}-{st.session_state.get(f'{_DRAFT}-{case_id}', 0)}"


def _next_draft(case_id: int) -> None:
    key = f"{_DRAFT}-{case_id}"
    st.session_state[key] = st.session_state.get(key, 0) + 1


def _written(draft: str) -> str:
    return str(st.session_state.get(draft) or "").strip()
