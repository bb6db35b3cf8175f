"""Name, find and read the sets that judge toward, intents, reasons and irony.

A set is ``NAME.tsv.gz`` without header: text, label, target (empty if none), language, source and
split. It lies in the folder of ``--data``, or in ``understanding`` beside that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from unreadable import naming_unreadable

from sentiment.training.understanding import SetRow, read_rows

FOLDER = "understanding"


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedSet:
    """A set, and the splits that a run on the tests judges; a run on val judges val alone.

    ``part_of`` gives the part of the set that a row is judged in, "" for the set as a whole.
    """

    name: str
    splits: tuple[str, ...]
    part_of: Callable[[SetRow], str]

    def judged_splits(self, split: str) -> tuple[str, ...]:
        """Return the splits that a run on ``split`` (val or test) judges."""
        return self.splits if split == "test" else (split,)


# The labels of these are the sentiment toward the row's target. SemEval has no test split of its
# own here: TweetEval's test holds those texts.
TOWARD_SETS = (
    JudgedSet(name="target_semeval2016_topics", splits=("val",), part_of=lambda row: ""),
    JudgedSet(
        name="target_mams",
        splits=("val", "test"),
        part_of=lambda row: row.source.removeprefix("mams_"),
    ),
    JudgedSet(name="target_mabsa6", splits=("test",), part_of=lambda row: row.lang),
    JudgedSet(name="target_newsmtsc", splits=("test",), part_of=lambda row: ""),
)
IRONY_SETS = (
    JudgedSet(name="irony_isarcasmeval", splits=("test",), part_of=lambda row: row.lang),
    JudgedSet(name="irony_arsarcasm", splits=("test",), part_of=lambda row: row.lang),
)
# Their labels are mapped to intents and reasons by ``sentiment.training.understanding``. The names
# are those of the brand for the reader: a review is about its product, whatever it is called.
MAPPED_SETS = {
    "reason_mabsa6": ("Brand",),
    "intent_banking77": (),
    "intent_bitext_customer": (),
    "intent_clinc150": (),
}


def folder_of(data: Path, name: str) -> Path | None:
    """Return the folder that holds a set: ``data``, or the one beside it; None for neither."""
    folders = (data, data.resolve().parent / FOLDER)
    return next((folder for folder in folders if (folder / f"{name}.tsv.gz").is_file()), None)


def rows_of(folder: Path, name: str) -> list[SetRow]:
    """Return the rows of a set; ValueError names the file, and the line that is off."""
    with naming_unreadable(folder / f"{name}.tsv.gz"):
        return list(read_rows(folder, name))
