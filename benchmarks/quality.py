"""How good the sentiment model is, beside VADER and beside published figures.

    python benchmarks/quality.py --data DIR
    python benchmarks/quality.py --data DIR --split val --model CANDIDATE --limit 300
    python benchmarks/quality.py --data DIR --write

DIR holds labelled posts as ``NAME.tsv.gz`` with the columns text, label, lang, source and split;
``sentiment.training.judge`` names the sets. A set that is missing is named and passed over. Both
go through ``sentiment.load()``, as production does. Val is what choices rest on; the tests are for
the end. ``--write`` puts tables and pictures into docs/model.md.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

import quality_page
from quality_judging import Report, report

from sentiment import load

PAGE = Path(__file__).resolve().parents[1] / "docs" / "model.md"


def main() -> None:
    """Judge, print, and write what was asked for."""
    asked = _asked()
    try:
        if asked.write:
            quality_page.read(asked.page)  # before minutes of work, not after
        found = report(
            asked.data,
            asked.split,
            asked.limit,
            (load(model=asked.model), load("lexicon")),
            lambda line: print(f"quality: {line}", file=sys.stderr, flush=True),
        )
        print(quality_page.block(found, pictures={}))
        if asked.json:
            asked.json.write_text(as_json(found), encoding="utf-8")
        if asked.write:
            _write(found, asked.page)
    except (ValueError, OSError, ImportError) as error:
        raise SystemExit(f"quality: {error}") from error


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with NAME.tsv.gz")
    parser.add_argument("--split", choices=["val", "test"], default="test")
    parser.add_argument("--model", type=Path, help="model directory; else the shipped one")
    parser.add_argument("--limit", type=int, metavar="N", help="rows a set and language")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    parser.add_argument("--write", action="store_true", help="put tables and pictures on the page")
    parser.add_argument("--page", type=Path, default=PAGE, help="the page; else docs/model.md")
    asked = parser.parse_args()
    if not asked.data.is_dir():
        parser.error(f"--data {asked.data}: no such folder; give the one that holds NAME.tsv.gz")
    if asked.limit is not None and asked.limit < 1:
        parser.error(f"--limit {asked.limit}: give 1 or more")
    if asked.write and (asked.limit is not None or asked.split != "test"):
        parser.error("--write is for whole tests: leave out --limit and --split val")
    return asked


def _write(found: Report, page: Path) -> None:
    import quality_pictures  # 84 MB of drawing that only this needs

    pictures = quality_pictures.write(found, page.parent / "images")
    quality_page.write(page, quality_page.block(found, pictures))


def as_json(found: Report) -> str:
    """Return all figures as JSON."""
    return json.dumps(asdict(found), indent=1) + "\n"


if __name__ == "__main__":
    main()
