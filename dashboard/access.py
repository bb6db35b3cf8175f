"""Access to the pages: open on loopback, behind a password on every other address."""

from __future__ import annotations

import streamlit as st

from dashboard.gate.sessions import Session, current
from dashboard.safe import label, one_line
from earful.loopback import is_loopback
from earful.settings.errors import SettingsError
from earful.settings.load import secret

_VISITOR = "earful_visitor"
_MIN_PASSWORD = 8  # characters


def password_for(host: str | None) -> str | None:
    """Return the password that guards ``host``; None where loopback needs none.

    Raises SettingsError without a password for an open host, and for a short one.
    """
    configured = secret("DASHBOARD_PASSWORD")
    password = configured.get_secret_value() if configured is not None else ""
    if not password:
        if is_loopback(host):
            return None
        raise SettingsError(
            f"[dashboard] host = {host or 'every address'!r} can be reached from other machines; "
            "set EARFUL_DASHBOARD_PASSWORD (or EARFUL_DASHBOARD_PASSWORD_FILE), "
            'or use host = "127.0.0.1"'
        )
    if len(password) < _MIN_PASSWORD:
        raise SettingsError(
            f"EARFUL_DASHBOARD_PASSWORD is shorter than {_MIN_PASSWORD} characters; "
            "choose a longer one"
        )
    return password


def visitor_name() -> str | None:
    """Return the visitor's name: that of the sign-in, else as entered on the page; None before."""
    if session := _sign_in():
        return session.visitor
    name = st.session_state.get(_VISITOR)
    return name if isinstance(name, str) and name else None


def set_visitor_name(name: str) -> None:
    """Store the visitor's name for this session."""
    st.session_state[_VISITOR] = one_line(name, 60)


def is_signed_in(password: str | None) -> bool:
    """Say whether this visitor may see the pages: no password is set, or the gate let them in.

    The gate refuses all others before Streamlit runs. This holds where a page runs without it.
    """
    return password is None or _sign_in() is not None


def _sign_in() -> Session | None:
    sessions = current()
    return None if sessions is None else sessions.read(dict(st.context.cookies))


def draw_name_form(place: str, purpose: str = "who has the case") -> None:
    """Draw a small form for the visitor's name, which every action needs."""
    # The badge and a case may draw this form on one page, and Streamlit refuses equal keys.
    with st.form(f"visitor-{place}", border=False):
        field, button = st.columns([3, 1], vertical_alignment="bottom")
        name = field.text_input(
            f"Your name, so that colleagues see {purpose}", max_chars=60, key=f"name-{place}"
        )
        if button.form_submit_button("Use this name", width="stretch") and one_line(name):
            # This run has drawn parts of the page without the name.
            set_visitor_name(name)
            st.rerun()


def draw_visitor() -> None:
    """Draw the visitor's name, with a form to change it, or the way to sign out."""
    name = visitor_name()
    # label(): a colleague's name is shown where Streamlit reads Markdown
    with st.popover(f"You: {label(name)}" if name else "Who are you?", width="content"):
        if _sign_in() is None:
            draw_name_form("badge")
        else:
            st.html('<a class="action" href="/sign-out" target="_self">Sign out</a>')
