"""Write the figures as Markdown tables into the page of the docs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path

import quality_readings_page
from quality_judging import Judged, Pooled, Report, mean_f1
from quality_published import PUBLISHED, Measure, published
from quality_tables import flagged_line, folded, language, table, title

from sentiment.measures import Measures
from sentiment.training.benchmark_sets import Group
from sentiment.training.rows import LABELS, own_posts

BEGIN, END = "<!-- quality:begin -->", "<!-- quality:end -->"

POOLS = {
    "public": "official tests",
    "further": "further sets",
    "own": "posts for Earful",
    "everything": "everything",
}

_HEAD = (
    "set",
    "rows",
    "macro recall",
    "macro F1",
    "weighted F1",
    "accuracy",
    "ECE",
    "could not tell",
    "VADER: macro recall",
    "macro F1",
    "weighted F1",
)

_FOREIGN = "¹ VADER has a list of English words. This is its result in another language."

_MEASURES: dict[Measure, str] = {
    "macro_recall": "macro recall",
    "macro_f1": "macro F1",
    "weighted_f1": "weighted F1",
}


def read(path: Path) -> tuple[str, str]:
    """Return the page before and after the figures, with the two marks.

    Raises FileNotFoundError, and ValueError for a page without the two marks in this order.
    """
    with path.open(encoding="utf-8", newline="") as file:
        page = file.read()
    before, _, after_begin = page.partition(BEGIN)
    _, _, after = after_begin.partition(END)
    if page.count(BEGIN) != 1 or page.count(END) != 1 or END not in after_begin:
        raise ValueError(f"{path}: needs one {BEGIN} and, further down, one {END}")
    return before + BEGIN, END + after


def write(path: Path, text: str) -> None:
    """Put the text between the page's two marks and leave all else as it is."""
    before, after = read(path)
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(f"{before}\n\n{text}\n\n{after}")


def block(report: Report, pictures: Mapping[str, str]) -> str:
    """Return all tables, ready for the page. ``pictures``: links by subject."""
    parts = [
        _introduction(report),
        pictures.get("languages", ""),
        _sets(report, "public"),
        *_beside(report),
        *_own(report),
        *_unhappy(report),
        *_sure(report, pictures),
        *quality_readings_page.sections(report.readings, pictures),
        *_further(report),
        *_confusions(report),
    ]
    return "\n\n".join(part for part in parts if part)


def _introduction(report: Report) -> str:
    rows = "the official test splits" if report.split == "test" else "the val splits"
    limit = f", at most {report.limit} rows a set and language" if report.limit else ""
    lines = [
        f"`{report.model_id}` through `sentiment.load()`, on {rows}{limit}.",
        "All in percent but ECE, the expected calibration error from 0 to 1. An answer counts by",
        'its most probable label, also where the model said "could not tell".',
    ]
    if report.absent:
        lines.append(f"Not at hand, so not judged: {', '.join(map(title, report.absent))}.")
    return "\n".join(lines)


def _sets(report: Report, group: Group) -> str:
    """Return the table of a group's sets by language; "" when none of them was judged."""
    lines: list[list[str]] = []
    for name in dict.fromkeys(judged.data_set for judged in report.judged if judged.group == group):
        lines += [_set_line(judged) for judged in report.of(name) if judged.group == group]
        if name == "umsab":
            lines.append(_umsab_line(report.of(name)))
    return f"{table(_HEAD, lines)}\n\n{_FOREIGN}" if lines else ""


def _umsab_line(judged: Sequence[Judged]) -> list[str]:
    ours, vader = mean_f1(judged)
    name = f"**UMSAB, mean of {len(judged)} languages**"
    return [name, "", "", f"**{ours:.1f}**", "", "", "", "", "", f"{vader:.1f} ¹", ""]


def _set_line(judged: Judged) -> list[str]:
    name = f"{title(judged.data_set)}, {language(judged.lang)}"
    return _line(name, judged, "" if judged.lang == "en" else " ¹")


def _line(name: str, judged: Judged | Pooled, mark: str) -> list[str]:
    vader = (judged.vader.macro_recall, judged.vader.macro_f1, judged.vader.weighted_f1)
    ours = _numbers(judged.measures, judged.unsure)
    return [name, *ours, *(f"{percent:.1f}{mark}" for percent in vader)]


def _numbers(measures: Measures, unsure: float) -> list[str]:
    return [
        f"{measures.rows:,}",
        f"{measures.macro_recall:.1f}",
        f"{measures.macro_f1:.1f}",
        f"{measures.weighted_f1:.1f}",
        f"{measures.accuracy:.1f}",
        f"{measures.calibration_error:.3f}",
        f"{100 * unsure:.1f}",
    ]


def _beside(report: Report) -> Iterable[str]:
    """Yield the published figures beside ours; they are of the whole tests."""
    if report.split != "test":
        return
    lines = [
        *_line_beside(report, "tweeteval_sentiment", "en", "macro_recall"),
        *_mean_beside(report),
        *chain.from_iterable(
            _line_beside(report, "umsab", judged.lang, "macro_f1") for judged in report.of("umsab")
        ),
        *_line_beside(report, "afrisenti", "sw", "weighted_f1"),
    ]
    if lines:
        yield "### Beside published figures"
        yield table(("test, measure of the field", "Earful", "VADER", "published"), lines)
        yield _FOREIGN
        yield "\n".join(["Sources of the published figures:", "", *_sources()])


def _sources() -> Iterable[str]:
    for source in dict.fromkeys(figure.source for figure in PUBLISHED):
        models = dict.fromkeys(figure.model for figure in PUBLISHED if figure.source == source)
        yield f"- {', '.join(models)}: {source}"


def _line_beside(report: Report, name: str, lang: str, measure: Measure) -> Iterable[list[str]]:
    for judged in report.of(name):
        if judged.lang == lang:
            mark = "" if lang == "en" else " ¹"
            yield [
                f"{title(name)} {language(lang)}, {_MEASURES[measure]}",
                f"**{getattr(judged.measures, measure):.1f}**",
                f"{getattr(judged.vader, measure):.1f}{mark}",
                _figures(name, lang),
            ]


def _mean_beside(report: Report) -> Iterable[list[str]]:
    umsab = report.of("umsab")
    if umsab:
        ours, vader = mean_f1(umsab)
        name = f"UMSAB, mean macro F1 of {len(umsab)} languages"
        yield [name, f"**{ours:.1f}**", f"{vader:.1f} ¹", _figures("umsab", None)]


def _figures(data_set: str, lang: str | None) -> str:
    figures = [f"{figure.model} {figure.percent:.1f}" for figure in published(data_set, lang)]
    return " · ".join(figures) or "–"


def _own(report: Report) -> Iterable[str]:
    pool = report.pool("own")
    held_back = own_posts("val")
    total = len(held_back) + len(own_posts("train"))
    langs = {row.lang for row in held_back}
    if pool:
        yield "### On posts to and about companies"
        yield (
            f"{total:,} such posts in {len(langs)} languages were written for "
            f"Earful; {len(held_back):,} of them were kept\nback from training and are judged here."
        )
        yield table(_HEAD, [_line("all languages", pool, " ¹")])
        hint = "In most languages they are few: read these lines as a hint."
        yield folded("By language", f"{hint}\n\n{_sets(report, 'own')}")


def _unhappy(report: Report) -> Iterable[str]:
    pools = [pool for name in ("public", "own") if (pool := report.pool(name))]
    if not pools:
        return
    yield "### Who is flagged as unhappy"
    yield (
        "From each threshold of `[rules] negative_at`: how many of those flagged are labelled\n"
        "negative (precision), how many of the negative are flagged (recall), and which share of "
        'all\nposts is flagged. "Could not tell" is never flagged. Bold: the default.'
    )
    head = ["from"]
    for pool in pools:
        name = POOLS[pool.name]
        head += [f"{name}: precision", "recall", "flagged"]
    rows = zip(*(pool.flagged for pool in pools), strict=True)
    yield table(head, [flagged_line(row) for row in rows])


def _sure(report: Report, pictures: Mapping[str, str]) -> Iterable[str]:
    pools = [pool for name in POOLS if (pool := report.pool(name))]
    if not pools:
        return
    yield "### How reliable the probabilities are"
    if "reliability" in pictures:
        yield pictures["reliability"]
    head = ("all rows of", "rows", "macro F1", "accuracy", "ECE", "could not tell")
    yield table(head, [_pool_line(pool) for pool in pools])


def _pool_line(pool: Pooled) -> list[str]:
    rows, _, f1, _, accuracy, error, unsure = _numbers(pool.measures, pool.unsure)
    return [POOLS[pool.name], rows, f1, accuracy, error, unsure]


def _further(report: Report) -> Iterable[str]:
    further = _sets(report, "further")
    if further:
        two = (
            "Sets with two labels know no neutral: the model has to choose between the other two, "
            "and they\nare in no pooled figure. Some of the languages the model does not claim to "
            'read: see "could not tell".'
        )
        yield folded("Further sets", f"{two}\n\n{further}")


def _confusions(report: Report) -> Iterable[str]:
    head = ("set", *(f"{label} posts called −, 0, +" for label in LABELS))
    lines = [
        _confusion_line(f"{title(judged.data_set)}, {language(judged.lang)}", judged)
        for judged in report.judged
        if judged.group != "own"
    ]
    own = report.pool("own")
    if own:
        lines.append(_confusion_line(POOLS["own"], own))
    caption = "Rows by their label, and how many were called negative, neutral and positive."
    yield folded("Confusions", f"{caption}\n\n{table(head, lines)}")


def _confusion_line(name: str, judged: Judged | Pooled) -> list[str]:
    return [name, *(" · ".join(f"{count:,}" for count in row) for row in judged.confusion)]
