"""Measure the sentiment model beside VADER and published figures.

    python benchmarks/quality.py --data DIR
    python benchmarks/quality.py --data DIR --split val --model CANDIDATE --limit 300
    python benchmarks/quality.py --data DIR --write
    python benchmarks/quality.py --data DIR --split val --confusion sentiment/model/confusion.json

DIR holds labelled posts as ``NAME.tsv.gz`` with the columns text, label, lang, source and split;
``sentiment.training.benchmark_sets`` names the sets. Those for a reader's other answers (named in
``understanding_sets.py``) lie in DIR too, or in ``understanding`` beside it. A missing set is named
and passed over. Both classifiers go through ``sentiment.load()``, as production does. Choices rest
on val; the tests are for the end. ``--write`` puts tables and pictures into docs/model.md.
``--confusion`` judges nothing: it counts the table that ships beside the weights.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, is_dataclass, replace
from pathlib import Path
from typing import Any

import quality_confusion
import quality_page
import quality_readings
from quality_judging import Report, report

from sentiment import load
from sentiment.reading_measures import NameCounts

PAGE = Path(__file__).resolve().parents[1] / "docs" / "model.md"


def main() -> None:
    """Judge, print, and write the figures."""
    arguments = _arguments()
    try:
        if arguments.confusion:
            _count_confusions(arguments)
            return
        if arguments.write:
            quality_page.read(arguments.page)  # before minutes of work, not after
        judged = _judge(arguments)
        print(quality_page.block(judged, pictures={}))
        if arguments.json:
            arguments.json.write_text(as_json(judged), encoding="utf-8")
        if arguments.write:
            _write(judged, arguments.page)
    except (ValueError, OSError, ImportError) as error:
        raise SystemExit(f"quality: {error}") from error


def _count_confusions(arguments: argparse.Namespace) -> None:
    model = load(model=arguments.model)
    table = quality_confusion.count(arguments.data, arguments.split, model, _print_progress)
    arguments.confusion.write_text(table.as_json(), encoding="utf-8")
    rows = table.together().rows
    print(f"{arguments.confusion}: {rows:,} posts in {len(table.languages)} languages")


def _judge(arguments: argparse.Namespace) -> Report:
    chosen = (arguments.data, arguments.split, arguments.limit)
    model = load(model=arguments.model)
    judged = report(*chosen, (model, load("lexicon")), _print_progress)
    return replace(judged, readings=quality_readings.report(*chosen, model, _print_progress))


def _print_progress(line: str) -> None:
    print(f"quality: {line}", file=sys.stderr, flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with NAME.tsv.gz")
    parser.add_argument("--split", choices=["val", "test"], default="test")
    parser.add_argument("--model", type=Path, help="model directory; else the shipped one")
    parser.add_argument("--limit", type=int, metavar="N", help="rows a set and language")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    parser.add_argument("--write", action="store_true", help="put tables and pictures on the page")
    parser.add_argument("--confusion", type=Path, metavar="FILE", help="only write this table")
    parser.add_argument("--page", type=Path, default=PAGE, help="the page; else docs/model.md")
    arguments = parser.parse_args()
    if not arguments.data.is_dir():
        parser.error(
            f"--data {arguments.data}: no such folder; give the one that holds NAME.tsv.gz"
        )
    if arguments.limit is not None and arguments.limit < 1:
        parser.error(f"--limit {arguments.limit}: give 1 or more")
    if arguments.write and (arguments.limit is not None or arguments.split != "test"):
        parser.error("--write is for whole tests: leave out --limit and --split val")
    if arguments.confusion and (arguments.split != "val" or arguments.limit is not None):
        parser.error("--confusion is for whole val splits: add --split val, leave out --limit")
    return arguments


def _write(judged: Report, page: Path) -> None:
    # 84 MB of drawing that only this needs
    import quality_pictures
    import quality_readings_pictures

    folder = page.parent / "images"
    pictures = quality_pictures.write(judged, folder)
    if judged.readings is not None:
        pictures |= quality_readings_pictures.write(judged.readings, folder)
    quality_page.write(page, quality_page.block(judged, pictures))


def as_json(judged: Report) -> str:
    """Return all figures as JSON."""
    return json.dumps(_plain(judged), indent=1) + "\n"


def _plain(figures: Any) -> Any:
    """Return figures as JSON knows them; counts of a name with the measures that follow."""
    if isinstance(figures, NameCounts):
        measures = ("precision", "recall", "f1")
        return {**asdict(figures), **{name: getattr(figures, name) for name in measures}}
    if is_dataclass(figures):
        return {name: _plain(getattr(figures, name)) for name in figures.__dataclass_fields__}
    return [_plain(each) for each in figures] if isinstance(figures, list) else figures


if __name__ == "__main__":
    main()
