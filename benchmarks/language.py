"""Measure language identification: accuracy, speed, and wrongly refused posts.

``python benchmarks/language.py DATA_DIR`` reads every val split of the labelled sets in DATA_DIR
(``sentiment/training/README.md`` says how they look) and the posts written for Earful. A post is
refused when the shipped model has no evidence for its language.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from sentiment import shipped
from sentiment.language import CANDIDATES, ONE_LANGUAGE, DetectedLanguage, covered, identify
from sentiment.training.rows import Row, own_posts, read_set

SPEED_ROWS = 5000
# Languages of the data that are detected as a larger one that they belong or stand nearest to.
DETECTED_AS = {"ary": "ar", "arq": "ar", "pcm": "en"}


def rows_of(folder: Path) -> list[Row]:
    """Return every val row of the folder, and all posts of ours."""
    names = sorted(path.name.removesuffix(".tsv.gz") for path in folder.glob("*.tsv.gz"))
    rows = [row for name in names for row in read_set(folder, name, "val")]
    return [row for row in (*rows, *own_posts("train"), *own_posts("val")) if row.text]


def code_of(row: Row) -> str:
    """Return the code that the row's language should be detected as."""
    return DETECTED_AS.get(row.lang, row.lang)


def speed(texts: list[str]) -> float:
    """Return posts a second, in one thread."""
    identify(texts[0])
    began = time.perf_counter()
    for text in texts:
        identify(text)
    return len(texts) / (time.perf_counter() - began)


def accuracy(rows: Iterable[Row], languages: Iterable[DetectedLanguage]) -> Iterator[str]:
    """Yield lines: posts by language, the share named, and the share of the named that is right."""
    posts, named, right = Counter[str](), Counter[str](), Counter[str]()
    for row, detected in zip(rows, languages, strict=True):
        code = code_of(row)
        if code in CANDIDATES or code in ONE_LANGUAGE.values():
            for key in ("all", row.lang):
                posts[key] += 1
                named[key] += detected.language is not None
                right[key] += detected.language == code
    yield "language   posts   named %   right % of the named"
    for key, number in posts.most_common():
        share = 100 * right[key] / max(1, named[key])
        yield f"{key:8}{number:8}{100 * named[key] / number:10.1f}{share:10.1f}"


def refusals(rows: Iterable[Row], languages: Iterable[DetectedLanguage]) -> Iterator[str]:
    """Yield lines: how many posts are refused, inside and outside of the model's evidence."""
    evidence = covered(shipped.read().description.languages)
    posts, refused = Counter[bool](), Counter[bool]()
    wrong_by_set: Counter[str] = Counter()
    for row, detected in zip(rows, languages, strict=True):
        inside = code_of(row) in evidence
        posts[inside] += 1
        refused[inside] += detected.is_outside(evidence)
        wrong_by_set[f"{row.data_set} {row.lang}"] += inside and detected.is_outside(evidence)
    for inside, name in ((True, "in evidence, wrongly"), (False, "outside evidence, rightly")):
        share = 100 * refused[inside] / max(1, posts[inside])
        yield f"{name}: {refused[inside]} of {posts[inside]} refused ({share:.2f} %)"
    yield f"most of the wrong ones: {[pair for pair in wrong_by_set.most_common(6) if pair[1]]}"


def main() -> None:
    """Read, find, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="the folder of the labelled sets")
    rows = rows_of(parser.parse_args().folder)
    languages = [identify(row.text) for row in rows]
    print(*accuracy(rows, languages), "", *refusals(rows, languages), "", sep="\n")
    sample = [row.text for row in rows[:: max(1, len(rows) // SPEED_ROWS)]]
    print(f"{speed(sample):.0f} posts/s in one thread, {len(sample)} posts")


if __name__ == "__main__":
    main()
