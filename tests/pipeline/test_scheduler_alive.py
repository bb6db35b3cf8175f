"""`earful up` as a process: it does the work, ends when it is told to, and another takes over."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from factories import check_all, rows

from earful.settings.load import load
from pipeline.app import App, open_app
from pipeline.scheduler import RecordedStage
from pipeline.stages import Classified
from storage import queries
from storage.database.engine import Database, connect

TESTS = Path(__file__).resolve().parents[1]
PATIENCE = 60.0  # seconds; the machine may be busy with other things

SETTINGS = """
database_url = "sqlite:///earful.db"
[[brand]]
name = "Acme Air"
[[listen]]
source = "replay"
brand = "Acme Air"
every = "1s"
[listen.options]
path = "posts.jsonl"
[[channel]]
name = "out"
kind = "file"
path = "outbox"
[alerts]
channels = ["out"]
[schedule]
classify = "1s"
flag = "1s"
deliver = "1s"
"""
_REAL = "from commands.main import main; main()"
_WITH_A_FAKE_MODEL = f"""
import sys; sys.path.insert(0, {str(TESTS)!r})
from factories import FakeClassifier
from pipeline.app import App
App.classifier = lambda app: FakeClassifier()
from datetime import timedelta
from pipeline import scheduler
scheduler._STANDBY, scheduler._POLL_TICK = 0.3, timedelta(seconds=0.3)
{_REAL}
"""


class Up:
    """A running `earful up --no-page`, with everything it has written so far."""

    def __init__(self, folder: Path, program: str) -> None:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        self.process = subprocess.Popen(
            [sys.executable, "-c", program, "up", "--no-page"],
            cwd=folder,
            env=kept,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.said: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        self.said.extend(iter(self.process.stderr.readline, ""))

    def says(self, words: str) -> bool:
        """True once it has written those words."""
        return any(words in line for line in self.said)

    def ends(self, signal_number: int) -> int:
        """Send a signal; the exit status. Fails when it does not end."""
        self.process.send_signal(signal_number)
        status = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return status


@contextmanager
def _up(folder: Path, program: str = _WITH_A_FAKE_MODEL) -> Iterator[Up]:
    running = Up(folder, program)
    try:
        yield running
    finally:
        running.process.kill()
        running.process.wait()


def _until(true: Callable[[], bool], running: Up) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        assert running.process.poll() is None, "".join(running.said)
        assert time.monotonic() < end, "".join(running.said)
        time.sleep(0.05)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "settings.toml").write_text(SETTINGS)
    _post(tmp_path, "maria")
    return tmp_path


@pytest.fixture
def watched(folder: Path) -> Iterator[Database]:
    """The database that the process works with, its tables made beforehand."""
    app = open_app(load(folder / "settings.toml"))
    app.db.close()
    db = connect(f"sqlite:///{folder / 'earful.db'}")
    yield db
    db.close()


def _post(folder: Path, who: str) -> None:
    at = datetime.now(UTC) - timedelta(minutes=1)
    post = {
        "id": who,
        "author": who,
        "text": f"awful, the worst service ever, {who} has no answer",
        "published_at": at.isoformat(),
        "shares": 100_000,
    }
    with (folder / "posts.jsonl").open("a") as file:
        file.write(json.dumps(post) + "\n")


def _flagged(db: Database) -> set[str]:
    found = rows(db, "SELECT handle FROM flag f JOIN author a ON a.id = f.author_id")
    return {row.handle for row in found}


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_from_file_to_page_and_a_clean_end(
    folder: Path, watched: Database, end: signal.Signals
) -> None:
    outbox = folder / "outbox"
    with _up(folder) as running:
        _until(lambda: outbox.is_dir() and any(outbox.iterdir()), running)
        assert _flagged(watched) == {"maria"}
        _post(folder, "bo")
        _until(lambda: _flagged(watched) == {"maria", "bo"}, running)
        status = running.ends(end)
    assert status == 0, "".join(running.said)
    written = "".join(running.said)
    assert "nobody answers me" not in written
    assert "Traceback" not in written
    assert "stopped" in written
    stages = {one.name: one for one in queries.health(watched).stages}
    assert set(stages) >= {"poll", "classify", "flag", "deliver"}
    assert all(one.error is None for one in stages.values())
    check_all(watched)


def test_a_second_process_stands_by_and_takes_over_from_the_killed(
    folder: Path, watched: Database
) -> None:
    with _up(folder) as first:
        _until(lambda: _flagged(watched) == {"maria"}, first)
        with _up(folder) as second:
            _until(lambda: second.says("standing by"), second)
            first.process.kill()
            first.process.wait()
            _post(folder, "bo")
            _until(lambda: _flagged(watched) == {"maria", "bo"}, second)
            with _up(folder) as third:
                _until(lambda: third.says("standing by"), third)
                assert third.ends(signal.SIGTERM) == 0
            assert second.ends(signal.SIGTERM) == 0
    check_all(watched)


def test_a_new_start_takes_up_what_was_paused(folder: Path, watched: Database) -> None:
    (folder / "posts.jsonl").rename(folder / "mislaid")

    def paused() -> bool:
        return any(one.paused for one in queries.health(watched).sources)

    with _up(folder) as running:
        _until(paused, running)
        running.ends(signal.SIGTERM)
    (folder / "mislaid").rename(folder / "posts.jsonl")
    with _up(folder) as running:
        _until(lambda: _flagged(watched) == {"maria"}, running)
    assert not paused()


def test_with_the_model_that_ships(folder: Path, watched: Database) -> None:
    with _up(folder, _REAL) as running:
        _until(lambda: _flagged(watched) == {"maria"}, running)
        status = running.ends(signal.SIGTERM)
    assert status == 0, "".join(running.said)


# --- what is written down of a stage --------------------------------------------------------


@pytest.fixture
def app(folder: Path) -> Iterator[App]:
    made = open_app(load(folder / "settings.toml"))
    yield made
    made.db.close()


def test_a_failing_stage_is_written_down_and_its_end_too(app: App) -> None:
    numbers = [0, None, 0, 3]

    def work() -> Classified:
        mentions = numbers.pop(0)
        return Classified(1 // 0 if mentions is None else mentions)

    stage = RecordedStage(app, "classify", work)

    def after() -> tuple[str | None, str]:
        stage()
        (one,) = queries.health(app.db).stages
        return one.error, one.summary

    assert after() == (None, "")
    error, _did = after()
    assert (error or "").startswith("ZeroDivisionError: ")
    assert after() == (None, ""), "it works again: nobody should be sent to look"
    assert after() == (None, "3 classified")


def test_an_idle_stage_is_not_written_down_at_every_turn(app: App) -> None:
    stage = RecordedStage(app, "classify", lambda: Classified(0))
    stage()
    (first,) = queries.health(app.db).stages
    stage()
    assert queries.health(app.db).stages == (first,)
