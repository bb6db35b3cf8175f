"""Bring a database to the tables that this version of Earful needs."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from earful.command_name import command as earful_command
from storage.database.engine import Database, DatabaseError


def upgrade(db: Database) -> None:
    """Create or update every table; raises DatabaseError when that fails."""
    if is_current(db):
        return
    # one transaction: a migration that fails leaves the old tables as they were
    with db.write() as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def is_current(db: Database) -> bool:
    """True when the database has exactly the tables of this version.

    Raises DatabaseError when it cannot be opened or a newer Earful made its tables.
    """
    with db.read() as connection:
        revision = MigrationContext.configure(connection).get_current_revision()
    script = ScriptDirectory.from_config(_config())
    if revision is not None and revision not in {
        script_step.revision for script_step in script.walk_revisions()
    }:
        raise DatabaseError(
            f"{db.redacted_url}: a newer Earful made its tables ({revision})",
            hint="Update Earful, or name another database in database_url.",
        )
    return revision == script.get_current_head()


def require_current(db: Database) -> None:
    """Refuse missing or outdated tables: raises DatabaseError with the command to run."""
    if not is_current(db):
        raise DatabaseError(
            f"{db.redacted_url}: the tables are missing or of an older version",
            hint=f"Run {earful_command('up')}.",
        )


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parents[1] / "migrations"))
    return config
