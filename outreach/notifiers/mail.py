"""Sends messages by SMTP: TLS checked, passwords never in clear, every answer told apart."""

from __future__ import annotations

import logging
import smtplib
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from pydantic import SecretStr

from earful.clock import Clock, now
from earful.contracts import Permanent, Transient
from earful.loopback import is_loopback
from earful.messages import Message
from earful.settings.load import ChannelSettings
from earful.untrusted import one_line
from outreach.notifiers import timed_smtp
from outreach.notifiers.letterbox import NoAddress, address, compose

# Seconds for a whole message, from looking up the server's name to its last answer. It is shorter
# than the lease (pipeline/deliver.py), so that no second process sends the message meanwhile.
# docs/decisions/outreach.md, "A message has one deadline, and a channel its own thread"
_DEADLINE = 60.0
_log = logging.getLogger(__name__)

Answer = tuple[int, bytes]
RefusedRecipients = Mapping[str, Answer]


def password_name(channel: str) -> str:
    """Return the name of the channel's secret: "support" has CHANNEL_SUPPORT_PASSWORD."""
    return f"CHANNEL_{channel.upper().replace('-', '_')}_PASSWORD"


class MailNotifier:
    """Send each message of a channel as one mail to all of ``to``.

    A repeat with the same key has the same Message-ID and X-Earful-Key. When some recipients are
    refused for now (4xx), the whole message is tried again: a repeat is better than a missing mail.
    When some are refused for good (5xx), the mail counts as sent and a warning names them: one
    colleague's closed mailbox must not silence the page for all.
    """

    def __init__(
        self, channel: ChannelSettings, secret: SecretStr | None = None, *, clock: Clock = now
    ) -> None:
        missing = [key for key in ("host", "sender", "to") if not getattr(channel, key)]
        if missing:
            raise ValueError(f"channel {channel.name!r}: kind 'mail' needs {', '.join(missing)}")
        self._channel = channel
        self._host = channel.host or ""
        self._secret = secret
        self._clock = clock

    @property
    def name(self) -> str:
        """Return the channel's name in settings."""
        return self._channel.name

    def check(self) -> None:
        """Reach the server, log in, and ask whether it takes sender and recipients; send nothing.

        Raises as ``send`` does, and Permanent for a single recipient refused for good too.
        """
        with self._as_edge_errors():
            sender = address(self._channel.sender or "", "sender").addr_spec
            recipients = [address(recipient, "to").addr_spec for recipient in self._channel.to]
            with self._server() as smtp:
                refused = _find_refused(smtp, sender, recipients)
            if refused:
                raise smtplib.SMTPRecipientsRefused(refused)

    def send(self, message: Message, key: str) -> None:
        """Send one mail; returns once the server has taken it for at least one recipient.

        Raises Transient when the server is away or answers 4xx, and Permanent, with the fix, when
        it answers 5xx or the settings cannot work.
        """
        with self._as_edge_errors():
            mail = compose(self._channel, message, key, self._clock())
            with self._server() as smtp:
                refused = smtp.send_message(mail)
        self._report_refused(refused)

    @contextmanager
    def _as_edge_errors(self) -> Iterator[None]:
        """Turn errors of smtplib, ssl and the network into Transient or Permanent with the fix."""
        try:
            yield
        except smtplib.SMTPRecipientsRefused as error:
            raise self._recipients_error(error.recipients) from error
        except smtplib.SMTPResponseException as error:
            raise self._response_error(error) from error
        except smtplib.SMTPNotSupportedError as error:
            raise Permanent(f"{self._place}: {error}; check security and username") from error
        except ssl.SSLError as error:
            raise self._tls_error(error) from error
        except (OSError, smtplib.SMTPException) as error:
            # refused, timed out, name not found, hung up: all of these pass by themselves
            raise Transient(
                f"{self._place}: cannot talk to the server ({_error_text(error)}); "
                "if it stays so, check host and port"
            ) from error
        except NoAddress as error:
            raise Permanent(f"{self._place}: {error}") from error

    @property
    def _place(self) -> str:
        return f"channel {self.name!r} ({self._host}:{self._channel.port})"

    @property
    def _variable(self) -> str:
        return f"EARFUL_{password_name(self.name)}"

    def _check_login(self) -> None:
        """Permanent for a login that cannot or must not be tried."""
        if self._channel.username is None:
            return
        if self._secret is None:
            raise Permanent(
                f"{self._place}: username is set but there is no password; set {self._variable}"
            )
        if self._channel.security == "none" and not is_loopback(self._host):
            raise Permanent(
                f"{self._place}: will not send a password over an open connection; "
                'use security = "starttls" or "tls"'
            )
        # smtplib encodes both as ASCII (RFC 4616 would allow UTF-8), and its own error would print
        # the password
        if not (self._channel.username + self._secret.get_secret_value()).isascii():
            raise Permanent(
                f"{self._place}: username or {self._variable} holds characters beyond ASCII, which "
                "SMTP login cannot carry; make an app password of ASCII characters"
            )

    @contextmanager
    def _server(self) -> Iterator[smtplib.SMTP]:
        """Open a connection that is encrypted and logged in as settings ask."""
        self._check_login()
        security = self._channel.security
        context = ssl.create_default_context() if security == "tls" else None
        server = timed_smtp.connect(
            self._host, self._channel.port, seconds=_DEADLINE, context=context
        )
        with server as smtp:
            if security == "starttls":
                smtp.starttls(context=ssl.create_default_context())
            if self._channel.username is not None and self._secret is not None:
                smtp.login(self._channel.username, self._secret.get_secret_value())
            yield smtp

    def _response_error(self, error: smtplib.SMTPResponseException) -> Transient | Permanent:
        problem = f"{self._place}: the server answered {error.smtp_code} {_text(error.smtp_error)}"
        if not 500 <= error.smtp_code < 600:
            return Transient(problem)
        if isinstance(error, smtplib.SMTPAuthenticationError):
            return Permanent(f"{problem}; check username and {self._variable}")
        if isinstance(error, smtplib.SMTPSenderRefused):
            login = "" if self._channel.username else ", or set username if it wants a login"
            return Permanent(f"{problem}; check sender {self._channel.sender!r}{login}")
        return Permanent(f"{problem}; ask whoever runs the server")

    def _recipients_error(self, refused: RefusedRecipients) -> Transient | Permanent:
        problem = f"{self._place}: refused recipients: {_names(refused)}"
        if any(code < 500 for code, _ in refused.values()):
            return Transient(problem)
        return Permanent(f"{problem}; correct to = […]")

    def _report_refused(self, refused: RefusedRecipients) -> None:
        later = {recipient: answer for recipient, answer in refused.items() if answer[0] < 500}
        if later:
            raise Transient(f"{self._place}: refused for now: {_names(later)}")
        if refused:
            names = _names(refused)
            _log.warning("%s: sent, but not to %s; correct to = […]", self._place, names)

    def _tls_error(self, error: ssl.SSLError) -> Transient | Permanent:
        if isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
            return Transient(f"{self._place}: the server hung up during TLS ({_error_text(error)})")
        if isinstance(error, ssl.SSLCertVerificationError):
            return Permanent(
                f"{self._place}: the server's certificate is not to be trusted "
                f"({one_line(error.verify_message, 200)}); name the host as its certificate "
                "does, or name your own authority's file in SSL_CERT_FILE"
            )
        return Permanent(
            f'{self._place}: TLS failed ({_error_text(error)}); security = "tls" is usual on '
            'port 465, "starttls" on 587'
        )


def _find_refused(smtp: smtplib.SMTP, sender: str, recipients: Sequence[str]) -> dict[str, Answer]:
    """Find the recipients that the server refuses, with its answers, and send nothing."""
    smtp.ehlo_or_helo_if_needed()
    code, reply = smtp.mail(sender)
    # RFC 5321, 4.2.3: 250 takes a sender; a recipient is taken by 250, or forwarded by 251
    if code != 250:
        raise smtplib.SMTPSenderRefused(code, reply, sender)
    answers = {recipient: smtp.rcpt(recipient) for recipient in recipients}
    smtp.rset()
    return {
        recipient: answer for recipient, answer in answers.items() if answer[0] not in {250, 251}
    }


def _names(refused: RefusedRecipients) -> str:
    return "; ".join(
        f"{recipient}: {code} {_text(reply)}" for recipient, (code, reply) in refused.items()
    )


def _text(reply: bytes | str) -> str:
    words = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply
    return one_line(words, 200)


def _error_text(error: Exception) -> str:
    return one_line(str(error), 200) or type(error).__name__
