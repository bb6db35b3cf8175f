"""How many posts a second: Earful beside what people use today, on the same texts, in one run.

    python benchmarks/throughput.py [--data FILE --split test] [--rows N --slow-rows N]
    python benchmarks/throughput.py --subjects earful vader
    python benchmarks/throughput.py --memory 1000000 [--data FILE]

Each subject runs in a process of its own, one after the other, warmed up outside the clock. The
Transformers pipelines take batches of 32. roberta-base and xlm-roberta-base have their sizes but
random weights, on which speed does not depend, so nothing is downloaded; their texts are cut into
tokens by our tokenizer, ids beyond their vocabulary set to its last one. ``--slow-rows`` texts
from the start of the list are enough for their rate. The ceilings are what this machine multiplies
at best in 8 bits and in float32. On a busy machine compare posts a processor second instead. A
subject whose package is missing is named and left out; all of them need
``sentiment/training/requirements.txt``. FILE: .tsv or .jsonl, also .gz, with ``text``.

``--memory N`` streams N texts through one classifier and prints its memory on the way.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import throughput_texts
from throughput_subjects import SUBJECTS, operations_a_token

from sentiment.onnx import available_cores

CEILING = "ceiling"
BASE = "roberta-f32"
# How many times as fast as each of these Earful has to be.
TARGETS = (("roberta-f32", 20), ("roberta-bf16", 6), ("earful-float", 3))

# Texts a call in ``--memory``, as a long import makes them.
CHUNK = 10_000

Found = dict[str, dict[str, Any]]


def main() -> None:
    """Run what was asked for and print the table."""
    asked = _asked()
    if asked.only:
        print(json.dumps(_measured(asked)))
    elif asked.memory:
        _memory(asked)
    else:
        found: Found = {}
        for subject in asked.subjects:
            found[subject] = _run(subject)
        for line in _page(found, asked):
            print(line)


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    known = [*SUBJECTS, CEILING]
    parser.add_argument("--data", type=Path, help=".tsv or .jsonl, also .gz; else a built-in list")
    parser.add_argument("--split", help="only rows whose column split says so")
    parser.add_argument("--rows", type=int, default=4000)
    parser.add_argument("--slow-rows", type=int, default=320)
    parser.add_argument("--model", type=Path, help="model directory; else the shipped one")
    parser.add_argument("--subjects", nargs="+", choices=known, default=known, metavar="NAME")
    parser.add_argument("--memory", type=int, metavar="N", help="stream N texts, print memory")
    parser.add_argument("--only", choices=known, help=argparse.SUPPRESS)
    return parser.parse_args()


def _run(subject: str) -> dict[str, Any]:
    command = [sys.executable, __file__, *sys.argv[1:], "--only", subject]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(f"throughput: {subject} ended with status {done.returncode}; see above")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    short = {key: value for key, value in found.items() if key != "labels"}
    print(f"throughput: {subject}: {json.dumps(short)}", file=sys.stderr, flush=True)
    return found


def _measured(asked: argparse.Namespace) -> dict[str, Any]:
    """Return what one subject found, or which package it lacks."""
    try:
        if asked.only == CEILING:
            from throughput_ceiling import float32, int8

            return {"int8": int8(available_cores()), "float32": float32(available_cores())}
        subject = SUBJECTS[asked.only]
        rows = min(asked.rows, asked.slow_rows) if subject.slow else asked.rows
        texts = throughput_texts.read(asked.data, rows, asked.split)
        if not texts:
            raise SystemExit(f"throughput: {asked.data}: no texts; look at --split and the columns")
        done = subject.run(texts, asked.model)
    except ModuleNotFoundError as error:
        return {"missing": error.name}
    return {
        "rows": len(texts),
        "rate": len(texts) / done.time.seconds,
        "by_processor": len(texts) / done.time.processor,
        "tokens": None if done.tokens is None else done.tokens / done.time.seconds,
        "labels": done.labels,
        "peak": _peak(),
    }


def _peak() -> float:
    """Return the most memory that this process has held, in MB."""
    # kilobytes on Linux, bytes on macOS
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def _page(found: Found, asked: argparse.Namespace) -> list[str]:
    """Return the lines to print: table, labels, ceilings, verdict, what was left out."""
    missing = {name: one["missing"] for name, one in found.items() if "missing" in one}
    here = {name: one for name, one in found.items() if name not in missing}
    ceiling = here.pop(CEILING, None)
    lines = [f"texts from {asked.data or 'the built-in list'}, {available_cores()} cores", ""]
    lines += _table(here)
    lines += _same_labels(here)
    if ceiling:
        lines += _ceilings(ceiling, here, asked.model)
    lines += _verdict(here)
    lines += [f"left out: {name}: {package} is not installed" for name, package in missing.items()]
    return lines


def _table(here: Found) -> list[str]:
    lines = [
        "| subject | posts/s | times roberta-base float32 | posts a processor second | peak MB "
        "| texts |",
        "|---|---|---|---|---|---|",
    ]
    base = here.get(BASE)
    for name, one in here.items():
        times = f"{one['rate'] / base['rate']:.1f}" if base else "–"
        cells = (
            SUBJECTS[name].name,
            f"{one['rate']:.1f}",
            times,
            f"{one['by_processor']:.1f}",
            f"{one['peak']:.0f}",
            str(one["rows"]),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _same_labels(here: Found) -> list[str]:
    if not {"earful", "earful-float"} <= here.keys():
        return []
    pairs = zip(here["earful"]["labels"], here["earful-float"]["labels"], strict=True)
    same = [one == other for one, other in pairs]
    return [f"int8 and float32 give the same label to {100 * sum(same) / len(same):.1f} %"]


def _ceilings(ceiling: dict[str, float], here: Found, model: Path | None) -> list[str]:
    lines = [f"{kind} ceiling: {ceiling[kind]:.0f} GOP/s" for kind in ("int8", "float32")]
    if "earful" in here:
        reached = here["earful"]["tokens"] * operations_a_token(model) / 1e9
        share = 100 * reached / ceiling["int8"]
        lines.append(f"Earful, all in all: {reached:.0f} GOP/s, {share:.0f} % of the int8 ceiling")
    return lines


def _verdict(here: Found) -> list[str]:
    parts = [
        f"{here['earful']['rate'] / here[name]['rate']:.1f} times {SUBJECTS[name].name} "
        f"(at least {least}: {_met(here, name, least)})"
        for name, least in TARGETS
        if "earful" in here and name in here
    ]
    return ["targets: " + "; ".join(parts)] if parts else []


def _met(here: Found, name: str, least: int) -> str:
    return "met" if here["earful"]["rate"] >= least * here[name]["rate"] else "MISSED"


def _memory(asked: argparse.Namespace) -> None:
    """Stream texts through one classifier and print its memory at 10, 50 and 100 percent."""
    from sentiment import load

    classifier = load(model=asked.model)
    texts = throughput_texts.stream(asked.data, asked.memory, asked.split)
    marks = [max(1, asked.memory * percent // 100) for percent in (10, 50, 100)]
    began, done = time.perf_counter(), 0
    while done < asked.memory:
        size = min(CHUNK, marks[0] - done)
        done += len(classifier.classify(list(islice(texts, size))))
        if done == marks[0]:
            rate = done / (time.perf_counter() - began)
            print(f"{done} texts: peak {_peak():.0f} MB, {rate:.0f} posts/s", flush=True)
            marks.pop(0)


if __name__ == "__main__":
    main()
