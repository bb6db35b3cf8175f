"""Count by language how often the model takes one sentiment for another, to ship with it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
from quality_judging import absent_sets, labelled_parts

from earful.contracts import Classifier
from sentiment.confusion import Confusion, ConfusionTable, add_up
from sentiment.evaluation import Answers, collect_answers
from sentiment.measures import confusion, most_probable

# Their labels follow from emotions, so they say little about how posts of a language are taken.
_FROM_EMOTIONS = frozenset({"goemotions_sentiment", "romanian_red_weak"})


def count(
    data: Path, split: str, model: Classifier, report_progress: Callable[[str], None]
) -> ConfusionTable:
    """Return the model's confusions on all sets at hand with three labels, and on our own posts.

    ``report_progress`` is called with a line for each step. Raises ValueError for an unreadable row
    or file.
    """
    by_lang: defaultdict[str, list[Confusion]] = defaultdict(list)
    absent = absent_sets(data, report_progress)
    for benchmark, lang, rows in labelled_parts(data, split, absent):
        if benchmark.binary or benchmark.name in _FROM_EMOTIONS:
            continue
        answers = collect_answers(rows, model)
        by_lang[lang].append(_confusion(benchmark.name, answers))
        report_progress(f"{benchmark.name} {lang}: {len(rows)} rows counted")
    return ConfusionTable(
        model_id=model.model_id,
        split=split,
        languages={lang: add_up(parts) for lang, parts in sorted(by_lang.items())},
    )


def _confusion(data_set: str, answers: Answers) -> Confusion:
    answered = ~answers.could_not_tell
    table = confusion(answers.labels[answered], most_probable(answers.probabilities[answered]))
    unanswered = np.bincount(answers.labels[~answered], minlength=3)
    return Confusion(
        counts=tuple(map(tuple, table.tolist())),
        could_not_tell=tuple(unanswered.tolist()),
        sets={data_set: len(answers.labels)},
    )
