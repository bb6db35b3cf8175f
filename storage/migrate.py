"""Bringing a database to the shape that this version of Earful needs."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.exc import OperationalError

from storage.engine import Database, DatabaseError


def upgrade(db: Database) -> None:
    """Make or update every table. Raises DatabaseError when the database cannot be reached."""
    try:
        if is_current(db):
            return
        with db.write() as connection:
            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except OperationalError as error:
        raise DatabaseError(f"{db.shown_url}: cannot be opened ({error.orig})") from error


def is_current(db: Database) -> bool:
    """True when the database has exactly the tables of this version."""
    with db.read() as connection:
        revision = MigrationContext.configure(connection).get_current_revision()
    return revision == ScriptDirectory.from_config(_config()).get_current_head()


def require_current(db: Database) -> None:
    """Raises DatabaseError, saying what to run, when the tables are missing or outdated."""
    try:
        current = is_current(db)
    except OperationalError as error:
        raise DatabaseError(f"{db.shown_url}: cannot be opened ({error.orig})") from error
    if not current:
        raise DatabaseError(
            f"{db.shown_url}: the tables are missing or of another version; "
            "run `earful up` or `earful doctor --mend`"
        )


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config
