"""The mail channel and TLS: certificates checked, logins protected, refusals told apart."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from smtp_server import PAGE, SECRET, Mailbox, mail, serve, server_context

from earful.contracts import Permanent, Transient
from outreach.notifiers.mail import MailNotifier

# the server warns that a login without TLS is unwise; the tests do it on purpose
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A certificate of its own authority for localhost and 127.0.0.1, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed, so there is no certificate to test TLS with")
    folder: Path = tmp_path_factory.mktemp("tls")
    paths = str(folder / "cert.pem"), str(folder / "key.pem")
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    made += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    subprocess.run([*made, "-out", paths[0], "-keyout", paths[1]], check=True, capture_output=True)
    return paths


@pytest.fixture
def secure(
    box: Mailbox, certificate: tuple[str, str], request: pytest.FixtureRequest
) -> Iterator[Callable[..., MailNotifier]]:
    """A channel to a server that wants TLS (starttls or tls, as parametrised) and a login."""
    context = server_context(*certificate)
    security: str = request.param
    how: dict[str, Any] = {"starttls": context} if security == "starttls" else {"tls": context}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", certificate[0])
        with serve(box, login=True, **how) as port:

            def make(secret: SecretStr | None = SECRET, **other: Any) -> MailNotifier:
                told = {"security": security, "username": "earful"} | other
                return mail(port, secret, **told)

            yield make


both = pytest.mark.parametrize("secure", ["starttls", "tls"], indirect=True)


@both
def test_a_login_over_tls(box: Mailbox, secure: Callable[..., MailNotifier]) -> None:
    secure().send(PAGE, "k")
    assert box.logins[-1] == ("earful", "open sesame")
    assert len(box.raw) == 1


@both
def test_a_check_logs_in(box: Mailbox, secure: Callable[..., MailNotifier]) -> None:
    secure().check()
    assert box.logins[-1] == ("earful", "open sesame")
    assert not box.raw
    with pytest.raises(Permanent, match="535"):
        secure(SecretStr("wrong")).check()


@both
def test_a_wrong_password_is_permanent_and_stays_secret(
    box: Mailbox, secure: Callable[..., MailNotifier]
) -> None:
    with pytest.raises(Permanent, match="check username and EARFUL_CHANNEL_SUPPORT_DESK") as caught:
        secure(SecretStr("wrong-but-secret")).send(PAGE, "k")
    assert "535" in str(caught.value)
    assert "wrong-but-secret" not in repr(caught.value) + repr(caught.value.__cause__)
    assert not box.raw


@both
def test_a_login_refused_for_now_is_transient(
    box: Mailbox, secure: Callable[..., MailNotifier]
) -> None:
    box.auth = "454 4.7.0 Temporary authentication failure"
    with pytest.raises(Transient, match="454"):
        secure().send(PAGE, "k")


@both
def test_a_server_that_wants_a_login_gets_one_or_says_so(
    box: Mailbox, secure: Callable[..., MailNotifier]
) -> None:
    with pytest.raises(Permanent, match="set username if it wants a login"):
        secure(None, username=None).send(PAGE, "k")


@both
def test_an_unknown_certificate_is_permanent(
    box: Mailbox, secure: Callable[..., MailNotifier], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(Permanent, match=r"certificate is not to be trusted .*SSL_CERT_FILE"):
        secure().send(PAGE, "k")
    assert not box.logins and not box.raw


def test_a_certificate_for_another_host_is_permanent(
    box: Mailbox, certificate: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", certificate[0])
    real = socket.getaddrinfo

    def here(_host: str, port: int, **other: Any) -> Any:
        return real("127.0.0.1", port, **other)

    with serve(box, starttls=server_context(*certificate)) as port:
        monkeypatch.setattr(socket, "getaddrinfo", here)
        with pytest.raises(Permanent, match="name the host as its certificate does"):
            mail(port, host="mail.acme.example", security="starttls").send(PAGE, "k")


def test_a_server_without_starttls_gets_nothing(box: Mailbox, port: int) -> None:
    with pytest.raises(Permanent, match=r"STARTTLS .*check security"):
        mail(port, SECRET, security="starttls", username="earful").send(PAGE, "k")
    assert not box.raw


def test_tls_towards_a_plain_port_names_the_usual_ports(box: Mailbox, port: int) -> None:
    with pytest.raises(Permanent, match=r'"tls" is usual on port 465, "starttls" on 587'):
        mail(port, security="tls").send(PAGE, "k")


def test_a_server_that_hangs_up_during_tls_is_transient() -> None:
    def hang_up(listener: socket.socket) -> None:
        caller, _ = listener.accept()
        with caller:
            caller.recv(100)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=hang_up, args=(listener,))
        thread.start()
        with pytest.raises(Transient):
            mail(listener.getsockname()[1], security="tls").send(PAGE, "k")
        thread.join()


def test_certificates_are_always_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[ssl.SSLContext] = []

    def look(*_: object, context: ssl.SSLContext, **__: object) -> None:
        seen.append(context)
        raise ConnectionRefusedError("enough")

    monkeypatch.setattr("outreach.notifiers.timed_smtp.connect", look)
    with pytest.raises(Transient):
        mail(465, security="tls").send(PAGE, "k")
    assert seen[0].verify_mode is ssl.CERT_REQUIRED and seen[0].check_hostname
