"""The source "folder": every file of rows that is put into a folder, as "replay" reads a file.

Files are read in the order of their names, each once; one that has grown is read on, one that was
replaced is read anew. Files that are still being written are known by their names: temporary ones
are left alone until they are renamed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Annotated, ClassVar, NamedTuple

from pydantic import BaseModel, Field, OnErrorOmit

from earful.contracts import Permanent, Transient
from earful.types import Batch, Mention, Query, Rejected
from listeners.common.base import SourceListener
from listeners.common.options import read
from listeners.common.position import Position
from listeners.files.replay import ReplayOptions, RowOptions, SourceName, kind_of, rows

_MOST_FILES = 5000  # each takes some 150 bytes of the position
_TEMPORARY = (".part", ".partial", ".tmp", ".temp", ".crdownload", ".filepart", ".swp", "~")


class FolderOptions(RowOptions):
    """``options`` of a [[listen]] block with source = "folder"; see docs/sources/folder.md."""

    path: Path
    names: str = "*"
    source_as: SourceName = "folder"


_StrictInt = Annotated[int, Field(strict=True)]


class _Known(NamedTuple):
    """A file that was read: how it looked when it was read to its end (``size`` -1: not yet), and
    the position in it."""

    size: _StrictInt
    changed: _StrictInt
    place: str | None


_UNREAD = _Known(size=-1, changed=-1, place=None)


class _Position(Position):
    """Every file of the folder by its name."""

    files: dict[str, OnErrorOmit[_Known]] = Field(default_factory=dict)


class Folder(SourceListener):
    """Reads the files of a folder."""

    name: ClassVar[str] = "folder"
    Options: ClassVar[type[BaseModel]] = FolderOptions
    handles_have_at: ClassVar[bool] = False

    def poll(self, query: Query, position: str | None) -> Iterator[Batch]:
        """The rows of files that are new, or have grown, since ``position``.

        A file that cannot be read is told of as Rejected, once, and looked at again when it has
        changed, or at every look when it was the disk or a permission that was wrong; the others
        go on. Permanent: there is no such folder, or it holds too many files.
        """
        options = read(FolderOptions, query)
        reached = _Position.load(position)
        stored = reached.files
        found = _listed(options)
        known = reached.files = {path.name: stored.get(path.name, _UNREAD) for path, _ in found}
        held = _Held()
        for path, look in found:
            if (known[path.name].size, known[path.name].changed) == look:
                continue
            for batch in self._file(path, look, options, known):
                held.add(batch)
                # small files share a batch: a position names every file of the folder
                if held.size() >= options.batch:
                    yield held.given(reached.dump(), more=True)
        yield held.given(reached.dump(), more=False)

    def _file(
        self,
        path: Path,
        look: tuple[int, int],
        options: FolderOptions,
        known: dict[str, _Known],
    ) -> Iterator[Batch]:
        """The file's batches; ``known`` says before each one how far the file is read with it."""
        shared = options.model_dump(exclude_unset=True, exclude={"path", "names"})
        one = ReplayOptions.model_validate({**shared, "source_as": options.source_as, "path": path})
        read_to_its_end = _Known(size=look[0], changed=look[1], place=known[path.name].place)
        try:
            for batch in rows(one, self._clock(), known[path.name].place):
                known[path.name] = _UNREAD._replace(place=batch.position)
                read_to_its_end = read_to_its_end._replace(place=batch.position)
                told = tuple(
                    replace(one, where=f"{path.name} {one.where}") for one in batch.rejected
                )
                yield replace(batch, rejected=told)
        except (Permanent, Transient) as error:
            if not _may_pass(error):
                known[path.name] = read_to_its_end
            trouble = Rejected(where=path.name, reason=str(error))
            yield Batch(mentions=(), position=None, rejected=(trouble,))
            return
        known[path.name] = read_to_its_end


class _Held:
    """What was read and is not given yet."""

    def __init__(self) -> None:
        self._mentions: list[Mention] = []
        self._rejected: list[Rejected] = []

    def size(self) -> int:
        return len(self._mentions) + len(self._rejected)

    def add(self, batch: Batch) -> None:
        self._mentions += batch.mentions
        self._rejected += batch.rejected

    def given(self, position: str, *, more: bool) -> Batch:
        """All of it, as one batch."""
        mentions, rejected = tuple(self._mentions), tuple(self._rejected)
        self._mentions, self._rejected = [], []
        return Batch(mentions=mentions, position=position, rejected=rejected, more=more)


def _may_pass(error: Exception) -> bool:
    """Whether the system refused (a permission, a disk that was away), which changes no file."""
    cause = error.__cause__
    return isinstance(cause, OSError) and cause.errno is not None


def _listed(options: FolderOptions) -> list[tuple[Path, tuple[int, int]]]:
    """The files to read, by name, each with its size and the time when it was changed."""
    try:
        with os.scandir(options.path) as entries:
            wanted = [entry for entry in entries if _wanted(Path(entry.path), options)]
    except FileNotFoundError as error:
        raise Permanent(
            f"{options.path}: there is no such folder; check the option path"
        ) from error
    except OSError as error:
        raise Permanent(f"{options.path}: {error.strerror}; check the option path") from error
    looks = ((Path(entry.path), _look(entry)) for entry in wanted)
    found = [(path, look) for path, look in looks if look is not None]
    if len(found) > _MOST_FILES:
        raise Permanent(
            f"{options.path}: it holds {len(found):,} files, and {_MOST_FILES:,} are the most that "
            "can be told apart; move those that were read into another folder"
        )
    return sorted(found)


def _look(entry: os.DirEntry[str]) -> tuple[int, int] | None:
    """How a file looks; None for what is none, or has just gone."""
    try:
        if not entry.is_file():
            return None
        look = entry.stat()
    except FileNotFoundError:
        return None
    except OSError:  # a link in a circle, or to where nobody may look: reading it says which
        return 0, 0
    return look.st_size, look.st_mtime_ns


def _wanted(path: Path, options: FolderOptions) -> bool:
    name = path.name
    if name.startswith((".", "~")) or name.lower().endswith(_TEMPORARY):
        return False
    if options.rejects is not None and path.absolute() == options.rejects.absolute():
        return False
    return fnmatch(name, options.names) and bool(options.format or kind_of(path))
