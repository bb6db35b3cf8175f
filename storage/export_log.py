"""The log of files that may hold a person's words, which `earful erase` names or empties."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, select

from storage.database.clean import storable
from storage.database.engine import Database
from storage.database.upsert import table_of
from storage.exports import FORMATS
from storage.tables import ExportRow

# Files that are logged beside exports, because they may hold a person's words too.
IMPORT, REJECTS, DIGEST, BACKUP = "import", "rejects", "digest", "backup"
_EXPORT = table_of(ExportRow)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedExport:
    """An entry of the export log: the file, the person, the filter and the number of rows."""

    at: datetime
    by: str
    path: str
    format: str
    rows: int
    filter: str


def log_export(db: Database, exported: LoggedExport) -> None:
    """Record an export in the database's log."""
    row = {
        "at": exported.at,
        "by": storable(exported.by, 200),
        "path": storable(exported.path, 4000),
        "format": exported.format,
        "rows": exported.rows,
        "filter": storable(exported.filter, 1000),
    }
    with db.write() as connection:
        connection.execute(_EXPORT.insert().values(row))


def log_file(db: Database, path: Path, kind: str, *, by: str, at: datetime) -> None:
    """Record, once, a file that may hold a person's words: IMPORT, REJECTS, DIGEST or BACKUP."""
    absolute = storable(str(path.resolve()), 4000)
    row = {"at": at, "by": storable(by, 200), "path": absolute, "format": kind}
    is_logged = select(_EXPORT.c.id).where(_EXPORT.c.path == absolute, _EXPORT.c.format == kind)
    with db.write() as connection:
        if connection.execute(is_logged.limit(1)).one_or_none() is None:
            connection.execute(_EXPORT.insert().values(row | {"rows": 0, "filter": ""}))


def list_files(db: Database) -> list[tuple[Path, str]]:
    """Return every logged file once, with its format or kind, in the order of their names."""
    with db.read() as connection:
        rows = connection.execute(
            select(_EXPORT.c.path, _EXPORT.c.format).distinct().order_by(_EXPORT.c.path)
        )
        return [(Path(row.path), row.format) for row in rows]


def list_since(connection: Connection, at: datetime) -> tuple[LoggedExport, ...]:
    """Return the exports since ``at``, oldest first."""
    rows = connection.execute(
        select(_EXPORT)
        .where(_EXPORT.c.at >= at, _EXPORT.c.format.in_(FORMATS))
        .order_by(_EXPORT.c.at, _EXPORT.c.id)
    )
    names = ("at", "by", "path", "format", "rows", "filter")
    return tuple(LoggedExport(**{name: getattr(row, name) for name in names}) for row in rows)
