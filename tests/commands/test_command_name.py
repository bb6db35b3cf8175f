"""A suggested command works as printed: in the form in which this one was started."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_workspace import Workspace

from earful import command_name
from earful.settings.load import settings_path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = (
    "earful",
    "listeners",
    "outreach",
    "storage",
    "pipeline",
    "dashboard",
    "feedback",
    "commands",
)


def _environment(folder: Path) -> Path:
    """ROOT/.venv/bin/earful in a folder, as an installer makes it."""
    program = folder / ".venv" / "bin" / "earful"
    program.parent.mkdir(parents=True)
    (folder / ".venv" / "pyvenv.cfg").touch()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    return program


@pytest.mark.parametrize("typed", ["earful", "/usr/lib/pytest/__main__.py", "-c", ""])
def test_by_default_it_is_earful(monkeypatch: pytest.MonkeyPatch, typed: str) -> None:
    monkeypatch.setattr(sys, "argv", [typed])
    assert command_name.command("doctor") == "`earful doctor`"


def test_a_program_that_is_not_on_the_path_is_named_as_it_was_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = _environment(tmp_path / "my earful")
    monkeypatch.setattr(sys, "argv", [str(program)])
    monkeypatch.setenv("PATH", "/nowhere")
    assert command_name.command_line("up") == f"'{program}' up"
    monkeypatch.setenv("PATH", str(program.parent))
    assert command_name.command_line("up") == "earful up"


def test_messages_suggest_the_script_that_was_called(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EARFUL_COMMAND", "./run")
    workspace.settings("[rules]\nnegative = 1\n")
    assert "Fix it and run `./run doctor` again." in workspace.run("doctor").out
    workspace.settings(
        '[[listen]]\nsource = "replay"\nbrand = "Acme Air"\noptions = { path = "posts.jsonl" }\n'
    )
    workspace.run("poll", "--once")
    out = workspace.run("doctor").out
    assert "run `./run poll --resume replay/acme-air`, or restart `./run up`." in out
    assert "`earful" not in out


def test_the_order_of_settings_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, here = tmp_path / "home", tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setattr(sys, "argv", [str(_environment(home))])
    assert settings_path() == Path("settings.toml"), "none is there: named as it should be"
    (home / "settings.toml").touch()
    assert settings_path() == home / "settings.toml"
    (here / "settings.toml").touch()
    assert settings_path() == Path("settings.toml")
    monkeypatch.setenv("EARFUL_SETTINGS", "other.toml")
    assert settings_path() == Path("other.toml")


def test_the_script_finds_its_settings_from_another_folder(tmp_path: Path) -> None:
    """`run` as it is, with an `earful` that says what it was started with."""
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    elsewhere.mkdir()
    program = _environment(home)
    program.write_text('#!/bin/sh\necho "$EARFUL_SETTINGS|$EARFUL_COMMAND|$*"\n')
    (home / "run").write_text((ROOT / "run").read_text())
    for name in ("pyproject.toml", "requirements-dev.lock", "settings.toml"):
        (home / name).touch()
    mark = "$(cat requirements-dev.lock pyproject.toml | cksum)"
    subprocess.run(["bash", "-c", f'printf %s "{mark}" > .venv/.earful-dev'], cwd=home, check=True)

    def started(*words: str, cwd: Path) -> str:
        run = ["bash", *words, "doctor"]
        environment = {"PATH": os.environ["PATH"]}
        done = subprocess.run(run, cwd=cwd, capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    assert started("./run", cwd=home) == "|./run|doctor"
    assert started("../home/run", cwd=elsewhere) == f"{home}/settings.toml|../home/run|doctor"
    (elsewhere / "settings.toml").touch()
    assert started("../home/run", cwd=elsewhere) == "|../home/run|doctor"


def _texts(file: Path) -> Iterator[str]:
    """Every string of a module that is no docstring."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    documented = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if is_text and id(node) not in documented:
            yield node.value


@pytest.mark.parametrize("package", PACKAGES)
def test_no_message_names_the_command_in_a_form_of_its_own(package: str) -> None:
    """`command("doctor")` names it as it was typed; "`earful doctor`" may not be on the PATH."""
    for file in sorted((ROOT / package).rglob("*.py")):
        for text in _texts(file):
            assert not re.search(r"`(earful|\./run) [a-z]|(?:^|[\s(])\./run ", text), (file, text)
