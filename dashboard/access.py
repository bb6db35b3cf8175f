"""Who may look, and who acts: open on loopback, a password for every other listening address."""

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

_WHO = "earful_who"
_INSIDE = "earful_inside"
_FREE_TRIES = 5
_LONGEST_WAIT = 60.0
_SHORTEST_PASSWORD = 8


def password_for(host: str | None) -> str | None:
    """The password that guards ``host``; None when none is needed. Raises SettingsError."""
    given = secret("DASHBOARD_PASSWORD")
    password = given.get_secret_value() if given is not None else ""
    if not password:
        if is_loopback(host):
            return None
        raise SettingsError(
            f"[dashboard] host = {host or 'every address'!r} can be reached from other machines; "
            "set EARFUL_DASHBOARD_PASSWORD (or EARFUL_DASHBOARD_PASSWORD_FILE), "
            'or use host = "127.0.0.1"'
        )
    if len(password) < _SHORTEST_PASSWORD:
        raise SettingsError(
            f"EARFUL_DASHBOARD_PASSWORD is shorter than {_SHORTEST_PASSWORD} characters; "
            "choose a longer one"
        )
    return password


class Tries:
    """Failed passwords of this process: after five, each one more doubles the wait, up to 60 s."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failed = 0
        self._until = 0.0

    def wait(self) -> float:
        """Seconds until the next try is looked at; 0 when it may come now."""
        with self._lock:
            return max(0.0, self._until - self._clock())

    def check(self, given: str, password: str) -> bool:
        """Compare in constant time; a try during the wait is refused unread."""
        with self._lock:
            if self._clock() < self._until:
                return False
            if hmac.compare_digest(given.encode(), password.encode()):
                self._failed = 0
                return True
            self._failed += 1
            over = self._failed - _FREE_TRIES
            if over >= 0:
                self._until = self._clock() + min(2.0**over, _LONGEST_WAIT)
            return False


@st.cache_resource(show_spinner=False)
def _tries() -> Tries:
    return Tries()


def who() -> str | None:
    """The name that this visitor gave; None until they did."""
    name = st.session_state.get(_WHO)
    return name if isinstance(name, str) and name else None


def set_who(name: str) -> None:
    """Remember the visitor's name for this session."""
    st.session_state[_WHO] = one_line(name, 60)


def is_inside(password: str | None) -> bool:
    """True when no password is asked, or this session has given it."""
    return password is None or st.session_state.get(_INSIDE) is True


def door(password: str) -> None:
    """Ask for name and password; nothing else is shown before both are given."""
    _, middle, _ = st.columns([1, 1.2, 1])
    with middle:
        st.title("Earful", anchor=False)
        with st.form("door"):
            name = st.text_input("Your name", max_chars=60, autocomplete="username")
            given = st.text_input("Password", type="password", autocomplete="current-password")
            sent = st.form_submit_button("Come in", type="primary", width="stretch")
        if sent:
            _try(name, given, password)


def _try(name: str, given: str, password: str) -> None:
    tries = _tries()
    if not one_line(name):
        st.error("Please say who you are: your colleagues see who has a case.")
        return
    if waiting := tries.wait():
        st.error(f"Too many wrong passwords. Try again in {int(waiting) + 1} seconds.")
        return
    time.sleep(0.3)  # makes guessing slow without a person noticing
    if not tries.check(given, password):
        st.error("That is not the password.")
        return
    st.session_state[_INSIDE] = True
    set_who(name)
    st.rerun()


def ask_name(place: str) -> None:
    """A small form for the visitor's name, for whoever wants to act."""
    with st.form(f"who-{place}", border=False):
        words, button = st.columns([3, 1], vertical_alignment="bottom")
        name = words.text_input(
            "Your name, so that colleagues see who has the case", max_chars=60, key=f"name-{place}"
        )
        if button.form_submit_button("That is me", width="stretch") and one_line(name):
            set_who(name)
            st.rerun()


def badge() -> None:
    """Who is acting, with a way to say that it is somebody else."""
    name = who()
    with st.popover(f"You: {label(name)}" if name else "Who are you?", width="content"):
        ask_name("badge")
