"""A mail server that is slow at any step: the message ends at its deadline, in all."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from smtp_server import PAGE, SECRET, Mailbox, mail, serve

from earful.contracts import Transient
from outreach.notifiers import mail as mail_channel
from outreach.notifiers import timed_smtp
from pipeline import deliver

DEADLINE = 0.4  # seconds
DRIP = 0.05
GREETING = b"220 slow.example ready\r\n"
ANSWERS = {
    b"EHLO": b"250-slow.example\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n",
    b"STAR": b"220 go ahead\r\n",
    b"AUTH": b"235 welcome\r\n",
    b"MAIL": b"250 ok\r\n",
    b"RCPT": b"250 ok\r\n",
    b"DATA": b"354 go on\r\n",
    b".": b"250 taken\r\n",
    b"RSET": b"250 ok\r\n",
    b"QUIT": b"221 bye\r\n",
}
SLOW = pytest.raises(Transient, match="too slow")


@pytest.fixture(autouse=True)
def _short_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail_channel, "_DEADLINE", DEADLINE)
    monkeypatch.setattr(timed_smtp, "_SHORT_WAIT", DEADLINE)


@contextmanager
def slow_server(slow_step: bytes) -> Iterator[int]:
    """Answer every step at once but ``slow_step``, of which a byte comes now and then."""
    over = threading.Event()

    def drip(caller: socket.socket, answer: bytes) -> None:
        # an endless answer: each byte in time for a timeout of single reads
        caller.sendall(answer[:3] + b"-")
        while not over.wait(DRIP):
            caller.sendall(b"x")

    def answer(caller: socket.socket, step: bytes, words: bytes) -> None:
        if step == slow_step:
            drip(caller, words)
        else:
            caller.sendall(words)

    def speak(listener: socket.socket) -> None:
        caller, _ = listener.accept()
        with caller:
            try:
                answer(caller, b"hello", GREETING)
                in_data = False
                for line in caller.makefile("rb"):
                    if in_data and line != b".\r\n":
                        continue
                    step = line.strip()[:4].upper()
                    answer(caller, step, ANSWERS[step])
                    in_data = step == b"DATA"
                    if step == b"STAR":  # the handshake drips
                        drip(caller, b"\x16\x03\x03")
                        return
            except OSError:
                return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=speak, args=(listener,), daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            over.set()
            thread.join(5)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    started = time.monotonic()
    yield
    assert time.monotonic() - started < seconds


@pytest.mark.parametrize("step", [b"hello", b"EHLO", b"MAIL", b"RCPT", b"DATA", b"."])
def test_a_dripping_answer_ends_at_the_deadline(step: bytes) -> None:
    limit = pytest.raises(Transient, match=r"too slow: 0\.4 seconds are the limit for a message")
    with slow_server(step) as port, within(DEADLINE + 1), limit:
        mail(port).send(PAGE, "k")


@pytest.mark.parametrize("step", [b"STAR", b"handshake"])
def test_a_dripping_handshake_ends_at_the_deadline(step: bytes) -> None:
    with slow_server(step) as port, within(DEADLINE + 1), SLOW:
        mail(port, security="starttls").send(PAGE, "k")


def test_a_dripping_login_ends_at_the_deadline() -> None:
    with slow_server(b"AUTH") as port, within(DEADLINE + 1), SLOW:
        mail(port, SECRET, username="earful").send(PAGE, "k")


@pytest.mark.parametrize("security", ["none", "tls"])
def test_a_silent_server_ends_at_the_deadline(security: str) -> None:
    """It accepts the connection and says nothing, not even a TLS hello."""
    with socket.create_server(("127.0.0.1", 0)) as listener, within(DEADLINE + 1), SLOW:
        mail(listener.getsockname()[1], security=security).send(PAGE, "k")


def test_a_dripping_goodbye_does_not_send_the_mail_again() -> None:
    with slow_server(b"QUIT") as port, within(2 * DEADLINE + 1):
        mail(port).send(PAGE, "k")


def test_a_dripping_check_ends_at_the_deadline() -> None:
    with slow_server(b"RSET") as port, within(DEADLINE + 1), SLOW:
        mail(port).check()


def test_a_resolver_that_hangs_ends_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: over.wait(20))
    try:
        with within(DEADLINE + 1), pytest.raises(Transient, match="too slow"):
            mail(25, host="mail.acme.example").send(PAGE, "k")
    finally:
        over.set()


def test_a_machine_that_cannot_find_its_own_name_sends_by_its_address(
    monkeypatch: pytest.MonkeyPatch, box: Mailbox
) -> None:
    over = threading.Event()
    monkeypatch.setattr(mail_channel, "_DEADLINE", 5)
    monkeypatch.setattr(timed_smtp, "_SHORT_WAIT", 0.1)

    def hang(*_: str) -> str:
        # the server of this test runs in the same process and asks for its name too
        if threading.current_thread().name == "lookup":
            over.wait(20)
        return "mail.acme.example"

    with serve(box) as port:
        monkeypatch.setattr(socket, "getfqdn", hang)
        try:
            mail(port).send(PAGE, "k")
        finally:
            over.set()
    assert len(box.raw) == 1


def test_the_deadline_is_shorter_than_the_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    seconds = mail_channel._DEADLINE + timed_smtp._SHORT_WAIT
    assert seconds < deliver._LONGEST_SEND
    assert timedelta(seconds=deliver._LONGEST_SEND) < deliver._LEASE
