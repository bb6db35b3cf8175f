"""Commands on damaged pages, backups, files that others can read, dates in the future."""

from __future__ import annotations

import random
import sqlite3
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cli_workspace import Workspace, row

from commands.doctor_ground import is_readable_by_others
from storage.database.backup import back_up, find_damage
from storage.database.engine import connect
from storage.database.errors import DatabaseError

COMMANDS = (
    ("status",),
    ("doctor",),
    ("coverage",),
    ("explain", "x:1"),
    ("export", "--out", "out.csv"),
    ("erase", "--author", "x:id-1", "--yes"),
    ("poll", "--once"),
    ("classify",),
    ("flag",),
    ("recheck",),
    ("deliver",),
    ("digest", "--print"),
    ("backup", "copy.db"),
)


_FILLED: list[bytes] = []  # made by the first test that needs it


@pytest.fixture
def filled(workspace: Workspace) -> Workspace:
    """A workspace whose database fills many pages."""
    workspace.settings()
    path = workspace.folder / "earful.db"
    if _FILLED:
        path.write_bytes(_FILLED[0])
        path.chmod(0o600)
        return workspace
    posts = [row(n, text=f"awful {n} " + "words " * 100) for n in range(300)]
    workspace.file("posts.jsonl", *posts)
    command = ("import", "posts.jsonl", "--source", "x", "--brand", "Acme Air", "--yes")
    assert workspace.run(*command).status == 0
    with sqlite3.connect(workspace.folder / "earful.db") as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    _FILLED.append(path.read_bytes())
    return workspace


def test_damaged_pages_are_one_sentence_with_the_way_back(filled: Workspace) -> None:
    path = filled.folder / "earful.db"
    content = path.read_bytes()
    # the schema is whole, so that a command gets as far as it can
    path.write_bytes(content[:4096] + b"\xa5" * (len(content) - 4096))
    for command in COMMANDS:
        result = filled.run(*command)
        assert result.status == 1, command
        said = result.out + result.err
        assert "is damaged" in said, command
        assert "'Restore'" in said, command
        assert "Traceback" not in said
    assert not (filled.folder / "copy.db").exists()


@pytest.mark.parametrize("seed", range(4))
def test_any_overwritten_page_gives_sentences_alone(filled: Workspace, seed: int) -> None:
    """A command may work or not; it never ends in a traceback."""
    dice = random.Random(seed)
    with (filled.folder / "earful.db").open("r+b") as file:
        pages = (filled.folder / "earful.db").stat().st_size // 4096
        for page in dice.sample(range(1, pages), pages // 4):
            file.seek(4096 * page)
            file.write(dice.randbytes(4096) if seed % 2 else bytes(4096))
    for command in (("status",), ("export", "--out", "out.csv"), ("coverage",), ("flag",)):
        assert "Traceback" not in filled.run(*command).err


def test_a_backup_holds_every_row_and_overwrites_nothing(filled: Workspace) -> None:
    result = filled.run("backup", "copy.db")
    assert result.status == 0
    assert "written to copy.db" in result.out
    assert "data/inbox" in result.out
    with sqlite3.connect(filled.folder / "copy.db") as copy:
        assert copy.execute("SELECT count(*) FROM mention").fetchone() == (300,)
    again = filled.run("backup", "copy.db")
    assert again.status == 1
    assert "copy.db exists already" in again.err
    assert sorted(path.name for path in filled.folder.glob(".*")) == []


def test_a_backup_goes_on_beside_a_writer(filled: Workspace) -> None:
    database = connect(f"sqlite:///{filled.folder / 'earful.db'}")
    with database.write():
        assert back_up(database, filled.folder / "copy.db") > 100_000
    database.close()


def test_a_backup_of_postgres_names_its_command(tmp_path: Path) -> None:
    database = connect("postgresql://me:hunter2@127.0.0.1/earful")
    with pytest.raises(DatabaseError, match="pg_dump --format=custom --file=") as caught:
        back_up(database, tmp_path / "copy")
    assert "hunter2" not in str(caught.value)


def test_a_large_database_is_checked_for_a_limited_time(filled: Workspace) -> None:
    database = connect(f"sqlite:///{filled.folder / 'earful.db'}")
    assert find_damage(database, seconds=60) == ""
    database.close()


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_files_are_private_and_doctor_names_those_that_are_not(filled: Workspace) -> None:
    filled.run("export", "--out", "out.csv")
    assert _mode(filled.folder / "earful.db") == 0o600
    assert _mode(filled.folder / "out.csv") == 0o600
    assert "can be read by other users" not in filled.run("doctor").out
    filled.folder.chmod(0o755)
    (filled.folder / "earful.db").chmod(0o644)
    lines = filled.run("doctor").out.splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith("?   files: "))
    assert "Run `chmod -R go= " in lines[at + 1]
    assert f"{filled.folder / 'earful.db'} " in lines[at + 1]
    filled.folder.chmod(0o700)
    assert not is_readable_by_others(filled.folder / "earful.db")


def test_status_and_doctor_name_dates_in_the_future(filled: Workspace) -> None:
    ahead = datetime.now(UTC) + timedelta(days=30)
    with sqlite3.connect(filled.folder / "earful.db") as database:
        micros = int(ahead.timestamp() * 1_000_000)
        database.execute("UPDATE mention SET fetched_at = ? WHERE id <= 12", (micros,))
    for command in ("status", "doctor"):
        out = " ".join(filled.run(command).out.split())
        assert "the clock of this machine was ahead" in out
        assert f"12 mentions dated in the future, up to {ahead:%Y-%m-%d %H:%M} UTC" in out
