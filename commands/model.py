"""`earful model …`: the commands about the model that reads the mentions."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from commands import labelled
from earful.settings.load import SentimentSettings
from outreach.words import count
from pipeline.app import classifier_for

if TYPE_CHECKING:
    from commands.model_check import Quality

BAD_ROWS_SHOWN = 10

cli = typer.Typer(name="model", no_args_is_help=True)


@cli.callback()
def _model() -> None:
    """Try the model that reads the mentions, or one of your own."""


@cli.command("check")
def check(
    model: Annotated[
        str | None,
        typer.Argument(help="A directory or hub name; default: what settings name."),
    ] = None,
    backend: Annotated[
        str | None, typer.Option(help="onnx, transformers or lexicon; default: by the model.")
    ] = None,
    labels: Annotated[
        str | None, typer.Option(help="What its labels mean: LABEL_0=negative,…")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Labelled texts of yours: CSV, TSV or JSONL.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Judge this many rows, spread over the file.")
    ] = None,
) -> None:
    """Try a model against the contract; with --data say how good it is on texts of yours."""
    # numpy takes a tenth of a second: only this command pays it
    from commands import model_check

    settings = model_check.settings_for(model, backend)
    chosen = model_check.wanted(settings, model, backend, labels)
    read = labelled.read(data, limit) if data is not None else None
    classifier = classifier_for(chosen)
    print(f"{_called(chosen)}: {classifier.model_id}")
    broken = set()
    for name, wrong in model_check.check(classifier, chosen):
        broken |= {name} if wrong else set()
        print(f"BAD {name}\n      -> {wrong}" if wrong else f"ok  {name}")
    if broken <= {model_check.ALONE}:  # its answers can be counted all the same
        print(f"{model_check.speed(classifier):,.0f} posts per second on this machine")
        if read is not None:
            _say_bad_rows(read)
            _say(model_check.quality(classifier, read.rows, settings.rules.negative_at))
    sys.exit(1 if broken else 0)


def _called(chosen: SentimentSettings) -> str:
    return f"{chosen.backend} {chosen.model}" if chosen.model else chosen.backend


def _say_bad_rows(read: labelled.Read) -> None:
    if not read.bad:
        return
    print(f"{count(len(read.bad), 'row')} could not be read and were left out:", file=sys.stderr)
    for line in read.bad[:BAD_ROWS_SHOWN]:
        print(f"  {line}", file=sys.stderr)
    if len(read.bad) > BAD_ROWS_SHOWN:
        print(f"  and {len(read.bad) - BAD_ROWS_SHOWN:,} more", file=sys.stderr)


def _say(found: Quality) -> None:
    measures, flagged = found.measures, found.flagged
    print(
        f"\n{measures.rows:,} rows\n"
        f"macro recall {measures.macro_recall:.1f} · macro F1 {measures.macro_f1:.1f} · "
        f"weighted F1 {measures.weighted_f1:.1f} · accuracy {measures.accuracy:.1f}\n"
        f"expected calibration error {measures.calibration_error:.3f} · "
        f"could not tell {100 * found.unsure:.1f} %"
    )
    missing = [
        name for name, row in zip(labelled.LABELS, found.table, strict=True) if not row.sum()
    ]
    if missing:
        print(f"no row is labelled {' or '.join(missing)}: the macro numbers leave that out")
    table = Table("labelled", *(f"answered {name}" for name in labelled.LABELS))
    for name, counts in zip(labelled.LABELS, found.table.tolist(), strict=True):
        table.add_row(name, *(f"{one:,}" for one in counts))
    Console().print(table)
    print(
        f"unhappy from negative_at {flagged.threshold:.2f} on: {flagged.share:.1f} % of the rows; "
        f"{_percent(flagged.precision)} of these are labelled negative (precision), and "
        f"{_percent(flagged.recall)} of those labelled negative are among them (recall)"
    )


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.1f} %"
