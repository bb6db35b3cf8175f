"""Whatever bytes a file holds: no row is lost by resuming, and nothing but the three errors."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from earful.contracts import EdgeError
from earful.types import Batch, Query
from listeners.files.replay import Replay

NOW = datetime(2024, 5, 20, 12, 0, tzinfo=UTC)
CELLS = st.sampled_from(['"', '""', ",", "\n", "\r\n", "a", "é", "\x00", "1716112800", "\t", ";"])
PIECES = st.one_of(
    st.just(b"p1,hello,1716112800\n"),
    st.just(b'p2,"two\nlines",1716112800\n'),
    st.just(b'{"id": "j", "text": "a", "published_at": 1716112800}\n'),
    st.just(b'{"id": [1], "text": "a", "published_at": "1716112800"'),
    st.lists(CELLS, max_size=6).map(lambda cells: "".join(cells).encode()),
    st.binary(max_size=8),
)


def poll(path: Path, position: str | None) -> list[Batch]:
    asked = Query(
        id="replay/k",
        brand_id="k",
        source="replay",
        options={"path": str(path), "batch": 1, "delimiter": ","},
    )
    return list(Replay(clock=lambda: NOW).poll(asked, position))


def told(batches: list[Batch]) -> list[str]:
    found = [repr(one) for batch in batches for one in batch.mentions]
    return found + [f"{one.where} {one.reason}" for batch in batches for one in batch.rejected]


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl"])
@given(pieces=st.lists(PIECES, max_size=12), grown=st.binary(max_size=4))
@example(pieces=[], grown=b"[")
@example(pieces=[], grown=b"[\n")
@example(pieces=[b"["], grown=b"{")
@example(pieces=[], grown=b"\xfe\xff")
@example(pieces=[b"\x1f"], grown=b"\x8b")
@settings(max_examples=60, deadline=None)
def test_resuming_anywhere_tells_the_same(ending: str, pieces: list[bytes], grown: bytes) -> None:
    head = b"" if ending == "jsonl" else b"id,text,published_at\n"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"posts.{ending}"
        path.write_bytes(head + b"".join(pieces))
        try:
            batches = poll(path, None)
        except EdgeError:
            return
        everything = told(batches)
        for number, batch in enumerate(batches):
            again = told(batches[: number + 1]) + told(poll(path, batch.position))
            assert sorted(again) == sorted(everything)
        path.write_bytes(path.read_bytes() + grown)
        with suppress(EdgeError):  # its first bytes may be another file's now
            poll(path, batches[-1].position if batches else None)
