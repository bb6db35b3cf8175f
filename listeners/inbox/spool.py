"""A folder that a service on the internet drops lines into, and a listener takes them out of.

One JSON object a line. Every process writes a file of its own for every hour and holds a lock on
it while it may still write (flock(2)); the lock dies with the process, however it dies. So a reader
knows a file that is closed, and a last line without a line end in it was never finished.
"""

from __future__ import annotations

import fcntl
import io
import json
import os
import re
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, Field, OnErrorOmit

from earful.clock import Clock
from earful.contracts import TRIED_AGAIN, BadItem, Permanent, Transient
from earful.types import Batch, Mention, Rejected, Seen
from listeners.common.plain_text import clean
from listeners.common.position import Offset, Position, UtcInstant
from listeners.files import lines as file_lines

_HOUR = "%Y%m%dT%H"
_NAME = re.compile(r"\d{8}T\d{2}-\d+-[0-9a-f]{8}\.jsonl")
_BATCH = 500  # lines stored at a time
_RAW = 500  # characters of a bad line that are kept to show

Take = Callable[[Mapping[str, Any]], Mention]  # a line as a Mention; raises BadItem
_Some = tuple[list[Mention], list[Rejected], int]  # what was read, and the byte behind it


class Spool:
    """The writing side; its methods may be called from several threads."""

    def __init__(self, folder: Path, *, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        self._lock = threading.Lock()
        self._file: int | None = None
        self._hour = ""
        self._good = 0  # bytes of whole lines in the file

    def append(self, lines: Iterable[Mapping[str, Any]]) -> None:
        """Keep all of the lines or none; they are on the disk when this returns.

        OSError: the disk is full or away. What was written of them is taken back.
        """
        # escaped to ASCII: no line end and no half of a surrogate pair can hide in a line
        data = b"".join(json.dumps(one).encode("ascii") + b"\n" for one in lines)
        with self._lock:
            file = self._open()
            try:
                _write(file, data)
                os.fsync(file)
            except OSError:
                with suppress(OSError):  # the reader passes over a line that was cut all the same
                    os.ftruncate(file, self._good)
                self._close()
                raise
            self._good += len(data)

    def roll(self) -> None:
        """Close the file of an hour that is over, so that it can be taken away."""
        with self._lock:
            if self._hour != self._now():
                self._close()

    def close(self) -> None:
        """Close the file in use; a later append opens another."""
        with self._lock:
            self._close()

    def _now(self) -> str:
        return self._clock().strftime(_HOUR)

    def _open(self) -> int:
        if self._file is not None and self._hour == self._now():
            return self._file
        self._close()
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._hour = self._now()
        while self._file is None:
            self._file = self._locked(f"{self._hour}-{os.getpid()}-{secrets.token_hex(4)}.jsonl")
        self._good = 0
        return self._file

    def _locked(self, name: str) -> int | None:
        """A new file under our lock; None when a reader took it away as empty just before."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
        file = os.open(self._folder / name, flags, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            if os.fstat(file).st_nlink:
                _sync_folder(self._folder)
                return file
        except OSError:
            os.close(file)
            raise
        os.close(file)
        return None

    def _close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _write(file: int, data: bytes) -> None:
    while data:
        data = data[os.write(file, data) :]


def _sync_folder(folder: Path) -> None:
    """The file's name has to be on the disk too, or a power cut loses the whole of it."""
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


class _Place(Position):
    """How many bytes of each file have been read, and the instant up to which all is: the hour of
    the first file until there is a better one, as that file may be gone by then."""

    model_config = ConfigDict(frozen=True)

    read: dict[str, OnErrorOmit[Offset]] = Field(default_factory=dict)
    until: UtcInstant | None = None

    def at(self, name: str, offset: int) -> _Place:
        """The place with one file read up to ``offset``."""
        return self.model_copy(update={"read": {**self.read, name: offset}})


def batches(folder: Path, position: str | None, *, now: datetime, take: Take) -> Iterator[Batch]:
    """What was dropped into ``folder`` behind ``position``, in batches; the last says Seen.

    Files that nobody writes any more and that ``position`` has passed are deleted first: what the
    database has and may have to forget does not stay here. Permanent: the folder cannot be read.
    Transient: the disk fails.
    """
    place = _Place.load(position)
    try:
        names = _names(folder)
        left = [one for one in names if not _taken_away(folder / one, place.read.get(one, 0))]
        place = _Place(
            read={name: place.read.get(name, 0) for name in left},
            until=place.until or (_hour_of(names[0]) if names else None),
        )
        for name in left:
            for mentions, rejected, offset in _read(folder / name, place.read[name], take):
                place = place.at(name, offset)
                yield Batch(
                    mentions=tuple(mentions),
                    position=place.dump(),
                    rejected=tuple(rejected),
                    more=True,
                )
    except PermissionError as error:
        raise Permanent(
            f"{error.filename}: permission denied; run `earful feedback serve` and what polls as "
            "the same user"
        ) from error
    except (NotADirectoryError, IsADirectoryError) as error:
        raise Permanent(f"{error.filename}: {error.strerror}; move it out of the way") from error
    except OSError as error:
        raise Transient(f"{folder}: {error.strerror or error}", hint=TRIED_AGAIN) from error
    since = place.until or now
    seen = (Seen(since=since, until=now),) if since < now else ()
    yield Batch(mentions=(), position=_Place(read=place.read, until=now).dump(), seen=seen)


def _hour_of(name: str) -> datetime:
    return datetime.strptime(name[:11], _HOUR).replace(tzinfo=UTC)


def _names(folder: Path) -> list[str]:
    try:
        return sorted(one.name for one in folder.iterdir() if _NAME.fullmatch(one.name))
    except FileNotFoundError:  # nobody has written anything yet
        return []


def _closed(file: io.BufferedReader) -> bool:
    """Whether no process can write to it any more; then we hold it until we close it."""
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _taken_away(path: Path, read: int) -> bool:
    """Delete a closed file of which everything was stored; gives whether it is gone."""
    with path.open("rb") as file:
        if not _closed(file) or os.fstat(file.fileno()).st_size > read:
            return False
        path.unlink()
        return True


def _read(path: Path, offset: int, take: Take) -> Iterator[_Some]:
    """The lines of one file from ``offset`` on; an unfinished last one waits while it may grow."""
    with path.open("rb") as file:
        closed = _closed(file)  # asked first: afterwards nothing can be added unseen
        file.seek(offset)
        mentions: list[Mention] = []
        rejected: list[Rejected] = []
        for record in file_lines.json_records(file_lines.lines(file, 1, offset), "utf-8"):
            if not record.is_closed and not closed:
                break
            try:
                mentions.append(_taken(record, take))
            except BadItem as error:
                rejected.append(_told(path, offset, record, error))
            offset = record.last.end
            if len(mentions) + len(rejected) >= _BATCH:
                yield mentions, rejected, offset
                mentions, rejected = [], []
        end = os.fstat(file.fileno()).st_size if closed else offset  # blank lines may be left
    if mentions or rejected or end > offset:
        yield mentions, rejected, end


def _taken(record: file_lines.Record, take: Take) -> Mention:
    if not record.is_closed:
        raise BadItem("the service ended while it wrote this line; nobody was told that it is kept")
    if record.values is None:
        raise BadItem(record.reason)
    if "rejected" in record.values:
        raise BadItem(str(record.values["rejected"]))
    return take(record.values)


def _told(path: Path, offset: int, record: file_lines.Record, why: BadItem) -> Rejected:
    raw = (record.values or {}).get("raw")
    shown = raw if isinstance(raw, str) else record.first.data[: 4 * _RAW].decode(errors="replace")
    return Rejected(
        where=f"{path.parent.name}/{path.name} from byte {offset}",
        reason=str(why),
        raw=clean(shown, _RAW),
    )
