"""The file under the database: moved, deleted, replaced, damaged, full, without permission."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from factories import rows
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from storage.database.engine import Database, connect, sqlite_path
from storage.database.errors import (
    DatabaseDamaged,
    DatabaseError,
    DatabaseMoved,
    DatabaseUnavailable,
)
from storage.database.leader import LeaderLock
from storage.database.migrate import is_current


def _file(db: Database) -> Path:
    path = sqlite_path(db)
    assert path is not None
    return path


def _write(db: Database, name: str = "acme") -> None:
    with db.write() as connection:
        connection.execute(
            text(
                "INSERT INTO brand (id, name, timezone, details) VALUES (:name, :name, 'UTC', '{}')"
            ),
            {"name": name},
        )


# --- another file, or none --------------------------------------------------------------------


def test_a_deleted_file_takes_no_more_rows(sqlite: Database) -> None:
    _write(sqlite)
    _file(sqlite).unlink()
    with pytest.raises(DatabaseMoved, match=r"earful\.db: was deleted while it was open"):
        _write(sqlite, "later")
    with pytest.raises(DatabaseMoved):
        rows(sqlite, "SELECT * FROM brand")
    with pytest.raises(DatabaseMoved):
        sqlite.check_files()


def test_a_deleted_folder_takes_no_more_rows(sqlite: Database, tmp_path: Path) -> None:
    _write(sqlite)
    shutil.rmtree(tmp_path)
    with pytest.raises(DatabaseMoved, match="was deleted"):
        _write(sqlite, "later")


def test_a_moved_file_is_named_with_its_place(sqlite: Database, tmp_path: Path) -> None:
    _write(sqlite)
    _file(sqlite).rename(tmp_path / "old.db")
    with pytest.raises(DatabaseMoved, match=r"moved to \S+old\.db") as caught:
        sqlite.check_files()
    assert "Move it back, together with earful.db-wal" in caught.value.hint
    (tmp_path / "old.db").rename(_file(sqlite))
    _write(sqlite, "later")


def test_a_replaced_file_is_not_damaged_by_the_log_of_the_old_one(
    sqlite: Database, migrated_file: Path, tmp_path: Path
) -> None:
    _write(sqlite)
    sqlite.check_files()
    shutil.copy(migrated_file, tmp_path / "other.db")
    (tmp_path / "other.db").rename(_file(sqlite))
    with pytest.raises(DatabaseMoved, match="replaced by another file") as caught:
        _write(sqlite, "later")
    assert "earful.db-wal.before" in caught.value.hint
    sqlite.close()
    replacement = connect(str(sqlite.engine.url))
    assert rows(replacement, "PRAGMA integrity_check") == [("ok",)]
    assert rows(replacement, "SELECT count(*) FROM brand") == [(0,)]
    replacement.close()


def test_a_deleted_log_is_noticed_and_its_rows_are_kept(sqlite: Database) -> None:
    _write(sqlite)
    sqlite.check_files()
    _file(sqlite).with_name("earful.db-wal").unlink()
    with pytest.raises(DatabaseMoved, match="log of the open database was deleted"):
        sqlite.check_files()
    sqlite.close()
    again = connect(str(sqlite.engine.url))
    assert rows(again, "SELECT count(*) FROM brand") == [(1,)]
    again.close()


def test_a_file_with_two_names_is_refused(sqlite: Database, tmp_path: Path) -> None:
    os.link(_file(sqlite), tmp_path / "second.db")
    with pytest.raises(DatabaseError, match="has 2 names"):
        connect(f"sqlite:///{tmp_path / 'second.db'}")


def test_a_folder_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "earful.db").mkdir()
    with pytest.raises(DatabaseError, match=r"earful\.db: is no file"):
        connect(f"sqlite:///{tmp_path / 'earful.db'}")


def test_the_check_of_each_transaction_takes_microseconds(sqlite: Database) -> None:
    _write(sqlite)
    sqlite.check_files()
    started = time.perf_counter()
    for _ in range(1000):
        sqlite.check_files()
    assert time.perf_counter() - started < 0.1, "a check may take 0.1 ms on a busy machine"


# --- what the disk and SQLite refuse ----------------------------------------------------------


def test_a_full_disk_is_a_sentence_and_passes(sqlite: Database) -> None:
    _write(sqlite)
    with sqlite.read() as connection:
        pages = connection.execute(text("PRAGMA page_count")).scalar_one()
    with (
        pytest.raises(DatabaseUnavailable, match="the disk is full") as caught,
        sqlite.write() as c,
    ):
        c.execute(text(f"PRAGMA max_page_count = {pages}"))
        c.execute(
            text("INSERT INTO brand (id, name, timezone, details) VALUES ('b', :t, 'UTC', '{}')"),
            {"t": "x" * 1_000_000},
        )
    assert "Free some space" in str(caught.value)
    assert "INSERT" not in str(caught.value)
    assert rows(sqlite, "SELECT count(*) FROM brand") == [(1,)]


def test_damaged_pages_are_a_sentence_with_the_way_back(sqlite: Database) -> None:
    for number in range(200):
        _write(sqlite, f"brand {number} " + "x" * 500)
    sqlite.close()
    with _file(sqlite).open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(_file(sqlite).stat().st_size - 4096))
    with pytest.raises(DatabaseDamaged, match="is damaged") as caught:
        rows(connect(str(sqlite.engine.url)), "SELECT * FROM brand")
    assert ".recover" in caught.value.hint
    assert "docs/run-for-real.md" in caught.value.hint


def test_another_kind_of_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes.db").write_text("Dear diary, " * 1000)
    with pytest.raises(DatabaseDamaged, match=r"notes\.db"):
        is_current(connect(f"sqlite:///{tmp_path / 'notes.db'}"))


def test_a_busy_database_is_a_sentence(sqlite: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.database.engine._BUSY_SECONDS", 0.01)
    other = sqlite3.connect(_file(sqlite), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    patient = connect(str(sqlite.engine.url))
    with pytest.raises(DatabaseUnavailable, match="another process is writing"):
        _write(patient)
    other.close()
    patient.close()


def test_a_mistake_in_a_statement_keeps_its_own_error(db: Database) -> None:
    with pytest.raises(IntegrityError), db.write() as connection:
        connection.execute(text("INSERT INTO brand (id) VALUES ('x')"))


def test_a_lost_session_is_a_sentence(postgres_url: str) -> None:
    db, other = connect(postgres_url), connect(postgres_url)
    with pytest.raises(DatabaseUnavailable, match=r"cannot be reached|stopping"), db.read() as mine:
        pid = mine.execute(text("SELECT pg_backend_pid()")).scalar_one()
        with other.read() as theirs:
            theirs.execute(text(f"SELECT pg_terminate_backend({pid}, 60000)"))
        mine.execute(text("SELECT 1"))
    assert rows(db, "SELECT 1") == [(1,)], "the next transaction connects again"
    db.close()
    other.close()


# --- two leaders ------------------------------------------------------------------------------


def test_a_deleted_lock_file_gives_no_second_leader(sqlite: Database, tmp_path: Path) -> None:
    first, second = LeaderLock(sqlite), LeaderLock(connect(str(sqlite.engine.url)))
    assert first.acquire()
    (tmp_path / "earful.db.leader").unlink()
    assert not second.acquire()
    assert first.is_held()
    assert (tmp_path / "earful.db.leader").exists(), "made and locked again"
    assert not second.acquire()
    first.release()
    assert second.acquire()
    second.release()


def test_a_second_path_gives_no_second_leader(sqlite: Database, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "link.db").symlink_to(_file(sqlite))
    second = LeaderLock(connect(f"sqlite:///{tmp_path / 'elsewhere' / 'link.db'}"))
    first = LeaderLock(sqlite)
    assert first.acquire()
    assert not second.acquire()
    first.release()


def test_leading_does_not_disturb_the_locks_of_sqlite(sqlite: Database) -> None:
    """SQLite's locks belong to the process, and closing another descriptor would drop them."""
    leader = LeaderLock(sqlite)
    with sqlite.write() as connection:
        connection.execute(text("DELETE FROM brand"))
        assert leader.acquire()
        leader.release()
        outside = (
            "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0, isolation_level=None)"
        )
        outside += ".execute('BEGIN IMMEDIATE')"
        held = subprocess.run(
            [sys.executable, "-c", outside, _file(sqlite)], capture_output=True, text=True
        )
        assert "database is locked" in held.stderr
