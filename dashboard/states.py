"""Pages without content: not set up, nothing collected yet, or a failure."""

from __future__ import annotations

import logging
import traceback
import uuid
from collections.abc import Callable, Sequence
from datetime import timedelta

import streamlit as st

from dashboard import data
from earful.command_name import command_line
from earful.settings.errors import SettingsError
from storage.database.engine import DatabaseError

Draw = Callable[[], None]
_MAX_REASONS = 6
_log = logging.getLogger("earful.dashboard")


def draw_guarded(draw: Draw) -> None:
    """Draw, and on a failure show the next step on the page and keep the details in the log."""
    try:
        draw()
    except (SettingsError, DatabaseError) as error:
        _log.warning("dashboard not ready: %s", error)
        draw_not_ready(str(error), error.excerpt)
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


def draw_not_ready(reason: str, excerpt: str = "") -> None:
    """Draw the page without settings or database, with the next steps.

    ``excerpt`` holds the lines of the settings that the reason is about.
    """
    with _card():
        st.header("Not ready yet", anchor=False)
        st.text("The command center cannot read settings or database:")
        st.code(reason, language=None, wrap_lines=True)
        if excerpt:
            # not wrapped: the mark stands under its character
            st.code(excerpt, language=None)
        _draw_steps(
            ("Check settings, database, model and sources", "doctor"),
            ("Create the database, listen, and open this page", "up"),
            ("See everything with invented mentions, without keys", "demo"),
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
        _draw_steps(("Look for the cause", "doctor"))
        _draw_retry()


def draw_no_brand() -> None:
    """Draw the page of settings without a brand of ours."""
    with _card():
        st.header("No brand to listen for yet", anchor=False)
        st.markdown("Name yours under `[[brand]]` in `settings.toml`, and a source for it.")
        _draw_steps(
            ("Then listen", "up"),
            ("Or import mentions that you already have", "import FILE --brand NAME"),
            ("See everything with invented mentions", "demo"),
        )
        _draw_retry()


def draw_nothing_collected(
    reasons: Sequence[str], has_mentions: Callable[[], bool], refresh: timedelta
) -> None:
    """Draw the page before the first mention, with the ``reasons`` why there is none.

    It reloads by itself when a mention arrives.
    """
    with _card():
        st.header("Nothing collected yet", anchor=False)
        if reasons:
            with st.container(border=True, key="reasons"):
                # plain text, because errors repeat the words of remote servers
                for reason in reasons[:_MAX_REASONS]:
                    st.text(f"• {reason}" if len(reasons) > 1 else reason)
                if len(reasons) > _MAX_REASONS:
                    st.text(f"and {len(reasons) - _MAX_REASONS} more")
        st.text("Mentions appear here by themselves as soon as a source finds some.")
        _draw_steps(
            ("Check each source, and say how to fix it", "doctor"),
            ("Listen from now on", "up"),
            ("Import mentions that you already have", "import FILE --brand NAME"),
        )

    def reload() -> None:
        if has_mentions():
            st.rerun(scope="app")

    # st.rerun raises a BaseException, so draw_guarded lets it through.
    st.fragment(lambda: draw_guarded(reload), run_every=refresh)()


def _draw_steps(*steps: tuple[str, str]) -> None:
    """Draw what to do next: for each step its purpose, and the command to copy."""
    with st.container(key="steps", gap="small"):
        for number, (purpose, words) in enumerate(steps):
            with st.container(key=f"step-{number}", gap=None):
                st.text(purpose)
                st.code(command_line(words), language=None, wrap_lines=True)


def _card() -> st.delta_generator.DeltaGenerator:
    _, middle, _ = st.columns([1, 2, 1])
    return middle.container(border=True, key="state-card")


def _draw_retry() -> None:
    st.button("Try again", on_click=data.clear_cache)
