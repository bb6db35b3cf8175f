"""The file channel's promises about whole files, and what a terminal is spared."""

from __future__ import annotations

import errno
import io
import os
import sys
from pathlib import Path

import pytest

from earful.contracts import Permanent, Transient
from earful.messages import Message
from earful.settings.load import ChannelSettings
from outreach.notifiers.file import FileNotifier, file_stem
from outreach.notifiers.print import PrintNotifier

PAGE = Message(subject="Urgent", text="Call Maria.\n", html="<p>Call Maria.</p>")


def channel(folder: Path) -> FileNotifier:
    return FileNotifier(ChannelSettings(name="drop", kind="file", path=folder))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_message_is_two_files(tmp_path: Path) -> None:
    channel(tmp_path / "a" / "b").send(PAGE, "digest-7")
    folder = tmp_path / "a" / "b"
    assert names(folder) == ["digest-7.html", "digest-7.txt"]
    assert (folder / "digest-7.txt").read_text() == "Subject: Urgent\n\nCall Maria.\n"
    assert (folder / "digest-7.html").read_text() == "<p>Call Maria.</p>"


def test_a_repeat_overwrites_and_leaves_no_old_page(tmp_path: Path) -> None:
    channel(tmp_path).send(PAGE, "k")
    channel(tmp_path).send(Message(subject="Urgent", text="shorter"), "k")
    assert names(tmp_path) == ["k.txt"]
    assert (tmp_path / "k.txt").read_text() == "Subject: Urgent\n\nshorter"


def test_a_crash_halfway_leaves_the_old_file_and_no_rubbish(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel(tmp_path).send(PAGE, "k")

    def fail(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(Transient, match=r"channel 'drop': cannot write into .*free some space"):
        channel(tmp_path).send(Message(subject="s", text="new", html="new"), "k")
    assert names(tmp_path) == ["k.html", "k.txt"]
    assert "Call Maria." in (tmp_path / "k.txt").read_text()


@pytest.mark.parametrize(
    ("number", "error"),
    [
        (errno.EACCES, Permanent),
        (errno.EROFS, Permanent),
        (errno.ENOTDIR, Permanent),
        (errno.ENOSPC, Transient),
        (errno.ESTALE, Transient),
    ],
)
def test_each_refusal_of_the_disk_has_its_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, error: type[Exception]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "mkdir", fail)
    with pytest.raises(error, match="channel 'drop'"):
        channel(tmp_path).send(PAGE, "k")


def test_a_key_cannot_leave_the_folder(tmp_path: Path) -> None:
    for key in ("../up", "/etc/x", "..", ".", "", ".hidden", "a\x00b", "k" * 500, "κλειδί"):
        stem = file_stem(key)
        assert "/" not in stem and not stem.startswith(".") and "\x00" not in stem
        assert 0 < len(stem.encode()) < 120
        assert stem == file_stem(key)
    assert file_stem("digest-7") == "digest-7"


def test_settings_without_a_path_are_refused_at_once() -> None:
    with pytest.raises(ValueError, match="channel 'drop': kind 'file' needs path"):
        FileNotifier(ChannelSettings(name="drop", kind="file"))


def test_a_terminal_is_spared_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    PrintNotifier(ChannelSettings(name="out", kind="print")).send(
        Message(subject="a\x1b[31mb", text="c\x07d\n\u2068شكوى\u2069"), "k\x1b]0;x\x07"
    )
    assert capsys.readouterr().out == "a[31mb\n\ncd\n\u2068شكوى\u2069\n\n[earful k]0;x]\n\n"


def test_a_terminal_that_is_not_utf8_shows_question_marks(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    PrintNotifier(ChannelSettings(name="out", kind="print")).send(
        Message(subject="γεια", text="ok"), "k"
    )
    assert raw.getvalue().startswith(b"????\n\nok")


def test_a_closed_stdout_is_transient(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = io.TextIOWrapper(io.BytesIO())
    gone.close()
    monkeypatch.setattr(sys, "stdout", gone)
    with pytest.raises(Transient, match="channel 'out': cannot write to standard output"):
        PrintNotifier(ChannelSettings(name="out", kind="print")).send(PAGE, "k")
