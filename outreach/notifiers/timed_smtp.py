"""An SMTP connection that ends at a deadline, at whatever step the server is slow.

A timeout of a socket holds for one read. A server that sends a byte every twenty seconds, in its
greeting, in an answer or in the TLS handshake, keeps such a connection for hours. Here a timer cuts
the connection when the time for the whole message is over, and looking up names ends with it too.
"""

from __future__ import annotations

import smtplib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

T = TypeVar("T")
# Seconds to wait for a server's goodbye, and for this machine's own name.
_SHORT_WAIT = 5.0


class Deadline:
    """The end of one message: ``seconds`` from now."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._ends_at = time.monotonic() + seconds
        self._timer: threading.Timer | None = None
        self._line: socket.socket | None = None

    @property
    def is_over(self) -> bool:
        """True once the time has passed."""
        # a socket's own timeout may come a moment before the timer
        return time.monotonic() >= self._ends_at - 0.05

    def seconds_left(self) -> float:
        """Return the seconds that are left; raise TimeoutError when there are none."""
        if self.is_over:
            raise TimeoutError("the time for this message is over")
        return self._ends_at - time.monotonic()

    def shorten(self, seconds: float) -> None:
        """End at the latest in ``seconds`` from now."""
        self._ends_at = min(self._ends_at, time.monotonic() + seconds)
        if self._line is not None:
            self._start_timer()

    def watch(self, connection: socket.socket) -> None:
        """Cut this connection at the deadline, also after TLS has wrapped it."""
        # a copy of the descriptor: wrapping in TLS takes the socket object away from its owner
        self._line = connection.dup()
        self._start_timer()

    def close(self) -> None:
        """Stop watching."""
        if self._timer is not None:
            self._timer.cancel()
        if self._line is not None:
            self._line.close()

    def _start_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = threading.Timer(max(0.0, self._ends_at - time.monotonic()), self._cut)
        self._timer.daemon = True
        self._timer.start()

    def _cut(self) -> None:
        # a read or write under way in another thread ends at once
        with suppress(OSError):
            if self._line is not None:
                self._line.shutdown(socket.SHUT_RDWR)


class _TimedSMTP(smtplib.SMTP):
    """smtplib's client on a connection that its deadline watches."""

    def __init__(
        self, host: str, port: int, *, deadline: Deadline, context: ssl.SSLContext | None
    ) -> None:
        self._deadline = deadline
        self._context = context
        # the name for EHLO, found before smtplib looks for it without any bound
        name = _own_name(min(_SHORT_WAIT, deadline.seconds_left()))
        super().__init__(host, port, local_hostname=name, timeout=deadline.seconds_left())

    # smtplib's own place for another kind of socket: SMTP_SSL replaces the same method
    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        connection = _connect(host, port, self._deadline)
        self._deadline.watch(connection)
        if self._context is None:
            return connection
        return self._context.wrap_socket(connection, server_hostname=host)


@contextmanager
def connect(
    host: str, port: int, *, seconds: float, context: ssl.SSLContext | None = None
) -> Iterator[smtplib.SMTP]:
    """Yield a connection to a mail server; it ends ``seconds`` from now, whatever it is doing.

    ``context`` speaks TLS from the first byte. Raises TimeoutError when the time is over, and as
    smtplib does.
    """
    deadline = Deadline(seconds)
    try:
        with _timeouts_named(deadline):
            smtp = _TimedSMTP(host, port, deadline=deadline, context=context)
        try:
            with _timeouts_named(deadline):
                yield smtp
        finally:
            # the mail's fate is known by now; an unfriendly goodbye must not send it twice, nor
            # take long
            deadline.shorten(_SHORT_WAIT)
            with suppress(smtplib.SMTPException, OSError):
                smtp.quit()
            smtp.close()
    finally:
        deadline.close()


@contextmanager
def _timeouts_named(deadline: Deadline) -> Iterator[None]:
    """Name the deadline as the cause of an error that followed from it."""
    try:
        yield
    except smtplib.SMTPResponseException:
        raise  # the server's own answer says more
    except OSError as error:  # smtplib's errors are among them
        if deadline.is_over:
            raise TimeoutError(
                f"the server was too slow: {deadline.seconds:g} seconds are the limit for a message"
            ) from error
        raise


def _connect(host: str, port: int, deadline: Deadline) -> socket.socket:
    """Connect to the first address of ``host`` that answers before the deadline."""
    addresses = _run_within(
        deadline.seconds_left(), lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    )
    failure: OSError = OSError(f"{host} has no address")
    for family, kind, protocol, _name, address in addresses:
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(deadline.seconds_left())
            connection.connect(address)
        except OSError as error:
            connection.close()
            failure = error
        else:
            return connection
    raise failure


def _own_name(seconds: float) -> str | None:
    """Return this machine's full name for EHLO; its address in brackets when none is found."""
    try:
        name = _run_within(seconds, socket.getfqdn)
    except OSError:
        name = ""
    # as smtplib does: a name without a dot is no name on the Internet (RFC 2821, 4.1.1.1)
    return name if "." in name else "[127.0.0.1]"


def _run_within(seconds: float, lookup: Callable[[], T]) -> T:
    """Return the result of a lookup of names, or raise TimeoutError after ``seconds``.

    The resolver of the operating system cannot be interrupted. So a lookup that takes too long is
    left behind in a thread of its own, which does nothing with its result.
    """
    results: list[Any] = []

    def run() -> None:
        try:
            results.append((lookup(), None))
        except Exception as error:  # noqa: BLE001  (raised again below)
            results.append((None, error))

    thread = threading.Thread(target=run, daemon=True, name="lookup")
    thread.start()
    thread.join(seconds)
    if not results:
        raise TimeoutError("looking up the name took too long")
    value, error = results[0]
    if error is not None:
        raise error
    result: T = value
    return result
