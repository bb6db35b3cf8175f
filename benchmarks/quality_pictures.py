"""Draw two pictures of a report: macro F1 by language, and the reliability of probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import altair as alt
import vl_convert
from quality_judging import Judged, Pooled, Report
from quality_published import published
from quality_tables import LANGUAGES

from dashboard.charts import COLOURS
from sentiment.measures import Bin

BLUE, ORANGE = COLOURS["Positive"], COLOURS["Negative"]
_YELLOW, TEXT, _GRID, GROUND = "#f2d266", "#cfdae5", "#26323e", "#0f151c"
_BEST = "XLM-T"


def write(report: Report, folder: Path) -> dict[str, str]:
    """Write the pictures that have data, and return their links by subject."""
    folder.mkdir(exist_ok=True)
    links = {}
    umsab, pool = report.of("umsab"), report.pool("public")
    if umsab:
        save(_languages(umsab), folder / "quality-languages.svg")
        links["languages"] = (
            "![Macro F1 on UMSAB by language: Earful's bars beside XLM-T's marks and mean]"
            "(images/quality-languages.svg)"
        )
    if pool:
        save(_reliability(pool), folder / "quality-reliability.svg")
        links["reliability"] = (
            "![Stated probability against the share that was right, on the official tests]"
            "(images/quality-reliability.svg)"
        )
    return links


def save(chart: Any, path: Path) -> None:
    """Draw the chart into an SVG file."""
    path.write_text(vl_convert.vegalite_to_svg(chart.to_dict()) + "\n", encoding="utf-8")


def _languages(umsab: Sequence[Judged]) -> Any:
    """Draw a bar for each language, best first.

    A mark shows the best published model in the language, and a line that model's mean.
    """
    rows = [
        {
            "language": LANGUAGES.get(judged.lang, judged.lang),
            "f1": judged.measures.macro_f1,
            "words": f"{judged.measures.macro_f1:.1f}",
            "best": _best(judged.lang),
        }
        for judged in sorted(umsab, key=lambda judged: -judged.measures.macro_f1)
    ]
    y = alt.Y("language:N", sort=None, title=None, axis=alt.Axis(grid=False))
    x = alt.X(
        "f1:Q", title="macro F1", scale=alt.Scale(domain=[0, 100]), axis=alt.Axis(tickCount=5)
    )
    base = alt.Chart(alt.InlineData(values=rows)).encode(y=y)
    bars = base.mark_bar(color=BLUE, height=18, cornerRadiusEnd=3).encode(x=x)
    words = base.mark_text(align="left", dx=6, color=GROUND, fontSize=13, fontWeight="bold").encode(
        x=alt.datum(0), text="words:N"
    )
    ticks = (
        base.transform_filter("datum.best !== null")
        .mark_tick(color=_YELLOW, thickness=3, size=26, opacity=1)
        .encode(x="best:Q")
    )
    mean = _best(None)
    title = f"Macro F1 on UMSAB. Yellow: {_BEST} in that language; dashed: its mean, {mean}"
    return dressed(bars + words + ticks + _rule(mean), title, 34 * len(rows))


def _best(lang: str | None) -> float | None:
    """Return the best published figure in the language, or its mean; None when there is none."""
    return next((p.percent for p in published("umsab", lang) if p.model == _BEST), None)


def _rule(at: float | None) -> Any:
    return (
        alt.Chart(alt.InlineData(values=[{"at": at}]))
        .mark_rule(color=_YELLOW, strokeDash=[5, 4], opacity=0.8)
        .encode(x="at:Q")
    )


def _reliability(pool: Pooled) -> Any:
    """Draw stated against true shares, of the answers and of negative; ideal is the diagonal."""
    names = {"the label it gives": pool.answer, "negative": pool.negative}
    rows = [row for name, bins in names.items() for row in _points(name, bins)]
    colour = alt.Color(
        "of:N",
        scale=alt.Scale(domain=list(names), range=[BLUE, ORANGE]),
        legend=alt.Legend(orient="top", title=None, labelColor=TEXT, labelFontSize=14),
    )
    scale, axis = alt.Scale(domain=[0, 1]), alt.Axis(format="%", tickCount=5)
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        x=alt.X("stated:Q", title="probability stated", scale=scale, axis=axis),
        y=alt.Y("right:Q", title="share that was so", scale=scale, axis=axis),
        color=colour,
    )
    size = alt.Size("rows:Q", scale=alt.Scale(range=[30, 320]), legend=None)
    ends = alt.InlineData(values=[{"stated": 0, "right": 0}, {"stated": 1, "right": 1}])
    diagonal = (
        alt.Chart(ends)
        .mark_line(color=COLOURS["Neutral"], strokeDash=[5, 4])
        .encode(x="stated:Q", y="right:Q")
    )
    dots = base.mark_circle(opacity=1).encode(size=size)
    title = "On the dashed line its word can be taken; larger dots stand for more posts"
    return dressed(diagonal + base.mark_line(strokeWidth=2) + dots, title, 380)


def _points(name: str, bins: Sequence[Bin]) -> list[dict[str, Any]]:
    return [
        {"of": name, "stated": part.confidence, "right": part.right, "rows": part.rows}
        for part in bins
    ]


def dressed(chart: Any, title: str, height: int) -> Any:
    """Return the chart with its title, size and the colours of our pictures."""
    heading = alt.Title(title, color=TEXT, fontSize=14, fontWeight="normal", anchor="start")
    return (
        chart.properties(width=560, height=height, background=GROUND, title=heading)
        .configure(padding=16)  # first: it forgets what was configured before
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=TEXT,
            labelFontSize=13,
            labelPadding=6,
            titleColor=TEXT,
            titleFontSize=13,
            titleFontWeight="normal",
            gridColor=_GRID,
            domain=False,
            ticks=False,
        )
    )
