"""A real SMTP server on loopback (aiosmtpd) that answers as a test wishes, and a channel to it."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from ports import free_port
from pydantic import SecretStr

from earful.messages import Message
from earful.settings.load import ChannelSettings
from outreach.notifiers.mail import MailNotifier

PAGE = Message(subject="Urgent", text="Call Maria.\n.\nNow.", html="<p>Call <b>Maria</b>.</p>")
SECRET = SecretStr("open sesame")
AT = datetime(2025, 11, 21, 7, 0, tzinfo=UTC)


def mail(port: int, secret: SecretStr | None = None, **other: Any) -> MailNotifier:
    told: dict[str, Any] = {
        "name": "support-desk",
        "kind": "mail",
        "host": "127.0.0.1",
        "port": port,
        "security": "none",
        "sender": "Earful <earful@acme.example>",
        "to": ("Support <help@acme.example>", "lead@acme.example"),
    }
    return MailNotifier(ChannelSettings(**(told | other)), secret, clock=lambda: AT)


class Mailbox:
    """A handler for aiosmtpd: mail that arrived, and what to answer instead of 250."""

    def __init__(self) -> None:
        self.raw: list[bytes] = []
        self.rcpt: dict[str, str] = {}  # recipient -> answer
        self.sender: str | None = None
        self.data: str | None = None
        self.quit: str | None = None
        self.auth: str | None = None  # the answer to any login
        self.logins: list[tuple[str, str]] = []

    @property
    def mails(self) -> list[EmailMessage]:
        """What arrived, parsed."""
        return [message_from_bytes(raw, policy=policy.default) for raw in self.raw]

    async def handle_MAIL(
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if self.sender:
            return self.sender
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        answer = self.rcpt.get(address, "250 OK")
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.data:
            return self.data
        self.raw.append(envelope.content)
        return "250 taken"

    async def handle_QUIT(self, server: Any, session: Any, envelope: Any) -> str:
        return self.quit or "221 bye"

    def check(self, server: Any, session: Any, envelope: Any, how: str, who: Any) -> AuthResult:
        assert isinstance(who, LoginPassword)
        self.logins.append((who.login.decode(), who.password.decode()))
        if self.auth:
            return AuthResult(success=False, handled=False, message=self.auth)
        return AuthResult(success=self.logins[-1] == ("earful", "open sesame"), handled=False)


class _Server(Controller):
    """``how`` goes to the SMTP session; ``ssl_context`` makes it TLS from the first byte."""

    def __init__(self, box: Mailbox, port: int, how: dict[str, Any], tls: Any) -> None:
        self._how = how
        super().__init__(box, hostname="127.0.0.1", port=port, ssl_context=tls, ready_timeout=60)

    def factory(self) -> SMTP:
        return SMTP(self.handler, **self._how)


@contextmanager
def serve(
    box: Mailbox,
    *,
    login: bool = False,
    starttls: Any = None,
    tls: Any = None,
    open_login: Any = None,
) -> Iterator[int]:
    """Run a server; yields its port."""
    how: dict[str, Any] = {"enable_SMTPUTF8": False}
    if login:
        how |= {"authenticator": box.check, "auth_required": True}
        # with TLS from the first byte aiosmtpd does not notice it
        how["auth_require_tls"] = not (open_login or tls)
    if starttls is not None:
        how |= {"tls_context": starttls, "require_starttls": True}
    server = _Server(box, free_port(), how, tls)
    server.start()
    try:
        yield server.port
    finally:
        server.stop()


def server_context(certificate: str, key: str) -> ssl.SSLContext:
    """What a server needs to speak TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context
