"""Any file: its rows are accounted for, a repeat adds nothing, and words stay as they were written.

Each example is written as two files of different formats. The real command's code imports both into
a real SQLite file, with batches of a few rows, and a count by hand tells what is right.
"""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from factories import FrozenClock, check_all
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from commands.importing import order as orders
from commands.importing.order import ImportOrder
from commands.importing.report import ImportReport
from commands.importing.store import import_file
from earful.settings.load import Settings
from pipeline.app import App, open_app
from storage.database.engine import Database

Row = dict[str, Any]
TIMES = ("2026-11-19T10:00:00Z", "2026-11-19T11:30:00+02:00", "2026-11-18T08:00:00Z")
WORDS = st.text(alphabet="abcxyz äßé€😡,;|\"'\t\n=+-", min_size=1, max_size=12)
ROW = st.fixed_dictionaries(
    {
        "id": st.sampled_from(["", "", "1", "2", "a-3"]),
        "author": st.sampled_from(["", "nell", "tomas"]),
        # few texts, so that rows say the same; and any text
        "text": st.one_of(st.sampled_from(["Too slow", "Great", "", " "]), WORDS),
        "published_at": st.sampled_from([*TIMES, *TIMES, "soon"]),
    }
)
# mostly JSON, whose layout takes less time to find out
KINDS = ("jsonl", "jsonl", "jsonl", "json", "json", "csv", "csv;", "tsv", "csv.gz", "csv-16")
FILE = st.tuples(
    st.lists(ROW, min_size=1, max_size=9),
    st.sampled_from(KINDS),
    st.sampled_from(KINDS),
    st.integers(1, 9),
)
_NUMBERS = itertools.count()


class World:
    """One database for all examples: each file has a source of its own."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self._patch = patch
        self.clock = FrozenClock()
        url = SecretStr(f"sqlite:///{folder / 'earful.db'}")
        brand = {"name": "Acme Air", "timezone": "Europe/Athens"}
        made = Settings.model_validate({"database_url": url, "brand": [brand]})
        self.app: App = open_app(made, clock=self.clock)

    @property
    def db(self) -> Database:
        return self.app.db

    def run(self, file: Path, source: str, batch: int) -> ImportReport:
        self._patch.setattr(orders, "_BATCH", batch)
        self.clock.forward(seconds=1)
        order = ImportOrder(
            file=file, source=source, columns={}, rejects=self.folder / f"{source}.rejects"
        )
        return import_file(self.app, order, progress=lambda _stored: None)

    def stored(self, source: str) -> list[tuple[str, str]]:
        query = (
            "SELECT a.handle, m.text FROM mention m JOIN author a ON a.id = m.author_id "
            "WHERE m.source = ?"
        )
        with self.db.read() as connection:
            return sorted((row[0], row[1]) for row in connection.exec_driver_sql(query, (source,)))


@pytest.fixture(scope="module")
def any_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with pytest.MonkeyPatch.context() as patch:
        world = World(tmp_path_factory.mktemp("any"), patch)
        yield world
        check_all(world.db)
        world.db.close()


def _write(folder: Path, name: str, rows: list[Row], kind: str) -> Path:
    ending = kind.rstrip(";").removesuffix("-16")
    path = folder / f"{name}.{ending}"
    if kind == "jsonl":
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    elif kind == "json":
        text = json.dumps(rows)
    else:
        delimiter = "\t" if kind == "tsv" else ";" if kind == "csv;" else ","
        file = io.StringIO(newline="")
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
        text = file.getvalue()
    data = text.encode("utf-16" if kind == "csv-16" else "utf-8")
    path.write_bytes(gzip.compress(data) if kind.endswith(".gz") else data)
    return path


def _expected(rows: list[Row]) -> tuple[Counter[tuple[str, str]], int]:
    """Return the mentions as (author, words), and the number of unread rows, counted by hand."""
    mentions: Counter[tuple[str, str]] = Counter()
    unread = 0
    owners: dict[str, str] = {}
    known: set[tuple[str, ...]] = set()
    for row in rows:
        text = row["text"].strip()
        if not text or row["published_at"] == "soon":
            unread += 1
            continue
        author = row["author"] or "anonymous"
        if row["id"]:
            if owners.setdefault(row["id"], author) != author:
                unread += 1
                continue
            key: tuple[str, ...] = (row["id"], text)
        elif row["author"]:
            key = ("", author, text, _instant(row["published_at"]))
        else:
            key = ("", str(len(known)), "nobody")
        if key not in known:
            known.add(key)
            mentions[author, text] += 1
    return mentions, unread


def _instant(text: str) -> str:
    return {TIMES[1]: "2026-11-19T09:30:00Z"}.get(text, text)


@given(file=FILE)
@settings(max_examples=510)
def test_rows_in_are_rows_accounted_for(
    any_world: World, file: tuple[list[Row], str, str, int]
) -> None:
    rows, kind, other_kind, batch = file
    source = f"s{next(_NUMBERS)}"
    path = _write(any_world.folder, source, rows, kind)
    expected, unread = _expected(rows)
    first = any_world.run(path, source, batch)
    assert first.rows == len(rows)
    assert (first.new, first.rejected) == (expected.total(), unread)
    assert any_world.stored(source) == sorted(expected.elements())
    _check_rejects(any_world.folder / f"{source}.rejects", unread)
    # the same rows in another format and in other batches
    other_path = _write(any_world.folder, f"{source}-again", rows, other_kind)
    second = any_world.run(other_path, source, batch % 5 + 1)
    assert second.rows == len(rows)
    assert (second.new, second.changed, second.rejected) == (0, 0, unread)
    assert (second.known, second.repeated) == (first.new, first.repeated)
    assert any_world.stored(source) == sorted(expected.elements())
    path.unlink()
    other_path.unlink()


def _check_rejects(path: Path, unread: int) -> None:
    if not unread:
        assert not path.exists()
        return
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(lines) == unread
    assert all(line["where"] and line["reason"] for line in lines)
