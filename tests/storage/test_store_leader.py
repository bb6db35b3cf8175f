"""One process leads; when it dies, however it dies, another one may."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from factories import rows
from sqlalchemy import text

from storage.database.engine import Database, DatabaseError, connect
from storage.database.leader import LeaderLock

# takes the lead of the database named on its command line, says so, and waits to be killed
_HOLDER = """
import sys, time
from storage.database.engine import connect
from storage.database.leader import LeaderLock
leader = LeaderLock(connect(sys.argv[1]))
print("leads" if leader.acquire() else "stands by", flush=True)
sys.stdin.read()
"""


@contextmanager
def _another_process(url: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def _says(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def _acquires_soon(leader: LeaderLock) -> bool:
    """The server takes a moment to see that a session has died."""
    import time

    end = time.monotonic() + 60
    while time.monotonic() < end:
        if leader.acquire():
            return True
        time.sleep(0.02)
    return False


def test_a_second_process_stands_by_until_the_first_is_killed(database_url: str) -> None:
    db = connect(database_url)
    leader = LeaderLock(db)
    with _another_process(database_url) as first:
        assert _says(first) == "leads"
        assert not leader.acquire()
        assert not leader.is_held()
        first.kill()
        first.wait()
        assert _acquires_soon(leader)
    with _another_process(database_url) as second:
        assert _says(second) == "stands by"
        assert leader.is_held()
        leader.release()
        assert not leader.is_held()
    with _another_process(database_url) as third:
        assert _says(third) == "leads"
    db.close()


def test_two_in_one_process(db: Database) -> None:
    first, second = LeaderLock(db), LeaderLock(db)
    assert first.acquire()
    assert not second.acquire()
    first.release()
    assert second.acquire()
    second.release()


def test_databases_have_leaders_of_their_own(db: Database, tmp_path: Path) -> None:
    first, second = LeaderLock(db), LeaderLock(connect(f"sqlite:///{tmp_path / 'second.db'}"))
    assert first.acquire()
    assert second.acquire()
    first.release()
    second.release()


def test_a_session_that_the_server_ended_leads_no_more(postgres_url: str) -> None:
    db, other = connect(postgres_url), connect(postgres_url)
    leader = LeaderLock(db)
    assert leader.acquire()
    with other.write() as connection:
        ended = connection.execute(
            text(
                "SELECT pg_terminate_backend(l.pid, 60000) FROM pg_locks l "
                "JOIN pg_database d ON d.oid = l.database WHERE l.locktype = 'advisory' "
                "AND d.datname = current_database() AND l.pid <> pg_backend_pid()"
            )
        ).all()
    assert ended == [(True,)]
    assert not leader.is_held()
    leader.release()
    assert leader.acquire()
    assert rows(db, "SELECT 1") == [(1,)]
    leader.release()
    db.close()
    other.close()


def test_no_lead_without_a_database() -> None:
    db = connect("postgresql://postgres@127.0.0.1:1/earful")
    with pytest.raises(DatabaseError, match="cannot be reached"):
        LeaderLock(db).acquire()
