"""``python -m sentiment.training.evaluate DATA_DIR``: judge the shipped model on the tests.

Goes through ``sentiment.load()``, as production does: text preparation, int8, temperature. With
``--split val`` it judges what every choice rested on; the test splits are for the end.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from earful.contracts import Classifier
from sentiment import load
from sentiment.training.measure import Measures, measure
from sentiment.training.rows import Row, read_set

SETS: dict[str, tuple[str, ...]] = {
    "tweeteval_sentiment": (),
    "umsab": (),
    "afrisenti": ("sw",),
    "greek_bank_tweets": (),
    "spanish_tass2019": (),
}
"""Sets, and languages of them (all when empty); one without the split is left out."""


def judge(rows: Sequence[Row], classifier: Classifier) -> tuple[Measures, float]:
    """Return the measures of the rows and which share was answered "could not tell"."""
    scores = classifier.classify([row.text for row in rows])
    probabilities = np.array([[s.negative, s.neutral, s.positive] for s in scores])
    found = measure(np.array([row.label for row in rows]), probabilities)
    return found, sum(s.could_not_tell for s in scores) / len(scores)


def _line(name: str, measures: Measures, unsure: float) -> str:
    m = measures
    return (
        f"| {name} | {m.rows} | {m.macro_recall:.1f} | {m.macro_f1:.1f} | {m.weighted_f1:.1f} "
        f"| {m.calibration_error:.3f} | {100 * unsure:.1f} |"
    )


def main() -> None:
    """Print a Markdown table: each set and language, UMSAB's mean, everything pooled."""
    parser = argparse.ArgumentParser(prog="python -m sentiment.training.evaluate")
    parser.add_argument("data", type=Path, help="folder with the labelled .tsv.gz sets")
    parser.add_argument("--split", choices=["val", "test"], default="test")
    parser.add_argument("--model", type=Path, default=None, help="model directory; else shipped")
    arguments = parser.parse_args()
    classifier = load(model=arguments.model)
    print(f"{classifier.model_id}, {arguments.split}\n")
    print("| set | rows | macro recall | macro F1 | weighted F1 | ECE | could not tell % |")
    print("|---|---|---|---|---|---|---|")
    umsab: list[float] = []
    for name, langs in SETS.items():
        by_lang: defaultdict[str, list[Row]] = defaultdict(list)
        for row in read_set(arguments.data, name, arguments.split):
            if not langs or row.lang in langs:
                by_lang[row.lang].append(row)
        for lang, rows in sorted(by_lang.items()):
            measures, unsure = judge(rows, classifier)
            print(_line(f"{name} {lang}", measures, unsure), flush=True)
            if name == "umsab":
                umsab.append(measures.macro_f1)
    print(f"\nUMSAB mean macro F1 over {len(umsab)} languages: {np.mean(umsab):.1f}")


if __name__ == "__main__":
    main()
