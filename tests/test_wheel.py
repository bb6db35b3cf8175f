"""The wheel holds the product, and nothing that only training needs."""

from __future__ import annotations

import ast
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from pathspec import GitIgnoreSpec

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def wheel() -> list[str]:
    """The files of the wheel, by the rules of hatchling's settings in pyproject.toml.

    hatchling walks ``packages`` and leaves out the files that match ``exclude``, which are patterns
    as in .gitignore: https://hatch.pypa.io/latest/config/build/#file-selection
    """
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    target = settings["tool"]["hatch"]["build"]["targets"]["wheel"]
    listing = subprocess.run(
        ["git", "-C", ROOT, "ls-files", "-z", "--", *target["packages"]],
        capture_output=True,
        text=True,
        check=True,
    )
    excluded = GitIgnoreSpec.from_lines(target["exclude"])
    return [path for path in listing.stdout.split("\0") if path and not excluded.match_file(path)]


def test_training_stays_out_of_the_wheel(wheel: list[str]) -> None:
    assert (ROOT / "sentiment/training/posts").is_dir()  # it stays in the repository
    assert [path for path in wheel if path.startswith("sentiment/training")] == []


@pytest.mark.parametrize(
    "path",
    [
        "sentiment/onnx.py",
        "sentiment/evaluation.py",
        "sentiment/model/model.onnx",
        "sentiment/model/tokenizer.json",
        "sentiment/model/earful.json",
        "storage/migrations/script.py.mako",
        "commands/demo/settings.toml",
        "outreach/templates/page.html.j2",
    ],
)
def test_files_that_the_product_reads_are_in_the_wheel(wheel: list[str], path: str) -> None:
    assert path in wheel


def test_no_module_of_the_wheel_imports_training(wheel: list[str]) -> None:
    modules = [path for path in wheel if path.endswith(".py")]
    assert len(modules) > 200
    importing = {
        path
        for path in modules
        for name in imported_modules(ROOT / path)
        if name.startswith("sentiment.training")
    }
    assert importing == set()


def imported_modules(path: Path) -> Iterator[str]:
    """The full names of all modules that a file imports, at its top or inside a function."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
