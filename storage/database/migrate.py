"""Bringing a database to the shape that this version of Earful needs."""

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
    """Make or update every table. Raises DatabaseError when that cannot be done."""
    if is_current(db):
        return
    with _told(db), db.write() as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def is_current(db: Database) -> bool:
    """True when the database has exactly the tables of this version.

    Raises DatabaseError when it cannot be opened or is of a newer version than this.
    """
    with _told(db), db.read() as connection:
        revision = MigrationContext.configure(connection).get_current_revision()
    script = ScriptDirectory.from_config(_config())
    if revision is not None and revision not in {one.revision for one in script.walk_revisions()}:
        raise DatabaseError(
            f"{db.redacted_url}: a newer Earful made its tables ({revision}); "
            "update Earful or name another database"
        )
    return revision == script.get_current_head()


def require_current(db: Database) -> None:
    """Raises DatabaseError, saying what to run, when the tables are missing or outdated."""
    if not is_current(db):
        raise DatabaseError(
            f"{db.redacted_url}: the tables are missing or of an older version; "
            "run `earful up` or `earful doctor`"
        )


@contextmanager
def _told(db: Database) -> Iterator[None]:
    """What the driver says, as one sentence that names the database."""
    try:
        yield
    except DBAPIError as error:
        why = " ".join(str(error.orig).split())
        raise DatabaseError(f"{db.redacted_url}: cannot be opened ({why})") from error


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parents[1] / "migrations"))
    return config
