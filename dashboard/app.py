"""The entrance: navigation.

The gate (dashboard/gate/) asks for the password before any of this runs. The pages lie in views/.
Streamlit would run a folder called pages/ by itself, so that a visitor of /unhappy would pass this
file.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from dashboard import access, states
from earful.settings.errors import SettingsError

_FOLDER = Path(__file__).resolve().parent


def main() -> None:
    """Draw the requested page."""
    st.set_page_config(page_title="Earful", layout="wide")
    # st.html wraps a path to a CSS file in <style>. st.markdown would need unsafe HTML, which
    # test_nothing_in_the_dashboard_lets_html_or_markdown_of_strangers_through forbids.
    st.html(_FOLDER / "style.css")
    try:
        # The address in use, not that of settings: `build_command` may be called with another host.
        password = access.password_for(st.get_option("server.address"))
    except SettingsError as error:
        reason = str(error)
        _draw_alone(lambda: states.draw_not_ready(reason))
        return
    if not access.is_signed_in(password):
        _draw_alone(states.draw_signed_out)
        return
    views = _FOLDER / "views"
    st.navigation(
        [
            st.Page(views / "command_center.py", title="Command center", default=True),
            st.Page(views / "unhappy.py", title="Unhappy customers", url_path="unhappy"),
            st.Page(views / "questions.py", title="Questions", url_path="questions"),
            st.Page(views / "wishes.py", title="Wishes", url_path="wishes"),
        ],
        position="top",
    ).run()


def _draw_alone(draw: states.Draw) -> None:
    """Draw one page without navigation. It is the default page, so every address leads to it."""
    st.navigation([st.Page(draw, title="Earful", default=True)], position="hidden").run()


main()
