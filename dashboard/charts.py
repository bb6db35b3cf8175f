"""The command center's charts. Vega draws text as text, so names of brands and sources are safe.

Vega knows two clocks, the browser's and UTC. Times come here as the brand's wall clock and are
handed over as if they were UTC, so that everybody sees the brand's own hours.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import altair as alt

from dashboard.periods import Bar, Period
from storage.views import Counts, SourceCounts, VoiceShare

# Orange and blue stay apart for every kind of colour blindness, and grey is lighter than neither.
COLOURS = {
    "Negative": "#f58a4b",
    "Neutral": "#8796a6",
    "Positive": "#5ab4f0",
    "Not told": "#3d4a58",
}
_LINE, _TEXT, _GRID, _OURS, _THEIRS = "#f2d266", "#cfdae5", "#26323e", "#5ab4f0", "#5b6b7b"
_AXIS_WIDTH = 56  # the same for charts above each other, so that their times stand in line
_ROW = 44
_SIGNED = "datum.value > 0 ? '+' + datum.value : replace(datum.value, '-', '−')"
_TICK_FORMAT = {1: "%H:%M", 3: "%a %-d", 6: "%a %-d", 24: "%-d %b"}


def trend(bars: Sequence[Bar], period: Period) -> Any:
    """Mentions by sentiment over time: negative at the foot, where it can be compared."""
    rows = [row for bar in bars for row in _stack(bar, _span(bar, period))]
    shown = [
        name
        for name in COLOURS
        if any(row["sentiment"] == name and row["mentions"] for row in rows)
    ]
    chart = (
        alt.Chart(_rows(rows))
        .mark_bar(xOffset=1, x2Offset=-1)
        .encode(
            x=_time(bars, period, labels=False),
            x2="end:T",
            y=alt.Y("foot:Q", title=None, axis=_axis(tickCount=4, format="~s")),
            y2="top:Q",
            color=_colour(shown),
            tooltip=[
                alt.Tooltip("when:N", title="When"),
                alt.Tooltip("sentiment:N", title="Sentiment"),
                alt.Tooltip("mentions:Q", title="Mentions"),
                alt.Tooltip("all:Q", title="Of all"),
            ],
        )
    )
    return _dressed(chart, 250)


def net_sentiment(bars: Sequence[Bar], period: Period) -> Any:
    """Net sentiment over the same time, around its zero."""
    rows = [
        {
            "middle": _wall(bar.start + (bar.end - bar.start) / 2),
            "net": bar.counts.net_sentiment,
            "judged": bar.counts.judged,
            "when": _span(bar, period),
        }
        for bar in bars
        if bar.counts.judged
    ]
    base = alt.Chart(_rows(rows))
    x = _time(bars, period, labels=True, field="middle")
    y = alt.Y(
        "net:Q",
        title=None,
        scale=alt.Scale(domain=[-100, 100]),
        axis=_axis(values=[-100, 0, 100], labelExpr=_SIGNED, labelOverlap=False),
    )
    zero = alt.Chart(_rows([{"net": 0}])).mark_rule(color="#8796a6").encode(y=y)
    line = base.mark_line(color=_LINE, strokeWidth=2.5, interpolate="monotone").encode(x=x, y=y)
    dots = base.mark_circle(color=_LINE, size=42, opacity=1).encode(
        x="middle:T",
        y=y,
        tooltip=[
            alt.Tooltip("when:N", title="When"),
            alt.Tooltip("net:Q", title="Net sentiment", format="+.0f"),
            alt.Tooltip("judged:Q", title="Mentions judged"),
        ],
    )
    return _dressed(zero + line + dots, 140)


def voice(shares: Sequence[VoiceShare]) -> Any:
    """The brand's part of what is said about it and its competitors."""
    rows = [
        {
            "brand": one.brand,
            "share": one.share,
            "ours": one.ours,
            "mentions": one.counts.mentions,
            "words": f"{100 * one.share:.0f} % · {one.counts.mentions:,}",
            "net": one.counts.net_sentiment,
        }
        for one in shares
    ]
    y = alt.Y("brand:N", sort=[one.brand for one in shares], title=None, axis=_names())
    top = max((one.share for one in shares), default=1.0) or 1.0
    base = alt.Chart(_rows(rows)).encode(y=y)
    bar = base.mark_bar(height=20, cornerRadiusEnd=3).encode(
        x=alt.X("share:Q", axis=None, scale=alt.Scale(domain=[0, top * 1.45])),
        color=alt.condition("datum.ours", alt.value(_OURS), alt.value(_THEIRS)),
        tooltip=[
            alt.Tooltip("brand:N", title="Brand"),
            alt.Tooltip("mentions:Q", title="Mentions"),
            alt.Tooltip("share:Q", title="Share of voice", format=".1%"),
            alt.Tooltip("net:Q", title="Net sentiment", format="+.0f"),
        ],
    )
    words = base.mark_text(align="left", dx=8, fontSize=14, color=_TEXT).encode(
        x="share:Q", text="words:N"
    )
    return _dressed(bar + words, max(_ROW * len(rows), _ROW))


def sources(found: Sequence[SourceCounts]) -> Any:
    """What each source brought, by sentiment."""
    rows = [
        {"source": one.source, "sentiment": sentiment, "mentions": number, "order": order}
        for one in found
        for order, (sentiment, number) in enumerate(_feelings(one.counts))
        if number
    ]
    order = [one.source for one in found]
    y = alt.Y("source:N", sort=order, title=None, axis=_names())
    top = max((one.counts.mentions for one in found), default=1) or 1
    bar = (
        alt.Chart(_rows(rows))
        .mark_bar(height=20)
        .encode(
            y=y,
            x=alt.X("mentions:Q", axis=None, scale=alt.Scale(domain=[0, top * 1.3])),
            color=_colour(
                [name for name in COLOURS if any(r["sentiment"] == name for r in rows)], None
            ),
            order=alt.Order("order:Q"),
            tooltip=[
                alt.Tooltip("source:N", title="Source"),
                alt.Tooltip("sentiment:N", title="Sentiment"),
                alt.Tooltip("mentions:Q", title="Mentions"),
            ],
        )
    )
    totals = [{"source": one.source, "all": one.counts.mentions} for one in found]
    words = (
        alt.Chart(_rows(totals))
        .mark_text(align="left", dx=8, fontSize=14, color=_TEXT)
        .encode(y=y, x="all:Q", text=alt.Text("all:Q", format=",d"))
    )
    return _dressed(bar + words, max(_ROW * len(found), _ROW))


def _feelings(counts: Counts) -> tuple[tuple[str, int], ...]:
    return (
        ("Negative", counts.negative),
        ("Neutral", counts.neutral),
        ("Positive", counts.positive),
        ("Not told", counts.unknown + counts.pending),
    )


def _stack(bar: Bar, when: str) -> Iterator[dict[str, Any]]:
    """The bar's parts on top of each other: Vega does not stack what has a start and an end."""
    foot = 0
    for sentiment, number in _feelings(bar.counts):
        if number or not foot:  # an empty bar keeps its place on the axis of time
            yield {
                "start": _wall(bar.start),
                "end": _wall(bar.end),
                "sentiment": sentiment,
                "mentions": number,
                "foot": foot,
                "top": foot + number,
                "when": when,
                "all": bar.counts.mentions,
            }
        foot += number


def _rows(values: list[dict[str, Any]]) -> Any:
    return alt.InlineData(values=values)


def _wall(local: datetime) -> str:
    return f"{local:%Y-%m-%dT%H:%M:%S}Z"


def _span(bar: Bar, period: Period) -> str:
    if period.step_hours == 24:
        return f"{bar.start:%a} {bar.start.day} {bar.start:%b}"
    return f"{bar.start:%a} {bar.start.day} {bar.start:%b}, {bar.start:%H:%M} to {bar.end:%H:%M}"


def _time(bars: Sequence[Bar], period: Period, *, labels: bool, field: str = "start") -> Any:
    """The axis of wall-clock time; the same for charts above each other."""
    axis = _axis(
        values=[_moment(tick) for tick in _ticks(bars, period)],
        format=_TICK_FORMAT[period.step_hours],
        labelFlush=True,
        labels=labels,
        grid=False,
        width=None,
    )
    scale = alt.Scale(type="utc", nice=False)
    if field != "start":  # bars have ends of their own; points must be told where they are
        scale["domain"] = [_moment(bars[0].start), _moment(bars[-1].end)]
    return alt.X(f"{field}:T", title=None, scale=scale, axis=axis)


def _ticks(bars: Sequence[Bar], period: Period) -> Iterator[datetime]:
    """Every third hour of a day, every midnight of a week, every few days of a month."""
    if period.step_hours == 24:
        yield from (bar.start for bar in bars[:: max(1, len(bars) // 7)])
    else:
        every = 3 if period.step_hours == 1 else 24
        yield from (bar.start for bar in bars if bar.start.hour % every == 0)


def _moment(local: datetime) -> Any:
    return alt.DateTime(
        utc=True,
        year=local.year,
        month=local.month,
        date=local.day,
        hours=local.hour,
        minutes=local.minute,
    )


def _axis(*, width: int | None = _AXIS_WIDTH, **more: Any) -> Any:
    look: dict[str, Any] = {
        "labelColor": _TEXT,
        "labelFontSize": 13,
        "gridColor": _GRID,
        "tickColor": _GRID,
        "domain": False,
        "ticks": False,
    }
    if width is not None:
        look |= {"minExtent": width, "maxExtent": width}
    return alt.Axis(**look | more)


def _names() -> Any:
    return alt.Axis(
        labelColor=_TEXT,
        labelFontSize=14,
        labelLimit=150,
        domain=False,
        ticks=False,
        labelPadding=8,
    )


def _colour(shown: Sequence[str], legend: Any = ...) -> Any:
    if legend is ...:
        legend = alt.Legend(
            orient="top", title=None, labelFontSize=14, labelColor=_TEXT, symbolType="square"
        )
    scale = alt.Scale(domain=list(shown), range=[COLOURS[name] for name in shown])
    return alt.Color("sentiment:N", scale=scale, legend=legend)


def _dressed(chart: Any, height: int) -> Any:
    return (
        chart.properties(height=height, background="transparent")
        .configure(padding={"left": 4, "right": 8, "top": 4, "bottom": 4})
        .configure_view(strokeWidth=0)
    )
