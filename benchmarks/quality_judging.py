"""Every set judged: the model's answers, VADER's beside them, pooled figures and thresholds."""

from __future__ import annotations

import csv
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from earful.contracts import Classifier
from earful.settings.load import RuleSettings
from sentiment.training.judge import (
    OWN_POSTS,
    SETS,
    Answers,
    Flagged,
    Group,
    JudgedSet,
    ask,
    flagged_at,
    joined,
    judge,
    reliability_of_answers,
    reliability_of_negative,
)
from sentiment.training.measure import Bin, Measures, answered, confusion
from sentiment.training.rows import Row, own_posts, read_set

DEFAULT: float = RuleSettings().negative_at
THRESHOLDS = sorted({*(at / 100 for at in range(30, 91, 5)), DEFAULT})

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One set in one language. ``confusion`` counts [actual, said] of all three labels, also where
    ``binary`` says that the set knows no neutral and the measures are of two."""

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
    """All rows of a group of sets as one. ``name`` is the group's, or "everything"."""

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
    """All that was found. ``absent``: sets whose file is not there. ``limit``: rows taken of each
    set and language, None for all."""

    model_id: str
    vader_id: str
    split: str
    limit: int | None
    judged: list[Judged]
    absent: list[str]
    pooled: list[Pooled]

    def of(self, data_set: str) -> list[Judged]:
        """Return what was judged of one set, by language."""
        return [one for one in self.judged if one.data_set == data_set]

    def pool(self, name: str) -> Pooled | None:
        """Return the pooled figures of a group; None when nothing of it was judged."""
        return next((one for one in self.pooled if one.name == name), None)


def report(
    folder: Path,
    split: str,
    limit: int | None,
    classifiers: tuple[Classifier, Classifier],
    say: Say,
) -> Report:
    """Judge all sets in the folder with a model and with VADER, in this order, and our own posts.

    ``say`` hears what is going on. Raises ValueError for a row or a file that cannot be read.
    """
    model, vader = classifiers
    parts: list[_Part] = []
    judged: list[Judged] = []
    absent = [one.name for one in SETS if not _file(folder, one).is_file()]
    for name in absent:
        say(f"{folder / name}.tsv.gz is not there: going on without {name}")
    for one, lang, rows in _by_lang(folder, split, absent):
        taken = _spread(rows, limit)
        parts.append(_Part(one, lang, ask(taken, model), ask(taken, vader)))
        judged.append(_judged(parts[-1]))
        say(f"{one.name} {lang}: {len(taken)} rows, macro F1 {judged[-1].measures.macro_f1:.1f}")
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
    """A set in one language and what both answered."""

    of: JudgedSet
    lang: str
    model: Answers
    vader: Answers

    @property
    def group(self) -> Group:
        return self.of.group_of(self.lang)


def _file(folder: Path, one: JudgedSet) -> Path:
    return folder / f"{one.name}.tsv.gz"


def _by_lang(
    folder: Path, split: str, absent: Sequence[str]
) -> Iterator[tuple[JudgedSet, str, list[Row]]]:
    """Yield every set that is there language by language, our own posts last."""
    for one in (*SETS, OWN_POSTS):
        if one.name in absent:
            continue
        by_lang: defaultdict[str, list[Row]] = defaultdict(list)
        for row in own_posts("val") if one is OWN_POSTS else _read(folder, one, split):
            if not one.langs or row.lang in one.langs:
                by_lang[row.lang].append(row)
        for lang in one.langs or sorted(by_lang):
            if by_lang[lang]:
                yield one, lang, by_lang[lang]


def _read(folder: Path, one: JudgedSet, split: str) -> list[Row]:
    try:
        return read_set(folder, one.name, split)
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error) as error:
        file = _file(folder, one)
        raise ValueError(f"{file}: no gzipped table in UTF-8 ({error}); get it anew") from error


def _spread(rows: list[Row], limit: int | None) -> list[Row]:
    """Return at most ``limit`` rows, evenly from all over: sets may be sorted by label."""
    if limit is None or len(rows) <= limit:
        return rows
    return [rows[at * len(rows) // limit] for at in range(limit)]


def _judged(part: _Part) -> Judged:
    binary = part.of.binary
    return Judged(
        data_set=part.of.name,
        lang=part.lang,
        group=part.group,
        binary=binary,
        measures=judge(part.model, binary=binary),
        unsure=part.model.unsure,
        confusion=_confusion(part.model),
        vader=judge(part.vader, binary=binary),
    )


def _pooled(parts: Sequence[_Part]) -> Iterator[Pooled]:
    """Yield each group that has rows, then everything; sets without a neutral stay out: what the
    model says of three labels cannot be held against two."""
    three = [part for part in parts if not part.of.binary]
    names: tuple[Group, ...] = ("public", "further", "own")
    for name in names:
        if chosen := [part for part in three if part.group == name]:
            yield _pool(name, chosen)
    if three:
        yield _pool("everything", three)


def _pool(name: str, parts: Sequence[_Part]) -> Pooled:
    answers = joined(part.model for part in parts)
    return Pooled(
        name=name,
        measures=judge(answers),
        unsure=answers.unsure,
        confusion=_confusion(answers),
        vader=judge(joined(part.vader for part in parts)),
        answer=reliability_of_answers(answers),
        negative=reliability_of_negative(answers),
        flagged=[flagged_at(answers, at) for at in THRESHOLDS],
    )


def _confusion(answers: Answers) -> list[list[int]]:
    counts: list[list[int]] = confusion(answers.labels, answered(answers.probabilities)).tolist()
    return counts


def mean_f1(found: Sequence[Judged]) -> tuple[float, float]:
    """Return the mean macro F1 over languages, the model's and VADER's."""
    ours = np.mean([one.measures.macro_f1 for one in found])
    return float(ours), float(np.mean([one.vader.macro_f1 for one in found]))
