"""Number the rows of a file that have neither id nor author and say the same at the same time."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable

_IN_MEMORY = 100_000  # ids, about 20 MB; the rest of a file is counted on disk
_CREATE = "CREATE TABLE repeat (id TEXT PRIMARY KEY, rows INTEGER NOT NULL) WITHOUT ROWID"
_COUNT = """
INSERT INTO repeat VALUES (?, ?)
ON CONFLICT (id) DO UPDATE SET rows = rows + excluded.rows RETURNING rows
"""


class RepeatCounter:
    """Count the rows of each content in a file, in flat memory.

    Four people who answer "Too slow" on one day are four mentions: the first has the id of the
    content, the others the id and their number. A second import of the file makes the same ids.
    """

    def __init__(self, earlier: Callable[[], RepeatCounter] | None = None) -> None:
        """Begin to count; ``earlier`` counts the rows before a resume point, once it is needed."""
        self._rows: Counter[str] = Counter()
        self._disk: sqlite3.Connection | None = None
        self._earlier = earlier

    def numbered(self, content_id: str) -> str:
        """Return the id of the next row with this content."""
        rows = self._count(content_id)
        return content_id if rows == 1 else f"{content_id}-{rows}"

    def _count(self, content_id: str) -> int:
        if self._earlier is not None:
            # most files have ids or authors, and are not read again for this
            counted, self._earlier = self._earlier(), None
            self._rows, self._disk = counted._rows, counted._disk
        if self._disk is None:
            self._rows[content_id] += 1
            rows = self._rows[content_id]
            if len(self._rows) >= _IN_MEMORY:
                self._move_to_disk()
            return rows
        return int(self._disk.execute(_COUNT, (content_id, 1)).fetchone()[0])

    def _move_to_disk(self) -> None:
        # an unnamed database is a file of SQLite's own, deleted when it is closed
        self._disk = sqlite3.connect("", isolation_level=None)
        self._disk.execute("PRAGMA journal_mode = OFF")
        self._disk.execute(_CREATE)
        self._disk.execute("BEGIN")
        self._disk.executemany("INSERT INTO repeat VALUES (?, ?)", self._rows.items())
        self._rows.clear()
