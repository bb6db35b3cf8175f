"""`earful model …`: the commands about the model that classifies mentions."""

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

MAX_REJECTS_PRINTED = 10

cli = typer.Typer(name="model", no_args_is_help=True)


@cli.callback()
def _model() -> None:
    """Try the model that classifies mentions, or one of your own."""


@cli.command("check")
def check(
    model: Annotated[
        str | None,
        typer.Argument(help="A directory or hub name; default: the model in settings."),
    ] = None,
    backend: Annotated[
        str | None, typer.Option(help="onnx, transformers or lexicon; default: by the model.")
    ] = None,
    labels: Annotated[
        str | None, typer.Option(help="The meaning of its labels: LABEL_0=negative,…")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Labelled texts of yours: CSV, TSV or JSONL.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Judge this many rows, spread over the file.")
    ] = None,
) -> None:
    """Check a model against the contract; with --data measure it on texts of yours."""
    # numpy takes a tenth of a second: only this command pays it
    from commands import model_check

    settings = model_check.settings_for(model, backend)
    chosen = model_check.choose(settings, model, backend, labels)
    labelled_file = labelled.read(data, limit) if data is not None else None
    classifier = classifier_for(chosen)
    print(f"{_name(chosen)}: {classifier.model_id}")
    broken = set()
    for rule, problem in model_check.check(classifier, chosen):
        broken |= {rule} if problem else set()
        print(f"BAD {rule}\n      -> {problem}" if problem else f"ok  {rule}")
    # a model whose answers depend a little on the batch can still be measured
    if broken <= {model_check.ALONE}:
        print(f"{model_check.speed(classifier):,.0f} posts per second on this machine")
        if labelled_file is not None:
            _print_rejects(labelled_file)
            _print_quality(
                model_check.quality(classifier, labelled_file.rows, settings.rules.negative_at)
            )
    sys.exit(1 if broken else 0)


def _name(chosen: SentimentSettings) -> str:
    return f"{chosen.backend} {chosen.model}" if chosen.model else chosen.backend


def _print_rejects(labelled_file: labelled.LabelledFile) -> None:
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


def _print_quality(quality: Quality) -> None:
    measures, flagged = quality.measures, quality.flagged
    print(
        f"\n{measures.rows:,} rows\n"
        f"macro recall {measures.macro_recall:.1f} · macro F1 {measures.macro_f1:.1f} · "
        f"weighted F1 {measures.weighted_f1:.1f} · accuracy {measures.accuracy:.1f}\n"
        f"expected calibration error {measures.calibration_error:.3f} · "
        f"could not tell {100 * quality.unsure:.1f} %"
    )
    missing = [
        name for name, row in zip(labelled.SENTIMENTS, quality.table, strict=True) if not row.sum()
    ]
    if missing:
        print(f"no row is labelled {' or '.join(missing)}: the macro numbers leave that out")
    table = Table("labelled", *(f"answered {name}" for name in labelled.SENTIMENTS))
    for name, counts in zip(labelled.SENTIMENTS, quality.table.tolist(), strict=True):
        table.add_row(name, *(f"{number:,}" for number in counts))
    Console().print(table)
    print(
        f"unhappy from negative_at {flagged.threshold:.2f} on: {flagged.share:.1f} % of the rows; "
        f"{_percent(flagged.precision)} of these are labelled negative (precision), and "
        f"{_percent(flagged.recall)} of those labelled negative are among them (recall)"
    )


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.1f} %"
