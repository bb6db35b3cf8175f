"""The source "folder": every file of rows in a folder, read as "replay" reads one file.

Files are read in the order of their names, each once. A file that has grown is read on, a replaced
file is read from its start. Names of temporary files show that they are still being written; they
are skipped until they are renamed.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatch
from pathlib import Path
from typing import Annotated, ClassVar, NamedTuple

from pydantic import BaseModel, Field, OnErrorOmit

from earful.contracts import Permanent, Transient
from earful.types import Batch, Mention, Query, Rejected
from listeners.common.base import SourceListener
from listeners.common.options import read_options
from listeners.common.position import Position
from listeners.files.file_options import is_data_name
from listeners.files.replay import ReplayOptions, RowOptions, SourceName, read_rows

# each file takes some 150 bytes of the position
_MAX_FILES = 5000
_TEMPORARY = (".part", ".partial", ".tmp", ".temp", ".crdownload", ".filepart", ".swp", "~")


class FolderOptions(RowOptions):
    """The ``options`` of a [[listen]] block with source = "folder"; see docs/sources/folder.md."""

    names: str = "*"
    source_as: SourceName = "folder"


_StrictInt = Annotated[int, Field(strict=True)]


class _ReadFile(NamedTuple):
    """A file's size and time of change when it was read to its end, and the position in it.

    ``size`` and ``changed`` are -1 until its end was reached; ``changed`` is in nanoseconds.
    """

    size: _StrictInt
    changed: _StrictInt
    position: str | None


_UNREAD = _ReadFile(size=-1, changed=-1, position=None)
_NO_ROWS = Batch(mentions=(), position=None)


class _FolderPosition(Position):
    """The files of the folder by their names."""

    files: dict[str, OnErrorOmit[_ReadFile]] = Field(default_factory=dict)


class Folder(SourceListener):
    """Read the files of a folder."""

    name: ClassVar[str] = "folder"
    Options: ClassVar[type[BaseModel]] = FolderOptions
    handles_have_at: ClassVar[bool] = False
    _instant = datetime.min.replace(tzinfo=UTC)

    def poll(self, query: Query, position: str | None) -> Iterator[Batch]:
        """Yield the rows of files that are new, or have grown, since ``position``.

        An unreadable file is reported once as Rejected, and read again when it has changed. After
        an error of the disk or a permission it is read again at every poll. The other files go on.
        Permanent: there is no such folder, or it holds too many files.
        """
        options = read_options(FolderOptions, query)
        state = _FolderPosition.load(position)
        stored = state.files
        listing = _list_files(options)
        files = state.files = {path.name: stored.get(path.name, _UNREAD) for path, _ in listing}
        pending = _PendingBatch()
        for path, fingerprint in listing:
            if (files[path.name].size, files[path.name].changed) == fingerprint:
                continue
            for batch, place in self._read_file(path, fingerprint, options, files[path.name]):
                if pending.shares_ids(batch, path):
                    # two readings of one id are an edit, so they need a batch each
                    yield pending.pop(state.dump(), has_more=True)
                files[path.name] = place
                pending.add(batch, path)
                # small files share a batch: a position names every file of the folder
                # a file that has more may be a long one without rows: the poll may stop here
                if batch.more or pending.size() >= options.batch:
                    yield pending.pop(state.dump(), has_more=True)
        yield pending.pop(state.dump(), has_more=False)

    def _read_file(
        self,
        path: Path,
        fingerprint: tuple[int, int],
        options: FolderOptions,
        start: _ReadFile,
    ) -> Iterator[tuple[Batch, _ReadFile]]:
        """Yield the file's batches with the place behind each; the last one is the file's end."""
        shared = options.model_dump(exclude_unset=True, exclude={"path", "names"})
        file_options = ReplayOptions.model_validate(
            {**shared, "source_as": options.source_name(), "path": path}
        )
        size, changed = fingerprint
        place = _UNREAD._replace(position=start.position)
        try:
            for batch in read_rows(file_options, self._next_instant(), start.position):
                place = _UNREAD._replace(position=batch.position)
                rejected = tuple(
                    replace(row, where=f"{path.name} {row.where}") for row in batch.rejected
                )
                yield replace(batch, rejected=rejected), place
        except (Permanent, Transient) as error:
            # a permission or a disk can come back without any change of the file
            if not _is_refused_by_system(error):
                place = place._replace(size=size, changed=changed)
            failure = Rejected(where=path.name, reason=str(error))
            yield Batch(mentions=(), position=None, rejected=(failure,)), place
            return
        yield _NO_ROWS, place._replace(size=size, changed=changed)

    def _next_instant(self) -> datetime:
        """Return the time now, and never one twice: it tells which rows are of one reading."""
        self._instant = max(self._clock(), self._instant + timedelta(microseconds=1))
        return self._instant


class _PendingBatch:
    """Collect the rows of small files until they fill a batch."""

    def __init__(self) -> None:
        self._mentions: list[Mention] = []
        self._rejected: list[Rejected] = []
        self._left_out: Counter[str] = Counter()
        self._assumed: Counter[str] = Counter()
        self._files: dict[tuple[str, str], Path] = {}

    def size(self) -> int:
        return len(self._mentions) + len(self._rejected) + self._left_out.total()

    def shares_ids(self, batch: Batch, path: Path) -> bool:
        """Return whether a mention of another file has the id of one in ``batch``."""
        return any(
            self._files.get((mention.source, mention.external_id), path) != path
            for mention in batch.mentions
        )

    def add(self, batch: Batch, path: Path) -> None:
        self._files.update(
            dict.fromkeys(((each.source, each.external_id) for each in batch.mentions), path)
        )
        self._assumed.update(batch.assumed)
        self._mentions += batch.mentions
        self._rejected += batch.rejected
        self._left_out.update(batch.left_out)

    def pop(self, position: str, *, has_more: bool) -> Batch:
        """Remove all rows and return them as one batch."""
        mentions, rejected = tuple(self._mentions), tuple(self._rejected)
        left_out, assumed = dict(self._left_out), dict(self._assumed)
        self._mentions, self._rejected, self._files = [], [], {}
        self._left_out, self._assumed = Counter(), Counter()
        return Batch(
            mentions=mentions,
            position=position,
            rejected=rejected,
            left_out=left_out,
            assumed=assumed,
            is_file=True,
            more=has_more,
        )


def _is_refused_by_system(error: Exception) -> bool:
    """Return whether a permission or an absent disk caused the error; then no file changes."""
    cause = error.__cause__
    return isinstance(cause, OSError) and cause.errno is not None


def _list_files(options: FolderOptions) -> list[tuple[Path, tuple[int, int]]]:
    """Return the files to read, by name, each with its size and its time of change."""
    try:
        with os.scandir(options.path) as entries:
            chosen = [entry for entry in entries if _is_wanted(Path(entry.path), options)]
    except FileNotFoundError as error:
        raise Permanent(
            f"{options.path}: there is no such folder", hint="Check the option path."
        ) from error
    except OSError as error:
        raise Permanent(
            f"{options.path}: {error.strerror}", hint="Check the option path."
        ) from error
    fingerprints = ((Path(entry.path), _fingerprint(entry)) for entry in chosen)
    files = [(path, fingerprint) for path, fingerprint in fingerprints if fingerprint is not None]
    if len(files) > _MAX_FILES:
        raise Permanent(
            f"{options.path}: it holds {len(files):,} files, and Earful can keep track of "
            f"{_MAX_FILES:,}",
            hint="Move files that were read into another folder.",
        )
    return sorted(files)


def _fingerprint(entry: os.DirEntry[str]) -> tuple[int, int] | None:
    """Return a file's size and time of change; None for a folder, or a file just deleted."""
    try:
        if not entry.is_file():
            return None
        status = entry.stat()
    except FileNotFoundError:
        return None
    except OSError:
        # a circular or a forbidden link: reading it reports which
        return 0, 0
    return status.st_size, status.st_mtime_ns


def _is_wanted(path: Path, options: FolderOptions) -> bool:
    name = path.name
    if name.startswith((".", "~")) or name.lower().endswith(_TEMPORARY):
        return False
    if options.rejects is not None and path.absolute() == options.rejects.absolute():
        return False
    return fnmatch(name, options.names) and (options.format is not None or is_data_name(path))
