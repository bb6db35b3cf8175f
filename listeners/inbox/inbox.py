"""A small database between a service on the internet and the listener that empties it.

Each form and hook has a SQLite file of its own, with one row a submission. The service appends; the
listener reads the rows behind its position, and deletes them once the main database has them.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, Field, OnErrorOmit

from earful.clock import Clock
from earful.contracts import TRIED_AGAIN, BadItem, Permanent, Transient
from earful.types import Batch, Mention, Rejected, Seen
from listeners.common.plain_text import clean
from listeners.common.position import Offset, Position, UtcInstant
from listeners.inbox import line_files

FILE = "inbox.sqlite3"
_BATCH = 500  # rows stored at a time
_MAX_LINE = 1024 * 1024  # characters; the service takes less than that
_MAX_RAW = 500  # characters of an unreadable line that are stored to show
_PATIENCE = 20.0  # seconds to wait for another process that writes
_SECOND = 1_000_000  # row ids are microseconds
# SQLite keeps its locks per process, and closing any other descriptor of the file drops them
# (https://sqlite.org/howtocorrupt.html 2.2), so no file is opened while another is being made.
_opening = threading.Lock()

Take = Callable[[Mapping[str, Any]], Mention]  # turns a line into a Mention; raises BadItem


class Inbox:
    """The service's side of one inbox; several threads and processes may append."""

    def __init__(self, folder: Path, *, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        self._lock = threading.Lock()  # threads queue here, instead of asking SQLite in turns

    def append(self, lines: Iterable[Mapping[str, Any]]) -> None:
        """Store all of the lines or none; they are on the disk when this returns.

        OSError: the disk is full or gone, or another process holds the file.
        """
        # escaped to ASCII, because SQLite's text cannot hold half of a surrogate pair
        records = [json.dumps(line) for line in lines]
        try:
            with (
                self._lock,
                _turn(self._folder),
                closing(_create(self._folder)) as database,
                _transaction(database),
            ):
                _insert(database, records, self._clock())
        except sqlite3.Error as error:
            raise OSError(errno.EIO, str(error), str(self._folder / FILE)) from error


class _Place(Position):
    """The last row that the main database has, and the instant up to which all is seen.

    ``read`` is of a position from an earlier version: the bytes read of each line file.
    """

    model_config = ConfigDict(frozen=True)

    row: Offset = 0
    until: UtcInstant | None = None
    read: dict[str, OnErrorOmit[Offset]] = Field(default_factory=dict)

    def behind(self, row: int) -> _Place:
        return self.model_copy(update={"row": row})


def read_batches(
    folder: Path, position: str | None, *, now: datetime, take: Take
) -> Iterator[Batch]:
    """Yield the submissions behind ``position`` in batches; the last batch carries Seen.

    1. Move the line files of earlier versions to the database.
    2. Delete the rows that the position has passed: they are stored, so erasing a person has to
       find them in the main database alone.
    3. Yield the rows behind the position, oldest first, each batch with its own position.
    4. Yield an empty batch that says up to when all is seen.

    Permanent: the folder cannot be read. Transient: the disk fails, or the file is busy.
    """
    place = _Place.load(position)
    try:
        if _exists(folder):
            with closing(_create(folder)) as database:
                place = _clear(database, folder, place, now)
                for batch_place, batch in _read(database, folder, place, take):
                    yield batch
                    place = batch_place
    except PermissionError as error:
        raise Permanent(
            f"{error.filename}: permission denied",
            hint="Run `earful feedback serve` and what polls as the same user.",
        ) from error
    except (NotADirectoryError, IsADirectoryError, FileExistsError) as error:
        raise Permanent(
            f"{error.filename}: {error.strerror}", hint="Move it out of the way."
        ) from error
    except OSError as error:
        raise Transient(f"{folder}: {error.strerror or error}", hint=TRIED_AGAIN) from error
    except sqlite3.OperationalError as error:
        raise Transient(f"{folder / FILE}: {error}", hint=TRIED_AGAIN) from error
    except sqlite3.DatabaseError as error:
        raise Permanent(
            f"{folder / FILE}: {error}",
            hint="Stop `earful feedback serve`, move the file out of the way, and start it again.",
        ) from error
    since = place.until or now
    seen = (Seen(since=since, until=now),) if since < now else ()
    yield Batch(mentions=(), position=place.model_copy(update={"until": now}).dump(), seen=seen)


def _exists(folder: Path) -> bool:
    """True when there is anything to read. OSError: the folder or its file is out of reach."""
    try:
        names = {path.name for path in folder.iterdir()}
    except FileNotFoundError:  # the service has not written anything yet
        return False
    path = folder / FILE
    if FILE in names and not os.access(path, os.R_OK | os.W_OK):  # SQLite would not say why
        raise PermissionError(errno.EACCES, "permission denied", str(path))
    if not os.access(folder, os.W_OK):  # SQLite keeps its journal beside the file
        raise PermissionError(errno.EACCES, "permission denied", str(folder))
    return FILE in names or any(map(line_files.is_line_file, names))


def _clear(database: sqlite3.Connection, folder: Path, place: _Place, now: datetime) -> _Place:
    """Take over line files and delete stored rows; return the place to read on from."""
    _take_over(database, folder, place.read)
    if place.row > _last_row(database):  # the file was lost, and another one begun
        place = place.behind(0)
    database.execute("DELETE FROM submission WHERE id <= ?", (place.row,))
    (first,) = database.execute("SELECT min(id) FROM submission").fetchone()
    until = place.until or (first and _hour_of(first, now))
    return place.model_copy(update={"read": {}, "until": until})


def _take_over(database: sqlite3.Connection, folder: Path, stored: Mapping[str, int]) -> None:
    """Copy each line of the line files once; delete a file that no service writes any more.

    ``stored`` are the bytes of each file that the main database has already.
    """
    paths = line_files.in_folder(folder)
    if paths:
        database.execute(
            "CREATE TABLE IF NOT EXISTS line_file (name TEXT PRIMARY KEY, offset INTEGER NOT NULL)"
        )
    for path in paths:
        query = "SELECT offset FROM line_file WHERE name = ?"
        copied = database.execute(query, (path.name,)).fetchone()
        offset = copied[0] if copied else stored.get(path.name, 0)
        with line_files.opened(path, offset) as file:
            with _transaction(database):
                records = (json.dumps(line) for line in file.lines())
                _insert(database, records, line_files.hour_of(path.name))
                database.execute(
                    "INSERT OR REPLACE INTO line_file VALUES (?, ?)", (path.name, file.offset)
                )
            if file.closed:
                path.unlink()


def _read(
    database: sqlite3.Connection, folder: Path, place: _Place, take: Take
) -> Iterator[tuple[_Place, Batch]]:
    while True:
        mentions: list[Mention] = []
        rejected: list[Rejected] = []
        row = place.row
        # no statement is open when a batch is yielded, so that the service can write meanwhile
        for row, line in database.execute(
            "SELECT id, substr(line, 1, ?) FROM submission WHERE id > ? ORDER BY id LIMIT ?",
            (_MAX_LINE, place.row, _BATCH),
        ):
            try:
                mentions.append(_mention(line, take))
            except BadItem as error:
                place_of_row = f"{folder.name}/{FILE} row {row}"
                rejected.append(Rejected(where=place_of_row, reason=str(error), raw=_raw(line)))
        if row == place.row:
            return
        place = place.behind(row)
        yield (
            place,
            Batch(
                mentions=tuple(mentions),
                position=place.dump(),
                rejected=tuple(rejected),
                more=True,
            ),
        )


def _mention(line: str, take: Take) -> Mention:
    try:
        values = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadItem(f"it is not JSON ({str(error)[:120]})") from error
    if not isinstance(values, dict):
        raise BadItem("it is JSON, but no object {…}")
    if "rejected" in values:
        raise BadItem(str(values["rejected"]))
    return take(values)


def _raw(line: str) -> str:
    """The part of an unreadable line that helps a person: the item as it was sent, if there."""
    try:
        values = json.loads(line)
    except (ValueError, RecursionError):
        values = None
    raw = values.get("raw") if isinstance(values, dict) else None
    return clean(raw if isinstance(raw, str) else line[: 4 * _MAX_RAW], _MAX_RAW)


def _hour_of(row: int, now: datetime) -> datetime:
    """The hour in which a row was written; its id is the time of writing."""
    written = datetime.fromtimestamp(min(row / _SECOND, now.timestamp()), UTC)
    return written.replace(minute=0, second=0, microsecond=0)


def _create(folder: Path) -> sqlite3.Connection:
    """Open the inbox, made when it is missing, so that only its user can read it.

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
        database.execute("PRAGMA auto_vacuum = FULL")  # a burst does not leave a large file behind
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
def _turn(folder: Path) -> Iterator[None]:
    """Wait until no other process appends. SQLite would ask in ever longer pauses instead, and
    four busy writers kept one of them waiting for over 20 s."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(number, fcntl.LOCK_EX)
        yield
    finally:
        os.close(number)


def _sync_folder(folder: Path) -> None:
    """Put the file's name on the disk too, or a power cut loses the whole file."""
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


@contextmanager
def _transaction(database: sqlite3.Connection) -> Iterator[None]:
    """Commit at the end of the block; take everything back if it fails."""
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise


def _insert(database: sqlite3.Connection, records: Iterable[str], at: datetime) -> None:
    """Add rows behind all others. Ids are microseconds, so that they grow over lost files too."""
    first = max(_last_row(database) + 1, int(at.timestamp() * _SECOND))
    database.executemany(
        "INSERT INTO submission (id, line) VALUES (?, ?)", enumerate(records, first)
    )


def _last_row(database: sqlite3.Connection) -> int:
    """The highest id ever given, also to rows that are deleted."""
    (last,) = database.execute("SELECT coalesce(max(seq), 0) FROM sqlite_sequence").fetchone()
    return int(last)
