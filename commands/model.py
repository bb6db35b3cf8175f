"""`earful model …`: the commands about the model that classifies mentions."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from commands import labelled, model_report
from earful.contracts import Classifier
from earful.settings.load import SentimentSettings, Settings
from pipeline.app import classifier_for

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
            _judge(classifier, labelled_file, settings)
    sys.exit(1 if broken else 0)


def _judge(
    classifier: Classifier, labelled_file: labelled.LabelledFile, settings: Settings
) -> None:
    """Print the measures of the model on the rows of a file."""
    from commands import model_check, reading_check

    rows, negative_at = labelled_file.rows, settings.rules.negative_at
    model_report.print_rejects(labelled_file)
    sentiment = model_check.quality(classifier, rows, negative_at)
    if sentiment is not None:
        model_report.print_quality(sentiment)
    readings = reading_check.quality(classifier, rows, settings.brands(), negative_at)
    if readings is not None:
        model_report.print_readings(readings)


def _name(chosen: SentimentSettings) -> str:
    return f"{chosen.backend} {chosen.model}" if chosen.model else chosen.backend
