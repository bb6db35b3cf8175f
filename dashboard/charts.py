"""The command center's charts. Vega draws names of brands and sources as plain text.

Vega knows two clocks, the browser's and UTC. Times arrive here on the brand's wall clock and are
passed on as if they were UTC, so every reader sees the brand's own hours.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import altair as alt

from dashboard.periods import Bar, Period
from storage.views import Counts, SourceCounts, VoiceShare

# Orange and blue stay apart for every kind of colour blindness; grey is lighter than neither.
COLOURS = {
    "Negative": "#f58a4b",
    "Neutral": "#8796a6",
    "Positive": "#5ab4f0",
    "No sentiment": "#3d4a58",
}
_LINE, _TEXT, _GRID, _OWN_BRAND, _COMPETITOR = "#f2d266", "#cfdae5", "#26323e", "#5ab4f0", "#5b6b7b"
_AXIS_WIDTH = 56  # the same for charts above each other, so that their times stand in line
_ROW = 44
_SIGNED = "datum.value > 0 ? '+' + datum.value : replace(datum.value, '-', '−')"
_TICK_FORMAT = {1: "%H:%M", 3: "%a %-d", 6: "%a %-d", 24: "%-d %b"}


def trend(bars: Sequence[Bar], period: Period) -> Any:
    """Draw mentions by sentiment over time, with negative at the foot, where bars compare best."""
    rows = [row for bar in bars for row in _stack(bar, _span(bar, period))]
    sentiments = [
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
            color=_colour(sentiments),
            tooltip=[
                alt.Tooltip("when:N", title="When"),
                alt.Tooltip("sentiment:N", title="Sentiment"),
                alt.Tooltip("mentions:Q", title="Mentions"),
                alt.Tooltip("all:Q", title="Of all"),
            ],
        )
    )
    return _styled(chart, 250)


def net_sentiment(bars: Sequence[Bar], period: Period) -> Any:
    """Draw net sentiment over the same time, around its zero."""
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
        # The whole range always: a scale that fits the data would make a calm day look dramatic.
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
    return _styled(zero + line + dots, 140)


def share_of_voice(shares: Sequence[VoiceShare]) -> Any:
    """Draw the brand's share of the mentions of it and its competitors."""
    rows = [
        {
            "brand": voice.brand,
            "share": voice.share,
            "ours": voice.ours,
            "mentions": voice.counts.mentions,
            "words": f"{100 * voice.share:.0f} % · {voice.counts.mentions:,}",
            "net": voice.counts.net_sentiment,
        }
        for voice in shares
    ]
    y = alt.Y("brand:N", sort=[voice.brand for voice in shares], title=None, axis=_names())
    top = max((voice.share for voice in shares), default=1.0) or 1.0
    base = alt.Chart(_rows(rows)).encode(y=y)
    bar = base.mark_bar(height=20, cornerRadiusEnd=3).encode(
        # Room for the words behind the longest bar.
        x=alt.X("share:Q", axis=None, scale=alt.Scale(domain=[0, top * 1.45])),
        color=alt.condition("datum.ours", alt.value(_OWN_BRAND), alt.value(_COMPETITOR)),
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
    return _styled(bar + words, max(_ROW * len(rows), _ROW))


def by_source(sources: Sequence[SourceCounts]) -> Any:
    """Draw the mentions of each source, by sentiment."""
    rows = [
        {"source": source.source, "sentiment": sentiment, "mentions": number, "order": order}
        for source in sources
        for order, (sentiment, number) in enumerate(_by_sentiment(source.counts))
        if number
    ]
    order = [source.source for source in sources]
    y = alt.Y("source:N", sort=order, title=None, axis=_names())
    top = max((source.counts.mentions for source in sources), default=1) or 1
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
    totals = [{"source": source.source, "all": source.counts.mentions} for source in sources]
    words = (
        alt.Chart(_rows(totals))
        .mark_text(align="left", dx=8, fontSize=14, color=_TEXT)
        .encode(y=y, x="all:Q", text=alt.Text("all:Q", format=",d"))
    )
    return _styled(bar + words, max(_ROW * len(sources), _ROW))


def _by_sentiment(counts: Counts) -> tuple[tuple[str, int], ...]:
    return (
        ("Negative", counts.negative),
        ("Neutral", counts.neutral),
        ("Positive", counts.positive),
        ("No sentiment", counts.unknown + counts.pending),
    )


def _stack(bar: Bar, period_label: str) -> Iterator[dict[str, Any]]:
    """Stack the bar's parts: Vega itself does not stack bars with a start and an end."""
    foot = 0  # negative comes first, so its heights share one base line
    for sentiment, number in _by_sentiment(bar.counts):
        if number or not foot:  # an empty bar keeps its place on the axis of time
            yield {
                "start": _wall(bar.start),
                "end": _wall(bar.end),
                "sentiment": sentiment,
                "mentions": number,
                "foot": foot,
                "top": foot + number,
                "when": period_label,
                "all": bar.counts.mentions,
            }
        foot += number


def _rows(values: list[dict[str, Any]]) -> Any:
    return alt.InlineData(values=values)


def _wall(local: datetime) -> str:
    # The Z is wrong on purpose: the module's docstring says why.
    return f"{local:%Y-%m-%dT%H:%M:%S}Z"


def _span(bar: Bar, period: Period) -> str:
    if period.step_hours == 24:
        return f"{bar.start:%a} {bar.start.day} {bar.start:%b}"
    return f"{bar.start:%a} {bar.start.day} {bar.start:%b}, {bar.start:%H:%M} to {bar.end:%H:%M}"


def _time(bars: Sequence[Bar], period: Period, *, labels: bool, field: str = "start") -> Any:
    """Return the axis of wall-clock time, the same for charts above each other."""
    axis = _axis(
        values=[_moment(tick) for tick in _ticks(bars, period)],
        format=_TICK_FORMAT[period.step_hours],
        labelFlush=True,
        labels=labels,
        grid=False,
        width=None,
    )
    scale = alt.Scale(type="utc", nice=False)
    if field != "start":  # bars have ends of their own; points do not, so the axis needs limits
        scale["domain"] = [_moment(bars[0].start), _moment(bars[-1].end)]
    return alt.X(f"{field}:T", title=None, scale=scale, axis=axis)


def _ticks(bars: Sequence[Bar], period: Period) -> Iterator[datetime]:
    """Yield every third hour of a day, every midnight of a week, every few days of a month."""
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


def _axis(*, width: int | None = _AXIS_WIDTH, **options: Any) -> Any:
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
    return alt.Axis(**look | options)


def _names() -> Any:
    return alt.Axis(
        labelColor=_TEXT,
        labelFontSize=14,
        labelLimit=150,
        domain=False,
        ticks=False,
        labelPadding=8,
    )


def _colour(sentiments: Sequence[str], legend: Any = ...) -> Any:
    if legend is ...:
        legend = alt.Legend(
            orient="top", title=None, labelFontSize=14, labelColor=_TEXT, symbolType="square"
        )
    scale = alt.Scale(domain=list(sentiments), range=[COLOURS[name] for name in sentiments])
    return alt.Color("sentiment:N", scale=scale, legend=legend)


def _styled(chart: Any, height: int) -> Any:
    return (
        chart.properties(height=height, background="transparent")
        .configure(padding={"left": 4, "right": 8, "top": 4, "bottom": 4})
        .configure_view(strokeWidth=0)
    )
