"""The folder between the service and the listener: nothing lost, nothing doubled, nothing kept."""

from __future__ import annotations

import fcntl
import json
import subprocess
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from factories import FrozenClock

from earful.contracts import BadItem
from earful.types import Author, Batch, Mention, Seen
from listeners.inbox import spool
from listeners.inbox.spool import Spool

WRITER = """
import sys
from pathlib import Path
from earful import clock
from listeners.inbox.spool import Spool
box, name, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
one = Spool(box, clock=clock.now)
for number in range(count):
    one.append([{"id": f"{name}-{number}"}])
    if number % 7 == 0:
        one.close()
"""
FULL = """
import resource, sys
from pathlib import Path
from earful import clock
from listeners.inbox.spool import Spool
one = Spool(Path(sys.argv[1]), clock=clock.now)
one.append([{"id": "a"}])
resource.setrlimit(resource.RLIMIT_FSIZE, (30, resource.RLIM_INFINITY))
try:
    one.append([{"id": "x" * 50}])
except OSError as error:
    print("refused", error.errno)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
one.append([{"id": "b"}, {"id": "c"}])
"""


def take(line: Mapping[str, Any]) -> Mention:
    if not isinstance(line.get("id"), str):
        raise BadItem("id: it is missing")
    at = FrozenClock()()
    author = Author(source="box", external_id="a", handle="a")
    return Mention(
        source="box",
        external_id=line["id"],
        author=author,
        text="t",
        published_at=at,
        fetched_at=at,
    )


def read(folder: Path, position: str | None, clock: FrozenClock) -> list[Batch]:
    return list(spool.batches(folder, position, now=clock(), take=take))


def ids(batches: list[Batch]) -> list[str]:
    return [one.external_id for batch in batches for one in batch.mentions]


def tear(folder: Path, data: bytes) -> None:
    """What a process leaves that is killed while it writes."""
    (file,) = folder.iterdir()
    with file.open("ab") as end:
        end.write(data)


def test_a_file_stays_until_it_is_closed_and_stored(tmp_path: Path, clock: FrozenClock) -> None:
    box = Spool(tmp_path, clock=clock)
    box.append([{"id": "a"}])
    first = read(tmp_path, None, clock)
    again = read(tmp_path, first[-1].position, clock)
    assert (ids(first), ids(again)) == (["a"], [])
    assert len(list(tmp_path.iterdir())) == 1  # it may still be written
    box.append([{"id": "b"}])
    box.close()
    third = read(tmp_path, again[-1].position, clock)
    assert ids(third) == ["b"]
    assert len(list(tmp_path.iterdir())) == 1  # nobody has stored "b" yet
    assert ids(read(tmp_path, again[-1].position, clock)) == ["b"]
    last = read(tmp_path, third[-1].position, clock)
    assert ids(last) == []
    assert list(tmp_path.iterdir()) == []
    assert len(last[-1].position or "") < 100  # the position forgets files that are gone


def test_every_hour_has_a_file_of_its_own(tmp_path: Path, clock: FrozenClock) -> None:
    box = Spool(tmp_path, clock=clock)
    box.append([{"id": "a"}])
    clock.forward(minutes=59)
    box.append([{"id": "b"}])
    box.roll()
    position = read(tmp_path, None, clock)[-1].position
    read(tmp_path, position, clock)
    assert len(list(tmp_path.iterdir())) == 1
    clock.forward(minutes=1)
    box.roll()  # nobody writes, and the hour is over all the same
    read(tmp_path, position, clock)
    assert list(tmp_path.iterdir()) == []
    box.append([{"id": "c"}])
    assert ids(read(tmp_path, position, clock)) == ["c"]


def test_a_line_waits_until_it_is_whole(tmp_path: Path, clock: FrozenClock) -> None:
    box = Spool(tmp_path, clock=clock)
    box.append([{"id": "a"}])
    tear(tmp_path, b'{"id": "b')
    first = read(tmp_path, None, clock)
    assert ids(first) == ["a"]
    assert not [one for batch in first for one in batch.rejected]
    tear(tmp_path, b'"}\n')
    assert ids(read(tmp_path, first[-1].position, clock)) == ["b"]
    box.close()


@pytest.mark.parametrize("torn", [b'{"id": "b', b'{"id": "b"}', b"{"])
def test_a_line_that_was_never_finished_is_told_of_once(
    tmp_path: Path, clock: FrozenClock, torn: bytes
) -> None:
    box = Spool(tmp_path, clock=clock)
    box.append([{"id": "a"}])
    tear(tmp_path, torn)
    box.close()
    batches = read(tmp_path, None, clock)
    (told,) = [one for batch in batches for one in batch.rejected]
    assert ids(batches) == ["a"]
    assert "nobody was told that it is kept" in told.reason
    assert told.raw == torn.decode()
    rest = read(tmp_path, batches[-1].position, clock)
    assert not ids(rest) and not rest[-1].rejected
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_up_takes_whole_lines_or_none(tmp_path: Path, clock: FrozenClock) -> None:
    found = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert found.stdout.startswith("refused")
    batches = read(tmp_path, None, clock)
    assert sorted(ids(batches)) == ["a", "b", "c"]
    assert not [one for batch in batches for one in batch.rejected]


def test_several_processes_write_while_it_is_read(tmp_path: Path, clock: FrozenClock) -> None:
    box, count = tmp_path / "box", 150
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(box), name, str(count)])
        for name in "pqrs"
    ]
    found: list[str] = []
    position = None
    while [one for one in writers if one.poll() is None]:
        batches = read(box, position, clock)
        found += ids(batches)
        position = batches[-1].position
    assert [one.returncode for one in writers] == [0] * 4
    for _ in range(2):
        batches = read(box, position, clock)
        found += ids(batches)
        position = batches[-1].position
    assert sorted(found) == sorted(f"{name}-{at}" for name in "pqrs" for at in range(count))
    assert list(box.iterdir()) == []


def test_a_file_taken_away_before_it_was_locked_is_made_again(
    tmp_path: Path, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reader deletes empty closed files: one may be gone between its making and its lock."""
    taken = []
    real = fcntl.flock

    def late(file: int, how: int) -> None:
        if not taken:
            assert ids(read(tmp_path, None, clock)) == []
            taken.append(not list(tmp_path.iterdir()))
        real(file, how)

    monkeypatch.setattr(fcntl, "flock", lambda file, how: (late if how == 2 else real)(file, how))
    box = Spool(tmp_path, clock=clock)
    box.append([{"id": "a"}])
    assert taken == [True]
    assert ids(read(tmp_path, None, clock)) == ["a"]
    box.close()


def test_what_stands_in_a_line_cannot_end_it(tmp_path: Path, clock: FrozenClock) -> None:
    odd = ["a\nb", "c\r\x85\u2028d", "\ud800", "\x00", "ώ😀"]
    box = Spool(tmp_path, clock=clock)
    box.append([{"id": one} for one in odd])
    box.close()
    assert ids(read(tmp_path, None, clock)) == odd


def test_bad_lines_are_told_of_and_other_files_left_alone(
    tmp_path: Path, clock: FrozenClock
) -> None:
    box = Spool(tmp_path, clock=clock)
    box.append([{"no": 1}, {"rejected": "it is no object", "raw": "7"}, {"id": "a"}])
    tear(tmp_path, b"[1]\nnot json\n\n")
    box.close()
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "20261120T11-1-00000000.jsonl.bak").write_text("mine")
    batches = read(tmp_path, None, clock)
    rejected = [one for batch in batches for one in batch.rejected]
    assert ids(batches) == ["a"]
    assert [one.reason.partition(" (")[0] for one in rejected] == [
        "id: it is missing",
        "it is no object",
        "it is JSON, but no object {…}; one object a line",
        "it is not JSON",
    ]
    assert rejected[1].raw == "7"
    read(tmp_path, batches[-1].position, clock)
    assert sorted(one.name for one in tmp_path.iterdir()) == [
        "20261120T11-1-00000000.jsonl.bak",
        "notes.txt",
    ]


def test_it_says_what_it_has_seen(tmp_path: Path, clock: FrozenClock) -> None:
    clock.forward(minutes=20)
    assert read(tmp_path / "none yet", None, clock)[-1].seen == ()
    box = Spool(tmp_path, clock=clock)
    box.append([{"id": "a"}])
    first = read(tmp_path, None, clock)[-1]
    begun = clock() - timedelta(minutes=20)
    assert first.seen == (Seen(since=begun, until=clock()),)
    before = clock()
    clock.forward(minutes=1)
    assert read(tmp_path, first.position, clock)[-1].seen == (Seen(since=before, until=clock()),)
    box.close()


def test_what_it_has_seen_outlives_looks_that_were_cut(tmp_path: Path, clock: FrozenClock) -> None:
    begun = clock()
    box = Spool(tmp_path, clock=clock)
    for name in "ab":
        box.append([{"id": name}])
        clock.forward(hours=1)
    box.close()
    position = read(tmp_path, None, clock)[0].position  # killed when "a" was stored
    next(spool.batches(tmp_path, position, now=clock(), take=take))  # its file is taken away
    assert len(list(tmp_path.iterdir())) == 1
    last = read(tmp_path, position, clock)
    assert ids(last) == ["b"]
    assert last[-1].seen == (Seen(since=begun, until=clock()),)


def test_a_long_inbox_comes_in_pieces(tmp_path: Path, clock: FrozenClock) -> None:
    box = Spool(tmp_path, clock=clock)
    box.append([{"id": str(number)} for number in range(1201)])
    box.close()
    batches = read(tmp_path, None, clock)
    assert [len(batch.mentions) for batch in batches] == [500, 500, 201, 0]
    assert [batch.more for batch in batches] == [True, True, True, False]
    assert json.loads(batches[0].position or "")["read"]
