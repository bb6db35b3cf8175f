"""Rows that share an id in a polled file: all are kept and counted, and a later row is an edit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from factories import ACME, FrozenClock, check_all, rows

from earful.types import Query
from listeners.files.folder import Folder
from listeners.files.replay import Replay
from pipeline.poll import Polled, poll
from storage.collecting import polling
from storage.database.engine import Database
from storage.entities import brands

TICKET = ("Acme charged me twice", "No answer from Acme", "I am leaving Acme")


@pytest.fixture(params=["replay", "folder"])
def source(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def db(db: Database) -> Database:
    brands.sync(db, [ACME])
    return db


class _Watch:
    """Poll a file, or its folder, through the real listener and the real storage."""

    def __init__(self, db: Database, clock: FrozenClock, source: str, folder: Path) -> None:
        self.db, self.clock, self.folder = db, clock, folder
        self.file = folder / "tickets.jsonl"
        path = self.file if source == "replay" else folder
        options: dict[str, Any] = {"path": str(path), "source_as": "zendesk", "batch": 2}
        self.query = Query(id="files", brand_id=ACME.id, source=source, options=options)
        self.listener = (Replay if source == "replay" else Folder)(clock=clock)
        polling.register(db, [self.query])

    def write(self, *texts: str, by: str = "maria", name: str = "", mode: str = "a") -> None:
        row = {"id": "1041", "author": by, "published_at": "2026-11-19T10:00:00Z"}
        with (self.folder / name if name else self.file).open(mode) as file:
            file.writelines(json.dumps(row | {"text": text}) + "\n" for text in texts)

    def poll(self, *, stop_after_a_batch: bool = False) -> Polled:
        self.clock.forward(hours=1)
        polling.make_due(self.db, [self.query.id])
        turns = iter([False])
        polled = poll(
            self.db,
            [self.query],
            clock=self.clock,
            listener_for=lambda _query: self.listener,
            stop=(lambda: next(turns, True)) if stop_after_a_batch else lambda: False,
        )
        check_all(self.db)
        return polled

    def texts(self) -> list[str]:
        return sorted(text for (text,) in rows(self.db, "SELECT text FROM mention"))


@pytest.fixture
def watch(db: Database, clock: FrozenClock, source: str, tmp_path: Path) -> _Watch:
    return _Watch(db, clock, source, tmp_path)


def test_every_message_of_a_ticket_is_stored(watch: _Watch) -> None:
    watch.write(*TICKET)
    polled = watch.poll()
    assert (polled.seen, polled.new, polled.repeated, polled.rejected) == (3, 3, 0, 0)
    assert watch.texts() == sorted(TICKET)
    assert watch.poll().seen == 0


def test_the_same_words_are_counted_as_said_again(watch: _Watch) -> None:
    watch.write(TICKET[0], TICKET[0], TICKET[0])
    polled = watch.poll()
    assert (polled.new, polled.repeated) == (1, 2)
    assert ", 2 said again" in str(polled)


def test_a_row_by_another_author_is_refused_with_its_words(watch: _Watch) -> None:
    watch.write(TICKET[0])
    watch.write("Acme is fine", by="tomas")
    polled = watch.poll()
    assert (polled.new, polled.rejected) == (1, 1)
    assert rows(watch.db, "SELECT raw FROM rejected") == [("tomas: Acme is fine",)]


def test_a_row_that_is_appended_later_is_an_edit(watch: _Watch) -> None:
    watch.write(TICKET[0])
    watch.poll()
    watch.write("Acme charged me twice. Edit: solved")
    polled = watch.poll()
    assert (polled.new, polled.changed) == (0, 1)
    assert watch.texts() == ["Acme charged me twice. Edit: solved"]


def test_a_reading_that_was_stopped_goes_on_as_the_same_reading(watch: _Watch) -> None:
    watch.write(*TICKET)
    assert watch.poll(stop_after_a_batch=True).new == 2
    assert watch.poll().new == 1
    assert watch.texts() == sorted(TICKET)
    # that reading has ended: a further row is an edit again
    watch.write("Acme called me")
    assert watch.poll().changed == 1


def test_a_second_file_with_other_words_is_an_edit(
    db: Database, clock: FrozenClock, tmp_path: Path
) -> None:
    watch = _Watch(db, clock, "folder", tmp_path)
    watch.write(TICKET[0], name="monday.jsonl")
    watch.write("Acme charged me twice. Edit: solved", name="tuesday.jsonl")
    polled = watch.poll()
    assert (polled.new, polled.changed) == (1, 1)
    assert watch.texts() == ["Acme charged me twice. Edit: solved"]


def test_assumptions_are_shown(watch: _Watch) -> None:
    row = {"id": 1, "author": "maria", "text": "Acme", "published_at": "2026-11-19 10:00"}
    watch.query.options["timezone"] = "Europe/Athens"  # type: ignore[index]
    watch.file.write_text(json.dumps(row) + "\n")
    polled = watch.poll()
    assert "assumed: 1 × times without a zone were read as Europe/Athens" in str(polled)
