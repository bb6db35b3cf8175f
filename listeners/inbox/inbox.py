"""Keep submissions between a service on the internet and the listener that empties it.

Each form and hook has a SQLite file of its own, with one row a submission. The service appends; the
listener reads the rows behind its position, and deletes them once the main database has them.
sqlite_file.py makes and writes the file.
"""

from __future__ import annotations

import errno
import json
import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, Field, OnErrorOmit

from earful.clock import Clock
from earful.command_name import command
from earful.contracts import TRIED_AGAIN, BadItem, Permanent, Transient
from earful.types import Batch, Mention, Rejected, Seen
from listeners.common.plain_text import clean
from listeners.common.position import Offset, Position, UtcInstant
from listeners.inbox import line_files, sqlite_file
from listeners.inbox.sqlite_file import FILE

_BATCH = 500  # rows stored at a time
_MAX_LINE = 1024 * 1024  # characters; the service takes less than that
_MAX_RAW = 500  # characters of an unreadable line that are stored to show
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
                sqlite_file.hold_turn(self._folder),
                closing(sqlite_file.open_database(self._folder)) as database,
                sqlite_file.transaction(database),
            ):
                sqlite_file.insert_rows(database, records, self._clock())
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
    with _edge_errors(folder):
        if _exists(folder):
            with closing(sqlite_file.open_database(folder)) as database:
                place = _clear(database, folder, place, now)
                for batch_place, batch in _read(database, folder, place, take):
                    yield batch
                    place = batch_place
    since = place.until or now
    seen = (Seen(since=since, until=now),) if since < now else ()
    yield Batch(mentions=(), position=place.model_copy(update={"until": now}).dump(), seen=seen)


def _exists(folder: Path) -> bool:
    """Return whether there is anything to read. OSError: the folder or its file is out of reach."""
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


@contextmanager
def _edge_errors(folder: Path) -> Iterator[None]:
    """Turn the errors of files and SQLite into Permanent and Transient."""
    try:
        yield
    except PermissionError as error:
        raise Permanent(
            f"{error.filename}: permission denied",
            hint=f"Run {command('feedback serve')} and what polls as the same user.",
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
            hint=f"Stop {command('feedback serve')}, move the file out of the way, "
            "and start it again.",
        ) from error


def count_waiting(folder: Path, position: str | None) -> int:
    """Return the number of submissions behind ``position``, and change nothing.

    Raises as ``read_batches`` does.
    """
    with _edge_errors(folder):
        if not _exists(folder) or not (folder / FILE).exists():
            return 0
        address = f"{(folder / FILE).absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, uri=True)) as database:
            row = _Place.load(position).row
            select = "SELECT count(*) FROM submission WHERE id > ?"
            (number,) = database.execute(select, (row,)).fetchone()
    return int(number)


def _clear(database: sqlite3.Connection, folder: Path, place: _Place, now: datetime) -> _Place:
    """Copy line files and delete stored rows; return the place to continue from."""
    _take_over(database, folder, place.read)
    if place.row > sqlite_file.last_row(database):  # the file was lost, and another one begun
        place = place.behind(0)
    database.execute("DELETE FROM submission WHERE id <= ?", (place.row,))
    (first,) = database.execute("SELECT min(id) FROM submission").fetchone()
    until = place.until or (first and sqlite_file.hour_of_row(first, now))
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
            with sqlite_file.transaction(database):
                records = (json.dumps(line) for line in file.lines())
                sqlite_file.insert_rows(database, records, line_files.hour_of(path.name))
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
    """Return the readable part of a bad line: the item as it was sent, if there."""
    try:
        values = json.loads(line)
    except (ValueError, RecursionError):
        values = None
    raw = values.get("raw") if isinstance(values, dict) else None
    return clean(raw if isinstance(raw, str) else line[: 4 * _MAX_RAW], _MAX_RAW)
