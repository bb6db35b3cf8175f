"""Pages without content: not set up, nothing collected yet, or a failure."""

from __future__ import annotations

import logging
import traceback
import uuid
from collections.abc import Callable
from datetime import timedelta

import streamlit as st

from dashboard import data
from earful.settings.errors import SettingsError
from storage.database.engine import DatabaseError

Draw = Callable[[], None]
_log = logging.getLogger("earful.dashboard")


def draw_guarded(draw: Draw) -> None:
    """Draw, and on a failure show the next step on the page and keep the details in the log."""
    try:
        draw()
    except (SettingsError, DatabaseError) as error:
        _log.warning("dashboard not ready: %s", error)
        draw_not_ready(str(error))
    except Exception as error:  # noqa: BLE001 - the outermost edge: a visitor never sees a traceback
        draw_failure(log_failure(error))


def log_failure(error: Exception) -> str:
    """Log the place of a failure, and return the number that finds it in the log.

    The error's message is left out: that of a database error may carry a whole mention.
    """
    number = uuid.uuid4().hex[:8]
    # frames without values: locals may hold mentions and secrets
    places = "".join(traceback.format_tb(error.__traceback__))
    _log.error("dashboard failure %s: %s\n%s", number, type(error).__name__, places)
    return number


def draw_not_ready(reason: str) -> None:
    """Draw the page without settings or database, with the next steps."""
    with _card():
        st.header("Not ready yet", anchor=False)
        st.text("The command center cannot read settings or database:")
        st.code(reason, language=None, wrap_lines=True)
        st.markdown(
            "- `earful up` creates the database, listens, and opens this page\n"
            "- `./run demo` shows everything with invented mentions and needs no keys\n"
            "- `earful doctor` checks settings, database, model and sources, and says what to fix"
        )
        _draw_retry()


def draw_signed_out() -> None:
    """Draw the page whose sign-in has ended, or that runs without the gate that asks for it."""
    with _card():
        st.header("You are signed out", anchor=False)
        st.text("A sign-in lasts twelve hours. Notes and cases are saved.")
        st.html('<a class="action" href="/sign-in" target="_self">Sign in again</a>')


def draw_failure(number: str) -> None:
    """Draw the page after a failure, with its number in the log."""
    with _card():
        st.header("This did not work", anchor=False)
        st.text(
            "The page could not be drawn. Mentions and cases are safe in the database.\n"
            f"The log of the command center has the details under number {number}."
        )
        st.markdown("`earful doctor` looks for the cause.")
        _draw_retry()


def draw_no_brand() -> None:
    """Draw the page of a database without a brand of ours."""
    with _card():
        st.header("No brand to listen for yet", anchor=False)
        st.markdown(
            "- Name one under `[[brand]]` in `settings.toml` and start `earful up`\n"
            "- `earful import FILE --brand NAME` imports your own mentions\n"
            "- `./run demo` shows everything with invented mentions"
        )
        _draw_retry()


def draw_nothing_collected(has_mentions: Callable[[], bool], refresh: timedelta) -> None:
    """Draw the page before the first mention; it reloads by itself when one arrives."""
    with _card():
        st.header("Nothing collected yet", anchor=False)
        st.markdown(
            "Mentions appear here as soon as a source finds some.\n\n"
            "- `earful up` listens from now on; `earful poll --once` polls every source once\n"
            "- `earful import FILE --brand NAME` imports mentions that you already have\n"
            "- `earful doctor` checks whether each source answers"
        )

    def reload() -> None:
        if has_mentions():
            st.rerun(scope="app")

    # st.rerun raises a BaseException, so draw_guarded lets it through.
    st.fragment(lambda: draw_guarded(reload), run_every=refresh)()


def _card() -> st.delta_generator.DeltaGenerator:
    _, middle, _ = st.columns([1, 2, 1])
    return middle.container(border=True, key="state-card")


def _draw_retry() -> None:
    st.button("Try again", on_click=data.clear_cache)
