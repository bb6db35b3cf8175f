"""Measure posts a second: Earful beside other classifiers, on the same texts, in one run.

    python benchmarks/throughput.py [--data FILE --split test] [--rows N --slow-rows N]
    python benchmarks/throughput.py --subjects earful vader
    python benchmarks/throughput.py --memory 1000000 [--data FILE]

Each subject runs in a process of its own, one after the other, warmed up outside the clock. The
Transformers pipelines take batches of 32. roberta-base and xlm-roberta-base have their sizes but
random weights, on which speed does not depend, so nothing is downloaded; their texts are cut into
tokens by our tokenizer, ids beyond their vocabulary set to its last one. ``--slow-rows`` texts
from the start of the list are enough for their rate. The ceilings are the machine's best rates of
multiplication in 8 bits and in float32. On a busy machine compare posts a processor second instead.
A subject is named and left out when its package is missing; all of them need
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
# Earful has to be so many times as fast as each of these.
TARGETS = (("roberta-f32", 20), ("roberta-bf16", 6), ("earful-float", 3))

# Texts a call in ``--memory``, as a long import makes them.
CHUNK = 10_000

Results = dict[str, dict[str, Any]]


def main() -> None:
    """Run the chosen subjects and print the table."""
    arguments = _arguments()
    if arguments.only:
        print(json.dumps(_measured(arguments)))
    elif arguments.memory:
        _memory(arguments)
    else:
        results: Results = {}
        for subject in arguments.subjects:
            results[subject] = _run(subject)
        for line in _page(results, arguments):
            print(line)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [*SUBJECTS, CEILING]
    parser.add_argument("--data", type=Path, help=".tsv or .jsonl, also .gz; else a built-in list")
    parser.add_argument("--split", help="only rows whose column split says so")
    parser.add_argument("--rows", type=int, default=4000)
    parser.add_argument("--slow-rows", type=int, default=320)
    parser.add_argument("--model", type=Path, help="model directory; else the shipped one")
    parser.add_argument("--subjects", nargs="+", choices=names, default=names, metavar="NAME")
    parser.add_argument("--memory", type=int, metavar="N", help="stream N texts, print memory")
    parser.add_argument("--only", choices=names, help=argparse.SUPPRESS)
    return parser.parse_args()


def _run(subject: str) -> dict[str, Any]:
    command = [sys.executable, __file__, *sys.argv[1:], "--only", subject]
    process = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if process.returncode:
        raise SystemExit(f"throughput: {subject} ended with status {process.returncode}; see above")
    result: dict[str, Any] = json.loads(process.stdout.splitlines()[-1])
    short = {key: value for key, value in result.items() if key != "labels"}
    print(f"throughput: {subject}: {json.dumps(short)}", file=sys.stderr, flush=True)
    return result


def _measured(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the figures of one subject, or the package that it lacks."""
    try:
        if arguments.only == CEILING:
            from throughput_ceiling import float32, int8

            return {"int8": int8(available_cores()), "float32": float32(available_cores())}
        subject = SUBJECTS[arguments.only]
        rows = min(arguments.rows, arguments.slow_rows) if subject.slow else arguments.rows
        texts = throughput_texts.read(arguments.data, rows, arguments.split)
        if not texts:
            raise SystemExit(
                f"throughput: {arguments.data}: no texts; look at --split and the columns"
            )
        timing = subject.run(texts, arguments.model)
    except ModuleNotFoundError as error:
        return {"missing": error.name}
    return {
        "rows": len(texts),
        "rate": len(texts) / timing.time.seconds,
        "by_processor": len(texts) / timing.time.processor,
        "tokens": None if timing.tokens is None else timing.tokens / timing.time.seconds,
        "labels": timing.labels,
        "peak": _peak(),
    }


def _peak() -> float:
    """Return the most memory that this process has held, in MB."""
    # kilobytes on Linux, bytes on macOS
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def _page(results: Results, arguments: argparse.Namespace) -> list[str]:
    """Return the lines to print: table, labels, ceilings, verdict, missing subjects."""
    missing = {name: result["missing"] for name, result in results.items() if "missing" in result}
    measured = {name: result for name, result in results.items() if name not in missing}
    ceiling = measured.pop(CEILING, None)
    lines = [f"texts from {arguments.data or 'the built-in list'}, {available_cores()} cores", ""]
    lines += _table(measured)
    lines += _same_labels(measured)
    if ceiling:
        lines += _ceilings(ceiling, measured, arguments.model)
    lines += _verdict(measured)
    lines += [f"left out: {name}: {package} is not installed" for name, package in missing.items()]
    return lines


def _table(measured: Results) -> list[str]:
    lines = [
        "| subject | posts/s | times roberta-base float32 | posts a processor second | peak MB "
        "| texts |",
        "|---|---|---|---|---|---|",
    ]
    base = measured.get(BASE)
    for name, result in measured.items():
        times = f"{result['rate'] / base['rate']:.1f}" if base else "–"
        cells = (
            SUBJECTS[name].name,
            f"{result['rate']:.1f}",
            times,
            f"{result['by_processor']:.1f}",
            f"{result['peak']:.0f}",
            str(result["rows"]),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _same_labels(measured: Results) -> list[str]:
    if not {"earful", "earful-float"} <= measured.keys():
        return []
    pairs = zip(measured["earful"]["labels"], measured["earful-float"]["labels"], strict=True)
    same = [int8 == float32 for int8, float32 in pairs]
    return [f"int8 and float32 give the same label to {100 * sum(same) / len(same):.1f} %"]


def _ceilings(ceiling: dict[str, float], measured: Results, model: Path | None) -> list[str]:
    lines = [f"{kind} ceiling: {ceiling[kind]:.0f} GOP/s" for kind in ("int8", "float32")]
    if "earful" in measured:
        reached = measured["earful"]["tokens"] * operations_a_token(model) / 1e9
        share = 100 * reached / ceiling["int8"]
        lines.append(f"Earful, all in all: {reached:.0f} GOP/s, {share:.0f} % of the int8 ceiling")
    return lines


def _verdict(measured: Results) -> list[str]:
    parts = [
        f"{measured['earful']['rate'] / measured[name]['rate']:.1f} times {SUBJECTS[name].name} "
        f"(at least {factor}: {_verdict_word(measured, name, factor)})"
        for name, factor in TARGETS
        if "earful" in measured and name in measured
    ]
    return ["targets: " + "; ".join(parts)] if parts else []


def _verdict_word(measured: Results, name: str, factor: int) -> str:
    return "met" if measured["earful"]["rate"] >= factor * measured[name]["rate"] else "MISSED"


def _memory(arguments: argparse.Namespace) -> None:
    """Stream texts through one classifier and print its memory at 10, 50 and 100 percent."""
    from sentiment import load

    classifier = load(model=arguments.model)
    texts = throughput_texts.stream(arguments.data, arguments.memory, arguments.split)
    marks = [max(1, arguments.memory * percent // 100) for percent in (10, 50, 100)]
    began, count = time.perf_counter(), 0
    while count < arguments.memory:
        size = min(CHUNK, marks[0] - count)
        count += len(classifier.classify(list(islice(texts, size))))
        if count == marks[0]:
            rate = count / (time.perf_counter() - began)
            print(f"{count} texts: peak {_peak():.0f} MB, {rate:.0f} posts/s", flush=True)
            marks.pop(0)


if __name__ == "__main__":
    main()
