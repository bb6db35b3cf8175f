"""Write a reader's other answers as Markdown: toward, names, irony, and who is flagged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from quality_published import published
from quality_tables import flagged_line, folded, language, percent, table, title
from reading_figures import MAPPED, OWN, Irony, Kind, Names, ReadingsReport, Toward

from earful.judgements import HOLDS_AT
from sentiment.reading_measures import NameCounts


def sections(report: ReadingsReport | None, pictures: Mapping[str, str]) -> Iterable[str]:
    """Yield the parts of the page in order; nothing for a model without readings."""
    if report is None:
        return
    yield from _toward(report, pictures)
    yield from _names(report, pictures)
    yield from _irony(report)
    yield from _flagged(report)
    if report.absent:
        yield f"Not at hand, so not judged: {', '.join(map(title, report.absent))}."


def _toward(report: ReadingsReport, pictures: Mapping[str, str]) -> Iterable[str]:
    if not report.toward:
        return
    yield "### Sentiment toward the brand"
    yield (
        "Each text is read for the target that its label is about. Beside it stands the same "
        "text's\nown sentiment, which is all that a model without a target can answer."
    )
    if "toward" in pictures:
        yield pictures["toward"]
    head = ("set", "rows", "macro F1", "by the text alone", "gain", "macro recall", "accuracy")
    shown = [figures for figures in report.toward if figures.data_set != OWN or not figures.part]
    yield table(head, [_toward_line(figures) for figures in shown])
    by_lang = [figures for figures in report.toward if figures.data_set == OWN and figures.part]
    if by_lang:
        lines = [_toward_line(figures) for figures in by_lang]
        yield folded("Posts with readings, by language", table(head, lines))


def _toward_line(figures: Toward) -> list[str]:
    toward, alone = figures.measures.toward, figures.measures.text_alone
    return [
        toward_name(figures),
        f"{toward.rows:,}",
        f"**{toward.macro_f1:.1f}**",
        f"{alone.macro_f1:.1f}",
        f"{toward.macro_f1 - alone.macro_f1:+.1f}",
        f"{toward.macro_recall:.1f}",
        f"{toward.accuracy:.1f}",
    ]


def toward_name(figures: Toward) -> str:
    """Return the set, its split where that is not the test, and the part, for people."""
    name = title(figures.data_set)
    if figures.split != "test" and figures.data_set != OWN:
        name = f"{name} {figures.split}"
    return f"{name}, {language(figures.part)}" if figures.part else name


def _names(report: ReadingsReport, pictures: Mapping[str, str]) -> Iterable[str]:
    own = report.named("intents", OWN)
    if not report.names:
        return
    yield "### Intents and reasons"
    yield (
        f"A name holds from a probability of {HOLDS_AT:.2f} on. Reasons are judged on posts that "
        "have one.\nThe mapped sets (reviews, questions to a bank and a shop, lines to an "
        "assistant) know only some\nnames of each row, and only those are judged."
    )
    if "intents" in pictures:
        yield pictures["intents"]
    kinds: tuple[Kind, Kind] = ("intents", "reasons")
    for kind in kinds:
        figures = [report.named(kind, name) for name in (OWN, MAPPED)]
        judged = [each for each in figures if each is not None]
        if judged:
            yield table(_names_head(kind, judged), _names_lines(judged))
    if own is not None and report.tone is not None:
        yield (
            f"On the {own.rows:,} posts kept back, the text's own sentiment reaches a macro recall "
            f"of {report.tone.macro_recall:.1f}\nand a macro F1 of {report.tone.macro_f1:.1f}."
        )
    by_lang = [each for each in report.names if each.lang]
    if by_lang:
        yield folded("Macro F1 by language", _by_language(report, by_lang))


def _names_head(kind: Kind, judged: Sequence[Names]) -> list[str]:
    head = [kind]
    for figures in judged:
        name = "posts for Earful" if figures.data_set == OWN else "mapped sets"
        head += [f"{name}: posts that have it", "precision", "recall", "F1"]
    return head


def _names_lines(judged: Sequence[Names]) -> Iterable[list[str]]:
    for counts in zip(*(figures.counts for figures in judged), strict=True):
        yield [counts[0].name, *(cell for count in counts for cell in _count_cells(count))]
    means = (percent(figures.macro_f1) for figures in judged)
    yield ["**macro F1**", *(cell for mean in means for cell in ("", "", "", f"**{mean}**"))]


def _count_cells(count: NameCounts) -> list[str]:
    if not count.actual:
        return ["–"] * 4
    measures = (count.precision, count.recall, count.f1)
    return [f"{count.actual:,}", *map(percent, measures)]


def _by_language(report: ReadingsReport, by_lang: Sequence[Names]) -> str:
    lines = []
    for lang in dict.fromkeys(figures.lang for figures in by_lang):
        intents, reasons = (report.named(kind, OWN, lang) for kind in ("intents", "reasons"))
        lines.append(
            [
                language(lang),
                f"{intents.rows:,}" if intents else "–",
                percent(intents.macro_f1 if intents else None),
                f"{reasons.rows:,}" if reasons else "–",
                percent(reasons.macro_f1 if reasons else None),
            ]
        )
    head = ("language", "posts", "intents", "posts with a reason", "reasons")
    return f"They are few: read these lines as a hint.\n\n{table(head, lines)}"


def _irony(report: ReadingsReport) -> Iterable[str]:
    shown = [figures for figures in report.irony if figures.data_set != OWN or not figures.lang]
    if not shown:
        return
    yield "### Irony"
    yield "How much of the irony is found (recall), and how much of the found is irony (precision)."
    head = ("set", "rows", "ironic", "precision", "recall", "F1")
    yield table(head, [_irony_line(figures) for figures in shown])
    for best in published("irony_isarcasmeval", "en"):
        where = f"On {title(best.data_set)} in {language('en')}"
        yield f"{where}, {best.model} reached an F1 of {best.percent:.1f} ({best.source})."


def _irony_line(figures: Irony) -> list[str]:
    counts = figures.counts
    name = title(figures.data_set)
    return [
        f"{name}, {language(figures.lang)}" if figures.lang else name,
        f"{counts.rows:,}",
        f"{counts.actual:,}",
        percent(counts.precision),
        percent(counts.recall),
        f"**{percent(counts.f1)}**",
    ]


def _flagged(report: ReadingsReport) -> Iterable[str]:
    if not report.flagged:
        return
    yield "### Who is flagged as unhappy with the brand"
    yield (
        "On the same posts: unhappy is who feels negative toward the brand and complains or "
        "leaves.\nThe reading flags by the rule of [rules.md](rules.md); beside it stands the rule "
        "for a model that\nonly knows the text's own sentiment. Bold: the default of `negative_at`."
    )
    head = ["from", "by the reading: precision", "recall", "flagged"]
    head += ["by the text alone: precision", "recall", "flagged"]
    pairs = zip(report.flagged, report.flagged_by_text, strict=True)
    yield table(head, [flagged_line(pair) for pair in pairs])
