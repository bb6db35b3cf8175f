"""Draw two pictures of a reader's answers: toward the brand, and F1 of intents and reasons."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import altair as alt
from quality_pictures import BLUE, GROUND, ORANGE, TEXT, dressed, save
from quality_readings_page import toward_name
from reading_figures import OWN, Names, ReadingsReport, Toward

from dashboard.charts import COLOURS

_TOWARD, _ALONE = "toward the target", "the text's own sentiment"
_HEIGHT = 34


def write(report: ReadingsReport, folder: Path) -> dict[str, str]:
    """Write the pictures that have data, and return their links by subject."""
    folder.mkdir(exist_ok=True)
    links = {}
    if whole := _whole_sets(report.toward):
        save(_toward(whole), folder / "quality-toward.svg")
        links["toward"] = (
            "![Macro F1 toward the target beside that of the text's own sentiment, by set]"
            "(images/quality-toward.svg)"
        )
    named = (report.named("intents", OWN), report.named("reasons", OWN))
    judged = [figures for figures in named if figures is not None]
    if judged:
        save(_names(judged), folder / "quality-intents.svg")
        links["intents"] = (
            "![F1 of each intent and reason on posts for Earful](images/quality-intents.svg)"
        )
    return links


def _whole_sets(toward: Sequence[Toward]) -> list[Toward]:
    """Return one line a set and split: that of the whole set."""
    return [figures for figures in toward if not figures.part]


def _toward(sets: Sequence[Toward]) -> Any:
    """Draw two bars for each set: toward the target, and by the text alone."""
    rows = [
        {"set": toward_name(figures), "of": name, "f1": rates.macro_f1}
        for figures in sets
        for name, rates in (
            (_TOWARD, figures.measures.toward),
            (_ALONE, figures.measures.text_alone),
        )
    ]
    colour = _colour([_TOWARD, _ALONE], [BLUE, COLOURS["Neutral"]])
    chart = _bars(rows, "set", colour, offset=alt.YOffset("of:N", sort=[_TOWARD, _ALONE]))
    return dressed(chart, "Macro F1 by set", 2 * _HEIGHT * len(sets))


def _names(judged: Sequence[Names]) -> Any:
    """Draw a bar for each name that occurs, intents first."""
    rows = [
        {"name": _words(count.name, figures.kind), "of": figures.kind, "f1": count.f1}
        for figures in judged
        for count in figures.counts
        if count.f1 is not None
    ]
    kinds: list[str] = [figures.kind for figures in judged]
    chart = _bars(rows, "name", _colour(kinds, [BLUE, ORANGE][: len(kinds)]))
    return dressed(chart, "F1 on our own posts kept back", _HEIGHT * len(rows))


def _words(name: str, kind: str) -> str:
    # "other" is both an intent and a reason
    return f"{name} (reason)" if (name, kind) == ("other", "reasons") else name


def _colour(names: Sequence[str], colours: Sequence[str]) -> Any:
    legend = alt.Legend(orient="top", title=None, labelColor=TEXT, labelFontSize=14)
    return alt.Color(
        "of:N", scale=alt.Scale(domain=list(names), range=list(colours)), legend=legend
    )


def _bars(
    rows: Sequence[dict[str, Any]], field: str, colour: Any, offset: Any = alt.Undefined
) -> Any:
    words = [row | {"words": f"{row['f1']:.1f}"} for row in rows]
    base = alt.Chart(alt.InlineData(values=words)).encode(
        y=alt.Y(f"{field}:N", sort=None, title=None, axis=alt.Axis(grid=False, labelLimit=260)),
        yOffset=offset,
    )
    scale, axis = alt.Scale(domain=[0, 100]), alt.Axis(tickCount=5)
    bars = base.mark_bar(cornerRadiusEnd=3).encode(
        x=alt.X("f1:Q", title="F1", scale=scale, axis=axis), color=colour
    )
    labels = base.mark_text(
        align="left", dx=6, color=GROUND, fontSize=13, fontWeight="bold"
    ).encode(x=alt.datum(0), text="words:N")
    return bars + labels
