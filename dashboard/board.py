"""The part of the command center that refreshes by itself."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import streamlit as st

from dashboard import charts, complaint_reasons, health, periods
from dashboard.parts import QUEUE_PAGE, draw_priority, draw_small_print, person_name
from dashboard.safe import clean, one_line
from dashboard.words import (
    STATUS,
    format_age,
    format_change,
    format_count,
    format_percent,
    format_percent_change,
    format_points,
    zone_name,
)
from earful import clock
from earful.settings.load import Settings
from storage import queries
from storage.database.engine import Database
from storage.views import BrandView, CaseView, Headline

_NEWEST = 12
_LIST_HEIGHT = 620  # about as tall as the charts beside it


def draw(
    db: Database,
    settings: Settings,
    brand: BrandView,
    period: periods.Period,
    until: datetime | None,
) -> None:
    """Draw figures, charts, newest complaints and the state of the listening post, as of now."""
    now = clock.now()
    end = until or now
    listening = queries.health(db)
    health.draw_problems(listening, settings, now)
    window = periods.window(period, end)
    urgent_at = settings.rules.urgent_at
    _figures(queries.headline(db, brand.id, window, now=now, urgent_at=urgent_at))
    main, side = st.columns([1.75, 1], gap="medium")
    with main:
        _over_time(db, brand, period, end)
        reasons, comparisons = st.columns(2, gap="medium")
        with reasons.container(border=True, height="stretch", key="reasons-board"):
            complaint_reasons.draw(db, brand.id, window)
        with comparisons:
            with st.container(border=True):
                _voice(db, brand, window)
            with st.container(border=True, height="stretch"):
                _sources(db, brand, window)
    with side:
        _newest(queries.newest_flagged(db, brand.id, limit=_NEWEST), urgent_at, now)
    health.draw_status_line(listening, settings, now, brand.timezone)


def _figures(figures: Headline) -> None:
    now, before = figures.now, figures.before
    mentions, net, share, unhappy, overdue = st.columns(5, gap="small")
    with mentions:
        _figure(
            "Mentions",
            format_count(now.mentions),
            format_percent_change(now.mentions, before.mentions),
            delta_color="off",
        )
    with net:
        _figure(
            "Net sentiment",
            format_points(now.net_sentiment),
            format_change(now.net_sentiment, before.net_sentiment, " points"),
            help="Positive minus negative mentions, out of all judged ones, times 100: "
            "from −100 (all negative) to +100 (all positive).",
        )
    with share:
        _figure(
            "Negative share",
            format_percent(now.negative_share),
            format_change(
                _times_100(now.negative_share), _times_100(before.negative_share), " points"
            ),
            delta_color="inverse",
            help="Negative mentions out of all judged ones.",
        )
    # The keys become CSS classes, by which style.css colours these two figures.
    with unhappy.container(key="worry", height="stretch"):
        _unhappy_figure(figures)
    with overdue.container(key="late" if figures.overdue else "in-time", height="stretch"):
        _overdue_figure(figures)


def _unhappy_figure(figures: Headline) -> None:
    increase = figures.unhappy_new - figures.unhappy_new_before
    _figure(
        "Unhappy now",
        format_count(figures.unhappy_now),
        f"{figures.unhappy_new:,} new, {figures.unhappy_new_before:,} before",
        delta_color=("red" if increase > 0 else "green") if increase else "off",
        delta_arrow=("up" if increase > 0 else "down") if increase else "off",
        help=f"Customers with an open case, {figures.urgent_now:,} of them urgent. Below: "
        "customers who first complained in this period, and in the one before.",
    )


def _overdue_figure(figures: Headline) -> None:
    _figure(
        "Overdue",
        format_count(figures.overdue),
        f"of {figures.waiting:,} waiting",
        delta_color="off",
        delta_arrow="off",
        help="Customers whose answer is late, out of all who wait for an answer.",
    )


# "red" is drawn orange and "green" blue by the theme in launch.py, for colour-blind readers.
def _figure(name: str, value: str, delta: str | None, **options: Any) -> None:
    if delta is None or delta.startswith("+0"):
        # neither better nor worse: no colour, no arrow
        options |= {"delta_color": "off", "delta_arrow": "off"}
        delta = "none before" if delta is None else "no change"
    st.metric(name, value, delta, border=True, height="stretch", **options)


def _times_100(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _over_time(db: Database, brand: BrandView, period: periods.Period, end: datetime) -> None:
    window = periods.chart_window(period, end, brand.timezone)
    hours = queries.trend(db, brand.id, window, timedelta(hours=1))
    bars = periods.group_bars(hours, period, brand.timezone)
    with st.container(border=True):
        st.subheader("Sentiment over time", anchor=False)
        if not any(bar.counts.mentions for bar in bars):
            draw_small_print(
                "quiet", f"No mention in the last {period.name}. A longer period may hold some."
            )
            return
        st.altair_chart(charts.trend(bars, period), width="stretch", key="trend")
        draw_small_print("net", f"Net sentiment, −100 to +100 · {zone_name(brand.timezone)}")
        st.altair_chart(charts.net_sentiment(bars, period), width="stretch", key="net")


def _voice(db: Database, brand: BrandView, window: clock.Window) -> None:
    st.subheader("Share of voice", anchor=False)
    shares = queries.share_of_voice(db, brand.id, window)
    if len(shares) < 2:
        draw_small_print("alone", "No competitors yet. Add some to the brand in settings.toml.")
        return
    st.altair_chart(charts.share_of_voice(shares), width="stretch", key="voice")


def _sources(db: Database, brand: BrandView, window: clock.Window) -> None:
    st.subheader("By source", anchor=False)
    counts = queries.by_source(db, brand.id, window)
    if not counts:
        draw_small_print("no-source", "No mention in this period.")
        return
    st.altair_chart(charts.by_source(counts), width="stretch", key="sources")


def _newest(cases: tuple[CaseView, ...], urgent_at: int, now: datetime) -> None:
    with st.container(border=True, key="newest", height="stretch"):
        st.subheader("Newest unhappy customers", anchor=False)
        if not cases:
            draw_small_print("calm", "No unhappy customers right now.")
            return
        with st.container(height=_LIST_HEIGHT, border=False, key="newest-list"):
            for case in cases:
                _card(case, urgent_at, now)


def _card(case: CaseView, urgent_at: int, now: datetime) -> None:
    with st.container(border=True, key=f"flag-{case.id}", gap="xsmall"):
        with st.container(horizontal=True, vertical_alignment="center"):
            with st.container(key=f"who-{case.id}", width="stretch"):
                st.text(person_name(case))
            draw_priority(case.priority, urgent_at)
        draw_small_print(
            f"at-{case.id}",
            f"{case.source} · {format_age(case.last_at, now)} · {STATUS[case.status]}",
        )
        with st.container(key=f"words-{case.id}"):
            st.text(clean(case.text, 400) or "(no text)")
        with st.container(key=f"why-{case.id}"):
            st.text(one_line(case.reason, 300))
        st.page_link(QUEUE_PAGE, label="Open the case", query_params={"case": str(case.id)})
