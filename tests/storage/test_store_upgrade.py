"""A database that was in use before there was a ledger is brought up to date, and goes on."""

from __future__ import annotations

from datetime import time, timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from factories import (
    ACME,
    HOUR,
    NOW,
    OTHER,
    QUERY,
    RIVAL,
    RULES,
    FrozenClock,
    about,
    author,
    batch,
    check_all,
    ids,
    keep,
    mention,
    read_all,
    rows,
)
from sqlalchemy import Connection, MetaData, text
from throwaway_postgres import Cluster

from earful.enums import Sentiment
from earful.settings.load import DigestSettings
from earful.types import Gone, Rejected
from pipeline.digest import digest
from pipeline.flag import AlertPolicy, flag
from storage import queries
from storage.cases import commands, deliveries
from storage.collecting import ingest, polling
from storage.database import migrate
from storage.database.engine import Database, connect
from storage.entities import brands
from storage.views import QueueFilter

ALERT_POLICY = AlertPolicy(channels=("desk",))
DAILY = DigestSettings(channels=("desk",), at=time(9, 0))
LATER = NOW + HOUR
GAPS = [
    {"query_id": QUERY.id, "since": 0, "until": 20, "reason": "a", "noted_at": 1},
    {"query_id": QUERY.id, "since": 10, "until": 30, "reason": "b", "noted_at": 2},
]
# tables and columns that migration 0006 renamed: before, now
NEW_TABLES = {"about": "mention_brand", "digest": "digest_cursor"}
NEW_COLUMNS = {
    **{"feeling": "sentiment", "label": "sentiment"},
    **{"did": "summary", "item": "location"},
}
Tables = dict[str, set[tuple[Any, ...]]]


def _live(db: Database) -> None:
    """Some weeks of a house: cases in every state, corrections, an alert, a digest, rejects."""
    brands.sync(db, [ACME, RIVAL, OTHER])
    polling.register(db, [QUERY])
    for number in range(120):
        words = ("awful", "lovely", "dunno", "plain", "meh")[number % 5]
        who = author(f"p{number % 31}", followers=(None, 50, 10**6)[number % 3])
        at = NOW - timedelta(hours=2 * number)
        repost = "m-5" if number % 40 == 39 else None
        one = mention(number, words, by=who, published_at=at, repost_of=repost)
        keep(db, one, ids=(("acme-air",), ("acme-air", "other"), ("rival-jet",))[number % 3])
    bad = batch(rejected=[Rejected(where="row 1", reason="no date", raw="{}")], position="p9")
    ingest.store(db, QUERY, bad, about("acme-air"), NOW)
    digest(db, DAILY, RULES, queries=[], timezone="UTC", clock=FrozenClock(NOW - timedelta(days=9)))
    read_all(db)
    polling.record_stage_run(db, "poll", started_at=NOW, finished_at=NOW, summary="120 new")
    commands.correct_sentiment(db, ids(db)["m-3"], Sentiment.NEGATIVE, edition=0, by="Ana", at=NOW)
    flag(db, RULES, clock=FrozenClock(), alert_policy=ALERT_POLICY)
    first, second = queries.queue(db, QueueFilter())[:2]
    commands.take(db, first.id, version=first.version, by="Ana", at=NOW)
    commands.record_contact(db, second.id, version=second.version, by="Bo", at=NOW)
    assert digest(db, DAILY, RULES, queries=[], timezone="UTC", clock=FrozenClock()) == 1


def _as_it_was(db: Database, made: Database) -> Tables:
    """The tables of before with those rows; gives what they hold."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).parents[1] / "migrations"))
    new = MetaData()
    new.reflect(made.engine)
    with db.write() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
        old = MetaData()
        old.reflect(connection)
        with made.read() as source:
            for table in old.sorted_tables:
                if table.name in ("alembic_version", "gap"):
                    continue
                filled = new.tables[NEW_TABLES.get(table.name, table.name)]
                columns = [
                    filled.c[NEW_COLUMNS.get(column.name, column.name)].label(column.name)
                    for column in table.c
                ]
                copies = source.execute(filled.select().with_only_columns(*columns))
                connection.execute(table.insert(), [dict(row._mapping) for row in copies])
                if not db.sqlite and "id" in table.c and table.name not in ("brand", "query"):
                    _count_on(connection, table.name)
        connection.execute(old.tables["gap"].insert(), GAPS)
    return _held(db, {table.name: [one.name for one in table.c] for table in old.sorted_tables})


def _count_on(connection: Connection, table: str) -> None:
    last = f"""SELECT setval(pg_get_serial_sequence('"{table}"', 'id'), max(id)) FROM "{table}" """
    connection.execute(text(last))


def _held(db: Database, columns: dict[str, list[str]]) -> Tables:
    found: Tables = {}
    for table, names in columns.items():
        asked = ", ".join(f'"{name}"' for name in names)
        held = rows(db, f'SELECT {asked} FROM "{table}"')
        found[table] = {tuple(str(value) for value in row) for row in held}
        assert len(found[table]) == len(held) > 0, table
    return found


@pytest.fixture(params=["sqlite", "postgresql"])
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    if request.param == "sqlite":
        return connect(f"sqlite:///{tmp_path / 'old.db'}")
    cluster: Cluster = request.getfixturevalue("postgres")
    return connect(cluster.url(cluster.fresh()))


def test_nothing_is_lost_and_everything_goes_on(old: Database, sqlite: Database) -> None:
    _live(sqlite)
    before = _as_it_was(old, sqlite)
    migrate.upgrade(old)
    _is_all_there(old, before)
    check_all(old)
    flagged = rows(old, "SELECT count(*) FROM flag")
    assert read_all(old) == 0
    assert read_all(old, model="newer/1") == 120
    flag(old, RULES, clock=FrozenClock(), alert_policy=ALERT_POLICY)
    assert rows(old, "SELECT count(*) FROM flag") == flagged
    check_all(old)
    _goes_on(old)
    old.close()


def _is_all_there(db: Database, before: Tables) -> None:
    columns: dict[str, list[str]] = {}
    expected: Tables = {}
    for old_name in before.keys() - {"gap", "alembic_version"}:
        table = NEW_TABLES.get(old_name, old_name)
        expected[table] = before[old_name]
        width = len(next(iter(before[old_name])))
        metadata = MetaData()
        metadata.reflect(db.engine, only=[table])
        # new columns come behind the old ones
        columns[table] = [column.name for column in metadata.tables[table].c][:width]
    after = _held(db, columns)
    for table, held in after.items():
        assert held == expected[table], table
    gaps = rows(db, "SELECT since, until, reason, state FROM gap ORDER BY since")
    assert [tuple(row) for row in gaps] == [(0, 20, "a", "open"), (20, 30, "b", "open")]


def _goes_on(db: Database) -> None:
    """Polls, edits, deletions, flags, digests and messages work on what was there."""
    clock = FrozenClock(NOW + timedelta(days=1))
    polling.register(db, [QUERY])
    assert polling.read_position(db, QUERY.id) == "p9"
    case = queries.queue(db, QueueFilter())[0]
    again = mention(500, by=author(case.handle), published_at=LATER)
    edited = mention(2, "awful and changed", by=author("p2"), fetched_at=LATER)
    gone = Gone(source="fake", external_id="m-0")
    told = ingest.store(
        db, QUERY, batch(again, edited, gone=[gone], position="p10"), about("acme-air"), LATER
    )
    assert (told.new, told.changed, told.gone) == (1, 1, 1)
    check_all(db)
    read_all(db, model="newer/1")
    assert flag(db, RULES, clock=clock, alert_policy=ALERT_POLICY).flags == 2
    check_all(db)
    detail = queries.case(db, case.id)
    assert detail is not None
    assert detail.case.complaints == case.complaints + 1
    assert digest(db, DAILY, RULES, queries=[], timezone="UTC", clock=clock) == 1
    length, sent = timedelta(minutes=5), 0
    while (due := deliveries.lease_next(db, now=clock(), length=length)) is not None:
        assert "awful (0)" not in due.message.text, "a deleted post's words were still sent"
        assert deliveries.mark_sent(db, due, clock())
        sent += 1
    assert sent >= 2
