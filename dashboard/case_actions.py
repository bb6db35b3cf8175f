"""The actions of an agent on a case.

Each button acts on the version of the case that was drawn. If a colleague was faster, the agent
sees that and overwrites nothing. earful/case_states.py says which actions a status allows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from dashboard import access, data, states
from dashboard.safe import label, one_line
from dashboard.words import format_due
from earful import clock
from earful.case_states import Action, is_allowed
from earful.enums import Sentiment
from outreach.rules import Rules, due_at
from outreach.unhappy import has_intents, toward_brand
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
Step = Callable[[str], str]  # takes the agent's name, returns the text of the notice


@dataclass(frozen=True, slots=True, kw_only=True)
class _Notice:
    case_id: int
    kind: str
    words: str


def draw_notice(case_id: int) -> None:
    """Draw the result of the last action in this case, once."""
    # Streamlit runs an action before it draws the page, so the result waits in the session.
    notice = st.session_state.pop(_NOTICE, None)
    if not isinstance(notice, _Notice) or notice.case_id != case_id:
        return
    draw_result(notice.kind, notice.words)


def draw(case: CaseView) -> None:
    """Draw the actions that the case's status allows."""
    if access.visitor_name() is None:
        access.draw_name_form("act")
        return
    if not case.status.is_open:
        _draw_resolved(case)
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        _draw_assignee(case)
    _draw_form(case)


def _draw_assignee(case: CaseView) -> None:
    # The version on the page: a stale one raises Conflict and overwrites nothing
    # (test_whoever_was_overtaken_is_told_and_sees_the_case_as_it_is).
    seen = {"case_id": case.id, "version": case.version}
    if case.assignee is None:
        st.text("No one has this case.", width="stretch")
        st.button("Take it", type="primary", key=f"take-{case.id}", on_click=_take, kwargs=seen)
        return
    is_mine = case.assignee == access.visitor_name()
    st.text(
        "You have this case." if is_mine else f"{one_line(case.assignee, 60)} has this case.",
        width="stretch",
    )
    if not is_mine:
        st.button("Take it over", key=f"take-{case.id}", on_click=_take, kwargs=seen)
    st.button("Give it back", key=f"back-{case.id}", on_click=_release, kwargs=seen)


def _draw_form(case: CaseView) -> None:
    """Draw one box for text; the button decides its kind."""
    draft = _draft_key(case.id)
    seen = {"case_id": case.id, "version": case.version, "draft": draft}
    is_unanswered = case.status.is_unanswered
    # With enter_to_submit a key press in the box would click the first of three buttons.
    with st.form(f"write-{case.id}", border=False, enter_to_submit=False):
        st.text_area(
            "What should colleagues know?",
            key=draft,
            height=90,
            max_chars=5000,
            placeholder="What you told the customer, what they answered, what is promised",
        )
        with st.container(horizontal=True, vertical_alignment="bottom"):
            st.form_submit_button(
                "Add note", key=f"note-{case.id}", on_click=_add_note, kwargs=seen
            )
            st.form_submit_button(
                "I contacted them" if is_unanswered else "Contacted again",
                key=f"contacted-{case.id}",
                type="primary" if is_unanswered and case.assignee else "secondary",
                on_click=_record_contact,
                kwargs=seen,
            )
            st.space("stretch")
            # With the draft's key inside, a stored draft resets this choice too.
            outcome_key = f"outcome-{draft}"
            st.selectbox(
                "How did it end?",
                commands.OUTCOMES,
                format_func=lambda outcome: _OUTCOMES.get(outcome, outcome),
                key=outcome_key,
                width=250,
            )
            st.form_submit_button(
                "Resolve",
                key=f"resolve-{case.id}",
                type="secondary" if is_unanswered else "primary",
                on_click=_resolve,
                kwargs={**seen, "outcome_key": outcome_key},
            )


def _draw_resolved(case: CaseView) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.text("This case is resolved.", width="stretch")
        # without complaints all its posts are deleted, and there is no one to answer
        if case.complaints and is_allowed(case.status, Action.REOPEN):
            st.button(
                "Open it again",
                key=f"reopen-{case.id}",
                on_click=_reopen,
                kwargs={
                    "case_id": case.id,
                    "version": case.version,
                    "priority": case.priority,
                },
            )
        st.button("Back to the queue", key=f"next-{case.id}", type="primary", on_click=_leave_case)


def draw_correction(case: CaseView, mention: FlaggedMention) -> None:
    """Draw the correction of one mention's sentiment; it counts from then on."""
    displayed = _shown_sentiment(mention)
    with st.popover("The model is wrong" if displayed == "negative" else "Change the sentiment"):
        if access.visitor_name() is None:
            access.draw_name_form(f"correct-{mention.mention_id}")
            return
        st.text(
            "What is the sentiment of this mention?\n"
            "Your answer counts from now on, in every figure."
        )
        for sentiment in Sentiment:
            if sentiment.value == displayed:
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


def _shown_sentiment(mention: FlaggedMention) -> str:
    """Return the sentiment that the page shows: a person's, else that toward the brand."""
    # irony: the words are positive, and a person may say that they are meant so
    if mention.corrected or not has_intents(mention.reading):
        return mention.sentiment
    return toward_brand(mention.reading).sentiment.value


def _run(case_id: int, step: Step) -> None:
    """Run a step in the visitor's name, stay with the case, and store the notice."""
    # Stay with this case: the action may move it out of the filter that listed it.
    st.query_params["case"] = str(case_id)
    name = access.visitor_name()
    if name is None:
        return
    kind, words = attempt(step, name)
    if kind == "conflict":
        words += " Below is the case as it is now; your text is still there."
    st.session_state[_NOTICE] = _Notice(case_id=case_id, kind=kind, words=words)


def attempt(step: Step, name: str) -> tuple[str, str]:
    """Run a step in a visitor's name; return "done", "conflict" or "failed", and its words."""
    try:
        return "done", step(name)
    except commands.Conflict as error:
        return "conflict", f"Not done: {error}"
    except ValueError as error:
        return "failed", f"Not done: {error}"
    except Exception as error:  # noqa: BLE001 - an agent gets words, the log gets the failure
        number = states.log_failure(error)
        return "failed", f"Not done. Try again; the log has the details under number {number}."


def draw_result(kind: str, words: str) -> None:
    """Draw the result of an attempt."""
    draw_box = {"done": st.success, "conflict": st.warning, "failed": st.error}[kind]
    draw_box(label(words, 400))


def _take(case_id: int, version: int) -> None:
    def step(name: str) -> str:
        commands.take(data.database(), case_id, version=version, by=name, at=clock.now())
        return "You have the case now."

    _run(case_id, step)


def _release(case_id: int, version: int) -> None:
    def step(name: str) -> str:
        commands.release(data.database(), case_id, version=version, by=name, at=clock.now())
        return "Given back. Your colleagues can take it now."

    _run(case_id, step)


def _add_note(case_id: int, version: int, draft: str) -> None:
    def step(name: str) -> str:
        text = _draft_text(draft)
        # A note overwrites nothing, so it needs no version.
        commands.add_note(data.database(), case_id, by=name, at=clock.now(), text=text)
        _clear_draft(case_id)
        return "Note added."

    _run(case_id, step)


def _record_contact(case_id: int, version: int, draft: str) -> None:
    def step(name: str) -> str:
        commands.record_contact(
            data.database(),
            case_id,
            version=version,
            by=name,
            at=clock.now(),
            text=_draft_text(draft),
        )
        _clear_draft(case_id)
        return "Contact recorded."

    _run(case_id, step)


def _resolve(case_id: int, version: int, draft: str, outcome_key: str) -> None:
    def step(name: str) -> str:
        chosen = st.session_state.get(outcome_key) or commands.OUTCOMES[0]
        commands.resolve(
            data.database(),
            case_id,
            version=version,
            by=name,
            at=clock.now(),
            outcome=chosen,
            text=_draft_text(draft),
        )
        _clear_draft(case_id)
        return f"Resolved: {chosen}."

    _run(case_id, step)


def _reopen(case_id: int, version: int, priority: int) -> None:
    def step(name: str) -> str:
        now = clock.now()
        # the version answers for the priority: a changed one raises Conflict
        answer_by = due_at(priority, Rules.of(data.settings().rules), now)
        commands.reopen(
            data.database(), case_id, version=version, by=name, at=now, due_at=answer_by
        )
        return f"The case is open again: {format_due(answer_by, now)}."

    _run(case_id, step)


def _correct(case_id: int, mention_id: int, edition: int, sentiment: Sentiment) -> None:
    def step(name: str) -> str:
        commands.correct_sentiment(
            data.database(), mention_id, sentiment, edition=edition, by=name, at=clock.now()
        )
        if sentiment is Sentiment.NEGATIVE:
            return "Saved: this mention is negative."
        return (
            f"Saved: this mention is {sentiment.value}. If the case holds no complaint, "
            "resolve it as 'not a complaint'."
        )

    _run(case_id, step)


def _leave_case() -> None:
    st.query_params.clear()


def _draft_key(case_id: int) -> str:
    """Return the box's key. It changes once the text is stored, which empties the box."""
    return f"{_DRAFT}-{case_id}-{st.session_state.get(f'{_DRAFT}-{case_id}', 0)}"


def _clear_draft(case_id: int) -> None:
    key = f"{_DRAFT}-{case_id}"
    st.session_state[key] = st.session_state.get(key, 0) + 1


def _draft_text(draft: str) -> str:
    return str(st.session_state.get(draft) or "").strip()
