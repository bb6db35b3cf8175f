"""Allow one scheduler at a time, by a lock that ends with its process.

The operating system (a file lock beside SQLite) or PostgreSQL (a session's advisory lock) takes it
back, however the process ends.
"""

from __future__ import annotations

import fcntl
from contextlib import suppress
from pathlib import Path
from typing import IO

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from storage.database.engine import Database, DatabaseError, sqlite_path

# not the key of the writers' lock (storage/database/engine.py): advisory locks share one space of
# keys in a database (https://www.postgresql.org/docs/current/explicit-locking.html)
_LOCK_KEY = 7041002


class LeaderLock:
    """The lock of the process that runs the schedule."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._held = False
        self._file: IO[str] | None = None
        self._connection: Connection | None = None

    def acquire(self) -> bool:
        """Try to take the lock; False when another process has it.

        Raises DatabaseError when the database cannot be reached.
        """
        try:
            file = sqlite_path(self._db)
            self._held = self._lock_file(file) if file else self._lock_session()
        except DBAPIError as error:
            reason = " ".join(str(error.orig).split())
            raise DatabaseError(f"{self._db.redacted_url}: cannot be reached ({reason})") from error
        return self._held

    def is_held(self) -> bool:
        """True while this process has the lock; a lost database session loses it."""
        if self._connection is not None:
            try:
                self._connection.execute(text("SELECT 1"))
                self._connection.rollback()
            except DBAPIError:
                self._held = False
        return self._held

    def release(self) -> None:
        """Release the lock, so that a waiting process can take it."""
        self._held = False
        if self._file is not None:
            self._file.close()
            self._file = None
        if self._connection is not None:
            # unlock explicitly: a server notices a closed session late
            with suppress(SQLAlchemyError):
                self._connection.execute(
                    text("SELECT pg_advisory_unlock(:key)"), {"key": _LOCK_KEY}
                )
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
            text("SELECT pg_try_advisory_lock(:key)"), {"key": _LOCK_KEY}
        ).scalar_one()
        connection.rollback()
        if not ours:
            connection.close()
            return False
        self._connection = connection
        return True
