"""kill -9 before each single step that a poll shows outside of its process: a commit, a file that
is written or removed. Then it runs again, and nothing shows of it; nor when the second run is
killed too. The same for the service that fills an inbox. (A mail server is only asked to read.)
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from crash_story import is_whole, outcome
from factories import ACME, HOUR, NOW, rows
from imap_site import PASSWORD, Box, imap_site

from earful.types import Query
from listeners.inbox.inbox import Inbox
from listeners.inbox.sqlite_file import FILE
from storage.collecting import polling
from storage.database.engine import connect
from storage.entities import brands

WORKER = Path(__file__).with_name("effect_worker.py")
_PLACE = """SELECT seen, stored, rejected, failures, error, paused, complete_since,
    complete_until FROM query"""
_BROUGHT = "SELECT sum(new), sum(already_stored), sum(noise) FROM spending"
_ONLY_READS = ("AUTHENTICATE", "EXAMINE", "UID SEARCH", "UID FETCH", "LOGOUT")


@dataclass
class App:
    """A database, the ``world`` that its one query listens to, and workers that poll it."""

    server: subprocess.Popen[str]
    here: Path
    now: datetime = NOW
    query: Query = field(default_factory=lambda: Query(id="-", brand_id="-", source="-"))

    @property
    def world(self) -> Path:
        return self.here / "world"

    @property
    def url(self) -> str:
        return f"sqlite:///{self.here / 'earful.db'}"

    def listens(self, source: str, **options: Any) -> None:
        """Its query asks this source."""
        self.query = Query(
            id=f"{source}/acme", brand_id=ACME.id, source=source, every=60, options=options
        )
        db = connect(self.url)
        brands.sync(db, [ACME])
        polling.register(db, [self.query])
        db.close()

    def poll(self, dies_before: int = 0, *, rounds: int = 1) -> bool:
        """Whether it came to its end: so many polls, an hour apart."""
        asked = asdict(self.query) | {"options": dict(self.query.options)}
        return self._work({"url": self.url, "query": asked, "rounds": rounds}, dies_before)[0]

    def serve(self, lines: list[dict[str, Any]], dies_before: int = 0) -> tuple[bool, int]:
        """Whether the service came to its end, and how many lines it said that it has kept."""
        folder = str(self.world / "form-shop")
        return self._work({"folder": folder, "lines": lines}, dies_before)

    def _work(self, job: dict[str, Any], dies_before: int) -> tuple[bool, int]:
        assert self.server.stdin is not None
        assert self.server.stdout is not None
        job |= {"now": self.now.isoformat(), "dies_before": dies_before}
        print(json.dumps(job), file=self.server.stdin, flush=True)
        said = 0
        while (line := self.server.stdout.readline().strip()) == "+":
            said += 1
        status = int(line.removeprefix("end "))
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        assert killed or status == 0, "the worker failed by itself"
        return not killed, said

    def copied(self, name: str) -> Path:
        """All of it as it is now."""
        kept = self.here.with_name(name)
        shutil.rmtree(kept, ignore_errors=True)
        return Path(shutil.copytree(self.here, kept))

    def back_to(self, kept: Path) -> None:
        shutil.rmtree(self.here)
        shutil.copytree(kept, self.here)

    def story(self) -> dict[str, Any]:
        """What people see of the database, but for at which look it came; and what lies in the
        world: a line that is there twice, as in a file of rejects, counts once."""
        db = connect(self.url)
        is_whole(db)
        told, _ = outcome(db)
        del told["asked"]
        told["gaps"] = [one for one in told["gaps"] if "'filled'" not in one]
        found = {**told, "place": rows(db, _PLACE), "brought": rows(db, _BROUGHT)}
        db.close()
        files = sorted(path for path in self.world.rglob("*") if path.is_file())
        return found | {"files": {path.name: _lines(path) for path in files}}


def _lines(path: Path) -> set[bytes]:
    if path.name != FILE:
        return set(path.read_bytes().splitlines())
    with closing(sqlite3.connect(path)) as inbox:
        return {line.encode() for (line,) in inbox.execute("SELECT line FROM submission")}


@pytest.fixture
def app(tmp_path: Path, migrated_file: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    (tmp_path / "house" / "world").mkdir(parents=True)
    shutil.copy(migrated_file, tmp_path / "house" / "earful.db")
    monkeypatch.setenv("EARFUL_MAIL_PASSWORD", PASSWORD)
    with subprocess.Popen(
        [sys.executable, str(WORKER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            yield App(server, tmp_path / "house")
        finally:
            server.kill()


def killed_at_every_step(app: App, *, runs: int = 1) -> int:
    """Poll with each step killed in turn, and with ``runs`` each of the runs behind it; gives how
    many steps there are. The house is left as an undisturbed poll leaves it."""
    before = app.copied("before")
    assert app.poll()
    after = app.copied("after")
    app.back_to(before)
    expected = _settled(app)
    steps = 0
    while _killed_at(app, before, steps + 1, expected, runs):
        steps += 1
    app.back_to(after)
    return steps


def _killed_at(app: App, before: Path, step: int, expected: dict[str, Any], runs: int) -> bool:
    app.back_to(before)
    if app.poll(step):
        return False
    killed, again = app.copied(f"killed-{runs}"), 1
    while runs > 1 and _killed_at(app, killed, again, expected, runs - 1):
        again += 1
    app.back_to(killed)
    found = _settled(app)
    for name, told in expected.items():
        assert found[name] == told, (name, step, runs)
    return True


def _settled(app: App) -> dict[str, Any]:
    """The story when the source has been asked again, and once more: a run that was killed before
    it had done its share leaves some of it to the next."""
    assert app.poll(rounds=2)
    return app.story()


def next_round(app: App) -> None:
    app.now += HOUR


# --- folder ---------------------------------------------------------------------------------------


def _row(number: int | str, words: str = "late") -> str:
    at = (NOW - HOUR).isoformat()
    return json.dumps({"id": f"{number}", "author": "ann", "text": words, "published_at": at})


@pytest.mark.timeout(120)
def test_a_watched_folder(app: App) -> None:
    def put(name: str, *lines: str, end: str = "\n") -> None:
        (app.world / name).write_text("\n".join(lines) + end, encoding="utf-8")

    rejects = str(app.world / "rejects.jsonl")
    app.listens("folder", path=str(app.world), batch=2, rejects=rejects, source_as="x")
    put("a.jsonl", _row(1), _row(2), '{"text": "no date"}', _row(3))
    put("b.jsonl", _row(4), "no json", _row(5), end="")
    put("c.csv", "text,published_at", '"two\nlines",2026-11-20T10:00:00Z')
    assert killed_at_every_step(app) >= 5
    next_round(app)
    put("a.jsonl", _row(1), _row(2), '{"text": "no date"}', _row(3), _row(6))
    put("b.jsonl", _row(4, "changed"), _row(7), "nor this")
    (app.world / "c.csv").unlink()
    assert killed_at_every_step(app) >= 4
    story = app.story()
    assert len(story["mentions"]) == 8
    assert len(story["rejects"]) == 3 == len(story["files"]["rejects.jsonl"])
    assert len(story["revisions"]) == 1


# --- mbox -----------------------------------------------------------------------------------------


def _letter(number: int, at: datetime) -> bytes:
    return (
        f"From: Ann <ann@mail.example>\nMessage-ID: <{number}@mail.example>\n"
        f"Date: {format_datetime(at)}\nSubject: Parcel {number}\n\nNobody answers.\n"
    ).encode()


@pytest.mark.timeout(120)
def test_an_mbox(app: App) -> None:
    def add(*letters: bytes) -> None:
        with (app.world / "mails").open("ab") as file:
            for one in letters:
                file.write(b"From ann@mail.example Fri Nov 20 10:00:00 2026\n" + one)

    app.listens("mbox", path=str(app.world / "mails"))
    add(*(_letter(number, NOW - HOUR) + b"\n" for number in range(4)), _letter(4, NOW - HOUR))
    assert killed_at_every_step(app) >= 4
    next_round(app)
    add(b"It is a shame.\n\n", _letter(5, NOW) + b"\n")
    assert killed_at_every_step(app) >= 2
    assert len(app.story()["mentions"]) == 6


# --- the inbox of a form or hook ------------------------------------------------------------------


def _answer(name: str, number: int, at: datetime) -> dict[str, Any]:
    if name == "feedback":
        return {"at": at.isoformat(), "id": f"{number}", "kind": "nps", "rating": 3, "why": "late"}
    row = {"id": f"{number}", "text": "late", "published_at": at.isoformat()}
    return {"at": at.isoformat(), "kind": "nps", "row": row}


_FOLDERS = {"feedback": "form-shop", "webhook": "hook-shop"}


def _put(app: App, hours_ago: int, *numbers: int) -> None:
    """Answers that a service took so many hours ago."""
    source, folder = app.query.source, app.world / _FOLDERS[app.query.source]
    at = app.now - hours_ago * HOUR
    Inbox(folder, clock=lambda: at).append(_answer(source, number, at) for number in numbers)


def _put_line_file(app: App, hours_ago: int, *numbers: int, torn: bytes = b"") -> None:
    """Answers in a file of an earlier version, and what was written when the service died."""
    source, folder = app.query.source, app.world / _FOLDERS[app.query.source]
    folder.mkdir(exist_ok=True)
    at = app.now - hours_ago * HOUR
    lines = [json.dumps(_answer(source, number, at)).encode() + b"\n" for number in numbers]
    path = folder / f"{at:%Y%m%dT%H}-7-00000000.jsonl"
    path.write_bytes(b"".join(lines) + torn)


@pytest.mark.timeout(120)
def test_an_inbox(app: App) -> None:
    app.listens("feedback", inbox=str(app.world), form="shop")
    _put(app, 5, 1, 2, 3)
    _put_line_file(app, 2)  # of a service that died before its first line
    _put_line_file(app, 1, 4, 5, torn=b'[1]\n{"id": "half of')
    assert killed_at_every_step(app) >= 6
    next_round(app)
    _put(app, 0, 3, 6)
    assert killed_at_every_step(app) >= 5
    next_round(app)
    assert killed_at_every_step(app) >= 3
    story = app.story()
    assert len(story["mentions"]) == 6
    assert len(story["rejects"]) == 2
    assert story["files"] == {FILE: set()}


@pytest.mark.timeout(120)
def test_an_inbox_when_the_next_run_is_killed_too(app: App) -> None:
    app.listens("webhook", inbox=str(app.world), hook="shop")
    _put(app, 5, 1)
    _put(app, 1, 2)
    assert killed_at_every_step(app, runs=2) >= 4
    (seen,) = app.story()["coverage"]
    assert str(int((NOW - 5 * HOUR).timestamp())) in seen  # from the hour of the first answer on


@pytest.mark.timeout(120)
def test_a_service_that_writes_an_inbox(app: App) -> None:
    """What it said that it has is there once, and what it did not say can be sent again."""
    inbox = app.world / "form-shop"
    app.listens("feedback", inbox=str(app.world), form="shop")
    lines = [_answer("feedback", number, NOW) for number in range(3)]
    before = app.copied("before")
    for step in itertools.count(1):
        app.back_to(before)
        whole, kept = app.serve(lines, step)
        assert app.poll()  # meanwhile somebody looks
        assert len(app.story()["mentions"]) >= kept
        assert app.serve(lines[kept:]) == (True, 3 - kept)
        assert app.poll(rounds=3)
        story = app.story()
        assert len(story["mentions"]) == 3
        assert story["revisions"] == []
        assert story["rejects"] == []
        assert [path.name for path in inbox.iterdir()] == [FILE]
        assert story["files"] == {FILE: set()}
        if whole:
            break
    assert step > 12


# --- mail -----------------------------------------------------------------------------------------


@pytest.mark.timeout(120)
def test_a_mailbox(app: App) -> None:
    box, user = Box(), "killed"
    site = imap_site()
    site.boxes[user] = box
    place = {"host": "127.0.0.1", "port": site.port, "security": "none", "username": user}
    app.listens("mail", **place, max_messages=3)

    def arrive(number: int) -> None:
        box.deliver(app.now - timedelta(minutes=5), _letter(number, app.now - HOUR))

    for number in range(3):
        arrive(number)
    box.deliver(app.now, None)  # one that the server cannot give
    assert killed_at_every_step(app) >= 4  # at the limit: the rest is a gap until the next look
    next_round(app)
    arrive(4)
    box.faults["FETCH"] = "bye"
    assert killed_at_every_step(app) >= 1  # an outage
    next_round(app)
    box.faults.clear()
    box.renumber()
    arrive(5)
    assert killed_at_every_step(app) >= 4  # everything is read again, in two looks
    next_round(app)
    assert killed_at_every_step(app) >= 4
    next_round(app)
    box.faults["FETCH"] = "bye"
    arrive(6)
    assert killed_at_every_step(app) >= 2  # an outage: another gap
    next_round(app)
    box.faults.clear()
    assert killed_at_every_step(app) >= 3
    story = app.story()
    assert len(story["mentions"]) == 6
    assert len(story["rejects"]) == 1
    assert all("'filled'" in one for one in story["gaps"]), story["gaps"]
    assert len(story["coverage"]) == 1
    commands = {command for command in box.commands if not command.upper().startswith(_ONLY_READS)}
    assert commands <= {"CAPABILITY"}, commands
    # only PEEK leaves unread mails unread
    assert not any("BODY[" in command for command in box.commands)
