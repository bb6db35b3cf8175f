"""``benchmarks/throughput.py`` on a few posts, as a person runs it."""

from __future__ import annotations

import gzip
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COMMAND = ROOT / "benchmarks" / "throughput.py"


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(COMMAND), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=280)


@pytest.fixture
def posts(tmp_path: Path) -> Path:
    path = tmp_path / "posts.tsv.gz"
    with gzip.open(path, "wt", encoding="utf-8") as out:
        out.write("text\tsplit\n")
        for number in range(12):
            out.write(f"Day {number} and still no answer\t{'test' if number < 9 else 'val'}\n")
    return path


@pytest.mark.slow
def test_table_ceilings_and_what_is_left_out(posts: Path) -> None:
    subjects = ["earful", "vader", "ceiling", "roberta-f32"]
    done = run("--data", posts, "--split", "test", "--rows", 50, "--subjects", *subjects)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^\| Earful, int8 \| [\d.]+ \| .*\| 9 \|$", done.stdout, re.MULTILINE)
    assert re.search(r"^\| VADER \| [\d.]+ \|", done.stdout, re.MULTILINE)
    assert re.search(r"^int8 ceiling: [1-9]\d* GOP/s$", done.stdout, re.MULTILINE)
    assert re.search(r"^Earful, all in all: .* % of the int8 ceiling$", done.stdout, re.MULTILINE)
    if importlib.util.find_spec("torch") is None:
        assert "left out: roberta-f32: torch is not installed" in done.stdout
    else:
        assert re.search(r"^targets: .* roberta-base", done.stdout, re.MULTILINE)


def test_memory_on_the_way() -> None:
    done = run("--memory", 40)
    assert done.returncode == 0, done.stderr
    found = re.findall(r"^(\d+) texts: peak (\d+) MB", done.stdout, re.MULTILINE)
    assert [int(texts) for texts, _ in found] == [4, 20, 40]
    assert all(int(peak) > 50 for _, peak in found)


def test_a_split_that_no_row_has_is_named(posts: Path) -> None:
    done = run("--data", posts, "--split", "tset", "--subjects", "vader")
    assert done.returncode != 0
    assert "no texts; look at --split" in done.stderr
