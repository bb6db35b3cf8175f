"""Run a case's command and read back the stored mentions."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cli_workspace import CommandResult, Workspace

SETTINGS = """
database_url = "sqlite:///earful.db"

[[brand]]
name = "Kestrova"
timezone = "Europe/Athens"
"""
_QUERY = """
SELECT m.external_id AS id, m.text, m.published_at AS at, m.lang, m.url, m.likes, m.shares,
  m.rating_kind, m.rating_value, m.source, a.handle AS author, a.external_id AS author_id,
  a.followers
FROM mention m JOIN author a ON a.id = m.author_id ORDER BY m.published_at, m.id
"""


@dataclass(frozen=True, slots=True)
class Cases:
    """The folder of the cases."""

    folder: Path

    def names(self) -> set[str]:
        """The cases that have a right value."""
        return {path.name.removesuffix(".expect.md") for path in self.folder.glob("*.expect.md")}

    def read(self, name: str) -> str:
        """A case's text."""
        return (self.folder / name).read_text(encoding="utf-8")


@dataclass(slots=True)
class CaseWorld:
    """A folder with settings, and what its database holds."""

    workspace: Workspace

    @property
    def folder(self) -> Path:
        """Where the command runs."""
        return self.workspace.folder

    def start(self) -> None:
        """Write the settings."""
        self.workspace.settings(text=SETTINGS)

    def earful(self, command: str) -> CommandResult:
        """Run `earful …`, given as in a shell."""
        return self.workspace.run(*shlex.split(command))

    def imported(self, command: str) -> list[dict[str, Any]]:
        """Run an import that must succeed; return the stored mentions, oldest first."""
        done = self.earful(command)
        assert done.status == 0, done.err or done.out
        return self.mentions()

    def mentions(self) -> list[dict[str, Any]]:
        """The stored mentions, oldest first; ``at`` is an ISO 8601 instant in UTC."""
        db = self.workspace.db()
        with db.read() as connection:
            rows = [dict(row._mapping) for row in connection.exec_driver_sql(_QUERY)]
        db.close()
        epoch = datetime(1970, 1, 1, tzinfo=UTC)
        for row in rows:
            at = epoch + timedelta(microseconds=row["at"])
            row["at"] = at.isoformat().replace("+00:00", "Z")
        return rows

    def count(self, table: str) -> int:
        """The number of rows of a table."""
        db = self.workspace.db()
        with db.read() as connection:
            number = connection.exec_driver_sql(f'SELECT count(*) FROM "{table}"').scalar_one()
        db.close()
        return int(number)
