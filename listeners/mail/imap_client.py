"""Connect and log in to an IMAP server, within bounds of time and size.

Sources: RFC 3501 (IMAP), RFC 2595 and 8314 (TLS), RFC 4616 (PLAIN), RFC 5530 (response codes).
Python's imaplib speaks the protocol. Its reading is replaced here, because imaplib waits as long
and takes as many bytes as the server likes.
"""

from __future__ import annotations

import base64
import imaplib
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from earful.contracts import TRIED_AGAIN, Permanent, SpendMeter, Transient
from listeners.common.plain_text import one_line
from listeners.http.deadline import deadline, seconds_left

# Bytes. The answer to a search is one line: the numbers of a million messages fit.
MAX_LINE = 8 * 1024 * 1024
# Bytes that a response may take beside the mails in it.
COMMAND_OVERHEAD = 1024 * 1024
_CHUNK = 64 * 1024  # bytes of one read
# RFC 5530: these response codes say that the refusal is temporary.
_TEMPORARY_CODES = ("UNAVAILABLE", "INUSE", "LIMIT", "SERVERBUG", "CONTACTADMIN")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImapServer:
    """The address of a mailbox and the way to reach it.

    ``security`` is tls, starttls or none. ``timeout`` is in seconds for each read, ``deadline`` in
    seconds for each command.
    """

    host: str
    port: int
    security: str
    username: str
    timeout: float
    deadline: float

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class TooManyBytes(Exception):
    """The server sends more than was requested."""


class ImapClient(imaplib.IMAP4):
    """imaplib's client with bounded reads.

    Reads end at the deadline in force, and once a command has received ``max_bytes`` and a line.
    """

    def __init__(self, host: str, port: int, timeout: float, context: ssl.SSLContext | None):
        self.max_bytes = COMMAND_OVERHEAD
        self.received = 0  # bytes, of this command
        self._buffer = bytearray()
        self._buffer_socket: Any = None
        self._read_timeout = timeout
        self._implicit_tls = context
        super().__init__(host, port, timeout)

    def _create_socket(self, timeout: float | None) -> Any:
        sock = super()._create_socket(timeout)  # type: ignore[misc]
        if self._implicit_tls is None:
            return sock
        return self._implicit_tls.wrap_socket(sock, server_hostname=self.host)

    def read(self, size: int) -> bytes:
        """Return a literal of ``size`` bytes."""
        if size > self.max_bytes:
            raise TooManyBytes(size)
        self._discard_clear_text()
        while len(self._buffer) < size:
            self._receive()
        return self._take_bytes(size)

    def readline(self) -> bytes:
        """Return a line with its end."""
        searched = 0
        self._discard_clear_text()
        while (end := self._buffer.find(b"\n", searched)) < 0:
            searched = len(self._buffer)
            if searched > MAX_LINE:
                raise TooManyBytes(searched)
            self._receive()
        return self._take_bytes(end + 1)

    def _discard_clear_text(self) -> None:
        """Drop bytes that arrived before TLS began: an attacker may have injected them."""
        # starttls() replaces the socket: bytes in the buffer came in clear. CVE-2011-0411 is this
        # attack against SMTP servers (test_mail_imap.py, before TLS).
        if self._buffer_socket is not self.sock:
            self._buffer.clear()
            self._buffer_socket = self.sock

    def _take_bytes(self, size: int) -> bytes:
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    def _receive(self) -> None:
        self.sock.settimeout(min(self._read_timeout, seconds_left()))
        chunk = self.sock.recv(_CHUNK)
        if not chunk:
            raise self.abort("the server closed the connection")
        self.received += len(chunk)
        if self.received > self.max_bytes + MAX_LINE:
            raise TooManyBytes(self.received)
        self._buffer += chunk


@contextmanager
def logged_in(server: ImapServer, password: str, meter: SpendMeter) -> Iterator[ImapClient]:
    """Open a connection, log in, and log out at the end.

    Raises Transient when the server cannot be reached, and Permanent, with the fix, when it refuses
    the login or its certificate cannot be trusted.
    """
    meter.reserve(requests=1)
    with edge_errors(server), deadline(server.deadline):
        client = _connect(server)
    try:
        with edge_errors(server), deadline(server.deadline):
            _log_in(client, server, password)
        meter.reconcile(received=client.received)
        yield client
        # The mails are read: a server that fails to say goodbye has lost nothing.
        with suppress(OSError, imaplib.IMAP4.error, TooManyBytes), deadline(server.timeout):
            client.logout()
    finally:
        with suppress(OSError):
            client.shutdown()


@contextmanager
def edge_errors(server: ImapServer) -> Iterator[None]:
    """Turn errors of imaplib, ssl and the network into Transient or Permanent, with the fix."""
    try:
        yield
    except TooManyBytes as error:
        raise Permanent(
            f"{server}: the server sends more than was asked for ({error} bytes)",
            hint="Check that host and port are those of an IMAP server.",
        ) from None
    except ssl.SSLCertVerificationError as error:
        raise Permanent(
            f"{server}: the server's certificate is not to be trusted "
            f"({one_line(error.verify_message)})",
            hint="Name the host as its certificate does, or name your own authority's file in "
            "SSL_CERT_FILE.",
        ) from error
    except ssl.SSLError as error:
        if isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
            raise Transient(f"{server}: the server hung up", hint=TRIED_AGAIN) from error
        raise Permanent(
            f"{server}: TLS failed ({one_line(str(error))})",
            hint='Usual are security = "tls" on port 993, and "starttls" on 143.',
        ) from error
    except (OSError, imaplib.IMAP4.error, ValueError) as error:
        reason = one_line(str(error)) or type(error).__name__
        raise Transient(
            f"{server}: cannot talk to the mail server ({reason})",
            hint=f"{TRIED_AGAIN} If this repeats, check host and port.",
        ) from error


def is_temporary(refusal: str) -> bool:
    """Return whether a refusal says that it will pass (RFC 5530)."""
    return any(f"[{code}]" in refusal.upper() for code in _TEMPORARY_CODES)


def response_text(data: Sequence[Any]) -> str:
    """Return the text of a response on one line."""
    text = b" ".join(line for line in data if isinstance(line, bytes))
    return one_line(text.decode("utf-8", "replace"))


def _connect(server: ImapServer) -> ImapClient:
    context = None if server.security == "none" else ssl.create_default_context()
    implicit = context if server.security == "tls" else None
    client = ImapClient(server.host, server.port, server.timeout, implicit)
    if server.security != "starttls":
        return client
    try:
        if "STARTTLS" not in client.capabilities:
            raise Permanent(
                f"{server}: the server offers no STARTTLS, and a password is not sent in clear",
                hint='Usual is security = "tls" with port 993.',
            )
        client.starttls(context)
    except BaseException:
        # The caller has no client to close yet.
        with suppress(OSError):
            client.shutdown()
        raise
    return client


def _log_in(client: ImapClient, server: ImapServer, password: str) -> None:
    offers_plain = "AUTH=PLAIN" in client.capabilities
    if not offers_plain and not (server.username + password).isascii():
        raise Permanent(
            f"{server}: username or password holds characters beyond ASCII, which this server's "
            "login cannot carry",
            hint="Make an app password of ASCII characters.",
        )
    credentials = f"\0{server.username}\0{password}".encode()
    try:
        if offers_plain:
            client.authenticate("PLAIN", lambda _challenge: credentials)
        else:
            client.login(server.username, password)
    except imaplib.IMAP4.abort as error:
        # imaplib's abort is an IMAP4.error too, but here the connection broke: no refusal.
        raise imaplib.IMAP4.abort(_mask(str(error), credentials, password)) from None
    except imaplib.IMAP4.error as error:
        refusal = error.args[0] if error.args else ""
        text = refusal.decode("utf-8", "replace") if isinstance(refusal, bytes) else str(refusal)
        reason = one_line(_mask(text, credentials, password))
        if is_temporary(reason):
            raise Transient(f"{server}: no login now ({reason})", hint=TRIED_AGAIN) from None
        raise Permanent(
            f"{server}: the login of {server.username!r} was refused ({reason})",
            hint="Check username and password. Gmail, iCloud, Yahoo and others want an app "
            "password, made in the account's security settings, and IMAP switched on.",
        ) from None


def _mask(text: str, credentials: bytes, password: str) -> str:
    """Remove the secrets from a server's text: some servers repeat the command they refuse."""
    as_imaplib_shows_it = repr(password.encode())[2:-1]
    for secret in (base64.b64encode(credentials).decode(), password, as_imaplib_shows_it):
        text = text.replace(secret, "…")
    return text
