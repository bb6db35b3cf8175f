"""The encoding of a file: proven, named, or refused with a suggestion."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from replaying import AT, NOW, mentions, poll, query, rejected, row

from earful.contracts import Permanent
from listeners.files.inspect import inspect
from listeners.files.replay import Replay, ReplayOptions

WORDS = "Το δέμα δεν ήρθε, «ποτέ»"
TABLE = f'id,text,published_at\r\n1,"{WORDS}\n2",{AT}\r\n2,b,{AT}\r\n'
WIDE = ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"]


@pytest.mark.parametrize("encoding", WIDE)
def test_unicode_needs_no_option(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "posts.csv"
    path.write_bytes(TABLE.encode(encoding))
    assert [mention.text for mention in mentions(poll(path))] == [f"{WORDS}\n2", "b"]
    path = tmp_path / "posts.json"
    path.write_bytes(json.dumps([row(1, text=WORDS)], ensure_ascii=False).encode(encoding))
    assert [mention.text for mention in mentions(poll(path))] == [WORDS]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-32-be"])
def test_unicode_without_its_mark_is_a_conclusion(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "posts.csv"
    path.write_bytes(TABLE.encode(encoding))
    notes = inspect(ReplayOptions(path=path)).notes
    assert notes == (f"The file is {encoding} without a byte order mark.",)


@pytest.mark.parametrize("encoding", ["utf-16", "cp1253", "cp037"])
def test_a_growing_file_of_any_encoding_is_read_on(tmp_path: Path, encoding: str) -> None:
    text = TABLE.replace("«", "").replace("»", "")
    if encoding == "cp037":  # of mainframes: no byte of it is ASCII
        text = text.replace(WORDS.replace("«", "").replace("»", ""), "late")
    path = tmp_path / "posts.csv"
    whole = text.encode(encoding)
    path.write_bytes(whole)
    named = {} if encoding == "utf-16" else {"encoding": encoding}
    first = poll(path, **named)
    assert len(mentions(first)) == 2
    path.write_bytes((text + f"3,c,{AT}\r\n").encode(encoding))
    rest = poll(path, first[-1].position, **named)
    assert [mention.external_id for mention in mentions(rest)] == ["3"]


def test_a_byte_order_mark_wins_over_the_option(tmp_path: Path) -> None:
    path = tmp_path / "posts.csv"
    path.write_bytes(TABLE.encode("utf-8-sig"))
    assert mentions(poll(path, encoding="cp1253"))[1].text == "b"
    notes = inspect(ReplayOptions(path=path, encoding="cp1253")).notes
    assert notes == ("The file's byte order mark says utf-8, not cp1253.",)


@pytest.mark.parametrize(
    ("words", "encoding"),
    [
        ("Το δέμα δεν ήρθε", "cp1253"),
        ("Посылка не пришла, верните деньги", "cp1251"),
        ("Größe falsch, überhaupt nicht gut", "cp1252"),
        ("Très déçu – l’app plante à chaque fois…", "cp1252"),
        ("Paczka się zgubiła, żądam zwrotu", "cp1250"),
        ("kargom gelmedi şikayet ediyorum ığü", "cp1254"),
        ("荷物が届きません、返金してください", "cp932"),
    ],
)
def test_another_encoding_is_refused_with_what_it_looks_like(
    tmp_path: Path, words: str, encoding: str
) -> None:
    path = tmp_path / "posts.csv"
    path.write_bytes(f'id,text,published_at\n1,fine,{AT}\n2,"{words}",{AT}\n'.encode(encoding))
    with pytest.raises(Permanent) as error:
        poll(path)
    assert f"line 3 is not UTF-8; this looks like {encoding}: '2,\"{words}" in str(error.value)
    assert f'encoding = "{encoding}"' in error.value.hint
    assert mentions(poll(path, encoding=encoding))[1].text == words


def test_a_letter_behind_the_first_bytes_is_not_guessed_either(tmp_path: Path) -> None:
    """The rows before it are stored, and reading goes on from there once the encoding is named."""
    path = tmp_path / "posts.csv"
    lines = [f"{number},{'late ' * 20},{AT}\n".encode() for number in range(4000)]
    path.write_bytes(b"id,text,published_at\n" + b"".join(lines) + f"x,é,{AT}\n".encode("cp1252"))
    batches = []
    with pytest.raises(Permanent, match="line 4002 is not UTF-8; this looks like"):
        for batch in Replay(clock=lambda: NOW).poll(query(path), None):
            batches.append(batch)
    assert len(mentions(batches)) == 4000
    rest = poll(path, batches[-1].position, encoding="cp1252")
    assert [mention.text for mention in mentions(rest)] == ["é"]


@pytest.mark.parametrize("options", [{}, {"encoding": "utf-8"}])
def test_broken_lines_of_utf_8_are_rejects(tmp_path: Path, options: dict[str, object]) -> None:
    path = tmp_path / "posts.csv"
    rows = "".join(f"{number},é,{AT}\n" for number in range(3)).encode()
    path.write_bytes(b"id,text,published_at\n" + rows + f"x,a\xff,{AT}\n".encode("latin-1"))
    batches = poll(path, **options)
    assert len(mentions(batches)) == 3
    assert rejected(batches)[0].reason == "byte 4 is not utf-8"


def test_utf_16_that_was_cut_inside_a_letter_loses_one_row(tmp_path: Path) -> None:
    path = tmp_path / "posts.csv"
    path.write_bytes(TABLE.encode("utf-16")[:-1])
    batches = poll(path)
    assert len(mentions(batches)) == 1
    assert rejected(batches)[0].reason == "a letter of it is not utf-16-le"


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "posts.csv"
    path.write_bytes(bytes(range(256)) * 20)
    with pytest.raises(Permanent, match="the encoding cannot be told"):
        poll(path)
    path.write_bytes(b"\x01\x02\x03\x04 binary" * 200)
    with pytest.raises(Permanent, match="this is no text"):
        poll(path)


@pytest.mark.parametrize(
    ("words", "encoding"),
    [
        ("壊れた", "cp932"),
        ("应用崩溃", "gb18030"),
        ("앱이 깨졌어요", "cp949"),
        ("訂單沒有到", "big5"),
    ],
)
def test_a_short_text_shows_its_true_reading_among_others(
    tmp_path: Path, words: str, encoding: str
) -> None:
    path = tmp_path / "posts.csv"
    path.write_bytes(f"id,text,published_at\n1,{words},{AT}\n".encode(encoding))
    with pytest.raises(Permanent) as error:
        poll(path)
    assert f"{encoding}: '1,{words}" in str(error.value)
    assert str(error.value).count("'1,") == 3
