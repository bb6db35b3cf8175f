"""A folder that files are put into."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest
from replaying import NOW, mentions, rejected, row, write

import listeners
from earful.contracts import Permanent
from earful.settings.errors import SettingsError
from earful.types import Batch, Query
from listeners.files import folder as module
from listeners.files.folder import Folder


def query(path: Path, **options: object) -> Query:
    given: dict[str, object] = {"path": str(path)} | options
    return Query(id="folder/k", brand_id="k", source="folder", options=given)


def poll(path: Path, position: str | None = None, **options: object) -> list[Batch]:
    return list(Folder(clock=lambda: NOW).poll(query(path, **options), position))


def ids(batches: list[Batch]) -> list[str]:
    return [one.external_id for one in mentions(batches)]


def test_files_are_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    write(tmp_path / "b.csv", [row(2)])
    write(tmp_path / "a.jsonl.gz", [row(1)])
    write(tmp_path / "c.tsv", [row(3)])
    batches = poll(tmp_path)
    assert ids(batches) == ["p1", "p2", "p3"]
    assert {one.source for one in mentions(batches)} == {"folder"}
    assert poll(tmp_path, batches[-1].position) == [
        Batch(mentions=(), position=batches[-1].position, is_file=True)
    ]


def test_a_new_file_is_read_whatever_its_name(tmp_path: Path) -> None:
    write(tmp_path / "b.jsonl", [row(1)])
    position = poll(tmp_path)[-1].position
    write(tmp_path / "a.jsonl", [row(2)])
    assert ids(poll(tmp_path, position)) == ["p2"]


def test_a_name_in_no_encoding_can_be_kept(tmp_path: Path) -> None:
    write(tmp_path / os.fsdecode(b"a\xff.jsonl"), [row(1)])
    position = poll(tmp_path)[-1].position
    assert position is not None
    position.encode("utf-8")  # as a database does
    assert ids(poll(tmp_path, position)) == []


def test_known_files_are_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "a.jsonl", [row(1)])
    position = poll(tmp_path)[-1].position

    def refuse(*_: object) -> None:
        raise AssertionError("this file has not changed")

    monkeypatch.setattr(module, "read_rows", refuse)
    assert ids(poll(tmp_path, position)) == []


def test_a_file_that_grows_is_read_on(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [row(1), row(2)])
    position = poll(tmp_path)[-1].position
    with path.open("a") as file:
        file.write(json.dumps(row(3)) + "\n")
    again = poll(tmp_path, position)
    assert ids(again) == ["p3"]
    assert ids(poll(tmp_path, again[-1].position)) == []


def test_a_file_that_was_replaced_is_read_anew(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [row(1)])
    position = poll(tmp_path)[-1].position
    write(path, [row(7)])
    os.utime(path, ns=(1, 1))
    assert ids(poll(tmp_path, position)) == ["p7"]


@pytest.mark.parametrize(
    "name",
    [
        "a.jsonl.part",
        "a.csv.tmp",
        ".a.jsonl",
        "~a.csv",
        "a.csv~",
        "a.jsonl.crdownload",
        "a.log",
        "a",
    ],
)
def test_names_that_are_left_alone(tmp_path: Path, name: str) -> None:
    write(tmp_path / "b.jsonl", [row(1)]).rename(tmp_path / name)
    (tmp_path / "more.jsonl").mkdir()
    write(tmp_path / "more.jsonl" / "a.jsonl", [row(2)])
    batches = poll(tmp_path)
    assert ids(batches) == []
    (tmp_path / name).rename(tmp_path / "done.jsonl")
    assert ids(poll(tmp_path, batches[-1].position)) == ["p1"]


def test_names_and_format(tmp_path: Path) -> None:
    write(tmp_path / "x.jsonl", [row(1)]).rename(tmp_path / "posts.log")
    write(tmp_path / "y.jsonl", [row(2)])
    assert ids(poll(tmp_path, names="posts*", format="jsonl")) == ["p1"]


def test_options_reach_the_files(tmp_path: Path) -> None:
    rejects = tmp_path / "rejects.jsonl"
    (tmp_path / "a.csv").write_text("Tweet;When\nlate;2024-05-19T10:00:00\nbad;yesterday\n")
    told = {"map": {"text": "Tweet", "published_at": "When"}, "timezone": "Europe/Athens"}
    batches = poll(tmp_path, rejects=str(rejects), source_as="x", **told)
    (one,) = mentions(batches)
    assert (one.source, one.text, one.published_at.hour) == ("x", "late", 7)
    assert [bad.where for bad in rejected(batches)] == ["a.csv line 3"]
    assert rejects.is_file()
    # what was written there is not taken for another file to read
    assert poll(tmp_path, batches[-1].position, rejects=str(rejects), **told)[0].rejected == ()


def test_a_file_that_cannot_be_read_does_not_stop_the_others(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("<html><body>late</body></html>")
    cut = gzip.compress(b"".join(json.dumps(row(n)).encode() + b"\n" for n in range(500)), mtime=0)
    (tmp_path / "b.jsonl.gz").write_bytes(cut[: len(cut) // 2])
    write(tmp_path / "c.jsonl", [row(900)])
    batches = poll(tmp_path)
    assert "p900" in ids(batches) and "p1" in ids(batches)
    reasons = {one.where: one.reason for one in rejected(batches)}
    assert "a web page" in reasons["a.jsonl"]
    assert "cut or damaged" in reasons["b.jsonl.gz"]
    again = poll(tmp_path, batches[-1].position)
    assert rejected(again) == [] and ids(again) == []  # told once
    (tmp_path / "b.jsonl.gz").write_bytes(cut)
    rest = poll(tmp_path, again[-1].position)
    assert set(ids(batches) + ids(rest)) == {f"p{n}" for n in [*range(500), 900]}


def test_a_link_that_leads_nowhere_does_not_stop_the_others(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").symlink_to(tmp_path / "a.jsonl")
    (tmp_path / "b.jsonl").symlink_to(tmp_path / "gone.jsonl")
    write(tmp_path / "c.jsonl", [row(1)])
    batches = poll(tmp_path)
    assert ids(batches) == ["p1"]
    assert [(one.where, "symbolic links" in one.reason) for one in rejected(batches)] == [
        ("a.jsonl", True)
    ]


def test_what_the_system_refused_is_tried_again(tmp_path: Path) -> None:
    """A permission, or a disk that was away, changes neither size nor time of a file."""
    (tmp_path / "a.jsonl").symlink_to("/proc/self/mem")  # for everybody: "Input/output error"
    batches = poll(tmp_path)
    assert [one.where for one in rejected(batches)] == ["a.jsonl"]
    size, _, _ = json.loads(batches[-1].position or "")["files"]["a.jsonl"]
    assert size == -1  # not known as read
    assert [one.where for one in rejected(poll(tmp_path, batches[-1].position))] == ["a.jsonl"]


def test_rejects_that_cannot_be_written_lose_no_row(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", [row(1), row(2, text="")])
    (tmp_path / "file").write_text("")
    batches = poll(tmp_path, rejects=str(tmp_path / "file" / "rejects.jsonl"))
    assert ids(batches) == []
    assert "Check the option rejects" in rejected(batches)[0].reason
    again = poll(tmp_path, batches[-1].position, rejects=str(tmp_path / "rejects.jsonl"))
    assert ids(again) == ["p1"]


def test_many_small_files_share_a_batch(tmp_path: Path) -> None:
    """A position names every file: one for each file would grow with the square of them."""
    for number in range(25):
        write(tmp_path / f"{number:02}.jsonl", [row(number)])
    (tmp_path / "10.jsonl").write_text("no JSON\n")
    batches = poll(tmp_path, batch=10)
    assert [len(batch.mentions) + len(batch.rejected) for batch in batches] == [10, 10, 5]
    for number, batch in enumerate(batches):
        again = ids(batches[: number + 1]) + ids(poll(tmp_path, batch.position))
        assert again == ids(batches) and len(set(again)) == 24


def test_the_position_forgets_files_that_are_gone(tmp_path: Path) -> None:
    for number in range(50):
        write(tmp_path / f"{number}.jsonl", [row(number)])
    position = poll(tmp_path)[-1].position
    for path in tmp_path.iterdir():
        path.unlink()
    left = poll(tmp_path, position)[-1].position
    assert left is not None and len(left) < 20


def test_too_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MAX_FILES", 3)
    for number in range(4):
        write(tmp_path / f"{number}.jsonl", [row(number)])
    with pytest.raises(Permanent, match=r"holds 4 files.*Move files that"):
        poll(tmp_path)


def test_no_such_folder(tmp_path: Path) -> None:
    with pytest.raises(Permanent, match=r"there is no such folder\. Check the option path"):
        poll(tmp_path / "nowhere")
    file = write(tmp_path / "a.jsonl", [row(1)])
    with pytest.raises(Permanent, match=r"a\.jsonl: Not a directory"):
        poll(file)


def test_wrong_options_are_found_with_the_settings(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="is not an encoding"):
        listeners.check_query(query(tmp_path, encoding="utf-99"))
    with pytest.raises(SettingsError, match="did you mean 'names'"):
        listeners.check_query(query(tmp_path, name="*"))
