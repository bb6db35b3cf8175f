"""Every set judged: the model's answers, VADER's beside them, pooled figures and thresholds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from reading_figures import ReadingsReport
from unreadable import naming_unreadable

from earful.contracts import Classifier
from earful.samples import spread
from earful.settings.load import RuleSettings
from sentiment.evaluation import (
    Answers,
    Flagged,
    collect_answers,
    flagged_at,
    join_answers,
    measure_answers,
    reliability_of_answers,
    reliability_of_negative,
)
from sentiment.measures import Bin, Measures, confusion, most_probable
from sentiment.training.benchmark_sets import OWN_POSTS, SETS, BenchmarkSet, Group
from sentiment.training.rows import Row, own_posts, read_set

DEFAULT: float = RuleSettings().negative_at
THRESHOLDS = sorted({*(at / 100 for at in range(30, 91, 5)), DEFAULT})

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """The figures of one set in one language.

    ``confusion`` counts [actual, answered] of all three labels, also for a ``binary`` set, which
    has no neutral and measures of two labels.
    """

    data_set: str
    lang: str
    group: Group
    binary: bool
    measures: Measures
    unsure: float
    confusion: list[list[int]]
    vader: Measures


@dataclass(frozen=True, slots=True, kw_only=True)
class Pooled:
    """The figures of all rows of a group of sets. ``name``: the group, or "everything"."""

    name: str
    measures: Measures
    unsure: float
    confusion: list[list[int]]
    vader: Measures
    answer: list[Bin]
    negative: list[Bin]
    flagged: list[Flagged]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All figures.

    ``absent``: sets without a file. ``limit``: the most rows of each set and language, None for
    all. ``readings``: the figures of a reader's other answers, None for a model without them.
    """

    model_id: str
    vader_id: str
    split: str
    limit: int | None
    judged: list[Judged]
    absent: list[str]
    pooled: list[Pooled]
    readings: ReadingsReport | None = None

    def of(self, data_set: str) -> list[Judged]:
        """Return the figures of one set, by language."""
        return [figures for figures in self.judged if figures.data_set == data_set]

    def pool(self, name: str) -> Pooled | None:
        """Return the pooled figures of a group; None when it has no judged set."""
        return next((figures for figures in self.pooled if figures.name == name), None)


def report(
    folder: Path,
    split: str,
    limit: int | None,
    classifiers: tuple[Classifier, Classifier],
    report_progress: Progress,
) -> Report:
    """Judge all sets in the folder, and our own posts, with a model and with VADER.

    ``report_progress`` is called with a line for each step. Raises ValueError for an unreadable row
    or file.
    """
    model, vader = classifiers
    parts: list[_Part] = []
    judged: list[Judged] = []
    absent = absent_sets(folder, report_progress)
    for benchmark, lang, rows in labelled_parts(folder, split, absent):
        sample = spread(rows, limit)
        answers = collect_answers(sample, model), collect_answers(sample, vader)
        parts.append(_Part(benchmark, lang, *answers))
        judged.append(_judged(parts[-1]))
        f1 = judged[-1].measures.macro_f1
        report_progress(f"{benchmark.name} {lang}: {len(sample)} rows, macro F1 {f1:.1f}")
    return Report(
        model_id=model.model_id,
        vader_id=vader.model_id,
        split=split,
        limit=limit,
        judged=judged,
        absent=absent,
        pooled=list(_pooled(parts)),
    )


class _Part(NamedTuple):
    """A set in one language, and the answers of both classifiers."""

    of: BenchmarkSet
    lang: str
    model: Answers
    vader: Answers

    @property
    def group(self) -> Group:
        return self.of.group_of(self.lang)


def _file(folder: Path, benchmark: BenchmarkSet) -> Path:
    return folder / f"{benchmark.name}.tsv.gz"


def absent_sets(folder: Path, report_progress: Progress) -> list[str]:
    """Return the names of sets without a file; report each."""
    absent = [benchmark.name for benchmark in SETS if not _file(folder, benchmark).is_file()]
    for name in absent:
        report_progress(f"{folder / name}.tsv.gz is not there: going on without {name}")
    return absent


def labelled_parts(
    folder: Path, split: str, absent: Sequence[str]
) -> Iterator[tuple[BenchmarkSet, str, list[Row]]]:
    """Yield every present set by language, our own posts last.

    Raises ValueError for an unreadable row or file.
    """
    for benchmark in (*SETS, OWN_POSTS):
        if benchmark.name in absent:
            continue
        by_lang: defaultdict[str, list[Row]] = defaultdict(list)
        for row in own_posts("val") if benchmark is OWN_POSTS else _read(folder, benchmark, split):
            if not benchmark.langs or row.lang in benchmark.langs:
                by_lang[row.lang].append(row)
        for lang in benchmark.langs or sorted(by_lang):
            if by_lang[lang]:
                yield benchmark, lang, by_lang[lang]


def _read(folder: Path, benchmark: BenchmarkSet, split: str) -> list[Row]:
    with naming_unreadable(_file(folder, benchmark)):
        return read_set(folder, benchmark.name, split)


def _judged(part: _Part) -> Judged:
    binary = part.of.binary
    return Judged(
        data_set=part.of.name,
        lang=part.lang,
        group=part.group,
        binary=binary,
        measures=measure_answers(part.model, binary=binary),
        unsure=part.model.unsure,
        confusion=_confusion(part.model),
        vader=measure_answers(part.vader, binary=binary),
    )


def _pooled(parts: Sequence[_Part]) -> Iterator[Pooled]:
    """Yield each group that has rows, then everything.

    Sets without a neutral stay out, because three answered labels cannot be compared with two.
    """
    three = [part for part in parts if not part.of.binary]
    names: tuple[Group, ...] = ("public", "further", "own")
    for name in names:
        if chosen := [part for part in three if part.group == name]:
            yield _pool(name, chosen)
    if three:
        yield _pool("everything", three)


def _pool(name: str, parts: Sequence[_Part]) -> Pooled:
    answers = join_answers(part.model for part in parts)
    return Pooled(
        name=name,
        measures=measure_answers(answers),
        unsure=answers.unsure,
        confusion=_confusion(answers),
        vader=measure_answers(join_answers(part.vader for part in parts)),
        answer=reliability_of_answers(answers),
        negative=reliability_of_negative(answers),
        flagged=[flagged_at(answers, at) for at in THRESHOLDS],
    )


def _confusion(answers: Answers) -> list[list[int]]:
    counts: list[list[int]] = confusion(
        answers.labels, most_probable(answers.probabilities)
    ).tolist()
    return counts


def mean_f1(judged: Sequence[Judged]) -> tuple[float, float]:
    """Return the mean macro F1 over languages, the model's and VADER's."""
    ours = np.mean([figures.measures.macro_f1 for figures in judged])
    return float(ours), float(np.mean([figures.vader.macro_f1 for figures in judged]))
