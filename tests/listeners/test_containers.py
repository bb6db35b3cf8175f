"""What files come packed in, and how far they may be unpacked."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import time
import zipfile
from pathlib import Path

import pytest
import zstandard
from replaying import AT, NOW, mentions, poll, query, rejected, row

from earful.contracts import Permanent, Transient
from earful.types import Query
from listeners.files import containers
from listeners.files.folder import Folder
from listeners.files.inspect import inspect
from listeners.files.lines import PROGRESS
from listeners.files.replay import Replay, ReplayOptions

TABLE = f"id,text,published_at\n1,late,{AT}\n2,b,{AT}\n".encode()


def zipped(**members: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return target.getvalue()


def _without_bytes(value: object) -> str:
    """Name a case without its packed bytes, which hold the time.

    The processes that share the tests need one name.
    """
    return value if isinstance(value, str) else ""


@pytest.mark.parametrize(
    ("name", "data", "container"),
    [
        ("a.csv.gz", gzip.compress(TABLE), "gzip, CSV"),
        ("a.csv.zst", zstandard.compress(TABLE), "zstd, CSV"),
        ("a.csv.zst", zstandard.compress(TABLE[:30]) + zstandard.compress(TABLE[30:]), "zstd, CSV"),
        ("a.csv.bz2", bz2.compress(TABLE), "bzip2, CSV"),
        ("a.csv.xz", lzma.compress(TABLE), "xz, CSV"),
        ("a.csv", zstandard.compress(TABLE), "zstd, CSV"),
        ("a.zip", zipped(**{"x/a.csv": TABLE}), "zip (x/a.csv), CSV"),
        ("a.zip", zipped(**{"a.csv.gz": gzip.compress(TABLE)}), "zip (a.csv.gz), gzip, CSV"),
        ("a.zip", zipped(**{"posts": TABLE}), "zip (posts), CSV"),
        (
            "a.zip",
            zipped(**{"a.csv": TABLE, "__MACOSX/._a.csv": b"x", "README.md": b"x"}),
            "zip (a.csv), CSV",
        ),
    ],
    ids=_without_bytes,
)
def test_packed_files_are_read(tmp_path: Path, name: str, data: bytes, container: str) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    assert inspect(ReplayOptions(path=path)).container == container
    first = poll(path, batch=1)
    assert [mention.external_id for mention in mentions(first)] == ["1", "2"]
    # from the middle of the file
    rest = mentions(poll(path, first[0].position))
    assert [mention.external_id for mention in rest] == ["2"]


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.zip", zipped(**{"a.csv": TABLE, "b.csv": TABLE}), "2 data files: a.csv, b.csv"),
        ("a.zip", zipped(), "the zip archive is empty"),
        ("a.csv.zst", TABLE, "the name says zstd, the content is not"),
        ("a.gz", zipped(**{"word/document.xml": b"x"}), "this is a Word document"),
        ("a.csv", b"%PDF-1.4", "this is a PDF document"),
        ("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1", "an old Excel workbook"),
        ("a.csv.gz", gzip.compress(b"a.csv".ljust(257, b"\0") + b"ustar"), "this is a tar archive"),
        ("a.xls", b"<html><table></table></html>", "a web page or XML"),
        ("a.csv", b"From ann@x.example Mon May 20 10:00:00 2024\nSubject: a\n", "these are mails"),
    ],
    ids=_without_bytes,
)
def test_what_holds_no_rows_is_refused_by_name(
    tmp_path: Path, name: str, data: bytes, reason: str
) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(Permanent) as error:
        poll(path)
    assert str(path) in error.value.sentence and reason in error.value.sentence
    assert error.value.hint


def test_a_zip_with_a_password_is_refused(tmp_path: Path) -> None:
    data = bytearray(zipped(**{"a.csv": TABLE}))
    # the flag of an encrypted member, in its own header and in the directory
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "a.zip").write_bytes(data)
    with pytest.raises(Permanent, match=r"a\.zip: the zip archive has a password"):
        poll(tmp_path / "a.zip")


@pytest.mark.parametrize("name", ["a.jsonl.zst", "a.jsonl.bz2", "a.jsonl.xz"])
def test_a_cut_file_keeps_what_could_be_read(tmp_path: Path, name: str) -> None:
    pack = {"zst": zstandard.compress, "bz2": bz2.compress, "xz": lzma.compress}[name[8:]]
    rows = [row(number, text=f"{number * 7919 % 10007} words") for number in range(20_000)]
    whole = pack("".join(json.dumps(values) + "\n" for values in rows).encode())
    path = tmp_path / name
    path.write_bytes(whole[: len(whole) * 9 // 10])
    found = []
    position = None
    with pytest.raises(Transient, match="cut or damaged"):
        for batch in Replay(clock=lambda: NOW).poll(query(path), None):
            found += batch.mentions
            position = batch.position
    path.write_bytes(whole)
    found += mentions(poll(path, position))
    assert [mention.external_id for mention in found] == [f"p{n}" for n in range(20_000)]


def bomb(path: Path, megabytes: int, unit: bytes, head: bytes) -> None:
    block = unit * (1024 * 1024 // len(unit))
    with gzip.open(path, "wb") as file:
        file.write(head)
        for _ in range(megabytes):
            file.write(block)


@pytest.mark.parametrize("ending", ["csv", "jsonl", "json"])
@pytest.mark.parametrize("unit", [b"\n", b" ", b"x"])
def test_a_bomb_is_refused_soon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str, unit: bytes
) -> None:
    """2 MB of gzip held 2.1 GB of line ends, and took 14 minutes."""
    monkeypatch.setattr(containers, "RATIO_FROM", 10 * 1024 * 1024)
    path = tmp_path / f"a.{ending}.gz"
    bomb(path, 30, unit, head=b"id,text,published_at\n" if ending == "csv" else b'{"text": "a"}\n')
    started = time.process_time()
    with pytest.raises(Permanent, match="unpacks to over 500 times its size"):
        poll(path, map={"text": "text", "published_at": "text"})
    assert time.process_time() - started < 5


def test_a_zip_that_lies_about_its_size_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(containers, "RATIO_FROM", 1024 * 1024)
    (tmp_path / "a.zip").write_bytes(zipped(**{"a.csv": TABLE + b"\n" * 20_000_000}))
    with pytest.raises(Permanent, match="unpacks to over 500 times its size"):
        poll(tmp_path / "a.zip")


@pytest.mark.parametrize("head", [b"id,text,published_at\n", json.dumps(row(0)).encode() + b"\n"])
@pytest.mark.parametrize("blank", [b"\n", b"\r\n", b"  \n"])
def test_a_poll_can_stop_in_a_flood_of_blank_lines(
    tmp_path: Path, head: bytes, blank: bytes
) -> None:
    path = tmp_path / ("a.csv" if head.startswith(b"id") else "a.jsonl")
    size = 5 * PROGRESS // 2
    last = f"9,z,{AT}\n".encode() if path.suffix == ".csv" else json.dumps(row(9)).encode() + b"\n"
    path.write_bytes(head + blank * (size // len(blank)) + last)
    position = None
    positions = []
    found: list[str] = []
    # stopped after each batch, as by SIGTERM
    while (batch := next(Replay(clock=lambda: NOW).poll(query(path), position), None)) is not None:
        found += [mention.external_id for mention in batch.mentions]
        position = batch.position
        positions.append(position)
    assert found[-1] in ("9", "p9")
    assert len(set(positions)) == len(positions) >= size // PROGRESS


def test_a_folder_stops_inside_a_file_without_rows(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"id,text,published_at\n" + b"\n" * (3 * PROGRESS))
    (tmp_path / "b.csv").write_bytes(TABLE)
    asked = Query(id="f", brand_id="k", source="folder", options={"path": str(tmp_path)})
    positions = []
    for batch in Folder(clock=lambda: NOW).poll(asked, None):
        positions.append(batch.position)
    assert len(positions) > 2 and len(set(positions)) == len(positions)


def test_an_uploaded_file_of_each_kind_is_taken_from_a_folder(tmp_path: Path) -> None:
    names = ["a.zip", "b.csv.zst", "c.txt", "d.json"]
    (tmp_path / names[0]).write_bytes(zipped(**{"a.csv": TABLE}))
    (tmp_path / names[1]).write_bytes(zstandard.compress(TABLE))
    (tmp_path / names[2]).write_bytes(TABLE)
    (tmp_path / names[3]).write_text(json.dumps([row(1), row(2)]))
    (tmp_path / "notes.md").write_bytes(TABLE)
    asked = Query(id="f", brand_id="k", source="folder", options={"path": str(tmp_path)})
    batches = list(Folder(clock=lambda: NOW).poll(asked, None))
    assert len(mentions(batches)) == 8
    assert rejected(batches) == []
