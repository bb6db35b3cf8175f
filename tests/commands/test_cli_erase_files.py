"""After `earful erase`: Earful's own files lose the person, and every other file is named."""

from __future__ import annotations

import gzip
import json
import shlex
import subprocess
from pathlib import Path

import pytest
from cli_workspace import Workspace, row

from storage.database.clean import names_one
from storage.removal.name_finder import NameFinder

CHANNEL = """
[[channel]]
name = "out"
kind = "file"
path = "outbox"

[digest]
channels = ["out"]

[[listen]]
source = "folder"
brand = "Acme Air"

[listen.options]
path = "incoming"
rejects = "incoming-rejects.jsonl"
"""


@pytest.fixture
def full(workspace: Workspace) -> Workspace:
    """Maria and Bo, each with an unhappy post, in every kind of file."""
    workspace.settings(CHANNEL)
    (workspace.folder / "incoming").mkdir()
    them = [
        row(1, author="maria", author_name="Maria Pappas"),
        row(2, author="bo"),
        json.dumps(row(3, author="maria") | {"published_at": "31/31/2026"}),
        json.dumps(row(4, author="bo") | {"published_at": "31/31/2026"}),
    ]
    workspace.run("import", workspace.file("posts.jsonl", *them), "--source", "x")
    workspace.file("incoming/new.jsonl", row(5, author="bo"), row(6, author="Maria"))
    workspace.run("classify")
    workspace.run("flag")
    workspace.run("digest")
    workspace.run("digest", "--out", "kept", "--since", "2026-01-01")
    workspace.run("export", "--out", "out.csv")
    return workspace


def text_of(workspace: Workspace) -> dict[str, str]:
    """Every file of the folder but the database's and settings."""
    files = [path for path in workspace.folder.rglob("*") if path.is_file()]
    return {
        str(path.relative_to(workspace.folder)): path.read_text(encoding="utf-8", errors="replace")
        for path in files
        if not path.name.startswith((".", "earful.db", "settings"))
    }


def test_words_leave_the_files_that_earful_wrote(full: Workspace) -> None:
    before = text_of(full)
    own = {name for name in before if name.startswith(("outbox", "kept"))} | {
        "posts.jsonl.rejects.jsonl"
    }
    assert len(own) == 5
    assert all("maria" in before[name] for name in own)
    done = full.run("erase", "--author", "x:maria", "--yes")
    assert done.status == 0
    after = text_of(full)
    assert not [name for name in own if "maria" in after[name].lower()]
    assert "Removed from files that Earful wrote:" in done.out
    for name in own:
        assert str(Path(name).name) in done.out
    (line,) = after["posts.jsonl.rejects.jsonl"].splitlines()
    assert '"bo"' in json.loads(line)["raw"]


def test_files_of_people_are_named_with_a_command_that_works(full: Workspace) -> None:
    done = full.run("erase", "--author", "x:maria", "--yes")
    assert "These files still name them, and Earful does not change them. Run:" in done.out
    commands = [
        line.strip() for line in done.out.splitlines() if line.startswith(("  grep", "  rm"))
    ]
    shown = {}
    for command in commands:
        words = shlex.split(command)
        if words[0] == "grep":
            ran = subprocess.run(words, capture_output=True, text=True, check=True)
            shown[Path(words[-1]).name] = ran.stdout
    assert set(shown) == {"posts.jsonl", "new.jsonl"}
    assert all("aria" in text for text in shown.values())
    assert f"rm -- {full.folder / 'out.csv'}" in commands
    # Bo is not named by any of it
    assert not any("bo" in shlex.split(command)[1:-1] for command in commands)


def test_a_backup_is_named_with_the_command_that_replaces_it(full: Workspace) -> None:
    full.run("backup", "copy.db")
    full.run("backup", "gone.db")
    (full.folder / "gone.db").unlink()
    done = full.run("erase", "--author", "x:maria", "--yes")
    file = full.folder / "copy.db"
    assert f"  rm -- {file} && earful backup {file}\n" in done.out
    assert "gone.db" not in done.out


def test_other_peoples_files_are_not_named(full: Workspace) -> None:
    full.run("export", "--out", "empty.csv", "--source", "nowhere")
    full.file("incoming/others.jsonl", row(9, "about mariachi", author="bo"))
    done = full.run("erase", "--author", "x:maria", "--yes")
    assert "empty.csv" not in done.out
    assert "others.jsonl" not in done.out


def test_packed_files_are_searched_or_named(full: Workspace) -> None:
    packed = gzip.compress(json.dumps(row(7, author="maria")).encode())
    (full.folder / "incoming" / "old.jsonl.gz").write_bytes(packed)
    (full.folder / "incoming" / "old.zip").write_bytes(b"PK")
    done = full.run("erase", "--author", "x:maria", "--yes")
    assert "zgrep -niF -e maria" in done.out
    assert "These files could not be searched; look into them yourself:" in done.out
    assert "old.zip" in done.out


def test_erased_again_the_files_are_searched_again(full: Workspace) -> None:
    full.run("erase", "--author", "x:maria", "--yes")
    full.file("incoming/from-a-backup.jsonl", row(8, author="m-1"))
    again = full.run("erase", "--mention", "x:123456789", "--yes")
    assert "from-a-backup" not in again.out
    full.file("incoming/from-a-backup.jsonl", row(123456789, author="m-1"))
    again = full.run("erase", "--mention", "x:123456789", "--yes")
    assert "grep -niF -e 123456789 -- " in again.out


def test_thousands_of_names_cost_no_more_than_a_few() -> None:
    names = [f"post-{number}" for number in range(20_000)] + ["Élodie", "@maria", "did:plc:x1"]
    finder = NameFinder(names)
    for text in (
        "see post-17!",
        "POST-19999",
        "post-20000",
        "a post-1x",
        "ÉLODIE said",
        "to @Maria, hello",
        "x@maria",
        "at://did:plc:x1/app",
        '{"by": "\\u00c9lodie"}',
        "mariachi",
        "",
    ):
        expected = names_one(text, names) or "u00c9" in text
        assert bool(finder.find(text)) == expected, text
