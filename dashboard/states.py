"""The pages for when there is nothing to show: not set up, nothing heard yet, something broke."""

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


def guarded(draw: Draw) -> None:
    """Draw, and if that fails say so in words: what to do goes to the page, the rest to the log."""
    try:
        draw()
    except (SettingsError, DatabaseError) as error:
        _log.warning("dashboard not ready: %s", error)
        not_ready(str(error))
    except Exception as error:  # noqa: BLE001 - the outermost edge: a visitor never sees a traceback
        broken(noted(error))


def noted(error: Exception) -> str:
    """Log where it happened and give the number to ask for.

    Only kind and place: the message of a database error may carry a whole mention.
    """
    number = uuid.uuid4().hex[:8]
    places = "".join(traceback.format_tb(error.__traceback__))
    _log.error("dashboard failure %s: %s\n%s", number, type(error).__name__, places)
    return number


def not_ready(reason: str) -> None:
    """Settings or database are not there yet: say what to do."""
    with _card():
        st.header("Not ready yet", anchor=False)
        st.text("The command center has nothing to read from:")
        st.code(reason, language=None, wrap_lines=True)
        st.markdown(
            "- `earful up` makes the database, listens, and opens this page\n"
            "- `./run demo` shows everything with invented mentions, without any keys\n"
            "- `earful doctor` checks settings, database, model and sources, and says what to mend"
        )
        _again()


def broken(number: str) -> None:
    """Something failed that should not: the log has it."""
    with _card():
        st.header("This did not work", anchor=False)
        st.text(
            "The page could not be drawn. Mentions and cases are safe in the database.\n"
            f"The log of the command center has the details under number {number}."
        )
        st.markdown("`earful doctor` looks for what is wrong.")
        _again()


def no_brand() -> None:
    """The database knows no brand of ours."""
    with _card():
        st.header("No brand to listen for yet", anchor=False)
        st.markdown(
            "Name one under `[[brand]]` in `settings.toml` and start `earful up`,\n"
            "bring your own mentions with `earful import FILE --brand NAME`,\n"
            "or look around first with `./run demo`."
        )
        _again()


def nothing_heard(heard: Callable[[], bool], refresh: timedelta) -> None:
    """Brands are there, mentions are not; the page goes on by itself once something is heard."""
    with _card():
        st.header("Nothing collected yet", anchor=False)
        st.markdown(
            "Mentions appear here as soon as a source brings some.\n\n"
            "- `earful up` listens from now on; `earful poll --once` looks at every source once\n"
            "- `earful import FILE --brand NAME` brings what you already have\n"
            "- `earful doctor` tells whether each source answers"
        )

    def look() -> None:
        if heard():
            st.rerun(scope="app")

    st.fragment(lambda: guarded(look), run_every=refresh)()


def _card() -> st.delta_generator.DeltaGenerator:
    _, middle, _ = st.columns([1, 2, 1])
    return middle.container(border=True, key="state-card")


def _again() -> None:
    st.button("Try again", on_click=data.forget)
