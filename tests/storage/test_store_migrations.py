"""The migrations make exactly the tables that the code speaks of, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from factories import NOW, FakeReader, FrozenClock, check_all, rows
from sqlalchemy import inspect, text
from sqlmodel import SQLModel
from throwaway_postgres import Cluster

from earful.enums import Intent
from earful.judgements import Prediction, Scores
from pipeline.classify import classify
from storage import exports
from storage.analysis import predictions
from storage.cases import unjudged
from storage.database import migrate
from storage.database.engine import Database, DatabaseError, connect
from storage.exports import ExportFilter


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
    for name in (
        *("ux_case_open", "ix_case_queue", "ix_mention_brand_unjudged", "ix_delivery_due"),
        *("ix_mention_model", "ix_mention_ungrouped", "ix_mention_story"),
        *("ix_mention_brand_late", "ix_mention_brand_question", "ix_mention_brand_wish"),
    ):
        assert " WHERE " in found[name], name
    assert "UNIQUE" in found["ux_case_open"]
    empty.close()


def test_the_first_tables_are_brought_up_to_date_with_what_is_in_them(empty: Database) -> None:
    _migrate(empty, command.upgrade, "0001")
    with empty.write() as connection:
        for statement in _OLD_ROWS:
            connection.execute(text(statement))
    assert not migrate.is_current(empty)
    with pytest.raises(DatabaseError, match="older version"):
        migrate.require_current(empty)
    migrate.upgrade(empty)
    migrate.require_current(empty)
    (row,) = rows(empty, "SELECT * FROM prediction")
    assert (row.model_id, row.negative, row.at, row.language) == ("old/1", 0.75, 1_700_000, None)
    assert bool(row.could_not_tell) is False
    gaps = rows(empty, "SELECT query_id, part, since, until, kind, state, reason FROM gap")
    assert set(gaps) == {  # of one part they never overlap
        ("q", "", 0, 20, "limit", "open", "a"),
        ("q", "", 20, 30, "limit", "open", "b"),
        ("r", "", 0, 5, "limit", "open", "d"),
    }
    (story,) = rows(empty, "SELECT * FROM story")
    assert tuple(story) == (1, 1, 1, 100)
    assert rows(empty, "SELECT story_id FROM mention WHERE NOT noise") == [(1,)]
    found = Scores(negative=0.5, neutral=0.25, positive=0.25, language="el")
    newer = Prediction(mention_id=1, model_id="new/1", scores=found, at=NOW)
    assert predictions.save(empty, [newer]) == 1
    assert [one["language_found"] for one in exports.read_rows(empty, ExportFilter())] == ["el"]
    empty.close()


_OLD_ROWS = (
    "INSERT INTO brand (id, name, timezone, details) VALUES ('a', 'A', 'UTC', '{}')",
    "INSERT INTO author (id, source, external_id, handle, verified)"
    " VALUES (1, 'x', '1', 'maria', FALSE)",
    "INSERT INTO mention (id, source, external_id, author_id, text, published_at, fetched_at,"
    " shares, likes, replies, feeling, model_id, corrected)"
    " VALUES (1, 'x', '1', 1, 'words', 1600000, 1650000, 0, 0, 0, 'negative', 'old/1', FALSE)",
    "INSERT INTO about (mention_id, brand_id, published_at, own, verdict)"
    " VALUES (1, 'a', 1600000, FALSE, 'calm')",
    "INSERT INTO tally (brand_id, quarter, source, feeling, mentions)"
    " VALUES ('a', 0, 'x', 'negative', 1)",
    "INSERT INTO prediction (mention_id, model_id, negative, neutral, positive, could_not_tell, at)"
    " VALUES (1, 'old/1', 0.75, 0.125, 0.125, FALSE, 1700000)",
    "INSERT INTO gap (query_id, since, until, reason, noted_at) VALUES"
    " ('q', 0, 20, 'a', 1), ('q', 10, 30, 'b', 2), ('q', 12, 25, 'c', 3), ('r', 0, 5, 'd', 4)",
)


def _migrate(db: Database, step: Callable[[Config, str], None], revision: str) -> None:
    """Run an Alembic command (``upgrade`` or ``downgrade``) to a revision in one transaction."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).parents[1] / "migrations"))
    with db.write() as connection:
        config.attributes["connection"] = connection
        step(config, revision)


# a row in every table that migration 0006 renames or whose columns it renames
_ROWS_OF_0005 = (
    "INSERT INTO brand (id, name, timezone, details) VALUES ('a', 'A', 'UTC', '{}')",
    "INSERT INTO author (id, source, external_id, handle, verified)"
    " VALUES (1, 'x', '1', 'maria', FALSE)",
    "INSERT INTO mention (id, source, external_id, author_id, text, published_at, fetched_at,"
    " shares, likes, replies, feeling, model_id, corrected, noise)"
    " VALUES (1, 'x', '1', 1, 'words', 16, 17, 0, 0, 0, 'negative', 'm', FALSE, FALSE)",
    "INSERT INTO about (mention_id, brand_id, published_at, own, verdict)"
    " VALUES (1, 'a', 16, FALSE, 'too_old')",
    "INSERT INTO \"match\" (query_id, mention_id, noise) VALUES ('q', 1, 'why')",
    "INSERT INTO tally (brand_id, quarter, source, feeling, mentions)"
    " VALUES ('a', 0, 'x', 'negative', 1)",
    "INSERT INTO revision (id, mention_id, text, until, feeling, predictions)"
    " VALUES (1, 1, 'earlier', 18, 'neutral', '[]')",
    "INSERT INTO correction (id, mention_id, label, by, at) VALUES (1, 1, 'negative', 'Ana', 19)",
    "INSERT INTO story_band (band, story_id, kept_at) VALUES (5, 1, 20)",
    'INSERT INTO "case" (id, brand_id, author_id, status, priority, due_at, complained_at,'
    " opened_at, last_at, complaints, version) VALUES (1, 'a', 1, 'open', 5, 1, 2, 3, 4, 1, 1)",
    "INSERT INTO delivery (id, key, channel, subject, text, due_at, attempts, state)"
    " VALUES (1, 'k', 'desk', 's', 't', 1, 0, 'queued')",
    "INSERT INTO told (case_id, delivery_id) VALUES (1, 1)",
    "INSERT INTO digest (channel, until) VALUES ('desk', 21)",
    "INSERT INTO retired (name, last) VALUES ('mention', 22)",
    "INSERT INTO stage (name, started_at, did) VALUES ('poll', 23, '3 new')",
    "INSERT INTO export_log (id, at, by, path, format, rows, which)"
    " VALUES (1, 24, 'Ana', '/a.csv', 'csv', 3, 'brand a')",
    "INSERT INTO spending (account, query_id, brand_id, hour, requests, received, reads, units,"
    " money, new, again, noise) VALUES ('x', 'q', 'a', 25, 1, 2, 3, 4, 5, 6, 7, 8)",
    "INSERT INTO erased_author (source, mark, at) VALUES ('x', 'f00', 26)",
    "INSERT INTO rejected (id, query_id, item, reason, raw, noted_at)"
    " VALUES (1, 'q', 'row 3', 'no date', '{}', 27)",
)
_ROWS_OF_0006 = {
    "SELECT sentiment FROM mention": ("negative",),
    "SELECT sentiment FROM revision": ("neutral",),
    "SELECT sentiment FROM tally": ("negative",),
    "SELECT sentiment FROM correction": ("negative",),
    "SELECT mention_id, brand_id, published_at, verdict FROM mention_brand": (
        *(1, "a", 16, "too_old"),
    ),
    "SELECT case_id, delivery_id FROM delivery_case": (1, 1),
    'SELECT channel, "until" FROM digest_cursor': ("desk", 21),
    "SELECT table_name, highest_id FROM retired_id": ("mention", 22),
    'SELECT query_id, mention_id, noise_reason FROM "match"': ("q", 1, "why"),
    "SELECT name, started_at, summary FROM stage": ("poll", 23, "3 new"),
    'SELECT path, "rows", "filter" FROM export_log': ("/a.csv", 3, "brand a"),
    'SELECT "new", already_stored, noise FROM spending': (6, 7, 8),
    "SELECT source, fingerprint, at FROM erased_author": ("x", "f00", 26),
    "SELECT query_id, location, reason FROM rejected": ("q", "row 3", "no date"),
    "SELECT band, story_id, stored_at FROM story_band": (5, 1, 20),
}


def test_renamed_tables_and_columns_keep_every_row_there_and_back(empty: Database) -> None:
    _migrate(empty, command.upgrade, "0005")
    with empty.write() as connection:
        for statement in _ROWS_OF_0005:
            connection.execute(text(statement))
    before = _schema(empty), _contents(empty)
    migrate.upgrade(empty)
    for query, row in _ROWS_OF_0006.items():
        assert [tuple(stored) for stored in rows(empty, query)] == [row], query
    names = " ".join(_schema(empty))
    for riddle in ("about", "told", "_kept"):
        assert riddle not in names
    after = _schema(empty), _contents(empty)
    _migrate(empty, command.downgrade, "0005")
    assert (_schema(empty), _contents(empty)) == before
    migrate.upgrade(empty)
    assert (_schema(empty), _contents(empty)) == after
    empty.close()


# a classified mention of two brands, one of them a competitor, and one that waits for the model
_ROWS_OF_0009 = (
    "INSERT INTO brand (id, name, competitor_of, timezone, details)"
    " VALUES ('a', 'A', NULL, 'UTC', '{}'), ('b', 'B', 'a', 'UTC', '{}')",
    "INSERT INTO author (id, source, external_id, handle, verified)"
    " VALUES (1, 'x', '1', 'maria', FALSE)",
    "INSERT INTO mention (id, source, external_id, author_id, text, published_at, fetched_at,"
    " shares, likes, replies, sentiment, model_id, corrected, noise, edition, story_id) VALUES"
    " (1, 'x', '1', 1, 'awful', 16, 17, 0, 0, 0, 'negative', 'old/1', FALSE, FALSE, 0, 1),"
    " (2, 'x', '2', 1, 'lovely', 16, 17, 0, 0, 0, '', '', FALSE, FALSE, 0, NULL)",
    "INSERT INTO story (id, mentions, authors, reach) VALUES (1, 1, 1, 100)",
    "INSERT INTO mention_brand (mention_id, brand_id, published_at, own, verdict) VALUES"
    " (1, 'a', 16, FALSE, ''), (1, 'b', 16, FALSE, 'competitor'), (2, 'a', 16, FALSE, 'unread')",
    "INSERT INTO tally (brand_id, quarter, source, sentiment, mentions) VALUES"
    " ('a', 0, 'x', 'negative', 1), ('b', 0, 'x', 'negative', 1), ('a', 0, 'x', '', 1)",
    "INSERT INTO prediction (mention_id, model_id, negative, neutral, positive, could_not_tell,"
    " language, at) VALUES (1, 'old/1', 0.75, 0.125, 0.125, FALSE, 'en', 18)",
    "INSERT INTO revision (id, mention_id, text, until, sentiment, predictions)"
    " VALUES (1, 1, 'earlier', 18, 'neutral', '[]')",
)


def test_predictions_stay_and_get_readings_once_a_model_reads_again(empty: Database) -> None:
    _migrate(empty, command.upgrade, "0009")
    with empty.write() as connection:
        for statement in _ROWS_OF_0009:
            connection.execute(text(statement))
    before = _schema(empty), _contents(empty)
    migrate.upgrade(empty)
    links = rows(empty, "SELECT verdict, toward, intent, reason FROM mention_brand ORDER BY 1")
    assert links == [("", "", "", ""), ("competitor", "", "", ""), ("unread", "", "", "")]
    assert _contents(empty)["prediction"] == before[1]["prediction"]
    assert _contents(empty)["reading"] == []
    _migrate(empty, command.downgrade, "0009")
    assert (_schema(empty), _contents(empty)) == before
    migrate.upgrade(empty)
    check_all(empty)
    with empty.write() as connection:
        (waiting,) = unjudged.list_unjudged(connection, 9)
    assert (waiting.scores.negative, waiting.reading) == (0.75, None)
    model = FakeReader()
    assert predictions.count_unclassified(empty, model.model_id) == 2
    assert classify(empty, model, clock=FrozenClock()) == 2
    read = rows(empty, "SELECT mention_id, brand_id, model_id FROM reading ORDER BY 1, 2")
    assert read == [(1, "a", model.model_id), (1, "b", model.model_id), (2, "a", model.model_id)]
    models = rows(empty, "SELECT model_id FROM prediction WHERE mention_id = 1 ORDER BY 1")
    assert models == [(model.model_id,), ("old/1",)]
    with empty.write() as connection:
        (waiting,) = (each for each in unjudged.list_unjudged(connection, 9) if each.brand.ours)
    assert waiting.reading is not None
    assert waiting.reading.holds(Intent.COMPLAINT)
    check_all(empty)
    empty.close()


def _schema(db: Database) -> set[str]:
    """Name every table, column, index (with its condition) and named constraint."""
    inspector = inspect(db.engine)
    names: set[str] = set()
    for table in inspector.get_table_names():
        names |= {f"{table}.{column['name']}" for column in inspector.get_columns(table)}
        names |= {
            f"{table}: {index['name']} {index['column_names']} {_condition(index)}"
            for index in inspector.get_indexes(table)
        }
        names.add(f"{table}: {inspector.get_pk_constraint(table)['name']}")
        names |= {f"{table}: {key['name']}" for key in inspector.get_foreign_keys(table)}
    return names


def _condition(index: Any) -> str:
    options = index.get("dialect_options", {})
    return str(options.get("sqlite_where", options.get("postgresql_where", "")))


def _contents(db: Database) -> dict[str, list[tuple[Any, ...]]]:
    tables = set(inspect(db.engine).get_table_names()) - {"alembic_version"}
    return {
        table: [tuple(map(str, row)) for row in rows(db, f'SELECT * FROM "{table}"')]
        for table in tables
    }


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
    with pytest.raises(DatabaseError, match="earful up"):
        migrate.require_current(empty)
    empty.close()


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("Dear diary, " * 100)
    with pytest.raises(DatabaseError, match=r"notes\.txt"):
        migrate.upgrade(connect(f"sqlite:///{file}"))
    assert file.read_text().startswith("Dear diary")


def test_a_server_that_is_not_there() -> None:
    with pytest.raises(DatabaseError, match="cannot be reached") as caught:
        migrate.upgrade(connect("postgresql://me:hunter2@127.0.0.1:1/earful"))
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ("mysql://me@host/db", "use sqlite:/// or postgresql://"),
        ("not a url", "write sqlite:///"),
        ("sqlite://", "SQLite needs a file"),
        ("sqlite:///:memory:", "SQLite needs a file"),
        ("sqlite:////proc/earful/x.db", "cannot make the folder"),
    ],
)
def test_urls_that_cannot_be_used(url: str, hint: str) -> None:
    with pytest.raises(DatabaseError, match=hint):
        connect(url)


def test_no_password_is_shown_wherever_it_stands_in_the_url() -> None:
    for url in (
        "postgresql://me:hunter2@127.0.0.1/earful",
        "postgresql://127.0.0.1/earful?user=me&password=hunter2",
    ):
        db = connect(url)
        assert "hunter2" not in db.redacted_url
        assert "hunter2" not in repr(db)
        db.close()
