"""How many posts a second: the shipped int8 model against Transformers on the same weights.

``python benchmarks/classify.py [--data FILE --rows N]`` runs each in a process of its own, one
after the other, and prints posts/s, the ratio, peak memory and how often the labels agree. The
float32 model is rebuilt from the shipped ONNX file, so nothing but this repository and
``sentiment/training/requirements.txt`` is needed. FILE: .tsv or .jsonl, also .gz, with ``text``.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

WARM = 64
SUBJECTS = ("shipped", "transformers")

OPENINGS = (
    "Honestly,",
    "Third day:",
    "Για άλλη μια φορά",
    "Update:",
    "@northwind",
    "Kwa kweli",
    "",
)
MIDDLES = (
    "the app crashed right when I wanted to pay",
    "the driver waited for us in the rain and smiled",
    "η παράδοση άργησε τέσσερις μέρες και κανείς δεν απαντά",
    "nimepokea kifurushi changu mapema, huduma nzuri",
    "la app va de maravilla desde el último cambio",
    "der Zug fährt heute von Gleis sieben",
    "le colis est arrivé ouvert et il manque deux articles",
    "o atendimento resolveu tudo em cinco minutos",
)
ENDINGS = (
    "",
    "!!!",
    "and I have the receipts to show for it",
    "https://example.org/p/1",
    "😡",
    "🙏",
)


def built_in() -> list[str]:
    """Return a few hundred texts put together here, between 5 and 30 words."""
    made = (f"{a} {b} {c}".strip() for a in OPENINGS for b in MIDDLES for c in ENDINGS)
    return [text for text in made for _ in range(3)]


def texts_of(path: Path | None, rows: int) -> list[str]:
    """Return the first ``rows`` texts of the file, or of the built-in list repeated."""
    if path is None:
        texts = built_in()
        return (texts * (rows // len(texts) + 1))[:rows]
    with _opened(path) as lines:
        return [text for text, _ in zip(_texts(path, lines), range(rows), strict=False)]


def _opened(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8")
    return path.open(encoding="utf-8")


def _texts(path: Path, lines: TextIO) -> Iterator[str]:
    if ".jsonl" in path.name:
        yield from (json.loads(line)["text"] for line in lines)
    else:
        rows = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        yield from (row["text"] for row in rows)


def shipped(texts: list[str]) -> tuple[list[str], float]:
    """Return labels and seconds of ``sentiment.load()``."""
    from sentiment import load

    classifier = load()
    classifier.classify(texts[:WARM])
    began = time.perf_counter()
    scores = classifier.classify(texts)
    return [str(s.label) for s in scores], time.perf_counter() - began


def transformers(texts: list[str]) -> tuple[list[str], float]:
    """Return labels and seconds of a Transformers pipeline, float32, batches of 32."""
    from transformers import PreTrainedTokenizerFast, logging, pipeline

    from sentiment.prepare import prepare
    from sentiment.shipped import SHIPPED
    from sentiment.training.rebuild import rebuild

    logging.set_verbosity(logging.CRITICAL)  # it complains of a class that it does not know
    model, max_tokens = rebuild(SHIPPED)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(SHIPPED / "tokenizer.json"),
        pad_token="<pad>",
        unk_token="<unk>",
        model_max_length=max_tokens,
    )
    pipe: Any = pipeline("text-classification", model=model, tokenizer=tokenizer, device="cpu")
    prepared = [prepare(text) or "." for text in texts]
    pipe(prepared[:WARM], batch_size=32, truncation=True)
    began = time.perf_counter()
    answers = pipe(prepared, batch_size=32, truncation=True)
    return [answer["label"] for answer in answers], time.perf_counter() - began


def _measure(subject: str, arguments: argparse.Namespace) -> None:
    texts = texts_of(arguments.data, arguments.rows)
    labels, seconds = {"shipped": shipped, "transformers": transformers}[subject](texts)
    # kilobytes on Linux, bytes on macOS
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
    print(json.dumps({"labels": labels, "rate": len(texts) / seconds, "peak": peak}))


def _run(subject: str, arguments: argparse.Namespace) -> dict[str, Any]:
    command = [sys.executable, __file__, "--only", subject, "--rows", str(arguments.rows)]
    if arguments.data:
        command += ["--data", str(arguments.data)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Run both and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=None, help=".tsv or .jsonl, also .gz")
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--only", choices=SUBJECTS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.only:
        _measure(arguments.only, arguments)
        return
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    found = {subject: _run(subject, arguments) for subject in SUBJECTS}
    print(f"{arguments.rows} texts from {arguments.data or 'the built-in list'}, {cores} cores")
    for subject, one in found.items():
        print(f"{subject:14}{one['rate']:9.1f} posts/s   peak {one['peak']:7.0f} MB")
    ours, theirs = (found[subject] for subject in SUBJECTS)
    same = sum(a == b for a, b in zip(ours["labels"], theirs["labels"], strict=True))
    print(f"ratio {ours['rate'] / theirs['rate']:.2f}   memory {ours['peak'] / theirs['peak']:.2f}")
    print(f"same label for {100 * same / len(ours['labels']):.1f} % of the texts")


if __name__ == "__main__":
    main()
