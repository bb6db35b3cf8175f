"""Bring a database to the tables that this version of Earful needs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.exc import DBAPIError

from storage.database.engine import Database, DatabaseError


def upgrade(db: Database) -> None:
    """Create or update every table; raises DatabaseError when that fails."""
    if is_current(db):
        return
    # one transaction: a migration that fails leaves the old tables as they were
    with _driver_errors(db), db.write() as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def is_current(db: Database) -> bool:
    """True when the database has exactly the tables of this version.

    Raises DatabaseError when it cannot be opened or a newer Earful made its tables.
    """
    with _driver_errors(db), db.read() as connection:
        revision = MigrationContext.configure(connection).get_current_revision()
    script = ScriptDirectory.from_config(_config())
    if revision is not None and revision not in {
        script_step.revision for script_step in script.walk_revisions()
    }:
        raise DatabaseError(
            f"{db.redacted_url}: a newer Earful made its tables ({revision}); "
            "update Earful or name another database"
        )
    return revision == script.get_current_head()


def require_current(db: Database) -> None:
    """Refuse missing or outdated tables: raises DatabaseError with the command to run."""
    if not is_current(db):
        raise DatabaseError(
            f"{db.redacted_url}: the tables are missing or of an older version; "
            "run `earful up` or `earful doctor`"
        )


@contextmanager
def _driver_errors(db: Database) -> Iterator[None]:
    """Turn a driver's error into a DatabaseError that names the database."""
    try:
        yield
    except DBAPIError as error:
        reason = " ".join(str(error.orig).split())
        raise DatabaseError(f"{db.redacted_url}: cannot be opened ({reason})") from error


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parents[1] / "migrations"))
    return config
