"""Earful's own export comes back whole: it adds nothing, and fills an empty database alike."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli_workspace import Workspace
from factories import ACME, NOW, OTHER, QUERY, RIVAL, about, batch, check_all, mention

from earful.clock import UNDATED
from earful.types import Author, Engagement, Mention, Rating
from listeners.common.authors import anonymous_author
from storage.collecting import ingest
from storage.database.migrate import upgrade
from storage.entities import brands

# what an export keeps of a mention, and a second database must hold too
KEPT = (
    *("source", "external_id", "url", "author", "text", "lang", "published_at", "brand"),
    *("rating_kind", "rating_value", "rating_lowest", "rating_highest"),
    *("author_id", "author_name", "followers", "reply_to", "repost_of"),
    *("shares", "likes", "replies"),
)
HEADS = ["=1+1", "'=1", "''=1", "@all", "+1 for this", "-5 stars", "＝x", "'quoted'", "RT @bo: ok"]


def _mentions() -> list[Mention]:
    known = Author(
        source="x", external_id="77", handle="-nell", name="=Nell", followers=12345, verified=True
    )
    plain = [
        mention(number, source="x", text=f"{head} and it broke", by=known, lang="en")
        for number, head in enumerate(HEADS)
    ]
    return [
        *plain,
        mention("n1", source="x", text="no name", by=anonymous_author("x", "m-n1")),
        mention("n2", source="survey", text="no name", by=anonymous_author("survey", "m-n2")),
        mention("r1", text='two\n"lines", and cells; é 😡', url="https://a.example/1?b=c&d"),
        mention("r2", text="N/A", reply_to="m-r1", engagement=Engagement(shares=3, likes=2)),
        mention("r3", text="RT @bo: bad", repost_of="m-r2"),
        mention("r4", text="again", repost_of=""),
        mention("r5", text="&amp; it says &lt;b&gt;"),
        mention(
            "r6", text="[removed]", by=Author(source="fake", external_id="1E+20", handle="None")
        ),
        mention("s1", text="slow", rating=Rating(kind="nps", value=0, lowest=0, highest=10)),
        mention("s2", text="slow", rating=Rating(kind="csat", value=5, lowest=1, highest=5)),
        mention("s3", text="", rating=Rating(kind="stars", value=1, lowest=1, highest=5)),
        mention("u1", text="the feed's date could not be read", published_at=UNDATED),
        mention("i1", external_id="'1", text="odd ids"),
        mention("i2", external_id="0012.0", text="odd ids", reply_to="12E+3"),
        mention("i3", external_id="<" + "long" * 100 + "@mail.example>", text="odd ids"),
    ]


def _fill(workspace: Workspace) -> None:
    db = workspace.db()
    upgrade(db)
    brands.sync(db, [ACME, RIVAL, OTHER])
    ingest.store(db, QUERY, batch(*_mentions()), about("acme-air", "rival-jet"), NOW)
    db.close()


def _csv(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _jsonl(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize(("name", "read"), [("csv", _csv), ("jsonl", _jsonl)])
def test_an_export_adds_nothing_and_fills_an_empty_database_alike(
    workspace: Workspace, name: str, read: Callable[[Path], list[dict[str, Any]]]
) -> None:
    _fill(workspace)
    number = len(_mentions())
    assert workspace.run("export", "--format", name, "--out", f"out.{name}").status == 0
    before = read(workspace.folder / f"out.{name}")
    for words in (["--source", "x", "--brand", "Acme Air"], []):
        again = workspace.run("import", f"out.{name}", *words)
        expected = f"{2 * number} rows: 0 new, {number} known, {number} said again\n"
        assert (again.status, again.out) == (0, expected), again.err
    for path in workspace.folder.glob("earful.db*"):
        path.unlink()
    filled = workspace.run("import", f"out.{name}")
    assert filled.out.startswith(f"{2 * number} rows: {number} new, {number} said again\n")
    workspace.run("export", "--format", name, "--out", f"back.{name}")
    after = read(workspace.folder / f"back.{name}")
    assert [{key: row[key] for key in KEPT} for row in _sorted(after)] == [
        {key: row[key] for key in KEPT} for row in _sorted(before)
    ]
    db = workspace.db()
    check_all(db)
    db.close()


def _sorted(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: (row["source"], row["external_id"], row["brand"]))


def test_an_export_from_before_authors_had_ids_adds_nothing(workspace: Workspace) -> None:
    """Its columns end with the rating, so nobody but the handle names the author."""
    _fill(workspace)
    workspace.run("export", "--out", "out.csv")
    rows = _csv(workspace.folder / "out.csv")
    with (workspace.folder / "old.csv").open("w", encoding="utf-8", newline="") as file:
        names = list(rows[0])
        writer = csv.DictWriter(
            file, names[: names.index("rating_highest") + 1], extrasaction="ignore"
        )
        writer.writeheader()
        writer.writerows(rows)
    again = workspace.run("import", "old.csv")
    assert again.status == 0
    assert again.out.startswith(f"{len(rows)} rows: 0 new, ")
    assert "not read" not in again.out


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ("2,03215E+18;2026-03-14T15:07:00Z", "'2,03215E+18' is an id that a spreadsheet has"),
        ("77;14.03.2026 15:07", "'14.03.2026 15:07' is no time that Earful wrote"),
    ],
)
def test_an_export_that_a_spreadsheet_changed_doubles_nothing(
    workspace: Workspace, cells: str, reason: str
) -> None:
    external_id, published_at = cells.split(";")
    (workspace.folder / "changed.csv").write_text(
        "source;external_id;url;author;text;lang;language_found;published_at;brand;sentiment\n"
        f"x;{external_id};;nell;Kestrova broke;en;en;{published_at};Acme Air;negative\n"
    )
    done = workspace.run("import", "changed.csv", "--yes")
    assert done.status == 1
    assert reason in done.err.replace("\n", " ")
    assert "as Earful wrote it" in done.err.replace("\n", " ")
