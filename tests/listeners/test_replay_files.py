"""Files as files: growth, replacement, damage, size, interruption."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import tracemalloc
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from replaying import AT, NOW, mentions, poll, query, rejected, row, write

from earful.contracts import Permanent, Transient
from earful.types import Batch, Mention
from listeners.files.replay import Replay


def test_a_line_of_many_megabytes_is_not_loaded(tmp_path: Path) -> None:
    path = write(tmp_path / "posts.jsonl", [row(1)])
    with path.open("ab") as file:
        file.write(b'{"text": "')
        for _ in range(40):
            file.write(b"x" * 1_000_000)
        file.write(b'"}\n' + json.dumps(row(2)).encode() + b"\n")
    tracemalloc.start()
    batches = poll(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [one.external_id for one in mentions(batches)] == ["p1", "p2"]
    assert "over 1,048,576 bytes" in rejected(batches)[0].reason
    assert peak < 8_000_000
    assert mentions(poll(path, batches[-1].position)) == []


def test_a_file_that_grows_is_read_on(tmp_path: Path) -> None:
    path = write(tmp_path / "posts.csv", [row(1), row(2)])
    position = poll(path)[-1].position
    assert poll(path, position) == []
    with path.open("a") as file:
        file.write(f"p3,ann,post 3,{AT}\r\n")
    batches = poll(path, position)
    assert [one.external_id for one in mentions(batches)] == ["p3"]


def test_rows_taken_out_of_a_file_of_long_cells(tmp_path: Path) -> None:
    """A row may end with a line that many rows have: the end of a quoted cell."""

    def rows(numbers: list[int]) -> list[dict[str, object]]:
        words = {number: f"post {number}\n" + "late " * 100 + "\n" for number in numbers}
        return [
            {"id": f"p{number}", "published_at": AT, "text": text} for number, text in words.items()
        ]

    before, now = list(range(100, 120)), [*range(100, 110), *range(112, 124)]
    path = write(tmp_path / "posts.csv", rows(before))
    first = poll(path)
    write(path, rows(now))
    rest = poll(path, first[-1].position)
    found = {one.external_id for one in mentions(first + rest)}
    assert found == {f"p{number}" for number in [*before, *now]}


@pytest.mark.timeout(20)  # a named pipe that nobody writes would be waited for for ever
@pytest.mark.parametrize("kind", ["named pipe", "open pipe", "device"])
def test_what_can_be_read_only_once_is_refused(tmp_path: Path, kind: str) -> None:
    """It is opened more than once: what had been read of it would be missing the second time."""
    with ExitStack() as after:
        if kind == "device":
            path = Path("/dev/zero")
        elif kind == "named pipe":
            os.mkfifo(path := tmp_path / "posts.jsonl")
        else:
            reading, writing = os.pipe()
            after.callback(os.close, reading)
            os.write(writing, json.dumps(row(1)).encode())
            os.close(writing)
            path = Path(f"/dev/fd/{reading}")
        with pytest.raises(Permanent, match=r"a pipe or a device.*Save it as a file"):
            poll(path, format="jsonl")


@pytest.mark.parametrize("ending", ["jsonl", "csv", "jsonl.gz"])
def test_another_file_under_the_same_name_starts_over(tmp_path: Path, ending: str) -> None:
    path = write(tmp_path / f"posts.{ending}", [row(number) for number in range(50)])
    position = poll(path)[-1].position
    write(path, [row(number) for number in range(900, 940)])
    assert len(mentions(poll(path, position))) == 40
    write(path, [row(number) for number in range(900, 990)])
    assert len(mentions(poll(path, position))) == 90


def test_the_unfinished_end_of_a_growing_file(tmp_path: Path) -> None:
    path = write(tmp_path / "posts.jsonl", [row(1)])
    whole = json.dumps(row(2))
    with path.open("a") as file:
        file.write(whole[:20])
    batches = poll(path)
    assert "it is not JSON" in rejected(batches)[0].reason
    position = batches[-1].position
    assert poll(path, position) == []  # told once
    with path.open("a") as file:
        file.write(whole[20:])
    batches = poll(path, position)
    assert [one.external_id for one in mentions(batches)] == ["p2"]
    position = batches[-1].position
    with path.open("a") as file:
        file.write("\n" + json.dumps(row(3)) + "\n")
    assert [one.external_id for one in mentions(poll(path, position))] == ["p2", "p3"]


def test_only_past_lets_a_file_arrive_live(tmp_path: Path) -> None:
    times = [NOW - timedelta(minutes=9), NOW, NOW + timedelta(minutes=1), NOW - timedelta(hours=1)]
    rows = [row(number, published_at=at.isoformat()) for number, at in enumerate(times)]
    path = write(tmp_path / "posts.jsonl", rows)
    now = NOW
    listener = Replay(clock=lambda: now)
    live = query(path, only_past=True)
    first = list(listener.poll(live, None))
    assert [one.external_id for one in mentions(first)] == ["p0", "p1"]
    assert list(listener.poll(live, first[-1].position)) == []
    now += timedelta(minutes=2)
    rest = list(listener.poll(live, first[-1].position))
    assert [one.external_id for one in mentions(rest)] == ["p2", "p3"]


def test_rejects_are_kept_in_a_file(tmp_path: Path) -> None:
    path = write(tmp_path / "posts.jsonl", [row(1, text=""), row(2), row(3, published_at="x")])
    kept = tmp_path / "kept" / "posts.rejects.jsonl"
    poll(path, rejects=str(kept))
    lines = [json.loads(line) for line in kept.read_text().splitlines()]
    assert [line["where"] for line in lines] == ["line 1", "line 3"]
    assert json.loads(lines[0]["raw"])["id"] == "p1"
    poll(write(tmp_path / "fine.jsonl", [row(1)]), rejects=str(tmp_path / "none.jsonl"))
    assert not (tmp_path / "none.jsonl").exists()


@pytest.mark.parametrize("torn", [b'{"where": "line 1", "rea', b'{"where": "line 1"}', b"\xce"])
def test_a_reject_behind_one_that_was_cut_has_a_line_of_its_own(
    tmp_path: Path, torn: bytes
) -> None:
    """Killed, or the disk full, while they were written: they are all written again."""
    path = write(tmp_path / "posts.jsonl", [row(1, text=""), row(2, text="")])
    kept = tmp_path / "posts.rejects.jsonl"
    poll(path, rejects=str(kept))
    whole = kept.read_bytes()
    kept.write_bytes(whole + torn)
    poll(path, rejects=str(kept))
    assert kept.read_bytes() == whole + torn + b"\n" + whole


@pytest.mark.parametrize("keep", [0.02, 0.5, 0.98])
def test_a_cut_gzip_keeps_what_could_be_read(tmp_path: Path, keep: float) -> None:
    rows = [row(number, text=f"{number * 7919 % 10007} words") for number in range(20_000)]
    path = write(tmp_path / "posts.jsonl.gz", rows)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * keep)])
    found: list[Mention] = []
    position = None
    with pytest.raises(Transient, match="cut or damaged") as error:
        for batch in Replay(clock=lambda: NOW).poll(query(path), None):
            found += batch.mentions
            position = batch.position
    assert str(path) in str(error.value)
    assert len(found) > 20_000 * keep * 0.9 - 400
    path.write_bytes(whole)
    found += mentions(poll(path, position))
    assert {one.external_id for one in found} == {f"p{number}" for number in range(20_000)}
    assert len(found) == 20_000


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(Permanent, match=r"none.csv: No such file.*Check the option path"):
        poll(tmp_path / "none.csv")
    (tmp_path / "a.jsonl.gz").write_text("plain")
    with pytest.raises(Permanent, match="the name says gzip"):
        poll(tmp_path / "a.jsonl.gz")
    (tmp_path / "dir.csv").mkdir()
    with pytest.raises(Permanent, match="Is a directory"):
        poll(tmp_path / "dir.csv")


@pytest.mark.parametrize("ending", ["jsonl", "csv", "tsv"])
@pytest.mark.parametrize("content", [b"", b"\n", b"\xef\xbb\xbf", b"\n\n\n"])
def test_empty_files_are_empty(tmp_path: Path, ending: str, content: bytes) -> None:
    (tmp_path / f"a.{ending}").write_bytes(content)
    assert poll(tmp_path / f"a.{ending}") == []


def test_gzip_is_known_by_its_content(tmp_path: Path) -> None:
    path = write(tmp_path / "posts.jsonl.gz", [row(1)])
    renamed = path.rename(tmp_path / "posts.jsonl")
    assert len(mentions(poll(renamed))) == 1


def test_a_big_file_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "big.jsonl"
    with path.open("w") as file:
        for number in range(30_000):
            author = f"a{number % 8_000}"
            file.write(
                f'{{"id": "{number}", "author": "{author}", "text": "kestrova parcel {number} is '
                f'late", "published_at": {1_716_000_000 + number}}}\n'
            )
    count = 0
    tracemalloc.start()
    for batch in Replay(clock=lambda: NOW + timedelta(days=30)).poll(query(path), None):
        count += len(batch.mentions)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 30_000
    assert peak < 6_000_000  # it is 2 to 3 million; all the mentions together are 12


_READER = """
import sys
from earful.types import Query
from listeners.files.replay import Replay
path, log, position = sys.argv[1], sys.argv[2], sys.argv[3] or None
asked = Query(id="r", brand_id="k", source="replay", options={"path": path, "batch": 50})
with open(log, "a") as out:
    for batch in Replay().poll(asked, position):
        ids = " ".join(one.external_id for one in batch.mentions)
        out.write(f"{batch.position}\\t{ids}\\n")  # one line is one transaction
        out.flush()
"""


def test_killed_and_resumed_loses_none(tmp_path: Path) -> None:
    path = write(tmp_path / "posts.csv", [row(number) for number in range(20_000)])
    log = tmp_path / "log.tsv"
    log.touch()
    stored: list[str] = []
    position = ""
    for attempt in range(30):
        reader = subprocess.Popen([sys.executable, "-c", _READER, path, log, position])
        if attempt < 4:
            size = log.stat().st_size
            while log.stat().st_size == size and reader.poll() is None:
                time.sleep(0.002)
            reader.send_signal(signal.SIGKILL)
        reader.wait()
        lines = log.read_text().splitlines(keepends=True)
        whole = [line for line in lines if line.endswith("\n")]
        log.write_text("".join(whole))  # what was half written was never committed
        stored = [one for line in whole for one in line.split("\t")[1].split()]
        position = whole[-1].split("\t")[0] if whole else ""
        if reader.returncode == 0:
            break
    assert stored == [f"p{number}" for number in range(20_000)]


def test_an_array_that_is_still_written_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    path = tmp_path / "posts.json"
    array = json.dumps([row(1), row(2), row(3)], indent=1)
    path.write_text(array[: array.index('"p3"')])
    batches: list[Batch] = []
    with pytest.raises(Transient, match=r"cut or damaged \(the JSON ends inside the value of line"):
        for batch in Replay(clock=lambda: NOW).poll(query(path, batch=1), None):
            batches.append(batch)
    assert [one.external_id for one in mentions(batches)] == ["p1", "p2"]
    path.write_text(array)
    assert [one.external_id for one in mentions(poll(path, batches[0].position))] == ["p2", "p3"]
    assert [one.external_id for one in mentions(poll(path, batches[1].position))] == ["p3"]


def test_rows_that_say_the_same_are_several_people_in_a_file_that_grows(tmp_path: Path) -> None:
    same = {"text": "Too slow", "published_at": AT}
    path = write(tmp_path / "answers.jsonl", [same, same])
    first = poll(path)
    with path.open("a") as file:
        file.write(json.dumps(same) + "\n")
    grown = poll(path, first[-1].position)
    ids = [one.external_id for one in mentions(first) + mentions(grown)]
    assert len(set(ids)) == 3
    assert ids == [one.external_id for one in mentions(poll(path))]
    # also where each batch is resumed by itself
    one_by_one, position = [], None
    while batches := poll(path, position, batch=1)[:1]:
        one_by_one += [one.external_id for one in mentions(batches)]
        position = batches[0].position
    assert one_by_one == ids
