"""Filters in the address of a page, so that a link opens a filtered list.

A link may come from the command center or from a colleague. It is a whole filter: a choice that it
leaves out takes its first value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import streamlit as st

from earful.clock import Window

_CHANGED = "address_changed"
_BETWEEN = "--"
_MINUTE = "%Y-%m-%dT%H:%MZ"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A filter: its name in the address, its key in the session, and its values.

    ``values`` maps the words of the address to values of the widget. The first value, which means
    "no filter", is not among them.
    """

    name: str
    key: str
    values: Mapping[str, object]

    def word(self) -> str | None:
        """Return the word for the value in the session; None without a filter."""
        value = st.session_state.get(self.key)
        return next((word for word, own in self.values.items() if own == value), None)

    def value(self, word: str) -> object | None:
        """Return the value that a word of the address stands for; None for an unknown one."""
        return self.values.get(word)


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowChoice:
    """A window of time that only a link can set; the session holds it under ``key``."""

    name: str
    key: str

    def word(self) -> str | None:
        """Return the word for the window in the session; None without one."""
        window = self.chosen()
        return None if window is None else format_window(window)

    def value(self, word: str) -> object | None:
        """Return the window that a word of the address stands for; None for an unreadable one."""
        # anyone can write an address
        since, _, until = word.partition(_BETWEEN)
        try:
            ends = [datetime.strptime(end, _MINUTE).replace(tzinfo=UTC) for end in (since, until)]
            return Window(since=ends[0], until=ends[1])
        except ValueError:
            return None

    def chosen(self) -> Window | None:
        """Return the window in the session; None for any time."""
        window = st.session_state.get(self.key)
        return window if isinstance(window, Window) else None


def format_window(window: Window) -> str:
    """Write a window for the address: 2026-11-22T09:15Z--2026-11-29T09:15Z, in UTC."""
    ends = (window.since, window.until)
    return _BETWEEN.join(end.astimezone(UTC).strftime(_MINUTE) for end in ends)


def note_change() -> None:
    """Remember that a visitor changed a filter, so that the address follows at the next draw."""
    st.session_state[_CHANGED] = True


def synchronize(choices: Sequence[Choice | WindowChoice]) -> None:
    """Let the session follow the address, or the address the session. Call it before the widgets.

    1. After a change by the visitor, and without a filter in the address, the session counts.
    2. Otherwise the address counts. Words in it that have no meaning are ignored.
    """
    in_address = {
        choice.name: st.query_params[choice.name]
        for choice in choices
        if choice.name in st.query_params
    }
    has_changed = st.session_state.pop(_CHANGED, False)
    if in_address and not has_changed and in_address != _in_session(choices):  # 2
        _take_over(choices, in_address)
    words = _in_session(choices)
    for name in in_address.keys() - words.keys():
        del st.query_params[name]
    for name, word in words.items():
        if in_address.get(name) != word:
            st.query_params[name] = word


def _in_session(choices: Sequence[Choice | WindowChoice]) -> dict[str, str]:
    words = ((choice.name, choice.word()) for choice in choices)
    return {name: word for name, word in words if word is not None}


def _take_over(choices: Sequence[Choice | WindowChoice], in_address: Mapping[str, str]) -> None:
    for choice in choices:
        value = choice.value(in_address.get(choice.name, ""))
        if value is None:
            st.session_state.pop(choice.key, None)
        else:
            st.session_state[choice.key] = value
