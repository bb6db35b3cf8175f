"""Remove an erased person from the files that Earful wrote, and name the files of others.

1. A channel of kind "file" keeps each message as a file. It follows the message in the database,
   which the erasure has emptied, and loses any other text that names the person.
2. A digest that was written on request loses its text if it names the person.
3. A file of rejects loses the lines that name the person.
4. Exports, imported files and watched folders belong to people: a file that names the person is
   reported, with a command. So is each backup of the database.
"""

from __future__ import annotations

import gzip
import os
import shlex
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from earful.settings.load import ChannelSettings
from outreach.notifiers.file import file_stem
from pipeline.app import App
from storage import export_log, exports
from storage.cases import deliveries
from storage.removal.name_finder import NameFinder

# Text inside these cannot be searched line by line.
_PACKED = (".zip", ".xlsx", ".zst", ".bz2", ".xz", ".tar", ".tgz", ".parquet")
_REMOVED = f"Subject: {deliveries.REMOVED}\n\n{deliveries.REMOVED}\n"
# Of a command line, so that a person can read it.
_MAX_NAMES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignFile:
    """A file that names the person and is not Earful's, with a command for it."""

    path: Path
    command: str


@dataclass(slots=True, kw_only=True)
class FileTraces:
    """The files that were cleaned, those that remain, and those that could not be searched."""

    cleaned: list[Path] = field(default_factory=list)
    remaining: list[ForeignFile] = field(default_factory=list)
    unsearched: list[Path] = field(default_factory=list)


def clean_files(app: App, names: Iterable[str]) -> FileTraces:
    """Clean Earful's own files of these names, and find the other files that hold them."""
    finder, traces = NameFinder(names), FileTraces()
    logged = export_log.list_files(app.db)
    rejects = {path for path, kind in logged if kind == export_log.REJECTS}
    rejects |= set(_option_paths(app, "rejects"))
    for channel in app.settings.channel:  # 1
        if channel.kind == "file" and channel.path is not None:
            _clean_channel(app, channel, finder, traces)
    for path in _of_kind(logged, export_log.DIGEST):  # 2
        _try(path, traces, lambda path: _clean_digest(path, finder, traces))
    for path in sorted(rejects):  # 3
        _try(path, traces, lambda path: _clean_lines(path, finder, traces))
    for path in _of_kind(logged, export_log.BACKUP):  # 4
        _try(path, traces, lambda path: _report_backup(path, traces))
    for path in _of_kind(logged, *exports.FORMATS):
        _try(path, traces, lambda path: _report(path, finder, traces, "rm"))
    read = set(_of_kind(logged, export_log.IMPORT))
    read |= {path for folder in _option_paths(app, "path") for path in _files_of(folder)}
    for path in sorted(read - rejects):
        _try(path, traces, lambda path: _report(path, finder, traces, "grep"))
    return traces


def _of_kind(logged: Iterable[tuple[Path, str]], *kinds: str) -> list[Path]:
    return [path for path, kind in logged if kind in kinds]


def _option_paths(app: App, key: str) -> Iterator[Path]:
    """Yield the paths that the [[listen]] blocks name under this key."""
    for query in app.queries:
        value = query.options.get(key)
        if isinstance(value, str | Path):
            yield Path(value).absolute()


def _files_of(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from (file for file in path.rglob("*") if file.is_file())
    elif path.is_file():
        yield path


def _try(path: Path, traces: FileTraces, action: Callable[[Path], None]) -> None:
    """Do the action on a file that exists; one that cannot be read or changed is reported."""
    try:
        if path.is_file():
            action(path)
    except OSError:
        traces.unsearched.append(path)


def _clean_channel(
    app: App, channel: ChannelSettings, finder: NameFinder, traces: FileTraces
) -> None:
    folder = channel.path or Path()
    for key, text in deliveries.list_sent(app.db, channel.name):
        stem = file_stem(key)
        for path in (folder / f"{stem}.txt", folder / f"{stem}.html"):
            is_emptied = text == deliveries.REMOVED

            def empty(path: Path, *, is_emptied: bool = is_emptied) -> None:
                content = path.read_text(encoding="utf-8", errors="replace")
                if content != _REMOVED and (is_emptied or finder.find(content)):
                    _replace(path, [_REMOVED])
                    traces.cleaned.append(path)

            _try(path, traces, empty)


def _clean_digest(path: Path, finder: NameFinder, traces: FileTraces) -> None:
    if finder.find(path.read_text(encoding="utf-8", errors="replace")):
        _replace(path, [_REMOVED])
        traces.cleaned.append(path)


def _clean_lines(path: Path, finder: NameFinder, traces: FileTraces) -> None:
    """Rewrite the file without the lines that name the person."""
    with path.open(encoding="utf-8", errors="surrogateescape", newline="\n") as lines:
        if not any(finder.find(line) for line in lines):
            return
        lines.seek(0)
        _replace(path, (line for line in lines if not finder.find(line)))
    traces.cleaned.append(path)


def _replace(path: Path, lines: Iterable[str]) -> None:
    """Put a new file in the place of one, with its permissions, whole or not at all."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(
            handle, "w", encoding="utf-8", errors="surrogateescape", newline="\n"
        ) as file:
            file.writelines(lines)
            file.flush()
            os.fsync(file.fileno())
        shutil.copymode(path, name)
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)


def _report(path: Path, finder: NameFinder, traces: FileTraces, program: str) -> None:
    if path.name.lower().endswith(_PACKED):
        traces.unsearched.append(path)
        return
    names: set[str] = set()
    with _open(path) as lines:
        for line in lines:
            names |= finder.find(line)
    if names:
        command = _command(program, path, sorted(names))
        traces.remaining.append(ForeignFile(path=path, command=command))


def _open(path: Path) -> IO[str]:
    """Open a text file, compressed or not, in UTF-8 or in UTF-16 with its mark."""
    is_packed = path.name.lower().endswith(".gz")
    with gzip.open(path) if is_packed else path.open("rb") as start:
        encoding = "utf-16" if start.read(2) in {b"\xff\xfe", b"\xfe\xff"} else "utf-8"
    if is_packed:
        return gzip.open(path, "rt", encoding=encoding, errors="replace")
    return path.open(encoding=encoding, errors="replace")


def _report_backup(path: Path, traces: FileTraces) -> None:
    """Report a backup with the command that replaces it by one without the person."""
    file = shlex.quote(str(path))
    command = f"rm -- {file} && earful backup {file}"
    traces.remaining.append(ForeignFile(path=path, command=command))


def _command(program: str, path: Path, names: list[str]) -> str:
    """Return the command that deletes an export, or that shows the lines to delete in a file."""
    file = shlex.quote(str(path))
    if program == "rm":
        return f"rm -- {file}"
    words = " ".join(f"-e {shlex.quote(name)}" for name in names[:_MAX_NAMES])
    return f"{'zgrep' if path.name.lower().endswith('.gz') else 'grep'} -niF {words} -- {file}"
