"""The other commands: what they print, how they end, and one sentence for what is wrong."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cli_workspace import Workspace, row
from factories import FakeClassifier, rows
from sqlalchemy import text

from earful.settings.errors import SettingsError
from pipeline.app import App

REPLAY = """
[[listen]]
source = "replay"
brand = "Acme Air"
[listen.options]
path = "posts.jsonl"
"""
OUTBOX = '[[channel]]\nname = "out"\nkind = "file"\npath = "outbox"\n'
DIGEST = OUTBOX + '[digest]\nchannels = ["out"]\n'


@pytest.fixture
def full(workspace: Workspace) -> Workspace:
    """Two unhappy people, one content one, one of long ago; all classified and judged."""
    them = [
        row(1, author="maria"),
        row(2, author="=bo"),
        row(3, "lovely", author="chi"),
        row(4, author="old", published_at="2026-01-01T00:00:00Z"),
    ]
    workspace.run("import", workspace.file("posts.jsonl", *them), "--source", "x")
    workspace.run("classify")
    workspace.run("flag")
    return workspace


# --- classify, flag -------------------------------------------------------------------------


def test_classify_says_how_many_by_which_model_and_how_fast(workspace: Workspace) -> None:
    workspace.run("import", workspace.file("posts.jsonl", row(1), row(2)), "--source", "x")
    done = workspace.run("classify")
    assert done.status == 0
    assert "2 mentions classified by fake-model/1" in done.out
    assert "mentions per second" in done.out
    assert workspace.run("classify").out == "0 mentions classified by fake-model/1\n"
    workspace.run("import", workspace.file("more.jsonl", row(3)), "--source", "x")
    assert "1 mention classified by fake-model/1" in workspace.run("classify").out


def test_without_a_model_classify_says_what_to_do(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(_app: App) -> None:
        raise SettingsError("[sentiment]: there is no model in /models; see docs/model.md")

    monkeypatch.setattr(App, "classifier", none)
    done = workspace.run("classify")
    assert (done.status, done.out) == (1, "")
    assert "docs/model.md" in done.err


def test_flag_and_flag_all(full: Workspace) -> None:
    assert full.run("flag").out == "0 judged, 0 flagged, 0 cases opened (0 urgent)\n"
    assert full.run("flag", "--all").out == "1 judged, 1 flagged, 1 case opened (0 urgent)\n"
    assert full.run("flag", "--all").out == "0 judged, 0 flagged, 0 cases opened (0 urgent)\n"


# --- export ---------------------------------------------------------------------------------


def test_export_as_csv_and_jsonl(full: Workspace) -> None:
    done = full.run("export", "--out", "deep/out.csv")
    assert (done.status, done.out) == (0, "4 rows written to deep/out.csv\n")
    with (full.folder / "deep" / "out.csv").open(newline="") as file:
        found = list(csv.DictReader(file))
    assert [one["author"] for one in found] == ["old", "maria", "'=bo", "chi"]
    assert [one["flagged"] for one in found] == ["false", "true", "true", "false"]
    full.run("export", "--out", "out.jsonl", "--format", "jsonl")
    lines = (full.folder / "out.jsonl").read_text().splitlines()
    assert [json.loads(line)["author"] for line in lines] == ["old", "maria", "=bo", "chi"]


@pytest.mark.parametrize(
    ("words", "number"),
    [
        (["--brand", "acme AIR"], 4),
        (["--brand", "Rival Jet"], 0),
        (["--sentiment", "positive"], 1),
        (["--sentiment", "positive", "--sentiment", "negative"], 4),
        (["--flagged"], 2),
        (["--no-flagged"], 2),
        (["--since", "2026-11-20"], 3),
        (["--until", "2026-11-20"], 1),
        (["--since", "2026-11-20T13:00+02:00", "--until", "2026-11-20T13:00:01+02:00"], 3),
        (["--source", "x"], 4),
        (["--source", "y"], 0),
        (["--toward", "negative"], 3),
        (["--toward", "positive", "--toward", "neutral"], 1),
        (["--intent", "question"], 0),
        (["--reason", "price", "--intent", "complaint"], 0),
    ],
)
def test_export_takes_what_was_asked_for(full: Workspace, words: list[str], number: int) -> None:
    done = full.run("export", "--out", "out.csv", *words)
    said = "1 row" if number == 1 else f"{number} rows"
    assert (done.status, done.out) == (0, f"{said} written to out.csv\n")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--brand", "Acmee Air"], "--brand: there is no brand 'Acmee Air' (did you mean 'Acme"),
        (
            ["--sentiment", "negativ"],
            "--sentiment: 'negativ' is no sentiment (did you mean 'negative'?)",
        ),
        (["--toward", "no"], "--toward: 'no' is no sentiment"),
        (
            ["--intent", "questions"],
            "--intent: 'questions' is no intent (did you mean 'question'?)",
        ),
        (["--reason", "prise"], "--reason: 'prise' is no reason (did you mean 'price'?)"),
        (["--since", "yesterday"], "--since: 'yesterday' is not a time. Write 2026-11-01"),
        (["--since", "2026-02-01", "--until", "2026-01-01"], "is after --until"),
    ],
)
def test_export_of_what_is_not_there(full: Workspace, words: list[str], expected: str) -> None:
    done = full.run("export", "--out", "out.csv", *words)
    assert done.status == 1
    assert expected in done.err
    assert not (full.folder / "out.csv").exists()


def test_export_to_where_nobody_may_write(full: Workspace) -> None:
    (full.folder / "taken").mkdir()
    done = full.run("export", "--out", "taken")
    assert done.status == 1
    assert done.err.startswith("earful: ")
    assert [one.name for one in full.folder.glob(".taken*")] == []


# --- digest ---------------------------------------------------------------------------------


def test_digest_printed_tells_nobody_and_sets_no_mark(full: Workspace) -> None:
    full.settings(DIGEST)
    for _ in range(2):
        done = full.run("digest", "--print")
        assert done.status == 0
        assert "2 new unhappy customers" in done.out
        assert "awful (1)" in done.out
    db = full.db()
    assert rows(db, "SELECT * FROM delivery") == rows(db, "SELECT * FROM digest_cursor") == []
    db.close()


def test_digest_into_files(full: Workspace) -> None:
    done = full.run("digest", "--out", "deep/folder")
    assert "written to deep/folder/digest.txt" in done.out
    assert "awful (1)" in (full.folder / "deep/folder/digest.txt").read_text()
    assert "<html" in (full.folder / "deep/folder/digest.html").read_text()


def test_digest_sent_through_the_outbox_once(full: Workspace) -> None:
    full.settings(DIGEST)
    done = full.run("digest")
    assert done.status == 0
    assert "out: queued" in done.out
    assert "1 sent" in done.out
    letters = [one for one in (full.folder / "outbox").rglob("*") if one.is_file()]
    assert any("awful (1)" in one.read_text() for one in letters)
    db = full.db()
    assert rows(db, "SELECT channel, state FROM delivery") == [("out", "sent")]
    db.close()


def test_digest_of_one_brand_and_since(full: Workspace) -> None:
    full.run("flag", "--all")
    assert "3 new unhappy" in full.run("digest", "--print", "--since", "2026-01-01").out
    assert full.run("digest", "--print", "--brand", "Acme Air").status == 0
    wrong = full.run("digest", "--print", "--brand", "Nobody")
    assert (wrong.status, "there is no brand 'Nobody'" in wrong.err) == (1, True)


@pytest.mark.parametrize("since", ["2999-01-01", "whenever"])
def test_digest_since_what_is_no_past(full: Workspace, since: str) -> None:
    done = full.run("digest", "--print", "--since", since)
    assert done.status == 1
    assert f"--since: '{since}'" in done.err


def test_digest_of_nothing(workspace: Workspace) -> None:
    assert "Nobody new is unhappy" in workspace.run("digest", "--print").out
    workspace.settings('[digest]\nwhen_nothing = "skip"\n')
    assert workspace.run("digest", "--print").out == "nothing happened since the last digest\n"


def test_a_digest_that_cannot_be_sent_ends_with_one(full: Workspace) -> None:
    full.settings(DIGEST)
    (full.folder / "outbox").write_text("a file where the folder should be")
    assert full.run("digest").status == 1


# --- poll, deliver, status ------------------------------------------------------------------


def test_poll_once_asks_now_due_or_not(workspace: Workspace) -> None:
    workspace.settings(REPLAY)
    workspace.file("posts.jsonl", row(1))
    assert workspace.run("poll").out == "1 new of 1 mention from 1 query\n"
    workspace.file("posts.jsonl", row(1), row(2))
    assert "from 0 queries" in workspace.run("poll").out
    done = workspace.run("poll", "--once")
    assert (done.status, done.out) == (0, "1 new of 1 mention from 1 query\n")


def test_a_paused_query_says_why_until_it_is_resumed(workspace: Workspace) -> None:
    workspace.settings(REPLAY)
    failed = workspace.run("poll", "--once")
    assert failed.status == 1
    assert "replay/acme-air: " in failed.err
    assert "posts.jsonl" in failed.err
    workspace.file("posts.jsonl", row(1))
    still = workspace.run("poll", "--once")
    assert "from 0 queries" in still.out
    assert "posts.jsonl" in still.err
    wrong = workspace.run("poll", "--resume", "replay/acme")
    assert wrong.status == 1
    assert "there is no query 'replay/acme' (did you mean 'replay/acme-air'?)" in wrong.err
    assert "1 new" in workspace.run("poll", "--resume", "replay/acme-air").out


def test_poll_without_anything_to_listen_to(workspace: Workspace) -> None:
    done = workspace.run("poll")
    assert done.status == 0
    assert "no [[listen]] block" in done.out


def test_an_unknown_source_is_named_with_the_nearest(workspace: Workspace) -> None:
    workspace.settings('[[listen]]\nsource = "hackernew"\nbrand = "Acme Air"\n')
    done = workspace.run("poll")
    assert done.status == 1
    assert "there is no source 'hackernew' (did you mean 'hackernews'?)" in done.err


def test_status_shows_brands_the_queue_and_problems(full: Workspace) -> None:
    full.settings(REPLAY.replace("posts.jsonl", "gone.jsonl"))
    full.run("poll", "--once")
    done = full.run("status")
    assert done.status == 0
    assert "Acme Air" in done.out
    assert "0 mentions to be classified" in done.out
    assert "replay/acme-air: paused: " in done.out


def test_deliver_again(full: Workspace) -> None:
    full.settings(DIGEST)
    full.run("digest")
    assert full.run("deliver").out == "0 sent, 0 put off, 0 given up\n"
    assert full.run("deliver", "--again").status == 0


# --- settings and usage ---------------------------------------------------------------------


def test_wrong_settings_are_one_sentence_for_every_command(workspace: Workspace) -> None:
    workspace.settings(text="[rules]\nnegative = 0.5\n")
    for command in ("poll", "classify", "flag", "status", "digest", "deliver"):
        done = workspace.run(command)
        assert done.status == 1
        assert done.err == (
            "earful: settings.toml: [rules]: unknown key 'negative' (did you mean 'negative_at'?)\n"
            "  line 2: negative = 0.5\n"
            "          ^^^^^^^^\n"
        )


def test_no_settings_at_all(workspace: Workspace) -> None:
    (workspace.folder / "settings.toml").unlink()
    done = workspace.run("status")
    assert done.status == 1
    assert "there is no such file" in done.err


def test_a_command_that_does_not_exist(workspace: Workspace) -> None:
    done = workspace.run("clasify")
    assert done.status == 2
    assert "clasify" in done.err


# --- doctor ---------------------------------------------------------------------------------


def test_doctor_finds_a_sound_house_sound(workspace: Workspace) -> None:
    workspace.settings(REPLAY + OUTBOX)
    workspace.file("posts.jsonl", row(1))
    done = workspace.run("doctor")
    assert done.status == 0, done.out
    for what in ("settings", "database", "source replay/acme-air", "channel out"):
        assert f"ok  {what}: " in done.out
    assert "BAD" not in done.out


def _find(workspace: Workspace, what: str) -> str:
    done = workspace.run("doctor")
    assert done.status == 1, done.out
    lines = done.out.splitlines()
    (at,) = (n for n, line in enumerate(lines) if line.startswith(f"BAD {what}"))
    assert lines[at + 1].startswith("      -> "), "it says what to do"
    return lines[at]


def test_doctor_on_wrong_settings(workspace: Workspace) -> None:
    workspace.settings("[rules]\nnegative = 1\n")
    assert "unknown key 'negative'" in _find(workspace, "settings")
    workspace.settings('[[listen]]\nsource = "rs"\nbrand = "Acme Air"\n')
    assert "there is no source 'rs'" in _find(workspace, "settings")


def test_doctor_on_a_database_that_is_none(workspace: Workspace) -> None:
    (workspace.folder / "earful.db").write_text("Dear diary, " * 99)
    assert "earful.db" in _find(workspace, "database")


def test_doctor_on_a_server_that_is_not_there(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EARFUL_DATABASE_URL", "postgresql://me:hunter2@127.0.0.1:1/earful")
    found = _find(workspace, "database")
    assert "hunter2" not in found


def test_doctor_on_a_missing_model(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(_app: App) -> None:
        raise SettingsError("[sentiment]: there is no model")

    monkeypatch.setattr(App, "classifier", none)
    assert "there is no model" in _find(workspace, "model")


def test_doctor_on_a_model_that_sees_no_complaint(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from factories import scores_of

    blind = FakeClassifier(says=lambda _text: scores_of("lovely"))
    monkeypatch.setattr(App, "classifier", lambda _app: blind)
    done = workspace.run("doctor")
    assert "?   model: fake-model/1 read a complaint as positive" in done.out


def test_doctor_on_a_source_that_is_not_there(workspace: Workspace) -> None:
    workspace.settings(REPLAY)
    assert "posts.jsonl" in _find(workspace, "source replay/acme-air")


def test_doctor_on_a_search_that_does_not_answer(workspace: Workspace) -> None:
    """Its walk tells what stays unseen before it raises; that is no answer."""
    nowhere = '[listen.options]\nendpoint = "http://127.0.0.1:1"\n'
    workspace.settings(f'[[listen]]\nsource = "hackernews"\nbrand = "Acme Air"\n{nowhere}')
    out = workspace.run("doctor").out
    assert "?   source hackernews/acme-air: http://127.0.0.1:1/search_by_date" in out
    assert "answers" not in out


def test_doctor_says_which_secret_is_missing_and_where_the_steps_are(workspace: Workspace) -> None:
    workspace.settings('[[listen]]\nsource = "x"\nbrand = "Acme Air"\n' + REPLAY)
    workspace.file("posts.jsonl", row(1))
    found = _find(workspace, "source x/acme-air")
    assert found == "BAD source x/acme-air: EARFUL_X_BEARER_TOKEN is not set"
    out = workspace.run("doctor").out
    assert "-> Make an app in X's developer console" in out
    assert "docs/sources/x.md" in out
    assert "ok  source replay/acme-air: answers; 1 mention to fetch at once" in out


def test_doctor_on_a_channel_that_cannot_be_reached(workspace: Workspace) -> None:
    (workspace.folder / "outbox").write_text("a file where the folder should be")
    workspace.settings(OUTBOX)
    assert "outbox" in _find(workspace, "channel out")


def test_doctor_keeps_nothing_of_what_a_source_answers(workspace: Workspace) -> None:
    workspace.settings(REPLAY)
    workspace.file("posts.jsonl", row(1))
    assert "answers; 1 mention to fetch at once" in workspace.run("doctor").out
    assert sorted(path.name for path in workspace.folder.iterdir()) == [
        "posts.jsonl",
        "settings.toml",
    ]
    workspace.run("status")
    before = (workspace.folder / "earful.db").read_bytes()
    assert "answers; 1 mention to fetch at once" in workspace.run("doctor").out
    assert (workspace.folder / "earful.db").read_bytes() == before
    db = workspace.db()
    assert rows(db, "SELECT position FROM query") == [(None,)]
    assert rows(db, "SELECT * FROM mention") == []
    db.close()


def test_doctor_registers_no_brand(workspace: Workspace) -> None:
    """A look at other settings must not leave their brands in the database for ever."""
    workspace.settings()
    workspace.run("status")
    workspace.settings('\n[[brand]]\nname = "Kestrova"\n' + REPLAY)
    workspace.file("posts.jsonl", row(1))
    assert workspace.run("doctor").status == 0
    db = workspace.db()
    assert {name for (name,) in rows(db, "SELECT name FROM brand")} == {"Acme Air", "Rival Jet"}
    assert rows(db, "SELECT id FROM query") == []
    db.close()


def test_doctor_reads_the_state_of_a_database_without_bringing_it_up_to_date(
    workspace: Workspace,
) -> None:
    workspace.settings(REPLAY)
    workspace.file("posts.jsonl", row(1))
    workspace.run("status")
    db = workspace.db()
    with db.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    older = rows(db, "SELECT version_num FROM alembic_version")
    out = workspace.run("doctor").out
    assert rows(db, "SELECT version_num FROM alembic_version") == older
    db.close()
    assert "database: " in out


def test_doctor_remembers_what_went_wrong_lately(workspace: Workspace) -> None:
    workspace.settings(REPLAY)
    workspace.run("poll", "--once")
    assert "paused; " in _find(workspace, "source replay/acme-air")
    workspace.settings()  # the query has left the settings: its trouble went with it
    assert "replay/acme-air" not in workspace.run("doctor").out


def test_doctor_needs_nothing_but_settings(workspace: Workspace) -> None:
    (workspace.folder / "settings.toml").unlink()
    assert "there is no such file" in _find(workspace, "settings")


# --- the real thing -------------------------------------------------------------------------


def _really(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-c", "from commands.main import main; main()", *words],
        cwd=folder,
        env=kept | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_as_a_process_of_its_own(workspace: Workspace) -> None:
    workspace.file("posts.jsonl", row(1, "my private words"), "{broken")
    done = _really(workspace.folder, "-v", "import", "posts.jsonl", "--source", "x")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("2 rows: 1 new, 1 not read (")
    assert "my private words" not in done.stderr
    wrong = _really(workspace.folder, "import", "gone.jsonl", "--source", "x")
    assert wrong.returncode == 1
    assert wrong.stderr.startswith("earful: ")
    assert len(wrong.stderr.splitlines()) == 1


def test_a_bug_keeps_its_traceback_but_not_what_people_wrote(workspace: Workspace) -> None:
    """The disk gives out in the middle: the log names the trouble, not the mention."""
    workspace.file("posts.jsonl", row(1, "my private words"))
    workspace.run("status")
    database = workspace.db()
    with database.write() as connection:
        from sqlalchemy import text

        connection.execute(text("DROP TABLE match"))
    database.close()
    done = _really(workspace.folder, "-v", "import", "posts.jsonl", "--source", "x")
    assert done.returncode != 0
    assert "no such table: match" in done.stderr
    assert "my private words" not in done.stderr
