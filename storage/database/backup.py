"""Copy an SQLite database while it is in use, and check the content of one."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from storage.database.engine import Database
from storage.database.errors import DatabaseError, damaged

_STEPS_PER_LOOK = 100_000  # steps of SQLite's virtual machine: about a millisecond


def back_up(db: Database, file: Path) -> int:
    """Write a complete copy of the database to ``file``; return its size in bytes.

    The copy appears whole or not at all, and other processes go on writing meanwhile. Raises
    DatabaseError for PostgreSQL, DatabaseDamaged when the copy cannot be read, and OSError when
    ``file`` exists or cannot be written.
    """
    if not db.sqlite:
        raise DatabaseError(
            f"{db.redacted_url}: PostgreSQL has a tool of its own for backups",
            hint=f"Run `pg_dump --format=custom --file={file} {db.redacted_url}`.",
        )
    if file.exists():
        raise FileExistsError(f"{file} exists already; name another file")
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        with db.as_sentences(), closing(_raw(db)) as source, closing(_open(part)) as copy:
            # one step: the copy is one moment of the database; in WAL mode no writer waits for it
            source.driver_connection.backup(copy)
            problem = _first_problem(copy, seconds=None)
        if problem:
            raise damaged(db.redacted_url, " ".join(problem.split()))
        with part.open("rb") as written:
            os.fsync(written.fileno())
        part.rename(file)
    except sqlite3.DatabaseError as error:
        raise DatabaseError(
            f"{file}: the copy could not be written ({error})", hint="Free some space there."
        ) from error
    finally:
        for rest in (part, part.with_name(part.name + "-wal"), part.with_name(part.name + "-shm")):
            rest.unlink(missing_ok=True)
    return file.stat().st_size


def find_damage(db: Database, *, seconds: float) -> str | None:
    """Return the first damage in SQLite's file, "" without any; None when ``seconds`` are over.

    PostgreSQL checks each page when it is read, so there the answer is "".
    """
    if not db.sqlite:
        return ""
    with db.as_sentences(), closing(_raw(db)) as connection:
        return _first_problem(connection.driver_connection, seconds=seconds)


def _raw(db: Database) -> Any:
    return db.engine.raw_connection()


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None)


def _first_problem(connection: sqlite3.Connection, *, seconds: float | None) -> str | None:
    end = None if seconds is None else time.monotonic() + seconds

    def is_late() -> bool:
        return end is not None and time.monotonic() > end

    connection.set_progress_handler(is_late, _STEPS_PER_LOOK)
    try:
        (problem,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.OperationalError:
        if is_late():
            return None
        raise
    except sqlite3.DatabaseError as error:
        return str(error)
    finally:
        connection.set_progress_handler(None, 0)
    return "" if problem == "ok" else str(problem)
