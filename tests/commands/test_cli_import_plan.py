"""`earful import` shows how it reads a file, and asks before it stores what it guessed."""

from __future__ import annotations

import gzip
import json

import pytest
from cli_workspace import Workspace, row
from factories import rows

POSTS = """Tweet Id,Full Text,Created At,Screen_Name,Colour
1,The parcel came late,2026-11-19T10:00:00Z,maria,red
2,"[bold]All good[/bold]\x1b[31m
and red",2026-11-19T11:00:00Z,bo,blue
3,No time,soon,cy,green
"""


def _number(workspace: Workspace) -> int:
    db = workspace.db()
    number: int = rows(db, "SELECT count(*) FROM mention")[0][0]
    db.close()
    return number


def _posts(workspace: Workspace) -> str:
    (workspace.folder / "posts.csv").write_text(POSTS, encoding="utf-8")
    return "posts.csv"


def test_a_dry_run_shows_the_reading_and_stores_nothing(workspace: Workspace) -> None:
    done = workspace.run("import", _posts(workspace), "--source", "x", "--dry-run")
    assert done.status == 0, done.err
    lines = done.out.splitlines()
    assert lines[0] == "posts.csv: CSV, utf-8, commas between cells, 5 columns"
    for line in (
        "  Full Text → text",
        "  Created At → published_at",
        "  Screen_Name → author",
        "  Tweet Id → id",
        "  not used: Colour",
        "source: x; brand: Acme Air",
        "times that name no zone: Europe/Athens",
        "  2026-11-19 10:00 UTC  maria  The parcel came late",
        "  2026-11-19 11:00 UTC  bo  [bold]All good[/bold][31m and red",
    ):
        assert line in lines
    assert any(line.startswith("  not read, line 5: Created At: 'soon'") for line in lines)
    assert any(line.startswith("3 rows: 2 readable, 1 not read (") for line in lines)
    assert "\x1b" not in done.out
    assert _number(workspace) == 0
    assert not list(workspace.folder.glob("*.rejects.jsonl"))


def test_a_column_is_named_as_not_used_though_its_name_is_a_part_of_another(
    workspace: Workspace,
) -> None:
    text = "Body,Created At,Bod,reat\nlate,2026-11-19T10:00:00Z,a,b\n"
    (workspace.folder / "posts.csv").write_text(text, encoding="utf-8")
    done = workspace.run("import", "posts.csv", "--source", "x", "--dry-run")
    assert "  not used: Bod, reat" in done.out.splitlines()


def test_a_guess_needs_a_yes(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    command = ("import", _posts(workspace), "--source", "x")
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    refused = workspace.run(*command)
    assert refused.status == 1
    assert "  Full Text → text\n" in refused.out
    assert "Add --yes to store it so" in refused.err
    assert _number(workspace) == 0
    done = workspace.run(*command, "--yes")
    assert done.status == 0
    assert "\n3 rows: 2 new, 1 not read (" in done.out
    assert "  Full Text → text\n" in done.out
    assert _number(workspace) == 2


def test_names_of_ours_and_a_map_need_no_question(workspace: Workspace) -> None:
    own = workspace.run("import", workspace.file("own.jsonl", row(1)), "--source", "x")
    assert (own.status, own.out) == (0, "1 row: 1 new\n")
    mapped = workspace.run(
        *("import", _posts(workspace), "--source", "x"),
        *("--map", "text=Full Text,published_at=Created At", "--map", "author=Screen_Name"),
    )
    assert mapped.status == 0
    assert mapped.out.startswith("3 rows: 2 new, 1 not read (")


def test_what_cannot_be_told_is_a_question_with_its_option(workspace: Workspace) -> None:
    (workspace.folder / "odd.csv").write_text("colour,size\nred,5\n")
    done = workspace.run("import", "odd.csv", "--source", "x", "--yes")
    assert done.status == 1
    assert "--map text=COLUMN" in done.err
    assert "--map published_at=COLUMN" in done.out
    assert _number(workspace) == 0


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--source", "twitter"], "did you mean 'x'?"),
        ([], "--source is missing"),
        (["--source", "x", "--from", "trustpilott"], "did you mean 'trustpilot'?"),
        (["--source", "x", "--skip", "-1"], "--skip: -1"),
    ],
)
def test_a_wrong_option_is_named_with_its_fix(
    workspace: Workspace, words: list[str], expected: str
) -> None:
    done = workspace.run("import", workspace.file("own.jsonl", row(1)), *words)
    assert done.status == 1
    assert expected in done.err.replace("\n", " ")
    assert done.out == ""


def test_nothing_read_is_an_error_with_the_first_reason(workspace: Workspace) -> None:
    file = workspace.file("bad.jsonl", row(1, published_at="soon"), row(2, published_at="later"))
    done = workspace.run("import", file, "--source", "x")
    assert done.status == 1
    assert done.out.startswith("2 rows: 0 new, 2 not read (")
    assert "no row could be read; the first, line 1: published_at: 'soon'" in done.err
    empty = workspace.run("import", workspace.file("empty.jsonl", ""), "--source", "x")
    assert empty.status == 1
    assert "it holds no rows" in empty.err
    assert empty.out == ""
    header = workspace.run("import", workspace.file("h.csv", "text,published_at"), "--source", "x")
    assert (header.status, header.out) == (1, "")
    assert "it holds no rows" in header.err


def test_a_cut_file_is_counted_before_its_error(workspace: Workspace) -> None:
    lines = "".join(json.dumps(row(number)) + "\n" for number in range(3000))
    packed = gzip.compress(lines.encode())
    (workspace.folder / "cut.jsonl.gz").write_bytes(packed[: len(packed) * 3 // 4])
    done = workspace.run("import", "cut.jsonl.gz", "--source", "x")
    assert done.status == 1
    number = _number(workspace)
    assert 0 < number < 3000
    assert done.out.startswith(f"{number:,} rows: {number:,} new")
    assert "the file is cut or damaged" in done.err
    assert "tried again" not in done.err


def test_unread_rows_are_grouped_by_the_kind_of_their_trouble(workspace: Workspace) -> None:
    bad = [row(number, published_at=f"{number}/31/2026") for number in range(40, 60)]
    file = workspace.file("dates.jsonl", row(1), *bad)
    done = workspace.run("import", file, "--source", "x")
    assert done.status == 0
    assert "20 × published_at: '40/31/2026'" in done.out
    assert "'41/31/2026'" not in done.out


def test_a_dry_run_needs_no_source_yet(workspace: Workspace) -> None:
    done = workspace.run("import", _posts(workspace), "--dry-run")
    assert done.status == 0
    assert "source: not named yet; brand: Acme Air\n" in done.out
    assert "open: --source is missing. Write --source x" in done.out
    assert "  2026-11-19 10:00 UTC  maria  The parcel came late\n" in done.out


def test_the_brands_zone_is_said_once(workspace: Workspace) -> None:
    file = workspace.file(
        "posts.jsonl", *(row(n, published_at="2026-11-19T10:00:00") for n in range(3))
    )
    done = workspace.run("import", file, "--source", "x")
    assert done.out == (
        "3 rows: 3 new\ntimes without a zone were read as Europe/Athens, the brand's zone: 3 rows\n"
    )
    named = workspace.run("import", file, "--source", "reddit", "--timezone", "Asia/Tokyo")
    assert named.out.endswith("times without a zone were read as Asia/Tokyo: 3 rows\n")


def test_a_found_header_is_said(workspace: Workspace) -> None:
    (workspace.folder / "report.csv").write_text(
        "Report:,Mentions\n\nid,text,author,published_at\n1,It broke,bo,2026-11-19T10:00:00Z\n"
    )
    done = workspace.run(
        "import", "report.csv", "--source", "x", "--map", "text=text,published_at=published_at"
    )
    assert done.out.startswith("1 row: 1 new\nassumed: The header is line 3; ")


def test_no_escape_code_of_a_file_reaches_the_terminal(workspace: Workspace) -> None:
    (workspace.folder / "odd.csv").write_text("colour\x1b]0;x\x07,si\x1b[31mze\nred,5\n")
    for words in (["--yes"], ["--dry-run"], ["--map", "text=body,published_at=at"]):
        done = workspace.run("import", "odd.csv", "--source", "x", *words)
        assert "si[31mze" in done.err.replace("\n", "") + done.out
        assert not {"\x1b", "\x07"} & set(done.err + done.out)
