"""What every notifier in the register must do, whatever it carries messages to.

A new kind gets one entry in ``FAR_SIDES``: how to set it up, what its receiver has seen, and how
to break it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any, get_args

import pytest
from aiosmtpd.controller import Controller
from ports import free_port

from earful.contracts import Notifier, Permanent, Transient
from earful.messages import Message
from earful.settings.load import ChannelSettings
from outreach.notifiers import KINDS, build

HELLO = Message(
    subject="Hello support", text="Call Maria first.\n", html="<p>Call Maria first.</p>"
)
LONG = Message(subject="Ελληνικά عربي", text="γεια " * 30_000, html=None)
HOSTILE = Message(
    subject="a\r\nBcc: x@evil.example\x00\x1b[31m", text="\x00\x1b[2J\ud800 \u202e", html="<p>\x00"
)
KEY = "digest/desk/2025-11-21T09:00:00+00:00"


@dataclass(frozen=True)
class FarSide:
    """One kind's receiver: what it identifies each arrival by, in order, and how it breaks."""

    channel: ChannelSettings
    arrivals: Callable[[], list[tuple[str, str]]]  # (identity, what it says)
    overwrites: bool
    broken: Callable[[], ChannelSettings]


class _Box:
    def __init__(self) -> None:
        self.raw: list[bytes] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.raw.append(envelope.content)
        return "250 taken"


@pytest.fixture
def mail() -> Iterator[FarSide]:
    port = free_port()
    box = _Box()
    server = Controller(box, hostname="127.0.0.1", port=port, ready_timeout=60)
    server.start()
    channel = ChannelSettings(
        name="desk",
        kind="mail",
        host="127.0.0.1",
        port=port,
        security="none",
        sender="earful@acme.example",
        to=("help@acme.example",),
    )

    def arrivals() -> list[tuple[str, str]]:
        mails = [message_from_bytes(raw, policy=policy.default) for raw in box.raw]
        bodies = [got.get_body(("plain",)) for got in mails]
        return [
            (str(got["message-id"]), f"{got['subject']}\n{body and body.get_content()}")
            for got, body in zip(mails, bodies, strict=True)
        ]

    def broken() -> ChannelSettings:
        server.stop()
        return channel

    yield FarSide(channel, arrivals, False, broken)
    if server.server is not None:
        server.stop()


@pytest.fixture
def file(tmp_path: Path) -> FarSide:
    folder = tmp_path / "out" / "box"

    def arrivals() -> list[tuple[str, str]]:
        found = sorted(folder.glob("*.txt"), key=lambda path: path.stat().st_mtime_ns)
        return [(path.name, path.read_text(encoding="utf-8")) for path in found]

    def broken() -> ChannelSettings:
        (tmp_path / "plain").write_text("a file where a folder should be")
        return ChannelSettings(name="desk", kind="file", path=tmp_path / "plain" / "box")

    channel = ChannelSettings(name="desk", kind="file", path=folder)
    return FarSide(channel, arrivals, True, broken)


@pytest.fixture(name="print")
def printed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> FarSide:
    seen: list[tuple[str, str]] = []

    def arrivals() -> list[tuple[str, str]]:
        body = ""
        for line in capsys.readouterr().out.splitlines():
            if line.startswith("[earful "):
                seen.append((line, body.strip()))
                body = ""
            else:
                body += line + "\n"
        return list(seen)

    def broken() -> ChannelSettings:
        class Gone:
            encoding = "utf-8"

            def write(self, _: str) -> int:
                raise BrokenPipeError("nobody reads")

        monkeypatch.setattr(sys, "stdout", Gone())
        return channel

    channel = ChannelSettings(name="desk", kind="print")
    return FarSide(channel, arrivals, False, broken)


FAR_SIDES = {"mail", "file", "print"}


@pytest.fixture(params=sorted(KINDS))
def side(request: pytest.FixtureRequest) -> FarSide:
    if request.param not in FAR_SIDES:
        pytest.fail(f"notifier kind {request.param!r} has no far side here; write a fixture for it")
    side: FarSide = request.getfixturevalue(request.param)
    return side


_heard: list[str] | None = None


def _listen(event: str, args: tuple[object, ...]) -> None:
    """An audit hook: there is no taking it back, so it only notes while somebody asks."""
    if _heard is not None and event.split(".")[0] in {"open", "socket", "os", "subprocess"}:
        _heard.append(f"{event} {args}")


sys.addaudithook(_listen)


def test_the_register_and_the_settings_name_the_same_kinds() -> None:
    assert set(get_args(ChannelSettings.model_fields["kind"].annotation)) == set(KINDS)


def test_a_constructor_does_no_io(side: FarSide) -> None:
    global _heard
    build(side.channel, None)  # imports what it has to
    _heard = noted = []
    try:
        notifier: Notifier = build(side.channel, None)
    finally:
        _heard = None
    assert noted == []
    assert notifier.name == "desk"
    assert side.arrivals() == []


def test_a_message_arrives(side: FarSide) -> None:
    build(side.channel, None).send(HELLO, KEY)
    ((_, said),) = side.arrivals()
    assert "Hello support" in said and "Call Maria first." in said


def test_a_repeat_is_recognised_and_another_is_not(side: FarSide) -> None:
    notifier = build(side.channel, None)
    for key in (KEY, KEY, KEY + "/2"):
        notifier.send(HELLO, key)
    # another process after a crash: the same key is still the same
    build(side.channel, None).send(HELLO, KEY)
    names = [name for name, _ in side.arrivals()]
    assert len(set(names)) == 2
    assert len(names) == (2 if side.overwrites else 4)


@pytest.mark.parametrize(
    ("one", "other"),
    [("a/b", "a-b"), ("a:b", "a/b"), ("é", "è"), ("x" * 300, "x" * 301)],
)
def test_two_keys_are_two_messages(side: FarSide, one: str, other: str) -> None:
    notifier = build(side.channel, None)
    notifier.send(HELLO, one)
    notifier.send(HELLO, other)
    assert len({name for name, _ in side.arrivals()}) == 2


def test_long_text_in_any_script_arrives_whole(side: FarSide) -> None:
    build(side.channel, None).send(LONG, KEY)
    ((_, said),) = side.arrivals()
    assert "Ελληνικά عربي" in said
    assert said.count("γεια") == 30_000


@pytest.mark.parametrize(
    "key", ["../../etc/passwd", "..", "/", "", "k\r\nX-Evil: 1", "\ud800", "a\x00b"]
)
def test_hostile_words_and_keys_arrive_harmless(side: FarSide, key: str) -> None:
    build(side.channel, None).send(HOSTILE, key)
    assert len(side.arrivals()) == 1


def test_a_check_sends_nothing(side: FarSide) -> None:
    build(side.channel, None).check()
    assert side.arrivals() == []


def test_a_check_of_a_broken_far_side_raises_what_sending_would(side: FarSide) -> None:
    channel = side.broken()
    with pytest.raises((Transient, Permanent), match="channel 'desk'") as sending:
        build(channel, None).send(HELLO, KEY)
    with pytest.raises(sending.type, match="channel 'desk'"):
        build(channel, None).check()


def test_a_broken_far_side_raises_one_of_the_two_errors(side: FarSide) -> None:
    channel = side.broken()
    with pytest.raises((Transient, Permanent), match="channel 'desk'") as caught:
        build(channel, None).send(HELLO, KEY)
    assert ";" in str(caught.value), "an error says how to mend it"
