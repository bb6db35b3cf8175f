"""Run the command line in this process, in a folder of its own, and capture its output."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from factories import FakeClassifier, FrozenClock

from commands import main
from earful import logs
from pipeline import app
from pipeline.app import App
from storage.database.engine import Database, connect

SETTINGS = """
database_url = "sqlite:///earful.db"

[[brand]]
name = "Acme Air"
own_accounts = ["acmehelp"]
competitors = ["Rival Jet"]
timezone = "Europe/Athens"
"""


@dataclass(frozen=True, slots=True)
class CommandResult:
    """The exit status and the output of a command."""

    status: int
    out: str
    err: str


@dataclass(slots=True)
class Workspace:
    """A folder with settings, and the command `earful` in it."""

    folder: Path
    run: Callable[..., CommandResult]

    def settings(self, more: str = "", text: str = SETTINGS) -> None:
        """Write settings.toml."""
        (self.folder / "settings.toml").write_text(text + more, encoding="utf-8")

    def file(self, name: str, *rows: dict[str, Any] | str) -> str:
        """Write a JSONL file of rows; a string is a line as it is."""
        lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
        (self.folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
        return name

    def db(self) -> Database:
        """The database that the command works with."""
        return connect(f"sqlite:///{self.folder / 'earful.db'}")


@pytest.fixture
def workspace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Workspace]:
    """`earful` in an empty folder, with the fake model and at the tests' own time."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(logs, "configure", lambda **_how: None)
    monkeypatch.setattr(App, "classifier", lambda _app: FakeClassifier())
    real, clock = app.open_app, FrozenClock()
    monkeypatch.setattr(app, "open_app", lambda settings: real(settings, clock=clock))

    def run(*words: object) -> CommandResult:
        monkeypatch.setattr("sys.argv", ["earful", *map(str, words)])
        capsys.readouterr()
        clock.forward(minutes=1)
        try:
            main.main()
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else int(end.code is not None)
        else:
            status = 0
        output = capsys.readouterr()
        assert "Traceback" not in output.out + output.err
        return CommandResult(status, output.out, output.err)

    workspace = Workspace(tmp_path, run)
    workspace.settings()
    yield workspace


def row(number: int, text: str = "awful", **other: Any) -> dict[str, Any]:
    """A row of an import file, published an hour before the tests' time."""
    fields = {
        "id": str(number),
        "author": "maria",
        "text": f"{text} ({number})",
        "published_at": "2026-11-20T11:00:00Z",
    }
    return fields | other
