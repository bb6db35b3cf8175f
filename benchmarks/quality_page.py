"""What was judged as Markdown tables, and its place on the page of the docs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path

from quality_judging import DEFAULT, Judged, Pooled, Report, mean_f1
from quality_published import PUBLISHED, Measure, published

from earful.languages import NAMES
from sentiment.training.judge import Flagged, Group
from sentiment.training.measure import Measures
from sentiment.training.rows import LABELS, OWN, own_posts

BEGIN, END = "<!-- quality:begin -->", "<!-- quality:end -->"

TITLES = {
    "tweeteval_sentiment": "TweetEval",
    "umsab": "UMSAB",
    "afrisenti": "AfriSenti",
    "greek_bank_tweets": "Greek bank tweets",
    "spanish_tass2019": "TASS 2019",
    "indonesian_smsa": "SmSA",
    "nollysenti": "NollySenti, two labels",
    "romanian_red_weak": "REDv2, labels from emotions",
    "goemotions_sentiment": "GoEmotions, labels from emotions",
    "nusax": "NusaX",
    OWN: "posts for Earful",
}

LANGUAGES = NAMES | {
    "ace": "Acehnese",
    "ban": "Balinese",
    "bbc": "Toba Batak",
    "bjn": "Banjarese",
    "bug": "Buginese",
    "jv": "Javanese",
    "mad": "Madurese",
    "min": "Minangkabau",
    "nij": "Ngaju",
    "pcm": "Nigerian Pidgin",
    "su": "Sundanese",
}

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

_FOREIGN = "¹ VADER has a list of English words; this is what it makes of other languages."

_MEASURES: dict[Measure, str] = {
    "macro_recall": "macro recall",
    "macro_f1": "macro F1",
    "weighted_f1": "weighted F1",
}


def read(path: Path) -> tuple[str, str]:
    """Return the page up to and from where the figures belong, the two marks included.

    Raises FileNotFoundError, and ValueError for a page without the two marks in this order.
    """
    with path.open(encoding="utf-8", newline="") as file:
        page = file.read()
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    if page.count(BEGIN) != 1 or page.count(END) != 1 or END not in rest:
        raise ValueError(f"{path}: needs one {BEGIN} and, further down, one {END}")
    return before + BEGIN, END + after


def write(path: Path, text: str) -> None:
    """Put the text between the page's two marks and leave all else as it is."""
    before, after = read(path)
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(f"{before}\n\n{text}\n\n{after}")


def block(found: Report, pictures: Mapping[str, str]) -> str:
    """Return all tables, ready for the page. ``pictures``: their links by what they show."""
    parts = [
        _about(found),
        pictures.get("languages", ""),
        _sets(found, "public"),
        *_beside(found),
        *_own(found),
        *_unhappy(found),
        *_sure(found, pictures),
        *_further(found),
        *_confusions(found),
    ]
    return "\n\n".join(part for part in parts if part)


def _about(found: Report) -> str:
    rows = "the official test splits" if found.split == "test" else "the val splits"
    some = f", at most {found.limit} rows a set and language" if found.limit else ""
    lines = [
        f"`{found.model_id}` through `sentiment.load()`, on {rows}{some}.",
        "All in percent but ECE, the expected calibration error from 0 to 1. An answer counts by",
        'its most probable label, also where the model said "could not tell".',
    ]
    if found.absent:
        lines.append(f"Not at hand, so not judged: {', '.join(map(_title, found.absent))}.")
    return "\n".join(lines)


def _sets(found: Report, group: Group) -> str:
    """Return the table of a group's sets by language; "" when none of them was judged."""
    lines: list[list[str]] = []
    for name in dict.fromkeys(one.data_set for one in found.judged if one.group == group):
        lines += [_set_line(one) for one in found.of(name) if one.group == group]
        if name == "umsab":
            lines.append(_umsab_line(found.of(name)))
    return f"{_table(_HEAD, lines)}\n\n{_FOREIGN}" if lines else ""


def _umsab_line(found: Sequence[Judged]) -> list[str]:
    ours, theirs = mean_f1(found)
    name = f"**UMSAB, mean of {len(found)} languages**"
    return [name, "", "", f"**{ours:.1f}**", "", "", "", "", "", f"{theirs:.1f} ¹", ""]


def _set_line(one: Judged) -> list[str]:
    name = f"{_title(one.data_set)}, {_language(one.lang)}"
    return _line(name, one, "" if one.lang == "en" else " ¹")


def _line(name: str, one: Judged | Pooled, mark: str) -> list[str]:
    vader = (one.vader.macro_recall, one.vader.macro_f1, one.vader.weighted_f1)
    ours = _numbers(one.measures, one.unsure)
    return [name, *ours, *(f"{percent:.1f}{mark}" for percent in vader)]


def _numbers(found: Measures, unsure: float) -> list[str]:
    return [
        f"{found.rows:,}",
        f"{found.macro_recall:.1f}",
        f"{found.macro_f1:.1f}",
        f"{found.weighted_f1:.1f}",
        f"{found.accuracy:.1f}",
        f"{found.calibration_error:.3f}",
        f"{100 * unsure:.1f}",
    ]


def _beside(found: Report) -> Iterable[str]:
    """Yield the published figures beside ours; they are of the tests, whole."""
    if found.split != "test":
        return
    lines = [
        *_line_beside(found, "tweeteval_sentiment", "en", "macro_recall"),
        *_mean_beside(found),
        *chain.from_iterable(
            _line_beside(found, "umsab", one.lang, "macro_f1") for one in found.of("umsab")
        ),
        *_line_beside(found, "afrisenti", "sw", "weighted_f1"),
    ]
    if lines:
        yield "### Beside published figures"
        yield _table(("test, measure of the field", "Earful", "VADER", "published"), lines)
        yield _FOREIGN
        yield "\n".join(["Where the published figures stand:", "", *_sources()])


def _sources() -> Iterable[str]:
    for source in dict.fromkeys(one.source for one in PUBLISHED):
        models = dict.fromkeys(one.model for one in PUBLISHED if one.source == source)
        yield f"- {', '.join(models)}: {source}"


def _line_beside(found: Report, name: str, lang: str, measure: Measure) -> Iterable[list[str]]:
    for one in found.of(name):
        if one.lang == lang:
            mark = "" if lang == "en" else " ¹"
            yield [
                f"{_title(name)} {_language(lang)}, {_MEASURES[measure]}",
                f"**{getattr(one.measures, measure):.1f}**",
                f"{getattr(one.vader, measure):.1f}{mark}",
                _figures(name, lang),
            ]


def _mean_beside(found: Report) -> Iterable[list[str]]:
    umsab = found.of("umsab")
    if umsab:
        ours, theirs = mean_f1(umsab)
        name = f"UMSAB, mean macro F1 of {len(umsab)} languages"
        yield [name, f"**{ours:.1f}**", f"{theirs:.1f} ¹", _figures("umsab", None)]


def _figures(data_set: str, lang: str | None) -> str:
    figures = [f"{one.model} {one.percent:.1f}" for one in published(data_set, lang)]
    return " · ".join(figures) or "–"


def _own(found: Report) -> Iterable[str]:
    pool = found.pool("own")
    kept, written = own_posts("val"), own_posts("train")
    langs = {row.lang for row in kept}
    if pool:
        yield "### On posts to and about companies"
        yield (
            f"{len(kept) + len(written):,} such posts in {len(langs)} languages were written for "
            f"Earful; {len(kept):,} of them were kept\nback from training and are judged here."
        )
        yield _table(_HEAD, [_line("all languages", pool, " ¹")])
        few = "In most languages they are few: read these lines as a hint."
        yield _folded("By language", f"{few}\n\n{_sets(found, 'own')}")


def _unhappy(found: Report) -> Iterable[str]:
    pools = [pool for name in ("public", "own") if (pool := found.pool(name))]
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
    yield _table(head, [_flag_line(row) for row in rows])


def _flag_line(row: Sequence[Flagged]) -> list[str]:
    cells = [f"{row[0].threshold:.2f}"]
    for one in row:
        cells += [_percent(one.precision), _percent(one.recall), _percent(one.share)]
    return [f"**{cell}**" for cell in cells] if row[0].threshold == DEFAULT else cells


def _sure(found: Report, pictures: Mapping[str, str]) -> Iterable[str]:
    pools = [pool for name in POOLS if (pool := found.pool(name))]
    if not pools:
        return
    yield "### How far its word can be taken"
    if "reliability" in pictures:
        yield pictures["reliability"]
    head = ("all rows of", "rows", "macro F1", "accuracy", "ECE", "could not tell")
    yield _table(head, [_pool_line(pool) for pool in pools])


def _pool_line(pool: Pooled) -> list[str]:
    rows, _, f1, _, accuracy, error, unsure = _numbers(pool.measures, pool.unsure)
    return [POOLS[pool.name], rows, f1, accuracy, error, unsure]


def _further(found: Report) -> Iterable[str]:
    table = _sets(found, "further")
    if table:
        two = (
            "Sets with two labels know no neutral: the model has to choose between the other two, "
            "and they\nare in no pooled figure. Some of the languages the model does not claim to "
            'read: see "could not tell".'
        )
        yield _folded("Further sets", f"{two}\n\n{table}")


def _confusions(found: Report) -> Iterable[str]:
    head = ("set", *(f"{label} posts called −, 0, +" for label in LABELS))
    lines = [
        _confusion_line(f"{_title(one.data_set)}, {_language(one.lang)}", one)
        for one in found.judged
        if one.group != "own"
    ]
    own = found.pool("own")
    if own:
        lines.append(_confusion_line(POOLS["own"], own))
    what = "Rows by their label, and how many were called negative, neutral and positive."
    yield _folded("What is taken for what", f"{what}\n\n{_table(head, lines)}")


def _confusion_line(name: str, one: Judged | Pooled) -> list[str]:
    return [name, *(" · ".join(f"{count:,}" for count in row) for row in one.confusion)]


def _folded(title: str, text: str) -> str:
    return f"<details>\n<summary>{title}</summary>\n\n{text}\n\n</details>"


def _table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *lines))


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.1f}"


def _title(name: str) -> str:
    return TITLES.get(name, name)


def _language(code: str) -> str:
    return LANGUAGES.get(code, code)
