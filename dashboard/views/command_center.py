"""Command center: how the brand is talked about now, against the period before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import streamlit as st

from dashboard import board, data, periods, states
from dashboard.access import badge
from dashboard.parts import small
from dashboard.safe import label
from dashboard.words import when
from earful import clock
from earful.clock import Window
from storage import queries
from storage.database.engine import Database
from storage.views import BrandView

_LONGEST = periods.PERIODS[-1].length
_ARCHIVE = "board_archive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What the visitor chose to look at; ``until`` None means now, moving along."""

    brand: BrandView
    period: periods.Period
    until: datetime | None


def page() -> None:
    """Draw the choices once and the board again and again."""
    db, settings = data.database(), data.settings()
    ours = [brand for brand in queries.brands(db) if brand.competitor_of is None]
    if not ours:
        states.no_brand()
        return
    newest = queries.health(db).newest_mention_at
    if newest is None:
        states.nothing_heard(
            lambda: queries.health(db).newest_mention_at is not None, settings.dashboard.refresh
        )
        return
    choice = _choose(db, ours, newest)

    def again() -> None:
        states.guarded(lambda: board.draw(db, settings, choice.brand, choice.period, choice.until))

    st.fragment(again, run_every=settings.dashboard.refresh)()


def _choose(db: Database, ours: list[BrandView], newest: datetime) -> Choice:
    now = clock.now()
    with st.container(horizontal=True, vertical_alignment="bottom", key="choices"):
        title = st.container(width="stretch")
        brand = ours[0]
        if len(ours) > 1:
            brand = (
                st.selectbox(
                    "Brand", ours, format_func=lambda one: one.name, key="board_brand", width=240
                )
                or ours[0]
            )
        until = _until(newest, now)
        period = _period(db, brand, until or now)
        badge()
    title.title(label(brand.name), anchor=False)
    with title:
        small("against", f"The last {period.name}, against {period.before}")
    if until is not None:
        _say_archive(period, until, brand.timezone, now)
    return Choice(brand=brand, period=period, until=until)


def _until(newest: datetime, now: datetime) -> datetime | None:
    """The end of the view: now, or the newest mention when everything is older (an archive)."""
    archive = newest < now - _LONGEST
    if st.session_state.setdefault(_ARCHIVE, archive) and archive:
        return newest
    return None


def _period(db: Database, brand: BrandView, until: datetime) -> periods.Period:
    key = f"board_period_{brand.id}"
    if key not in st.session_state:
        span = Window.last(_LONGEST, until + timedelta(minutes=15))
        points = queries.trend(db, brand.id, span, periods.HOUR)
        st.session_state[key] = periods.sensible(points, until).key
    chosen = st.segmented_control(
        "Period",
        list(periods.BY_KEY),
        format_func=lambda one: periods.BY_KEY[one].name,
        key=key,
        required=True,
        label_visibility="collapsed",
    )
    return periods.BY_KEY[chosen or "7d"]


def _say_archive(period: periods.Period, until: datetime, zone: str, now: datetime) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="archive"):
        st.info(
            f"The newest mention is from {when(until, zone, now)}. "
            f"You are looking at the {period.name} up to then."
        )
        st.button("Look at now instead", on_click=_leave_archive)


def _leave_archive() -> None:
    st.session_state[_ARCHIVE] = False


if __name__ == "__main__":
    states.guarded(page)
