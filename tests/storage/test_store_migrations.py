"""The migrations make exactly the tables that the code speaks of, on both databases."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from factories import rows
from sqlalchemy import text
from sqlmodel import SQLModel
from throwaway_postgres import Cluster

from storage import migrate
from storage.engine import Database, DatabaseError, connect


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    """A database without any table."""
    if request.param == "sqlite":
        return connect(f"sqlite:///{tmp_path / 'new' / 'earful.db'}")
    cluster: Cluster = request.getfixturevalue("postgres")
    return connect(cluster.url(cluster.fresh()))


def test_from_nothing_to_exactly_the_metadata(empty: Database) -> None:
    assert not migrate.is_current(empty)
    migrate.upgrade(empty)
    assert migrate.is_current(empty)
    with empty.read() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, SQLModel.metadata) == []
    empty.close()


def test_partial_indexes_keep_their_condition(empty: Database) -> None:
    """compare_metadata does not look at them, and the queue is slow without."""
    migrate.upgrade(empty)
    if empty.sqlite:
        found = dict(rows(empty, "SELECT name, sql FROM sqlite_master WHERE type = 'index'"))
    else:
        found = dict(rows(empty, "SELECT indexname, indexdef FROM pg_indexes"))
    for name in ("ux_case_open", "ix_case_queue", "ix_about_unjudged", "ix_delivery_due"):
        assert " WHERE " in found[name], name
    assert "UNIQUE" in found["ux_case_open"]
    empty.close()


def test_upgrading_again_does_nothing(db: Database) -> None:
    with db.write() as connection:
        connection.execute(text("INSERT INTO brand VALUES ('a', 'A', NULL, 'UTC', '{}')"))
    migrate.upgrade(db)
    migrate.upgrade(db)
    assert rows(db, "SELECT count(*) FROM alembic_version") == [(1,)]
    assert rows(db, "SELECT count(*) FROM brand") == [(1,)]


def test_tables_of_a_newer_version_are_refused_with_the_mend(empty: Database) -> None:
    db = empty
    migrate.upgrade(db)
    with db.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DatabaseError, match="newer"):
        migrate.upgrade(db)
    with pytest.raises(DatabaseError, match="newer"):
        migrate.require_current(db)
    db.close()


def test_missing_tables_are_named_with_what_to_run(empty: Database) -> None:
    with pytest.raises(DatabaseError, match="earful doctor"):
        migrate.require_current(empty)
    empty.close()


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("Dear diary, " * 100)
    with pytest.raises(DatabaseError, match=r"notes\.txt"):
        migrate.upgrade(connect(f"sqlite:///{file}"))
    assert file.read_text().startswith("Dear diary")


def test_a_server_that_is_not_there() -> None:
    with pytest.raises(DatabaseError, match="cannot be opened") as caught:
        migrate.upgrade(connect("postgresql://me:hunter2@127.0.0.1:1/earful"))
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "mend"),
    [
        ("mysql://me@host/db", "use sqlite:/// or postgresql://"),
        ("not a url", "write sqlite:///"),
        ("sqlite://", "SQLite needs a file"),
        ("sqlite:///:memory:", "SQLite needs a file"),
        ("sqlite:////proc/earful/x.db", "cannot make the folder"),
    ],
)
def test_urls_that_cannot_be_used(url: str, mend: str) -> None:
    with pytest.raises(DatabaseError, match=mend):
        connect(url)


def test_no_password_is_shown_wherever_it_stands_in_the_url() -> None:
    for url in (
        "postgresql://me:hunter2@127.0.0.1/earful",
        "postgresql://127.0.0.1/earful?user=me&password=hunter2",
    ):
        db = connect(url)
        assert "hunter2" not in db.shown_url
        assert "hunter2" not in repr(db)
        db.close()
