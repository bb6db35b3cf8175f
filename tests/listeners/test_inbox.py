"""The inbox between the service and the listener: nothing lost, nothing doubled, nothing left."""

from __future__ import annotations

import json
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from factories import FrozenClock

from earful.contracts import BadItem, Permanent, Transient
from earful.types import Author, Batch, Mention, Seen
from listeners.inbox import inbox, sqlite_file
from listeners.inbox.inbox import Inbox, read_batches
from listeners.inbox.sqlite_file import FILE

WRITER = """
import sys
from pathlib import Path
from earful import clock
from listeners.inbox.inbox import Inbox
folder, name, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
inbox = Inbox(folder, clock=clock.now)
for number in range(count):
    inbox.append([{"id": f"{name}-{number}"}])
"""
# Beyond its limit on file sizes a process gets SIGXFSZ: ignored, the write fails as on a full disk;
# at its default, it ends the process in the middle of what it writes (setrlimit(2)).
LIMITED = """
import json, os, resource, signal, sys
from pathlib import Path
from earful import clock
from listeners.inbox.inbox import Inbox

def append(inbox, limit, kills):
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL if kills else signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        inbox.append([{"id": "b"}, {"id": "c" + "x" * 20_000}])
        stored = True
    except OSError:
        stored = False
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    inbox.append([{"id": "d"}])
    return stored

for limit in json.loads(sys.argv[2]):
    inbox = Inbox(Path(sys.argv[1]) / str(limit), clock=clock.now)
    inbox.append([{"id": "a"}])
    pid = os.fork()
    if pid == 0:
        os._exit(0 if append(inbox, limit, sys.argv[3] == "kill") else 1)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
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
    return list(read_batches(folder, position, now=clock(), take=take))


def ids(batches: list[Batch]) -> list[str]:
    return [mention.external_id for batch in batches for mention in batch.mentions]


def rejects(batches: list[Batch]) -> list[Any]:
    return [rejected for batch in batches for rejected in batch.rejected]


def rows(folder: Path) -> list[str]:
    """The lines that lie in the inbox."""
    with closing(sqlite3.connect(folder / FILE)) as database:
        return [line for (line,) in database.execute("SELECT line FROM submission ORDER BY id")]


def put_raw(folder: Path, *lines: str) -> None:
    """Rows that the service would not write."""
    with closing(sqlite3.connect(folder / FILE)) as database, database:
        database.executemany(
            "INSERT INTO submission (line) VALUES (?)", [(line,) for line in lines]
        )


def old_file(folder: Path, data: bytes, name: str = "20261120T12-7-00000000.jsonl") -> Path:
    """A file as Earful wrote one an hour before the inbox was a database."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(data)
    return folder / name


def test_a_row_stays_until_it_is_stored(tmp_path: Path, clock: FrozenClock) -> None:
    box = Inbox(tmp_path, clock=clock)
    box.append([{"id": "a"}])
    first = read(tmp_path, None, clock)
    assert ids(first) == ids(read(tmp_path, None, clock)) == ["a"]  # killed before it was stored
    box.append([{"id": "b"}])
    second = read(tmp_path, first[-1].position, clock)
    assert ids(second) == ["b"]
    assert [json.loads(line)["id"] for line in rows(tmp_path)] == ["b"]  # "a" is stored
    assert ids(read(tmp_path, first[-1].position, clock)) == ["b"]
    third = read(tmp_path, second[-1].position, clock)
    assert ids(third) == []
    assert rows(tmp_path) == []
    assert len(third[-1].position or "") < 100
    box.append([{"id": "c"}])  # its id is behind the position, though no row is left
    assert ids(read(tmp_path, third[-1].position, clock)) == ["c"]


def test_what_was_stored_leaves_no_trace_in_the_folder(tmp_path: Path, clock: FrozenClock) -> None:
    box = Inbox(tmp_path, clock=clock)
    box.append([{"id": "secret of a stranger " + "x" * 100_000}])
    large = (tmp_path / FILE).stat().st_size
    position = read(tmp_path, None, clock)[-1].position
    read(tmp_path, position, clock)
    (file,) = tmp_path.iterdir()
    assert b"secret of a stranger" not in file.read_bytes()
    assert file.stat().st_size < large // 4  # a burst leaves no large file behind


def test_only_its_user_can_read_it(tmp_path: Path, clock: FrozenClock) -> None:
    Inbox(tmp_path / "box", clock=clock).append([{"id": "a"}])
    assert stat.S_IMODE((tmp_path / "box").stat().st_mode) == 0o700
    (file,) = (tmp_path / "box").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_lines_that_fail_half_way_store_nothing(tmp_path: Path, clock: FrozenClock) -> None:
    box = Inbox(tmp_path, clock=clock)
    box.append([{"id": "a"}])
    with pytest.raises(TypeError):
        box.append([{"id": "b"}, {"id": object()}])
    assert ids(read(tmp_path, None, clock)) == ["a"]


def append_with_limits(folder: Path, limits: list[int], action: str) -> list[int]:
    """Append in a process for each limit, into a folder for each; give the exit codes."""
    result = subprocess.run(
        [sys.executable, "-c", LIMITED, str(folder), json.dumps(limits), action],
        capture_output=True,
        text=True,
        check=True,
    )
    return [int(code) for code in result.stdout.split()]


def test_a_disk_that_fills_up_takes_all_lines_or_none(tmp_path: Path, clock: FrozenClock) -> None:
    limits = [0, 10, *range(512, 40_000, 2000)]
    codes = append_with_limits(tmp_path, limits, "full")
    assert {0, 1} == set(codes)
    for limit, code in zip(limits, codes, strict=True):
        batches = read(tmp_path / str(limit), None, clock)
        stored = [external_id[0] for external_id in ids(batches)]
        assert stored == (["a", "b", "c", "d"] if code == 0 else ["a", "d"]), limit
        assert rejects(batches) == []
        assert code == 1 or limit > 20_000  # the file holds more than that


def test_killed_at_any_byte_it_took_all_lines_or_none(tmp_path: Path, clock: FrozenClock) -> None:
    limits = [0, 10, *range(512, 40_000, 900)]
    codes = append_with_limits(tmp_path, limits, "kill")
    assert {0, -signal.SIGXFSZ} == set(codes)
    for limit, code in zip(limits, codes, strict=True):
        folder = tmp_path / str(limit)
        batches = read(folder, None, clock)
        stored = [external_id[0] for external_id in ids(batches)]
        assert stored == (["a", "b", "c", "d"] if code == 0 else ["a"]), limit
        assert rejects(batches) == []
        Inbox(folder, clock=clock).append([{"id": "e"}])  # nothing is in the way of the next
        assert ids(read(folder, batches[-1].position, clock)) == ["e"]


def test_several_processes_write_while_it_is_read(tmp_path: Path, clock: FrozenClock) -> None:
    folder, count = tmp_path / "box", 150
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(folder), name, str(count)])
        for name in "pqrs"
    ]
    stored: list[str] = []
    position = None
    while [writer for writer in writers if writer.poll() is None]:
        batches = read(folder, position, clock)
        stored += ids(batches)
        position = batches[-1].position
    assert [writer.returncode for writer in writers] == [0] * 4
    for _ in range(2):
        batches = read(folder, position, clock)
        stored += ids(batches)
        position = batches[-1].position
    assert sorted(stored) == sorted(f"{name}-{at}" for name in "pqrs" for at in range(count))
    assert rows(folder) == []


def test_a_lost_file_loses_nothing_that_comes_later(tmp_path: Path, clock: FrozenClock) -> None:
    Inbox(tmp_path, clock=clock).append([{"id": "a"}, {"id": "b"}])
    position = read(tmp_path, None, clock)[-1].position
    (tmp_path / FILE).unlink()
    clock.forward(minutes=-5)  # and the clock was set back meanwhile
    Inbox(tmp_path, clock=clock).append([{"id": "c"}])
    assert ids(read(tmp_path, position, clock)) == ["c"]


def test_an_older_copy_of_the_file_hides_no_new_row(tmp_path: Path, clock: FrozenClock) -> None:
    box = Inbox(tmp_path, clock=clock)
    box.append([{"id": "a"}])
    copy = (tmp_path / FILE).read_bytes()
    box.append([{"id": "b"}, {"id": "c"}])
    position = read(tmp_path, None, clock)[-1].position
    (tmp_path / FILE).write_bytes(copy)
    clock.forward(minutes=1)
    box.append([{"id": "d"}, {"id": "e"}])
    assert ids(read(tmp_path, position, clock)) == ["d", "e"]


def test_a_line_may_hold_any_character(tmp_path: Path, clock: FrozenClock) -> None:
    odd = ["a\nb", "c\r\x85\u2028d", "\ud800", "\x00", "ώ😀"]
    Inbox(tmp_path, clock=clock).append([{"id": text} for text in odd])
    assert ids(read(tmp_path, None, clock)) == odd


def test_bad_rows_are_reported_and_other_files_left_alone(
    tmp_path: Path, clock: FrozenClock
) -> None:
    Inbox(tmp_path, clock=clock).append(
        [{"no": 1}, {"rejected": "it is no object", "raw": "7"}, {"id": "a"}]
    )
    huge = json.dumps({"id": "x" * 2_000_000})
    put_raw(tmp_path, "[1]", "not json", "", "[" * 100_000, huge)
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "20261120T11-1-00000000.jsonl.bak").write_text("mine")
    batches = read(tmp_path, None, clock)
    assert ids(batches) == ["a"]
    assert [rejected.reason.partition(" (")[0] for rejected in rejects(batches)] == [
        "id: it is missing",
        "it is no object",
        "it is JSON, but no object {…}",
        *["it is not JSON"] * 4,
    ]
    assert rejects(batches)[1].raw == "7"
    assert max(len(rejected.raw) for rejected in rejects(batches)) == 500
    read(tmp_path, batches[-1].position, clock)
    assert rows(tmp_path) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "20261120T11-1-00000000.jsonl.bak",
        FILE,
        "notes.txt",
    ]


def test_it_says_up_to_when_all_is_seen(tmp_path: Path, clock: FrozenClock) -> None:
    clock.forward(minutes=20)
    assert read(tmp_path / "none yet", None, clock)[-1].seen == ()
    Inbox(tmp_path, clock=clock).append([{"id": "a"}])
    first = read(tmp_path, None, clock)[-1]
    begun = clock() - timedelta(minutes=20)
    assert first.seen == (Seen(since=begun, until=clock()),)
    before = clock()
    clock.forward(minutes=1)
    assert read(tmp_path, first.position, clock)[-1].seen == (Seen(since=before, until=clock()),)


def test_seen_outlives_polls_that_were_cut(tmp_path: Path, clock: FrozenClock) -> None:
    begun = clock()
    box = Inbox(tmp_path, clock=clock)
    for name in "ab":
        box.append([{"id": name}])
        clock.forward(hours=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inbox, "_BATCH", 1)
        position = read(tmp_path, None, clock)[0].position  # killed when "a" was stored
    next(read_batches(tmp_path, position, now=clock(), take=take))  # its row is deleted
    assert len(rows(tmp_path)) == 1
    last = read(tmp_path, position, clock)
    assert ids(last) == ["b"]
    assert last[-1].seen == (Seen(since=begun, until=clock()),)


def test_a_long_inbox_comes_in_pieces(tmp_path: Path, clock: FrozenClock) -> None:
    Inbox(tmp_path, clock=clock).append([{"id": str(number)} for number in range(1201)])
    batches = read(tmp_path, None, clock)
    assert [len(batch.mentions) for batch in batches] == [500, 500, 201, 0]
    assert [batch.more for batch in batches] == [True, True, True, False]
    assert json.loads(batches[0].position or "")["row"]


def test_the_service_writes_between_two_batches(tmp_path: Path, clock: FrozenClock) -> None:
    box = Inbox(tmp_path, clock=clock)
    box.append([{"id": str(number)} for number in range(501)])
    batches = read_batches(tmp_path, None, now=clock(), take=take)
    next(batches)
    box.append([{"id": "late"}])
    assert ids(list(batches)) == ["500", "late"]


def test_a_file_that_is_no_database_pauses_the_query(tmp_path: Path, clock: FrozenClock) -> None:
    (tmp_path / FILE).write_bytes(b"no database " * 1000)
    with pytest.raises(Permanent, match="move the file out of the way"):
        read(tmp_path, None, clock)
    with pytest.raises(OSError, match="not a database"):
        Inbox(tmp_path, clock=clock).append([{"id": "a"}])


def test_a_file_that_is_held_for_too_long_is_tried_again(
    tmp_path: Path, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_file, "_PATIENCE", 0.1)
    box = Inbox(tmp_path, clock=clock)
    box.append([{"id": "a"}])
    with closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(Transient, match="locked"):
            read(tmp_path, None, clock)
        with pytest.raises(OSError, match="locked"):
            box.append([{"id": "b"}])
    assert ids(read(tmp_path, None, clock)) == ["a"]


# --- line files of earlier versions ---------------------------------------------------------------


def test_line_files_of_an_earlier_version_are_read_once(tmp_path: Path, clock: FrozenClock) -> None:
    begun = clock()
    clock.forward(hours=3)
    old_file(tmp_path, b'{"id": "a"}\n{"id": "b"}\n')
    old_file(tmp_path, b'{"id": "c"}\n', "20261120T13-7-00000000.jsonl")
    old_file(tmp_path, b"", "20261120T14-7-00000000.jsonl")
    Inbox(tmp_path, clock=clock).append([{"id": "d"}])
    clock.forward(minutes=1)
    position = json.dumps({"read": {"20261120T12-7-00000000.jsonl": 12}, "until": None})
    batches = read(tmp_path, position, clock)
    assert sorted(ids(batches)) == ["b", "c", "d"]  # the position says that "a" is stored
    assert [path.name for path in tmp_path.iterdir()] == [FILE]
    assert batches[-1].seen[0].until == clock()
    assert ids(read(tmp_path, batches[-1].position, clock)) == []
    assert rows(tmp_path) == []
    (tmp_path / FILE).unlink()
    old_file(tmp_path, b'{"id": "e"}\n')
    assert read(tmp_path, None, clock)[-1].seen == (Seen(since=begun, until=clock()),)


def test_a_line_file_that_a_service_still_writes_waits(tmp_path: Path, clock: FrozenClock) -> None:
    path = old_file(tmp_path, b'{"id": "a"}\n{"id": "b')
    code = (
        "import fcntl, os, sys, time\n"
        "file = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND)\n"
        "fcntl.flock(file, fcntl.LOCK_EX); print(flush=True); input()\n"
        "os.write(file, b'\"}\\n'); print(flush=True); input()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=-1, stdout=-1, text=True
    ) as service:
        assert service.stdin is not None and service.stdout is not None
        service.stdout.readline()
        first = read(tmp_path, None, clock)
        assert (ids(first), rejects(first)) == (["a"], [])
        assert path.exists()
        print(file=service.stdin, flush=True)
        service.stdout.readline()
        second = read(tmp_path, first[-1].position, clock)
        assert ids(second) == ["b"]
        assert path.exists()
        print(file=service.stdin, flush=True)
    third = read(tmp_path, second[-1].position, clock)
    assert ids(third) == []
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


@pytest.mark.parametrize("torn", [b'{"id": "b', b'{"id": "b"}', b"{"])
def test_a_line_that_was_never_finished_is_reported_once(
    tmp_path: Path, clock: FrozenClock, torn: bytes
) -> None:
    old_file(tmp_path, b'{"id": "a"}\n' + torn)
    batches = read(tmp_path, None, clock)
    (rejected,) = rejects(batches)
    assert ids(batches) == ["a"]
    assert "the service ended while it wrote this line" in rejected.reason
    assert rejected.raw == torn.decode()
    later = read(tmp_path, batches[-1].position, clock)
    assert not ids(later) and not rejects(later)
    assert rows(tmp_path) == []


def test_bad_lines_of_a_line_file_are_reported(tmp_path: Path, clock: FrozenClock) -> None:
    old_file(tmp_path, b'{"no": 1}\n[1]\nnot json\n\n{"id": "a"}\n')
    batches = read(tmp_path, None, clock)
    assert ids(batches) == ["a"]
    assert [rejected.reason.partition(" (")[0] for rejected in rejects(batches)] == [
        "id: it is missing",
        "it is JSON, but no object {…}; one object a line",
        "it is not JSON",
    ]


def test_opening_an_inbox_again_writes_nothing(tmp_path: Path) -> None:
    """Each answer opens it: a transaction more would wait five times more for the disk."""
    for _ in range(2):
        sqlite_file.open_database(tmp_path / "inbox").close()
    file = tmp_path / "inbox" / sqlite_file.FILE
    changes = file.read_bytes()[24:28]  # https://sqlite.org/fileformat2.html#file_change_counter
    sqlite_file.open_database(tmp_path / "inbox").close()
    assert file.read_bytes()[24:28] == changes
