"""Allow one scheduler at a time, by a lock that ends with its process.

The operating system or PostgreSQL (a session's advisory lock) takes it back, however the process
ends. Beside SQLite there are two: a lock file, and on Linux a lock on the database file itself.
The second one holds when the lock file is deleted, and under every path that leads to the file.
"""

from __future__ import annotations

import fcntl
import os
import struct
from contextlib import suppress
from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from storage.database.engine import Database, sqlite_path
from storage.database.errors import DatabaseUnavailable

# not the key of the writers' lock (storage/database/engine.py): advisory locks share one space of
# keys in a database (https://www.postgresql.org/docs/current/explicit-locking.html)
_LOCK_KEY = 7041002
# far behind the bytes that SQLite locks (1 GiB) and behind every page of a database
_LOCKED_BYTE = 1 << 62
# Linux alone: a lock that belongs to the open file, where SQLite's own belong to the process
# (https://man7.org/linux/man-pages/man2/fcntl_locking.2.html, "Open file description locks")
_SET_LOCK: int | None = getattr(fcntl, "F_OFD_SETLK", None)
# Descriptors of database files by (device, inode). They stay open for the life of the process:
# closing one would drop SQLite's own locks (https://sqlite.org/howtocorrupt.html, section 2.2).
_free_descriptors: dict[tuple[int, int], list[int]] = {}


def lock_path(database: Path) -> Path:
    """Return the lock file of a database. It stays when the schedule ends."""
    # resolved: two paths to one file share its lock file, as they share its log
    file = database.resolve()
    return file.with_name(file.name + ".leader")


class LeaderLock:
    """The lock of the process that runs the schedule."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._held = False
        self._path = sqlite_path(db)
        self._lock_file: int | None = None
        self._database_lock: int | None = None
        self._connection: Connection | None = None

    def acquire(self) -> bool:
        """Try to take the lock; False when another process has it.

        Raises DatabaseError when the database cannot be reached.
        """
        with self._db.as_sentences():
            self._held = self._lock_session() if self._path is None else self._lock_files()
        return self._held

    def is_held(self) -> bool:
        """True while this process has the lock.

        A lost database session loses it. A lock file that was deleted is made and locked again.
        """
        if self._connection is not None:
            try:
                self._connection.execute(text("SELECT 1"))
                self._connection.rollback()
            except DBAPIError:
                self._held = False
        if self._held and self._path is not None and not self._is_lock_file_ours():
            self._release_lock_file()
            self._held = self._take_lock_file()
        return self._held

    def release(self) -> None:
        """Release the lock, so that a waiting process can take it."""
        self._held = False
        self._release_lock_file()
        if self._database_lock is not None:
            _set_lock(self._database_lock, fcntl.F_UNLCK)
            _keep_for_later(self._database_lock)
            self._database_lock = None
        if self._connection is not None:
            # unlock explicitly: a server notices a closed session late
            with suppress(SQLAlchemyError):
                self._connection.execute(
                    text("SELECT pg_advisory_unlock(:key)"), {"key": _LOCK_KEY}
                )
            self._connection.invalidate()  # ends the session, and its lock with it
            self._connection.close()
            self._connection = None

    def _lock_files(self) -> bool:
        self.release()
        if not self._take_lock_file():
            return False
        if self._take_database_lock():
            return True
        self._release_lock_file()
        return False

    def _take_lock_file(self) -> bool:
        assert self._path is not None
        path = lock_path(self._path)
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise DatabaseUnavailable(
                f"{path}: cannot be written ({error.strerror})",
                hint="Let this user write to the folder of the database.",
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._lock_file = descriptor
        # deleted between open and flock: another process may lock the next file of that name
        if self._is_lock_file_ours():
            return True
        self._release_lock_file()
        return False

    def _is_lock_file_ours(self) -> bool:
        """True when the path still names the file that is locked."""
        if self._lock_file is None or self._path is None:
            return False
        try:
            return os.path.samestat(os.fstat(self._lock_file), lock_path(self._path).stat())
        except OSError:
            return False

    def _release_lock_file(self) -> None:
        if self._lock_file is not None:
            os.close(self._lock_file)
            self._lock_file = None

    def _take_database_lock(self) -> bool:
        """Lock a byte of the database file; True also where the system cannot."""
        assert self._path is not None
        if _SET_LOCK is None:
            return True
        try:
            descriptor = _descriptor_of(self._path)
        except OSError:  # opening the database names the cause
            return True
        try:
            _set_lock(descriptor, fcntl.F_WRLCK)
        except BlockingIOError:
            _keep_for_later(descriptor)
            return False
        except OSError:  # a network share without such locks
            _keep_for_later(descriptor)
            return True
        self._database_lock = descriptor
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


def _descriptor_of(path: Path) -> int:
    """Open the file, or take a descriptor of it that is free."""
    state = path.stat()
    free = _free_descriptors.get((state.st_dev, state.st_ino))
    return free.pop() if free else os.open(path, os.O_RDWR)


def _keep_for_later(descriptor: int) -> None:
    state = os.fstat(descriptor)
    _free_descriptors.setdefault((state.st_dev, state.st_ino), []).append(descriptor)


def _set_lock(descriptor: int, kind: int) -> None:
    """Lock or unlock a byte; BlockingIOError when another holds it."""
    assert _SET_LOCK is not None
    # struct flock: type, whence, start, length, pid, which must be 0 for this kind of lock
    fcntl.fcntl(
        descriptor, _SET_LOCK, struct.pack("hhqqi4x", kind, os.SEEK_SET, _LOCKED_BYTE, 1, 0)
    )
