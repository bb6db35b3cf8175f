"""Judge a reader's other answers: toward the brand, intents, reasons, irony, and who is flagged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from quality_own_readings import OwnPosts
from reading_figures import (
    LABELS,
    MAPPED,
    Irony,
    Kind,
    Names,
    ReadingsReport,
    Toward,
    group_by,
    irony_counts,
    names_figures,
    toward_figures,
)
from understanding_sets import (
    IRONY_SETS,
    MAPPED_SETS,
    TOWARD_SETS,
    JudgedSet,
    folder_of,
    rows_of,
)

from earful.contracts import Classifier, Reader
from earful.judgements import Reading
from earful.samples import spread
from sentiment.training.own_readings import kept_back
from sentiment.training.understanding import PARTS, SetRow, three_points

# what training makes of a row of each set
_MAPPINGS = {part.data_set: part.mapping for part in PARTS}

# a text that every reader understands; weights without intents leave them empty
_PROBE = ("Three bad hours on hold, and no refund.", ("Acme",))

Progress = Callable[[str], None]


def report(
    data: Path, split: str, limit: int | None, model: Classifier, progress: Progress
) -> ReadingsReport | None:
    """Judge a reader on the sets at hand and on our own posts; None for a model without answers.

    ``limit``: the most rows of each part of a set. Raises ValueError for an unreadable row or file.
    """
    if not isinstance(model, Reader) or not model.read([_PROBE])[0].intents:
        progress("this model gives no readings: going on without toward, intents and irony")
        return None
    judge = _Judge(model, data, split, limit, progress)
    by_lang = group_by(kept_back(), lambda post: post.lang)
    own = OwnPosts([post for posts in by_lang.values() for post in spread(posts, limit)], model)
    return ReadingsReport(
        toward=[*judge.toward(), *own.toward()],
        names=[*own.names(), *judge.mapped()],
        irony=[*judge.irony(), *own.irony()],
        tone=own.tone(),
        flagged=own.flagged(),
        flagged_by_text=own.flagged_by_text(),
        absent=judge.absent,
    )


class _Judge:
    """Judges the public sets, and remembers which of them are absent."""

    def __init__(
        self, reader: Reader, data: Path, split: str, limit: int | None, progress: Progress
    ) -> None:
        self._reader = reader
        self._data = data
        self._split = split
        self._limit = limit
        self._progress = progress
        self.absent: list[str] = []

    def toward(self) -> Iterator[Toward]:
        """Yield the figures of each part of a set, and of the set where it has several."""
        for data_set, split, rows in self._splits(TOWARD_SETS):
            labelled = [row for row in rows if three_points(row.label) in LABELS]
            labels: list[int] = []
            readings: list[Reading] = []
            parts = group_by(labelled, data_set.part_of)
            for part, part_rows in sorted(parts.items()):
                sample = spread(part_rows, self._limit)
                answers = self._reader.read([(row.text, (row.target,)) for row in sample])
                actual = [LABELS.index(three_points(row.label)) for row in sample]
                yield toward_figures(data_set.name, part, split, actual, answers)
                labels += actual
                readings += answers
            if len(parts) > 1:
                yield toward_figures(data_set.name, "", split, labels, readings)

    def irony(self) -> Iterator[Irony]:
        """Yield the figures of each language of a set."""
        for data_set, split, rows in self._splits(IRONY_SETS):
            for lang, lang_rows in sorted(group_by(rows, data_set.part_of).items()):
                sample = spread(lang_rows, self._limit)
                answers = self._reader.read([(row.text, ()) for row in sample])
                counts = irony_counts([row.label == "sarcastic" for row in sample], answers)
                yield Irony(data_set=data_set.name, lang=lang, split=split, counts=counts)

    def mapped(self) -> Iterator[Names]:
        """Yield the figures of intents and of reasons, over all mapped sets together."""
        labels: dict[Kind, list[Mapping[str, bool]]] = {"intents": [], "reasons": []}
        readings: list[Reading] = []
        for name, names in MAPPED_SETS.items():
            rows = [row for row in self._rows(name) or () if row.split == self._split]
            mapping = _MAPPINGS[name]
            # a label that says too little is mapped to nothing
            pairs = [(row, mapped) for row in rows if (mapped := mapping(row, name)) is not None]
            sample = spread(pairs, self._limit)
            for kind, known in labels.items():
                known += [_yes_or_no(getattr(mapped, kind)) for _, mapped in sample]
            readings += self._reader.read([(row.text, names) for row, _ in sample])
            self._progress(f"{name} {self._split}: {len(sample)} rows")
        for kind, known in labels.items():
            if figures := names_figures(kind, MAPPED, "", known, readings):
                yield figures

    def _splits(self, sets: Iterable[JudgedSet]) -> Iterator[tuple[JudgedSet, str, list[SetRow]]]:
        for data_set in sets:
            rows = self._rows(data_set.name) or []
            for split in data_set.judged_splits(self._split):
                if chosen := [row for row in rows if row.split == split]:
                    self._progress(f"{data_set.name} {split}: {len(chosen)} rows")
                    yield data_set, split, chosen

    def _rows(self, name: str) -> list[SetRow] | None:
        folder = folder_of(self._data, name)
        if folder is None:
            self.absent.append(name)
            self._progress(f"{name}.tsv.gz is not there: going on without {name}")
            return None
        return rows_of(folder, name)


def _yes_or_no(answers: Sequence[tuple[str, float]]) -> dict[str, bool]:
    return {name: value > 0.5 for name, value in answers}
