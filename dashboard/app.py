"""The entrance: who may come in, and which pages there are.

The pages lie in views/. In a folder called pages/ Streamlit would run them by itself, past this
file and its password, for whoever asks for /unhappy first.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from dashboard import access, states
from earful.settings.errors import SettingsError

_HERE = Path(__file__).resolve().parent


def main() -> None:
    """Draw the page that was asked for, or the door before it."""
    st.set_page_config(page_title="Earful", layout="wide")
    st.html(_HERE / "style.css")
    try:
        password = access.password_for(st.get_option("server.address"))
    except SettingsError as error:
        reason = str(error)
        _alone(lambda: states.not_ready(reason))
        return
    if not access.is_inside(password):
        _alone(lambda: access.door(password or ""))
        return
    views = _HERE / "views"
    st.navigation(
        [
            st.Page(views / "command_center.py", title="Command center", default=True),
            st.Page(views / "unhappy.py", title="Unhappy customers", url_path="unhappy"),
        ],
        position="top",
    ).run()


def _alone(draw: states.Draw) -> None:
    """One page and no way to another; named, so that no link from outside falls through to one."""
    st.navigation([st.Page(draw, title="Earful", default=True)], position="hidden").run()


main()
