"""The part of `earful doctor` about the ground: the database's file, disk, clock, permissions."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from commands.findings import BAD, LOOK, Finding
from earful.settings.load import Settings
from outreach.words import count
from pipeline.app import App
from pipeline.digest import clock_problem
from storage.database.backup import find_damage
from storage.database.engine import sqlite_path
from storage.database.errors import RESTORE_SQLITE

# A database of 2 GB is read whole in that time; a larger one only in part.
_CHECK_SECONDS = 10.0
_LITTLE_SPACE = 200 * 1024 * 1024  # bytes: a day of a busy brand
_MAX_FILES = 2000  # of one folder


def examine_ground(app: App) -> Iterator[Finding]:
    """Examine the content of the database, the space, the clock, and who may read the files."""
    yield from _content(app)
    path = sqlite_path(app.db)
    if path is not None:
        yield from _space(path)
    problem = clock_problem(app.db, app.clock())
    if problem is not None:
        yield Finding(part="clock", state=LOOK, result=problem)
    yield from _permissions(_private_files(app.settings, path))


def _content(app: App) -> Iterator[Finding]:
    # None: a part of a large database was checked, and is good
    damage = find_damage(app.db, seconds=_CHECK_SECONDS)
    if damage:
        result = f"{app.db.redacted_url} is damaged: {' '.join(damage.split())}"
        yield Finding(part="database", state=BAD, result=result, hint=RESTORE_SQLITE)


def _space(path: Path) -> Iterator[Finding]:
    free = shutil.disk_usage(path.parent).free
    if free < _LITTLE_SPACE:
        result = f"only {free // 1024 // 1024} MB are free in {path.parent}"
        hint = "Free some space: nothing is stored while the disk is full."
        yield Finding(part="disk", state=LOOK, result=result, hint=hint)


def _private_files(settings: Settings, database: Path | None) -> Iterator[tuple[Path, Path]]:
    """Yield each file that holds strangers' words, and the path to name for it."""
    single = list(Path().glob("*.rejects.jsonl"))
    if database is not None:
        single += database.parent.glob(f"{database.name}*")
    yield from ((path, path) for path in sorted(single))
    folders = [settings.feedback.inbox]
    folders += [channel.path for channel in settings.channel if channel.path is not None]
    for folder in folders:
        if folder.is_dir():
            yield from ((path, folder) for path in islice(folder.rglob("*"), _MAX_FILES))


def _permissions(files: Iterator[tuple[Path, Path]]) -> Iterator[Finding]:
    """Name the files that other users of this machine can read."""
    readable = [name for path, name in files if path.is_file() and is_readable_by_others(path)]
    if readable:
        names = " ".join(shlex.quote(str(name)) for name in dict.fromkeys(readable))
        result = f"{count(len(readable), 'file')} with strangers' words can be read by other users"
        yield Finding(part="files", state=LOOK, result=result, hint=f"Run `chmod -R go= {names}`.")


def is_readable_by_others(path: Path) -> bool:
    """True when a user who is not the owner can read the file and enter its folder."""
    file, folder = path.stat().st_mode, path.parent.stat().st_mode
    group = file & 0o040 and folder & 0o010
    others = file & 0o004 and folder & 0o001
    return bool(group or others)
