"""One scheduler at a time: a lock that the operating system or the database takes back on death."""

from __future__ import annotations

import fcntl
from contextlib import suppress
from pathlib import Path
from typing import IO

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from storage.database.engine import Database, DatabaseError, sqlite_path

_LEADER = 7041002


class LeaderLock:
    """Whoever holds this runs the schedule. Lost with the process, however it ends."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._held = False
        self._file: IO[str] | None = None
        self._connection: Connection | None = None

    def acquire(self) -> bool:
        """True when the lock is ours now; False when another process has it.

        Raises DatabaseError when the database cannot be asked.
        """
        try:
            file = sqlite_path(self._db)
            self._held = self._lock_file(file) if file else self._lock_session()
        except DBAPIError as error:
            why = " ".join(str(error.orig).split())
            raise DatabaseError(f"{self._db.redacted_url}: cannot be reached ({why})") from error
        return self._held

    def is_held(self) -> bool:
        """True while the lock is ours: a database session can be lost behind our back."""
        if self._connection is not None:
            try:
                self._connection.execute(text("SELECT 1"))
                self._connection.rollback()
            except DBAPIError:
                self._held = False
        return self._held

    def release(self) -> None:
        """Give the lock to whoever waits."""
        self._held = False
        if self._file is not None:
            self._file.close()
            self._file = None
        if self._connection is not None:
            with suppress(
                SQLAlchemyError
            ):  # said aloud, because a server sees a closed session late
                self._connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _LEADER})
            self._connection.invalidate()  # ends the session, and its lock with it
            self._connection.close()
            self._connection = None

    def _lock_file(self, path: Path) -> bool:
        file = path.with_name(path.name + ".leader").open("a", encoding="utf-8")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return False
        self._file = file
        return True

    def _lock_session(self) -> bool:
        connection = self._db.engine.connect()
        ours: bool = connection.execute(
            text("SELECT pg_try_advisory_lock(:key)"), {"key": _LEADER}
        ).scalar_one()
        connection.rollback()
        if not ours:
            connection.close()
            return False
        self._connection = connection
        return True
