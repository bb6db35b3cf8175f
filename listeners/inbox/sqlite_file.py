"""Make and write the SQLite file of an inbox, readable by its user alone and safe on the disk."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

FILE = "inbox.sqlite3"
_PATIENCE = 20.0  # seconds to wait for another process that writes
_FULL = 1  # https://sqlite.org/pragma.html#pragma_auto_vacuum
_SECOND = 1_000_000  # row ids are microseconds
# SQLite keeps its locks per process, and closing any other descriptor of the file drops them
# (https://sqlite.org/howtocorrupt.html 2.2), so no file is opened while another is being made.
_opening = threading.Lock()


def open_database(folder: Path) -> sqlite3.Connection:
    """Open an inbox, and make a missing one that only its user can read.

    docs/decisions/collecting.md says which promise each setting keeps.
    """
    path = folder / FILE
    with _opening:
        if not path.exists():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            # not by SQLite, which would make the file readable for the group
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
            _sync_folder(folder)
        database = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=rw",
            uri=True,
            timeout=_PATIENCE,
            isolation_level=None,  # transactions begin where they are written
            check_same_thread=False,
        )
    database.text_factory = lambda data: data.decode("utf-8", "replace")
    try:
        # FULL would do without syncing the folder: after a power cut the deleted journal may be
        # there again, and take the last commit back (https://sqlite.org/pragma.html#pragma_synchronous)
        database.execute("PRAGMA synchronous = EXTRA")
        database.execute("PRAGMA secure_delete = ON")  # zeros instead of the words of a stranger
        # A burst does not leave a large file behind. Setting it again would be a transaction of its
        # own, and wait for the disk five times.
        if database.execute("PRAGMA auto_vacuum").fetchone() != (_FULL,):
            database.execute("PRAGMA auto_vacuum = FULL")
        # AUTOINCREMENT: no id is given twice, or the listener would take a new row for a stored one
        database.execute(
            "CREATE TABLE IF NOT EXISTS submission "
            "(id INTEGER PRIMARY KEY AUTOINCREMENT, line TEXT NOT NULL)"
        )
    except BaseException:
        database.close()
        raise
    return database


@contextmanager
def hold_turn(folder: Path) -> Iterator[None]:
    """Wait until no other process appends, and keep others waiting meanwhile."""
    # SQLite would ask in ever longer pauses: four busy writers kept one waiting for over 20 s.
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(number, fcntl.LOCK_EX)
        yield
    finally:
        os.close(number)


def _sync_folder(folder: Path) -> None:
    """Put the file's name on the disk too."""
    # Without it a power cut loses the whole file (fsync(2): the entry needs a sync of its own).
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


@contextmanager
def transaction(database: sqlite3.Connection) -> Iterator[None]:
    """Commit at the end of the block, or roll back if it fails."""
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise


def insert_rows(database: sqlite3.Connection, records: Iterable[str], at: datetime) -> None:
    """Add rows behind all others."""
    # Ids are microseconds, so that they also grow when a file was lost and another one begun.
    first = max(last_row(database) + 1, int(at.timestamp() * _SECOND))
    database.executemany(
        "INSERT INTO submission (id, line) VALUES (?, ?)", enumerate(records, first)
    )


def last_row(database: sqlite3.Connection) -> int:
    """Return the highest id ever given, also to rows that are deleted."""
    (last,) = database.execute("SELECT coalesce(max(seq), 0) FROM sqlite_sequence").fetchone()
    return int(last)


def hour_of_row(row: int, now: datetime) -> datetime:
    """Return the hour in which a row was written; its id is the time of writing."""
    written = datetime.fromtimestamp(min(row / _SECOND, now.timestamp()), UTC)
    return written.replace(minute=0, second=0, microsecond=0)
