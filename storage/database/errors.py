"""Errors of the database as sentences for people, each with its fix."""

from __future__ import annotations

import sqlite3
from typing import Any

from sqlalchemy.exc import DBAPIError

from earful.hints import HintedError


class DatabaseError(HintedError):
    """The database cannot be used; the sentence says why, the hint how to fix it."""


class DatabaseUnavailable(DatabaseError):
    """The database cannot be used now: a full disk, a lost connection. It may pass by itself."""


class DatabaseDamaged(DatabaseError):
    """The content of the database cannot be read; a person has to restore it."""


class DatabaseMoved(DatabaseError):
    """The file that is open is no longer the file at its path: rows would go nowhere."""


RESTORE_STEPS = "docs/run-for-real.md, 'Restore', has the steps."
RESTORE_SQLITE = f"Restore a backup, or save its rows with `sqlite3 FILE .recover`: {RESTORE_STEPS}"
RESTORE_POSTGRES = f"Restore a backup of `pg_dump`: {RESTORE_STEPS}"
_FREE_SPACE = "Free some space there."
MAKE_WRITABLE = "Let this user read and write the file and its folder."
_WAIT = "Try again once it has ended."
# SQLite's primary result codes: https://sqlite.org/rescode.html
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT}
_PASSING = {
    sqlite3.SQLITE_FULL: ("the disk is full", _FREE_SPACE),
    sqlite3.SQLITE_IOERR: ("the disk fails", "Check the disk, its space and its quota."),
    sqlite3.SQLITE_READONLY: ("cannot be written", MAKE_WRITABLE),
    sqlite3.SQLITE_CANTOPEN: ("cannot be opened", f"{MAKE_WRITABLE} There must be space too."),
    sqlite3.SQLITE_PERM: ("cannot be opened", MAKE_WRITABLE),
    sqlite3.SQLITE_AUTH: ("cannot be opened", MAKE_WRITABLE),
    sqlite3.SQLITE_NOLFS: ("is too large for this disk", _FREE_SPACE),
    sqlite3.SQLITE_BUSY: ("another process is writing to it", _WAIT),
    sqlite3.SQLITE_LOCKED: ("another process is writing to it", _WAIT),
    sqlite3.SQLITE_PROTOCOL: ("another process is opening it", _WAIT),
    sqlite3.SQLITE_NOMEM: ("there is not enough memory", "Free some memory."),
}
# Classes of SQLSTATE: https://www.postgresql.org/docs/current/errcodes-appendix.html
_SERVER = "Check that the server runs and that the name and password in database_url are right."
_PASSING_STATES = {
    "08": ("cannot be reached", _SERVER),
    "28": ("refuses the login", _SERVER),
    "3D": ("does not exist", "Create it with `createdb`."),
    "40": ("another process changed the same rows", _WAIT),
    "53": ("the server lacks space, memory or connections", _FREE_SPACE),
    "55": ("another process holds what is needed", _WAIT),
    "57": ("the server is stopping or starting", _WAIT),
    "58": ("the server's disk fails", "Check the server's disk and its log."),
}
_DAMAGED_STATES = {"XX001", "XX002"}
_READ_ONLY_STATE = "25006"


def damaged(name: str, reason: str) -> DatabaseDamaged:
    """Return the error of an SQLite file whose content cannot be read."""
    return DatabaseDamaged(f"{name}: is damaged ({reason})", hint=RESTORE_SQLITE)


def translate(error: DBAPIError, name: str) -> DatabaseError | None:
    """Return the error of the database called ``name`` as a sentence with its fix.

    None for errors that no person can fix: a wrong statement, a broken constraint.
    """
    reason = " ".join(str(error.orig).split())
    if isinstance(error.orig, sqlite3.Error):
        return _sqlite_error(getattr(error.orig, "sqlite_errorcode", None), name, reason)
    return _postgres_error(error, name, reason)


def _sqlite_error(code: int | None, name: str, reason: str) -> DatabaseError | None:
    # extended codes keep the primary one in their lowest byte
    primary = -1 if code is None else code & 0xFF
    # the driver reports text that is no UTF-8 without a code
    if primary in _DAMAGED or (code is None and reason.startswith("Could not decode")):
        return damaged(name, reason)
    if primary in _PASSING:
        problem, hint = _PASSING[primary]
        return DatabaseUnavailable(f"{name}: {problem} ({reason})", hint=hint)
    return None


def _postgres_error(error: DBAPIError, name: str, reason: str) -> DatabaseError | None:
    state: Any = getattr(error.orig, "sqlstate", None)
    if state in _DAMAGED_STATES:
        return DatabaseDamaged(f"{name}: is damaged ({reason})", hint=RESTORE_POSTGRES)
    if state == _READ_ONLY_STATE:
        return DatabaseUnavailable(f"{name}: cannot be written ({reason})", hint=_SERVER)
    if state is not None:
        problem, hint = _PASSING_STATES.get(state[:2], ("", ""))
        return DatabaseUnavailable(f"{name}: {problem} ({reason})", hint=hint) if problem else None
    # a failed or lost connection has no state: the server did not say anything
    if error.connection_invalidated or type(error.orig).__name__ in (
        "OperationalError",
        "InterfaceError",
    ):
        return DatabaseUnavailable(f"{name}: cannot be reached ({reason})", hint=_SERVER)
    return None
