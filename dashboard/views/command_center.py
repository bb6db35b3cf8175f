"""Command center: the talk about the brand now, against the period before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import streamlit as st

from dashboard import board, data, own_brands, periods, states
from dashboard.access import draw_visitor
from dashboard.parts import brand_name, draw_small_print
from dashboard.safe import label
from dashboard.words import format_time
from earful import clock
from earful.clock import Window
from storage import queries
from storage.database.engine import Database
from storage.views import BrandView

_MAX_LENGTH = periods.PERIODS[-1].length
_ARCHIVE = "board_archive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The visitor's choice. ``until`` None means now, and moves with the clock."""

    brand: BrandView
    period: periods.Period
    until: datetime | None


def page() -> None:
    """Draw the choices once, and the board at every refresh."""
    db, settings = data.database(), data.settings()
    ours = own_brands.list_own(db, settings)
    newest = own_brands.draw_missing(db, settings, ours)
    if newest is None:
        return
    choice = _choose(db, ours, newest)

    def draw_board() -> None:
        states.draw_guarded(
            lambda: board.draw(db, settings, choice.brand, choice.period, choice.until)
        )

    # a fragment refreshes the board alone, so the choices above it keep their state
    st.fragment(draw_board, run_every=settings.dashboard.refresh)()


def _choose(db: Database, ours: list[BrandView], newest: datetime) -> Choice:
    now = clock.now()
    with st.container(horizontal=True, vertical_alignment="bottom", key="choices"):
        title = st.container(width="stretch")
        brand = ours[0]
        if len(ours) > 1:
            brand = (
                st.selectbox(
                    "Brand",
                    ours,
                    format_func=lambda brand: brand_name(brand, data.settings()),
                    key="board_brand",
                    width=240,
                )
                or ours[0]
            )
        until = _until(newest, now)
        period = _period(db, brand, until or now)
        draw_visitor()
    title.title(label(brand.name), anchor=False)
    with title:
        draw_small_print("against", f"The last {period.name}, against {period.before}")
    if until is not None:
        _draw_archive_notice(period, until, brand.timezone, now)
    return Choice(brand=brand, period=period, until=until)


def _until(newest: datetime, now: datetime) -> datetime | None:
    """Return the end of the view: None for now, the newest mention for an archive."""
    archive = newest < now - _MAX_LENGTH
    # Decided once a session, so that "Show today instead" stays in force.
    if st.session_state.setdefault(_ARCHIVE, archive) and archive:
        return newest
    return None


def _period(db: Database, brand: BrandView, until: datetime) -> periods.Period:
    key = f"board_period_{brand.id}"
    # Only the first run of a brand: later ones find the visitor's choice under the key.
    if key not in st.session_state:
        span = Window.last(_MAX_LENGTH, until + timedelta(minutes=15))
        points = queries.trend(db, brand.id, span, periods.HOUR)
        st.session_state[key] = periods.default_period(points, until).key
    chosen = st.segmented_control(
        "Period",
        list(periods.BY_KEY),
        format_func=lambda key: periods.BY_KEY[key].name,
        key=key,
        required=True,
        label_visibility="collapsed",
    )
    return periods.BY_KEY[chosen or "7d"]


def _draw_archive_notice(period: periods.Period, until: datetime, zone: str, now: datetime) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="archive"):
        st.info(
            f"The newest mention is from {format_time(until, zone, now)}. "
            f"This page shows the {period.name} up to then."
        )
        st.button("Show today instead", on_click=_leave_archive)


def _leave_archive() -> None:
    st.session_state[_ARCHIVE] = False


# st.navigation runs a page's file as __main__.
if __name__ == "__main__":
    states.draw_guarded(page)
