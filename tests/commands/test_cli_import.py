"""`earful import`: everything readable comes in once; what is wrong is said in a sentence."""

from __future__ import annotations

import gzip
import json

import pytest
from cli_workspace import Workspace, row
from factories import check_all, rows


def test_a_file_comes_in_once(workspace: Workspace) -> None:
    file = workspace.file("posts.jsonl", *(row(n) for n in range(3)))
    first = workspace.run("import", file, "--source", "x")
    assert (first.status, first.out) == (0, "3 rows: 3 new\n")
    second = workspace.run("import", file, "--source", "x")
    assert (second.status, second.out) == (0, "3 rows: 0 new, 3 known\n")
    db = workspace.db()
    assert rows(db, "SELECT DISTINCT brand_id FROM mention_brand") == [("acme-air",)]
    check_all(db)
    db.close()


def test_columns_by_map_and_brands_by_column(workspace: Workspace) -> None:
    with gzip.open(workspace.folder / "posts.jsonl.gz", "wt") as file:
        for n, airline in enumerate(("Acme Air", "Rival Jet", "Neu Air")):
            said = {"key": n, "airline": airline, "who": "@bo", "body": "awful", "shares": 3}
            print(json.dumps(said | {"created_at": "2026-11-20T11:00:00Z"}), file=file)
    mapped = "text=body,author=who,id=key,published_at=created_at,shares=shares"
    done = workspace.run(
        *("import", "posts.jsonl.gz", "--source", "x", "--brand-from", "airline"),
        *("--map", mapped),
    )
    assert (done.status, done.out) == (0, "3 rows: 3 new\n")
    db = workspace.db()
    found = rows(
        db,
        "SELECT m.external_id, brand_id, handle, text, shares FROM mention m JOIN mention_brand b "
        "ON b.mention_id = m.id JOIN author a ON a.id = m.author_id ORDER BY 1",
    )
    assert found == [
        ("0", "acme-air", "bo", "awful", 3),
        ("1", "rival-jet", "bo", "awful", 3),
        ("2", "neu-air", "bo", "awful", 3),
    ]
    db.close()


def test_a_brand_by_name_known_or_not(workspace: Workspace) -> None:
    file = workspace.file("posts.jsonl", row(1))
    assert workspace.run("import", file, "--source", "x", "--brand", "ACME air").status == 0
    assert workspace.run("import", file, "--source", "x", "--brand", "New One").status == 0
    db = workspace.db()
    found = rows(db, "SELECT brand_id FROM mention_brand ORDER BY 1")
    assert found == [("acme-air",), ("new-one",)]
    assert rows(db, "SELECT name FROM brand WHERE id = 'acme-air'") == [("Acme Air",)]
    check_all(db)
    db.close()


def test_what_cannot_be_read_goes_to_the_rejects_with_its_reason(workspace: Workspace) -> None:
    file = workspace.file("posts.jsonl", row(1), "{not json", row(2, published_at="soon"), row(3))
    done = workspace.run("import", file, "--source", "x")
    assert done.status == 0
    assert done.out.startswith("4 rows: 2 new, 2 not read (1 × it is not JSON")
    assert ") → posts.jsonl.rejects.jsonl\nthe first not read, line 2: it is not JSON" in done.out
    lines = (workspace.folder / "posts.jsonl.rejects.jsonl").read_text().splitlines()
    found = [json.loads(line) for line in lines]
    assert [one["where"] for one in found] == ["line 2", "line 3"]
    assert "soon" in found[1]["reason"]
    assert found[0]["raw"] == "{not json"
    again = workspace.run("import", file, "--source", "x", "--rejects", "deep/bad.jsonl")
    assert again.out.startswith("4 rows: 0 new, 2 known, 2 not read (")
    assert " → deep/bad.jsonl\n" in again.out
    assert len((workspace.folder / "deep" / "bad.jsonl").read_text().splitlines()) == 2


def test_no_rejects_no_file(workspace: Workspace) -> None:
    workspace.run("import", workspace.file("posts.jsonl", row(1)), "--source", "x")
    assert not list(workspace.folder.glob("*.rejects.jsonl"))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["gone.jsonl", "--source", "x"], "gone.jsonl"),
        (["posts.jsonl", "--source", "x", "--map", "text=boby"], "there is no column 'boby'"),
        (["posts.jsonl", "--source", "x", "--map", "text"], "--map: 'text' is not FIELD=COLUMN"),
        (["posts.jsonl", "--source", "x", "--map", "txt=text"], "did you mean 'text'?"),
        (
            ["posts.jsonl", "--source", "x", "--brand", "A", "--brand-from", "b"],
            "--brand and --brand-from: give one of the two",
        ),
        (["posts.jsonl", "--source", "Not A Name"], "--source: 'Not A Name'"),
        (["posts.jsonl", "--source", "x", "--format", "xml"], "--format: 'xml' should be"),
        (
            ["posts.jsonl", "--source", "x", "--timezone", "Athens"],
            "--timezone: 'Athens' is not a time zone",
        ),
        (["posts.jsonl", "--source", "x", "--brand-from", "airline"], "no column 'airline'"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(
    workspace: Workspace, words: list[str], expected: str
) -> None:
    workspace.file("posts.jsonl", row(1))
    workspace.file("posts", row(1))
    done = workspace.run("import", *words)
    assert done.status == 1
    assert done.err.startswith("earful: ")
    assert expected in done.err.replace("\n", " ")
    assert len(done.err.splitlines()) == 1
    assert done.out == ""


def test_which_brand_must_be_said_when_settings_name_two(workspace: Workspace) -> None:
    workspace.settings('[[brand]]\nname = "Zed"\n')
    done = workspace.run("import", workspace.file("posts.jsonl", row(1)), "--source", "x")
    assert done.status == 1
    assert "--brand is missing" in done.err
    assert "Acme Air, Zed" in done.err


def test_a_file_cut_in_the_middle_keeps_what_stands_before(workspace: Workspace) -> None:
    whole = gzip.compress(
        "\n".join(json.dumps(row(n, "w" * 500 + str(n * 7919))) for n in range(5000)).encode()
    )
    (workspace.folder / "cut.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    done = workspace.run("import", "cut.jsonl.gz", "--source", "x")
    assert done.status == 1
    assert "cut or damaged" in done.err
    db = workspace.db()
    assert 0 < rows(db, "SELECT count(*) FROM mention")[0][0] < 5000
    check_all(db)
    db.close()
