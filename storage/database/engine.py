"""Open a database: SQLite tuned for one writer and many readers, or PostgreSQL."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DBAPIError

from storage.database.errors import MAKE_WRITABLE, DatabaseUnavailable, damaged, translate
from storage.database.errors import DatabaseError as DatabaseError  # callers import it from here
from storage.database.file_identity import FileIdentity
from storage.database.utc import UnreadableInstant

Transaction = Connection  # callers only pass it back to storage, and run no SQL on it

_WRITE = "earful_write"
_SECRETS = ("password", "sslpassword")  # libpq also takes them as ?password=…
_BUSY_SECONDS = 30.0
_DURABLE = "FULL"
# an error would carry the statement's values into the log, whole mentions among them
_QUIET: dict[str, Any] = {"hide_parameters": True}


class Database:
    """Read in snapshots, and write one transaction at a time.

    Errors of the driver that a person can fix leave it as DatabaseError.
    """

    def __init__(self, engine: Engine, file: FileIdentity | None = None) -> None:
        self.engine = engine
        self._file = file
        self._writer = engine.execution_options(**{_WRITE: True})
        # PostgreSQL's default shows every statement another moment; SQLite's shows one anyway
        snapshot = {} if self.sqlite else {"isolation_level": "REPEATABLE READ"}
        self._reader = engine.execution_options(**snapshot)

    @property
    def sqlite(self) -> bool:
        """True on SQLite, False on PostgreSQL."""
        return self.engine.dialect.name == "sqlite"

    @property
    def redacted_url(self) -> str:
        """Return the URL without its passwords, also those in its query part."""
        url = self.engine.url.difference_update_query(_SECRETS)
        return url.render_as_string(hide_password=True)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a transaction that reads one snapshot of the database."""
        with self.as_sentences():
            self._check_file()
            with self._reader.connect() as connection, connection.begin():
                yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Open a transaction that takes the write lock first; all of it is committed, or none."""
        with self.as_sentences():
            self._check_file()
            with self._writer.begin() as connection:
                if not self.sqlite:
                    # The same order of writers as SQLite's single one, so that "is it new?" and
                    # the insert that follows see the same rows on both.
                    connection.execute(text("SELECT pg_advisory_xact_lock(7041001)"))
                yield connection

    @contextmanager
    def as_sentences(self) -> Iterator[None]:
        """Turn a driver's error that a person can fix into a DatabaseError."""
        try:
            yield
        except DBAPIError as error:
            sentence = translate(error, self.redacted_url)
            if sentence is None:
                raise
            raise sentence from error
        except (UnreadableInstant, UnicodeDecodeError) as error:
            if not _is_of_database(error):
                raise
            raise damaged(self.redacted_url, " ".join(str(error).split())) from error

    def check_files(self) -> None:
        """Raise DatabaseMoved when the open SQLite files are no longer those at their paths."""
        if self._file is not None:
            self._file.check()
            self._file.check_log()

    def _check_file(self) -> None:
        # docs/decisions/storage.md, "The open file is compared with its path": a transaction on a
        # file that was moved away would be lost
        if self._file is not None:
            self._file.check()

    def try_write(self) -> None:
        """Write to the database and change nothing; raises DatabaseError when that fails."""
        with self.write() as connection:
            if self.sqlite:
                version = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
                connection.exec_driver_sql(f"PRAGMA user_version = {version}")

    def overwrite_deleted(self) -> str:
        """Overwrite deleted rows in SQLite's files; return "" or why that failed.

        Rewrites the file and empties the write-ahead log, waiting half a minute for other readers
        and writers. PostgreSQL does this by itself (VACUUM).
        """
        if not self.sqlite:
            return ""
        connection = self.engine.raw_connection()
        try:
            cursor = connection.cursor()
            # VACUUM copies the whole database, which may not fit the memory
            cursor.execute("PRAGMA temp_store=FILE")
            cursor.execute("VACUUM")
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            ((busy, _, _),) = cursor.fetchall()
            cursor.execute("PRAGMA temp_store=MEMORY")
        except sqlite3.OperationalError as error:
            return str(error)
        finally:
            connection.close()
        return "another process was reading the database" if busy else ""

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def connect(url: str) -> Database:
    """Open ``url``: sqlite:///file or postgresql://user@host/name.

    Raises DatabaseError for a URL that cannot be parsed or another kind of database.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:  # ValueError: a port that is no number
        raise DatabaseError(
            "database_url cannot be read; write sqlite:///data/earful.db or "
            "postgresql://user@host/name"
        ) from error
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(parsed)
    if parsed.get_backend_name() == "postgresql":
        return Database(_postgresql(parsed))
    raise DatabaseError(
        f"database_url: {parsed.drivername!r} is not a database that Earful can use; "
        "use sqlite:/// or postgresql://"
    )


def _is_of_database(error: Exception) -> bool:
    """True unless the text that cannot be decoded came from elsewhere, such as a file."""
    if isinstance(error, UnreadableInstant):
        return True
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    module = "" if trace is None else str(trace.tb_frame.f_globals.get("__name__", ""))
    return module == __name__ or module.startswith("sqlalchemy")


def sqlite_path(database: Database) -> Path | None:
    """Return the file of an SQLite database; None on PostgreSQL."""
    name = database.engine.url.database
    return Path(name) if database.sqlite and name else None


def sqlite_file(url: str) -> Path | None:
    """Return the file that an SQLite URL names, without opening it; None for other URLs."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        return None
    is_sqlite = parsed.get_backend_name() == "sqlite"
    return Path(parsed.database) if is_sqlite and parsed.database else None


def _postgresql(url: URL) -> Engine:
    url = url.set(drivername="postgresql+psycopg")
    try:
        return create_engine(url, pool_pre_ping=True, **_QUIET)
    except ModuleNotFoundError as error:
        raise DatabaseError(
            "PostgreSQL needs its driver: pip install 'earful[postgres]'"
        ) from error


def _sqlite(url: URL) -> Database:
    if not url.database or url.database == ":memory:":
        # every thread would see a database of its own
        raise DatabaseError("database_url: SQLite needs a file; write sqlite:///data/earful.db")
    path = Path(url.database)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatabaseError(
            f"database_url: cannot make the folder {path.parent} ({error})"
        ) from error
    _check_names(path)
    # last in, first out: each connection has a cache of its own, and idle ones stay small
    engine = create_engine(
        url, connect_args={"timeout": _BUSY_SECONDS}, pool_use_lifo=True, **_QUIET
    )
    file = FileIdentity(path)

    def compare(_connection: sqlite3.Connection, _record: Any) -> None:
        # once it is open: the first connection makes a missing file
        file.check()

    event.listen(engine, "connect", _tune)
    event.listen(engine, "connect", compare)
    event.listen(engine, "begin", _begin)
    return Database(engine, file)


def _check_names(path: Path) -> None:
    """Refuse a file with two names (hard links): SQLite would keep a log beside each."""
    try:
        state = path.stat()
    except FileNotFoundError:
        return
    except OSError as error:
        raise DatabaseUnavailable(
            f"{path}: cannot be read ({error.strerror})",
            hint=MAKE_WRITABLE,
        ) from error
    if not stat.S_ISREG(state.st_mode):
        raise DatabaseError(
            f"{path}: is no file, so no database",
            hint="Name a file in database_url, as sqlite:///data/earful.db.",
        )
    if state.st_nlink > 1:
        raise DatabaseError(
            f"{path}: the file has {state.st_nlink} names (hard links), and work under two of them "
            "would damage it",
            hint=f"Delete the other name; `find / -samefile {path}` finds it.",
        )


def _tune(connection: sqlite3.Connection, _record: Any) -> None:
    # BEGIN is issued in _begin: the driver's own is never IMMEDIATE
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode=WAL")
    # FULL: a commit outlives a power cut. Files are removed, mails sent and money spent after a
    # commit, and NORMAL may lose the last ones (https://sqlite.org/pragma.html#pragma_synchronous).
    connection.execute(f"PRAGMA synchronous={_DURABLE}")
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA cache_size=-65536")
    connection.execute("PRAGMA temp_store=MEMORY")
    connection.execute("PRAGMA secure_delete=ON")  # deleted rows are overwritten with zeros


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITE, False)
    # IMMEDIATE waits for the write lock; a lock taken half-way through fails at once instead
    # (https://sqlite.org/lang_transaction.html)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
