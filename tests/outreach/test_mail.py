"""The mail channel against a real SMTP server: what arrives, and what each answer becomes."""

from __future__ import annotations

import logging
import socket
import threading
from email.message import EmailMessage
from typing import Any

import pytest
from ports import free_port
from pydantic import SecretStr
from smtp_server import AT, PAGE, SECRET, Mailbox, mail, serve

from earful.contracts import Permanent, Transient
from earful.messages import Message
from outreach.notifiers import password_name

# the server warns that a login without TLS is unwise; the tests do it on purpose
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH")


def part(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    assert body is not None
    return str(body.get_content())


# -- what arrives -----------------------------------------------------------------------------


def test_a_mail_arrives_whole(box: Mailbox, port: int) -> None:
    mail(port).send(PAGE, "alert/7")
    (got,) = box.mails
    assert got.get_content_type() == "multipart/alternative"
    assert part(got, "plain").split() == ["Call", "Maria.", ".", "Now."]
    assert "<b>Maria</b>" in part(got, "html")
    assert got["from"] == "Earful <earful@acme.example>"
    assert got["to"] == "Support <help@acme.example>, lead@acme.example"
    assert got["date"].datetime == AT
    assert got["auto-submitted"] == "auto-generated"


def test_without_html_it_is_plain_text(box: Mailbox, port: int) -> None:
    mail(port).send(Message(subject="s", text="γεια σου"), "k")
    (got,) = box.mails
    assert got.get_content_type() == "text/plain"
    assert got.get_content().strip() == "γεια σου"
    assert box.raw[0].isascii()  # nothing that an old server on the way could break


@pytest.mark.parametrize(
    "subject",
    [
        "Earful: 3 new unhappy customers, 1 urgent",
        "Επείγον: 1 δυσαρεστημένος πελάτης της Αιγαίου Ακτοπλοΐας (@μαρία, προτεραιότητα 82)",
        "عاجل: عميل غير راضٍ عن الخطوط الجوية، لم يرد عليه أحد منذ ثلاثة أيام كاملة حتى الآن",
        "Urgent: 1 unhappy customer of Ακμή Air and عميل (@maria, priority 82) and 14 more 👩‍🚒",
    ],
)
def test_subjects_in_any_script_arrive_as_they_are(box: Mailbox, port: int, subject: str) -> None:
    mail(port).send(Message(subject=subject, text="t"), "k")
    assert box.mails[0]["subject"] == subject
    assert max(map(len, box.raw[0].splitlines())) <= 998


def test_the_same_key_is_the_same_message(box: Mailbox, port: int) -> None:
    long = "digest/support-desk/2025-11-21T09:00:00+02:00/" + "k" * 100
    for key in ("alert/7", "alert/7", "alert/8", long, "κλειδί"):
        mail(port).send(PAGE, key)
    mail(port).send(Message(subject="other", text="words"), "alert/7")
    ids = [str(got["message-id"]) for got in box.mails]
    assert ids[0] == ids[1] == ids[5]
    assert len(set(ids)) == 4
    assert all(one.startswith("<") and one.endswith("@acme.example>") for one in ids)
    assert [got["x-earful-key"] for got in box.mails[:5]] == [
        "alert/7",
        "alert/7",
        "alert/8",
        long,
        "κλειδί",
    ]
    assert f"X-Earful-Key: {long}\r\n".encode() in box.raw[3]


@pytest.mark.parametrize("evil", ["\r\n", "\n", "\r", "\u2028", "\x0b", "\x85"])
def test_no_header_can_be_injected(box: Mailbox, port: int, evil: str) -> None:
    words = f"Hello{evil}Bcc: thief@evil.example{evil}{evil}<b>body</b>"
    mail(port).send(Message(subject=words, text="t"), f"key{evil}X-Evil: 1")
    (got,) = box.mails
    assert got["bcc"] is None and got["x-evil"] is None
    assert got["subject"] == "Hello Bcc: thief@evil.example <b>body</b>"
    assert got.get_content().strip() == "t"


def test_what_no_encoding_carries_is_replaced(box: Mailbox, port: int) -> None:
    mail(port).send(Message(subject="a\ud800b", text="c\udfffd", html="<p>\ud800"), "k\ud800")
    assert box.mails[0]["subject"] == "a\ufffdb"
    assert part(box.mails[0], "plain").strip() == "c?d"


def test_an_unfriendly_goodbye_does_not_send_twice(box: Mailbox, port: int) -> None:
    box.quit = "421 go away"
    mail(port).send(PAGE, "k")
    assert len(box.raw) == 1


def test_names_and_hosts_beyond_ascii_reach_an_ascii_server(box: Mailbox, port: int) -> None:
    to = ("Ελένη Παππά <help@acme.example>",)
    mail(port, to=to, sender="Earful <earful@ακμή.example>").send(PAGE, "k")
    host = "ακμή".encode("idna").decode() + ".example"
    assert box.mails[0]["from"] == f"Earful <earful@{host}>"
    assert box.mails[0]["message-id"].endswith(f"@{host}>")
    assert box.mails[0]["to"] == "Ελένη Παππά <help@acme.example>"


# -- what each answer becomes -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "answer", "error", "words"),
    [
        ("sender", "451 later", Transient, "451"),
        ("sender", "550 who are you", Permanent, "check sender"),
        ("sender", "530 log in first", Permanent, "set username if it wants a login"),
        ("data", "452 disk full", Transient, "452 disk full"),
        ("data", "554 looks like spam\x1b[31m", Permanent, "554 looks like spam"),
        ("rcpt", "450 greylisted", Transient, "help@acme.example: 450 greylisted"),
        ("rcpt", "550 no such user", Permanent, "correct to"),
    ],
)
def test_each_answer_has_its_error(
    box: Mailbox, port: int, where: str, answer: str, error: type[Exception], words: str
) -> None:
    told: Any = answer
    if where == "rcpt":
        told = {"help@acme.example": answer, "lead@acme.example": answer}
    setattr(box, where, told)
    with pytest.raises(error) as caught:
        mail(port).send(PAGE, "k")
    assert words in str(caught.value)
    assert f"channel 'support-desk' (127.0.0.1:{port})" in str(caught.value)
    assert "\x1b" not in str(caught.value)
    assert not box.raw


def test_some_recipients_later_is_tried_again_for_all(box: Mailbox, port: int) -> None:
    box.rcpt = {"lead@acme.example": "450 greylisted"}
    with pytest.raises(Transient, match=r"refused for now: lead@acme\.example: 450"):
        mail(port).send(PAGE, "k")
    box.rcpt = {}
    mail(port).send(PAGE, "k")
    first, second = box.mails
    assert first["message-id"] == second["message-id"]


def test_some_recipients_never_is_sent_and_said(
    box: Mailbox, port: int, caplog: pytest.LogCaptureFixture
) -> None:
    box.rcpt = {"lead@acme.example": "550 gone"}
    with caplog.at_level(logging.WARNING):
        mail(port).send(PAGE, "k")
    assert len(box.raw) == 1
    assert "sent, but not to lead@acme.example: 550 gone; correct to" in caplog.text


def test_all_refused_some_only_for_now_is_tried_again(box: Mailbox, port: int) -> None:
    box.rcpt = {"lead@acme.example": "550 gone", "help@acme.example": "451 later"}
    with pytest.raises(Transient):
        mail(port).send(PAGE, "k")


def test_a_server_that_is_down_is_transient() -> None:
    with pytest.raises(Transient, match="check host and port"):
        mail(free_port()).send(PAGE, "k")


def test_a_name_that_is_not_found_is_transient(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(Transient, match="Name or service not known"):
        mail(25, host="mial.acme.example").send(PAGE, "k")


@pytest.mark.parametrize("manner", ["silent", "hangs up", "nonsense"])
def test_a_server_that_misbehaves_is_transient(
    monkeypatch: pytest.MonkeyPatch, manner: str
) -> None:
    monkeypatch.setattr("outreach.notifiers.mail._DEADLINE", 0.3)
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def misbehave() -> None:
            caller, _ = listener.accept()
            with caller:
                if manner == "silent":
                    done.wait(5)
                if manner == "nonsense":
                    caller.sendall(b"\xff\xfe what?\r\n")

        thread = threading.Thread(target=misbehave)
        thread.start()
        try:
            with pytest.raises(Transient):
                mail(listener.getsockname()[1]).send(PAGE, "k")
        finally:
            done.set()
            thread.join()


@pytest.mark.parametrize(
    ("where", "answer", "error"),
    [
        ("sender", "550 who are you", Permanent),
        ("sender", "451 later", Transient),
        ("rcpt", {"lead@acme.example": "550 gone"}, Permanent),
        ("rcpt", {"lead@acme.example": "450 later"}, Transient),
    ],
)
def test_a_check_finds_who_is_refused(
    box: Mailbox, port: int, where: str, answer: Any, error: type[Exception]
) -> None:
    mail(port).check()
    setattr(box, where, answer)
    with pytest.raises(error, match=r"lead@acme\.example|check sender|451 later"):
        mail(port).check()
    assert not box.raw


# -- settings that cannot work ----------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        "no address",
        "a@b@c",
        "a@b\r\nBcc: x@y.example",
        "@",
        "<>",
        "a@b.example, c@d.example",
        "Group: a@b.example;",
        "a@b c.example",
        "a@b..example",
        "a@" + "x" * 70 + ".example",
        "μαρία@acme.example",
    ],
)
@pytest.mark.parametrize("key", ["sender", "to"])
def test_a_wrong_address_is_permanent_and_named(key: str, wrong: str) -> None:
    channel = mail(1, **{key: wrong if key == "sender" else ("help@acme.example", wrong)})
    with pytest.raises(Permanent, match=f"{key}: .* is no mail address; write it as"):
        channel.send(PAGE, "k")
    with pytest.raises(Permanent, match=f"{key}: .* is no mail address"):
        channel.check()


def test_what_the_kind_needs_is_asked_for_at_once() -> None:
    with pytest.raises(ValueError, match="channel 'support-desk': kind 'mail' needs host, to"):
        mail(25, host=None, to=())


def test_the_name_of_the_password() -> None:
    assert password_name("support-desk") == "CHANNEL_SUPPORT_DESK_PASSWORD"


def test_a_login_without_a_password_says_which_to_set() -> None:
    with pytest.raises(Permanent, match="set EARFUL_CHANNEL_SUPPORT_DESK_PASSWORD"):
        mail(1, username="earful").send(PAGE, "k")


def test_no_password_goes_over_an_open_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("connected")

    monkeypatch.setattr(socket, "getaddrinfo", never)
    for host in ("mail.acme.example", "10.0.0.7", "127.0.0.1.evil.example", "localhost.evil"):
        with pytest.raises(Permanent, match="will not send a password over an open connection"):
            mail(25, SECRET, host=host, username="earful").send(PAGE, "k")


def test_a_password_that_login_cannot_carry_is_not_printed() -> None:
    with pytest.raises(Permanent, match="beyond ASCII") as caught:
        mail(1, SecretStr("σουσάμι"), username="earful").send(PAGE, "k")
    assert "σουσάμι" not in repr(caught.value) + repr(caught.value.__cause__)


def test_on_loopback_an_open_login_is_allowed(box: Mailbox) -> None:
    with serve(box, login=True, open_login=True) as port:
        mail(port, SECRET, username="earful").send(PAGE, "k")
    assert box.logins[-1] == ("earful", "open sesame")
    assert len(box.raw) == 1
