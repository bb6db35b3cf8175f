"""`earful erase` on the command line: what it says, asks, removes, and cannot reach."""

from __future__ import annotations

import io

import pytest
from cli_workspace import Workspace, row
from factories import FrozenClock, keep, mention, number, rows

from commands import erase
from earful.settings.load import Settings
from pipeline.app import App
from storage.database import engine
from storage.database.engine import Database, connect


@pytest.fixture
def full(workspace: Workspace) -> Workspace:
    """Two people; maria has two posts, one of them flagged."""
    them = [row(1, author="maria"), row(2, "lovely", author="maria"), row(3, author="bo")]
    workspace.run("import", workspace.file("posts.jsonl", *them), "--source", "x")
    workspace.run("classify")
    workspace.run("flag")
    return workspace


def _handles(workspace: Workspace) -> list[str]:
    db = workspace.db()
    found = [row.handle for row in rows(db, "SELECT handle FROM author ORDER BY handle")]
    db.close()
    return found


def test_a_person_with_all_that_there_is_of_them(full: Workspace) -> None:
    done = full.run("erase", "--author", "x:@Maria", "--yes")
    assert done.status == 0
    assert "maria of x (id " in done.out
    assert "2 mentions, 1 case\n  and plain reposts of these by others" in done.out
    assert "erased: 2 mentions, 0 earlier texts, 1 case, 1 entry; 0 messages emptied" in done.out
    assert "No export was written" in done.out
    assert "Out of reach of this command: backups by other tools" in done.out
    assert _handles(full) == ["bo"]
    again = full.run("import", "posts.jsonl", "--source", "x")
    assert again.out == "3 rows: 0 new, 1 known, 2 removed for good before\n"


def test_no_byte_of_the_file_has_their_words(full: Workspace) -> None:
    files = [full.folder / "earful.db", full.folder / "earful.db-wal"]
    held = [one.read_bytes() for one in files if one.exists()]
    assert any(b"lovely (2)" in one for one in held)
    full.run("erase", "--author", "x:maria", "--yes")
    held = [one.read_bytes() for one in files if one.exists()]
    assert not any(word in one for one in held for word in (b"lovely (2)", b"awful (1)", b"maria"))


def test_it_asks_first_and_no_is_no(full: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    done = full.run("erase", "--author", "x:maria")
    assert done.status == 1
    assert "Erase x:maria? This cannot be undone." in done.out
    assert "nothing was erased" in done.out
    assert _handles(full) == ["bo", "maria"]
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert full.run("erase", "--author", "x:maria").status == 0
    assert _handles(full) == ["bo"]


def test_with_nobody_to_ask_nothing_is_erased(
    full: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert full.run("erase", "--author", "x:maria").status == 1
    assert _handles(full) == ["bo", "maria"]


def test_one_post(full: Workspace) -> None:
    done = full.run("erase", "--mention", "x:2", "--yes")
    assert done.status == 0
    assert "x:2: stored here" in done.out
    assert "erased: 1 mention," in done.out
    assert _handles(full) == ["bo", "maria"]
    later = full.run("erase", "--mention", "x:99", "--yes")
    assert "not stored; it will not be stored later" in later.out
    db = full.db()
    assert (number(db, "mention"), number(db, "tombstone")) == (2, 2)
    db.close()


def test_exports_that_may_hold_it_are_named_with_who_made_them(full: Workspace) -> None:
    full.run("export", "--out", "deep/out.csv", "--brand", "Acme Air", "--sentiment", "negative")
    done = full.run("erase", "--author", "x:maria", "--yes")
    assert str(full.folder / "deep" / "out.csv") in done.out
    assert "(2 rows, brand Acme Air; sentiment negative) by " in done.out


def test_an_export_without_a_row_holds_nothing_of_anybody(full: Workspace) -> None:
    full.run("export", "--out", "empty.csv", "--source", "nowhere")
    done = full.run("erase", "--author", "x:maria", "--yes")
    assert "empty.csv" not in done.out
    assert "No export was written" in done.out


def test_an_export_that_failed_is_not_logged(full: Workspace) -> None:
    (full.folder / "file").write_text("")
    assert full.run("export", "--out", "file/out.csv").status == 1
    db = full.db()
    assert not rows(db, "SELECT * FROM export_log WHERE format IN ('csv', 'jsonl')")
    db.close()


def test_erased_before(full: Workspace) -> None:
    db = full.db()
    (maria,) = rows(db, "SELECT external_id FROM author WHERE handle = 'maria'")
    db.close()
    full.run("erase", "--author", "x:maria", "--yes")
    done = full.run("erase", "--author", f"x:{maria.external_id}", "--yes")
    assert done.status == 0
    assert "was erased before" in done.out


def test_of_what_is_not_here_it_does_not_say_that_no_export_holds_it(full: Workspace) -> None:
    full.run("export", "--out", "out.csv")
    full.run("erase", "--mention", "x:1", "--yes")
    again = full.run("erase", "--mention", "x:1", "--yes")
    assert "No export was written" not in again.out
    assert "which exports may hold it is not known here" in again.out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], "needs one author or one mention. Give --author SOURCE:ID or --mention SOURCE:ID."),
        (["--author", "x:a", "--mention", "x:1"], "needs one author or one mention. Give --author"),
        (["--author", "maria"], "'maria' names no source. Write SOURCE:ID or SOURCE:HANDLE"),
        (["--mention", "x:"], "--mention: 'x:' names no source. Write SOURCE:ID"),
        (["--author", "x:nobody"], "no author of x with the id or handle 'nobody' is stored"),
        (["--author", "y:maria"], "no author of y with the id or handle 'maria' is stored"),
    ],
)
def test_what_cannot_be_erased_is_said_in_a_sentence(
    full: Workspace, words: list[str], expected: str
) -> None:
    done = full.run("erase", *words, "--yes")
    assert (done.status, done.out) == (1, "")
    assert expected in done.err
    assert _handles(full) == ["bo", "maria"]


def test_two_of_one_handle_must_be_told_apart(workspace: Workspace) -> None:
    columns = "author_id=who"
    them = [row(1, who="7"), row(2, who="8")]
    workspace.run("import", workspace.file("p.jsonl", *them), "--source", "x", "--map", columns)
    done = workspace.run("erase", "--author", "x:maria", "--yes")
    if "2 authors" not in done.err:
        pytest.fail(done.err + done.out)
    assert "Name one by its id: x:7, x:8" in done.err
    assert workspace.run("erase", "--author", "x:8", "--yes").status == 0
    assert _handles(workspace) == ["maria"]


def test_recheck_where_no_source_can_be_asked(full: Workspace) -> None:
    done = full.run("recheck")
    assert (done.status, done.out) == (0, "0 checked again, 0 changed, 0 gone\n")


def test_on_postgresql_the_rest_is_the_servers_work(
    postgres_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    db = connect(postgres_url)
    app = App(settings=Settings(), db=db, queries=(), clock=FrozenClock())
    keep(db, mention(1))
    assert erase.erase(app, "fake:maria", None, confirm=lambda _question: True)
    assert "that is the server's work" in capsys.readouterr().out
    assert number(db, "mention") == 0
    db.close()


def test_a_file_in_use_is_said_with_what_to_do(
    sqlite: Database, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(sqlite, mention(1))
    monkeypatch.setattr(engine, "_BUSY_SECONDS", 0.1)
    db = connect(f"sqlite:///{sqlite.engine.url.database}")
    app = App(settings=Settings(), db=db, queries=(), clock=FrozenClock())
    with sqlite.read() as reading:
        reading.exec_driver_sql("SELECT count(*) FROM mention").all()
        assert erase.erase(app, "fake:maria", None, confirm=lambda _question: True)
    assert "run the same command with the id again" in capsys.readouterr().out
    assert erase.erase(app, "fake:id-maria", None, confirm=lambda _question: True)
    said = capsys.readouterr().out
    assert "was erased before" in said
    assert "traces stay in it" not in said
    db.close()
