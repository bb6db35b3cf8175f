"""Notice when the file behind an open SQLite database was moved, deleted or replaced.

SQLite goes on with the open file, so rows would be written where no later process finds them
(https://sqlite.org/howtocorrupt.html, section 2).
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from storage.database.errors import (
    MAKE_WRITABLE,
    RESTORE_STEPS,
    DatabaseMoved,
    DatabaseUnavailable,
)

Inode = tuple[int, int]  # device and number, which name a file whatever its path

_OPEN_FILES = Path("/proc/self/fd")  # Linux only; elsewhere the new place stays unknown


class FileIdentity:
    """The file that an SQLite database had when it was first opened. Threads may share it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        # The write-ahead log holds the newest commits. Resolved as SQLite does: it lies beside the
        # file, not beside a link to it.
        real = path.resolve()
        self.log_path = real.with_name(real.name + "-wal")
        self._file: Inode | None = None
        self._log: Inode | None = None

    def check(self) -> None:
        """Remember the file at the first call; later compare. Takes about two microseconds.

        Raises DatabaseMoved for another file or none, DatabaseUnavailable when the folder cannot be
        read.
        """
        current = self._inode_now(self.path)
        if self._file is None:
            self._file = current
        elif current != self._file:
            raise self._moved(current)

    def check_log(self) -> None:
        """Compare the write-ahead log likewise; call it while a connection is open."""
        current = self._inode_now(self.log_path)
        if self._log is None:
            self._log = current
        elif current != self._log:
            raise DatabaseMoved(
                f"{self.log_path}: the log of the open database was deleted or replaced",
                hint="Start again: the log was still open, so its rows were saved.",
            )

    def _inode_now(self, path: Path) -> Inode | None:
        try:
            state = path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise DatabaseUnavailable(
                f"{path}: cannot be read ({error.strerror})",
                hint=MAKE_WRITABLE,
            ) from error
        return state.st_dev, state.st_ino

    def _moved(self, current: Inode | None) -> DatabaseMoved:
        place = self._open_path()
        where = f"moved to {place}" if place else "deleted"
        if current is None:
            hint = f"Move it back, together with {self.log_path.name}." if place else RESTORE_STEPS
            return DatabaseMoved(f"{self.path}: was {where} while it was open", hint=hint)
        aside = self._set_log_aside()
        return DatabaseMoved(
            f"{self.path}: was replaced by another file while it was open (the open one was "
            f"{where})",
            hint=f"{aside}Stop Earful before you exchange the file: {RESTORE_STEPS}",
        )

    def _open_path(self) -> str:
        """Return where the open file is now; "" when it was deleted or that is unknown."""
        with suppress(OSError):
            for entry in os.scandir(_OPEN_FILES):
                with suppress(OSError):
                    state = entry.stat()
                    if (state.st_dev, state.st_ino) == self._file and state.st_nlink:
                        return str(Path(entry.path).readlink())
        return ""

    def _set_log_aside(self) -> str:
        """Rename the log of the file that is gone, and say so.

        SQLite would replay it into the new file, which damages that
        (https://sqlite.org/howtocorrupt.html, section 1.4).
        """
        aside = self.log_path.with_name(f"{self.log_path.name}.before")
        if self._log is None or self._inode_now(self.log_path) != self._log:
            return ""
        with suppress(OSError):
            self.log_path.rename(aside)
            self.log_path.with_name(f"{self.log_path.name[:-4]}-shm").unlink(missing_ok=True)
            return f"The earlier file's log is kept as {aside}. "
        return ""
