"""Access to the pages: open on loopback, behind a password on every other address."""

from __future__ import annotations

import hmac
import threading
import time
from collections.abc import Callable

import streamlit as st

from dashboard.safe import label, one_line
from earful.loopback import is_loopback
from earful.settings.errors import SettingsError
from earful.settings.load import secret

_VISITOR = "earful_visitor"
_SIGNED_IN = "earful_signed_in"
# Five attempts cover typing errors; the wait then slows down a list of passwords.
_FREE_ATTEMPTS = 5
_MAX_WAIT = 60.0  # seconds
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


class PasswordAttempts:
    """The failed passwords of this process.

    After five, each further one doubles the wait, up to 60 seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failed = 0
        self._until = 0.0

    def wait(self) -> float:
        """Return the seconds until the next attempt is accepted; 0 when it may come now."""
        with self._lock:
            return max(0.0, self._until - self._clock())

    def check(self, attempt: str, password: str) -> bool:
        """Compare in constant time; an attempt during the wait is refused unread."""
        with self._lock:
            if self._clock() < self._until:
                return False
            # Constant time: the duration must not tell how many characters are right
            # (https://docs.python.org/3/library/hmac.html#hmac.compare_digest).
            if hmac.compare_digest(attempt.encode(), password.encode()):
                self._failed = 0
                return True
            self._failed += 1
            extra = self._failed - _FREE_ATTEMPTS
            if extra >= 0:
                self._until = self._clock() + min(2.0**extra, _MAX_WAIT)
            return False


# One counter for all sessions: else a new session for each attempt would begin at zero.
@st.cache_resource(show_spinner=False)
def _attempts() -> PasswordAttempts:
    return PasswordAttempts()


def visitor_name() -> str | None:
    """Return the name that this visitor entered; None before."""
    name = st.session_state.get(_VISITOR)
    return name if isinstance(name, str) and name else None


def set_visitor_name(name: str) -> None:
    """Store the visitor's name for this session."""
    st.session_state[_VISITOR] = one_line(name, 60)


def is_signed_in(password: str | None) -> bool:
    """Say whether this session may see the pages: no password is set, or it was entered."""
    return password is None or st.session_state.get(_SIGNED_IN) is True


def draw_sign_in(password: str) -> None:
    """Draw the form for name and password, the only thing before sign-in."""
    _, middle, _ = st.columns([1, 1.2, 1])
    with middle:
        st.title("Earful", anchor=False)
        with st.form("sign-in"):
            name = st.text_input("Your name", max_chars=60, autocomplete="username")
            attempt = st.text_input("Password", type="password", autocomplete="current-password")
            is_sent = st.form_submit_button("Sign in", type="primary", width="stretch")
        if is_sent:
            _sign_in(name, attempt, password)


def _sign_in(name: str, attempt: str, password: str) -> None:
    attempts = _attempts()
    if not one_line(name):
        st.error("Please enter your name. Your colleagues see who has a case.")
        return
    if waiting := attempts.wait():
        st.error(f"Too many wrong passwords. Try again in {int(waiting) + 1} seconds.")
        return
    time.sleep(0.3)  # makes guessing slow without a person noticing
    if not attempts.check(attempt, password):
        st.error("This password is wrong.")
        return
    st.session_state[_SIGNED_IN] = True
    # This run was to draw the sign-in form alone; only a new one draws the page.
    set_visitor_name(name)
    st.rerun()


def draw_name_form(place: str) -> None:
    """Draw a small form for the visitor's name, which every action needs."""
    # The badge and a case may draw this form on one page, and Streamlit refuses equal keys.
    with st.form(f"visitor-{place}", border=False):
        field, button = st.columns([3, 1], vertical_alignment="bottom")
        name = field.text_input(
            "Your name, so that colleagues see who has the case", max_chars=60, key=f"name-{place}"
        )
        if button.form_submit_button("Use this name", width="stretch") and one_line(name):
            # This run has drawn parts of the page without the name.
            set_visitor_name(name)
            st.rerun()


def draw_visitor() -> None:
    """Draw the visitor's name, with a form to change it."""
    name = visitor_name()
    # label(): a colleague's name is shown where Streamlit reads Markdown
    with st.popover(f"You: {label(name)}" if name else "Who are you?", width="content"):
        draw_name_form("badge")
