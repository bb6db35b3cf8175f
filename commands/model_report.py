"""Print the measures of `earful model check --data`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from commands.label_cells import SENTIMENTS
from commands.labelled import LabelledFile
from outreach.words import count, join_words

if TYPE_CHECKING:
    from commands.model_check import Quality
    from commands.reading_check import ReadingQuality
    from sentiment.evaluation import Flagged
    from sentiment.measures import Array
    from sentiment.reading_measures import NameCounts

MAX_REJECTS_PRINTED = 10


def print_rejects(labelled_file: LabelledFile) -> None:
    """Name the first rows that could not be read, on standard error."""
    if not labelled_file.rejects:
        return
    print(
        f"{count(len(labelled_file.rejects), 'row')} could not be read and were left out:",
        file=sys.stderr,
    )
    for line in labelled_file.rejects[:MAX_REJECTS_PRINTED]:
        print(f"  {line}", file=sys.stderr)
    if len(labelled_file.rejects) > MAX_REJECTS_PRINTED:
        print(f"  and {len(labelled_file.rejects) - MAX_REJECTS_PRINTED:,} more", file=sys.stderr)


def print_quality(quality: Quality) -> None:
    """Print the measures of the texts' sentiment, its confusions, and who is flagged."""
    measures = quality.measures
    print(
        f"\n{measures.rows:,} rows\n"
        f"macro recall {measures.macro_recall:.1f} · macro F1 {measures.macro_f1:.1f} · "
        f"weighted F1 {measures.weighted_f1:.1f} · accuracy {measures.accuracy:.1f}\n"
        f"expected calibration error {measures.calibration_error:.3f} · "
        f"could not tell {100 * quality.unsure:.1f} %"
    )
    _print_confusions(quality.table)
    print(f"unhappy from negative_at {_flag_words(quality.flagged, 'negative')}")


def print_readings(quality: ReadingQuality) -> None:
    """Print the measures of the readings, each only where the file has labels for it."""
    if quality.toward is not None:
        toward, alone = quality.toward.toward, quality.toward.text_alone
        print(
            f"\ntoward the brand: {toward.rows:,} rows\n"
            f"macro recall {toward.macro_recall:.1f} · macro F1 {toward.macro_f1:.1f} · "
            f"accuracy {toward.accuracy:.1f} (the text's own sentiment alone: macro F1 "
            f"{alone.macro_f1:.1f})"
        )
    _print_names("intents", quality.intents)
    _print_names("reasons", quality.reasons)
    if quality.irony is not None:
        _print_names("irony", [quality.irony])
    if quality.flagged is not None:
        words = _flag_words(quality.flagged, "unhappy")
        print(f"unhappy with the brand, from negative_at {words}")
    if quality.left_out:
        columns = join_words(list(quality.left_out))
        print(f"not judged: {columns}; this model only gives the sentiment of a text")


def _print_confusions(table_of_counts: Array) -> None:
    missing = [name for name, row in zip(SENTIMENTS, table_of_counts, strict=True) if not row.sum()]
    if missing:
        print(f"no row is labelled {' or '.join(missing)}: the macro numbers leave that out")
    table = Table("labelled", *(f"answered {name}" for name in SENTIMENTS))
    for name, counts in zip(SENTIMENTS, table_of_counts.tolist(), strict=True):
        table.add_row(name, *(f"{number:,}" for number in counts))
    Console().print(table)


def _print_names(column: str, counts: Sequence[NameCounts]) -> None:
    """Print a table of names; a name that no row has and no answer gives is left out."""
    if not counts:
        return
    # numpy comes with it, which only judged rows pay for
    from sentiment.reading_measures import macro_f1

    mean = macro_f1(counts)
    print(f"\n{column}: {counts[0].rows:,} rows, macro F1 {'–' if mean is None else f'{mean:.1f}'}")
    table = Table(column, "labelled", "answered", "precision", "recall", "F1")
    for name_counts in counts:
        if name_counts.actual or name_counts.answered:
            measures = (name_counts.precision, name_counts.recall, name_counts.f1)
            numbers = (f"{name_counts.actual:,}", f"{name_counts.answered:,}")
            table.add_row(name_counts.name, *numbers, *map(_percent, measures))
    Console().print(table)


def _flag_words(flagged: Flagged, label: str) -> str:
    return (
        f"{flagged.threshold:.2f} on: {flagged.share:.1f} % of the rows; "
        f"{_percent(flagged.precision)} of these are labelled {label} (precision), and "
        f"{_percent(flagged.recall)} of those labelled {label} are among them (recall)"
    )


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.1f} %"
