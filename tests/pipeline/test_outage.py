"""A full disk, a lost database, a file that is gone: one line, growing waits, or a clean end."""

from __future__ import annotations

import errno
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from factories import REPLAY_SETTINGS, FakeClassifier, rows
from sqlalchemy import event
from structlog.testing import capture_logs

from earful.settings.load import load
from pipeline import outage as outages
from pipeline import scheduler
from pipeline.app import App, open_app
from pipeline.outage import Outage, database_error
from pipeline.scheduler import RecordedStage
from pipeline.stages import Classified
from storage.database.engine import sqlite_path
from storage.database.errors import (
    DatabaseDamaged,
    DatabaseError,
    DatabaseMoved,
    DatabaseUnavailable,
)

FULL = DatabaseUnavailable("data/earful.db: the disk is full", hint="Free some space there.")


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(App, "classifier", lambda _app: FakeClassifier())
    monkeypatch.setattr(scheduler, "_POLL_TICK", timedelta(seconds=0.05))
    monkeypatch.setattr(scheduler, "_CHECK_TICK", 0.05)
    monkeypatch.setattr(outages, "_FIRST_WAIT", 0.4)
    (tmp_path / "settings.toml").write_text(REPLAY_SETTINGS)
    at = (datetime.now(UTC) - timedelta(minutes=1)).isoformat()
    posts = [
        {"id": str(n), "author": f"a{n}", "text": f"awful {n} " + "x" * 2000, "published_at": at}
        for n in range(50)
    ]
    (tmp_path / "posts.jsonl").write_text("\n".join(map(json.dumps, posts)))
    opened = open_app(load(tmp_path / "settings.toml"))
    yield opened
    opened.db.close()


class Schedule:
    """The schedule in a thread of its own, and the error that ended it."""

    def __init__(self, app: App) -> None:
        self._app = app
        self.stop = threading.Event()
        self.error: DatabaseError | None = None
        self.thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        try:
            scheduler.run(self._app, self.stop)
        except DatabaseError as error:
            self.error = error


@contextmanager
def _running(app: App) -> Iterator[tuple[Schedule, list[Any]]]:
    schedule = Schedule(app)
    with capture_logs() as lines:
        schedule.thread.start()
        try:
            yield schedule, lines
        finally:
            schedule.stop.set()
            schedule.thread.join(30)


def _until(is_true: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not is_true():
        assert time.monotonic() < end
        time.sleep(0.02)


def _events(lines: list[Any]) -> list[str]:
    return [line["event"] for line in lines]


def test_a_full_disk_is_waited_for_and_nothing_is_lost(app: App) -> None:
    is_full = True

    def limit(connection: Any, _record: Any) -> None:
        if is_full:
            (pages,) = connection.execute("PRAGMA page_count").fetchone()
            connection.execute(f"PRAGMA max_page_count = {pages}")

    app.db.close()
    event.listen(app.db.engine, "connect", limit)
    with _running(app) as (_, lines):
        _until(lambda: "waiting for the database" in _events(lines))
        time.sleep(0.3)
        assert _events(lines).count("waiting for the database") == 1
        assert "stage failed" not in _events(lines)
        is_full = False
        app.db.close()
        _until(lambda: rows(app.db, "SELECT count(*) FROM mention") == [(50,)])
        assert "the database can be used again" in _events(lines)
    assert rows(app.db, "SELECT error, failures FROM query") == [(None, 0)]


def test_a_deleted_file_ends_the_schedule(app: App) -> None:
    with _running(app) as (schedule, _):
        _until(lambda: rows(app.db, "SELECT count(*) FROM mention") == [(50,)])
        path = sqlite_path(app.db)
        assert path is not None
        path.unlink()
        _until(lambda: not schedule.thread.is_alive())
    assert isinstance(schedule.error, DatabaseMoved)


def test_a_new_start_says_that_an_empty_database_begins(app: App, tmp_path: Path) -> None:
    with _running(app):
        _until(lambda: rows(app.db, "SELECT count(*) FROM mention") == [(50,)])
    app.db.close()
    for file in tmp_path.glob("earful.db*"):
        if file.suffix != ".leader":
            file.unlink()
    with capture_logs() as lines:
        open_app(load(tmp_path / "settings.toml")).db.close()
        open_app(load(tmp_path / "settings.toml")).db.close()
    assert _events(lines) == ["the database is gone, and an empty one begins"]


def test_a_stage_that_meets_damage_ends_the_schedule(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(_stages: object) -> Classified:
        raise DatabaseDamaged("earful.db: is damaged", hint="Restore a backup.")

    monkeypatch.setattr("pipeline.stages.Stages.classify", work)
    with _running(app) as (schedule, _):
        _until(lambda: not schedule.thread.is_alive())
    assert isinstance(schedule.error, DatabaseDamaged)


def test_waits_grow_and_repeats_are_silent() -> None:
    now = 1000.0
    outage = Outage(monotonic=lambda: now)

    def fail() -> None:
        raise FULL

    with capture_logs() as lines:
        for _ in range(4 * 45):  # four stages, every second for 45 seconds
            outage.report(FULL)
            outage.is_over(fail)
            now += 0.25
    assert [line["seconds"] for line in lines] == [5, 10, 20, 40]
    now += 60
    assert outage.is_over(lambda: None)
    outage.report(FULL)
    assert not outage.is_over(lambda: None), "a disk with little space fails at once again"
    now += 41
    assert not outage.is_over(lambda: None), "and the wait goes on growing"


def test_errors_behind_others_are_recognised() -> None:
    group = ExceptionGroup("many", [ValueError("x"), ExceptionGroup("more", [FULL])])
    assert database_error(group) is FULL
    full = database_error(OSError(errno.ENOSPC, "No space left on device"))
    assert isinstance(full, DatabaseUnavailable)
    assert database_error(OSError(errno.ENOENT, "No such file")) is None
    assert database_error(ValueError("x")) is None


def test_a_bug_prints_its_traceback_once(app: App) -> None:
    def work() -> Classified:
        raise ZeroDivisionError("by zero")

    stage = RecordedStage(app, "classify", work)
    with capture_logs() as lines:
        for _ in range(3):
            stage()
    assert _events(lines) == ["stage failed", "stage failed again", "stage failed again"]
    assert [bool(line.get("exc_info")) for line in lines] == [True, False, False]
