"""A requests adapter whose responses end at a deadline, however slowly they arrive.

Timeouts of requests and urllib3 hold for one read at a time: a server that sends a byte every few
seconds, in the headers or in the body, keeps them waiting for hours. Here every read of the socket
is given the time that is left of the whole request and no more.
"""

from __future__ import annotations

import io
import logging
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from http.client import HTTPResponse
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

# its debug lines hold whole addresses, and those can hold keys
logging.getLogger("urllib3.connectionpool").setLevel(logging.INFO)

_DEADLINE: ContextVar[float] = ContextVar(
    "_DEADLINE"
)  # time.monotonic() at which the request is over


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Give the TimedAdapter requests made inside ``seconds`` in all, then a timeout."""
    token = _DEADLINE.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _DEADLINE.reset(token)


def seconds_left() -> float:
    """Return the seconds until the deadline in force; raise TimeoutError when it has passed."""
    seconds = _DEADLINE.get() - time.monotonic()
    if seconds <= 0:
        raise TimeoutError("the deadline for the whole request has passed")
    return seconds


class _TimedReads(io.RawIOBase):
    """The socket's raw stream; each read waits no longer than the deadline."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._read_timeout = sock.gettimeout()
        self._raw: Any = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int | None:
        seconds = seconds_left()
        # again for each read: a timeout of the socket holds for one read, not for the response
        self._sock.settimeout(
            seconds if self._read_timeout is None else min(seconds, self._read_timeout)
        )
        count: int | None = self._raw.readinto(buffer)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimedResponse(HTTPResponse):
    """http.client's response, reading headers and body under the deadline."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        # http.client has just opened a reader of its own, which knows no deadline
        self.fp.close()
        self.fp = io.BufferedReader(_TimedReads(sock))


class _Connection(HTTPConnection):
    response_class = _TimedResponse


class _SecureConnection(HTTPSConnection):
    response_class = _TimedResponse


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


_POOLS = {"http": _Pool, "https": _SecurePool}


class TimedAdapter(HTTPAdapter):
    """Mount on a requests session, and make its requests inside ``deadline``. Never retries."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the connection pools as requests does, with connections that keep the deadline."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        """Make the proxy's pools as requests does; the deadline holds behind an HTTP proxy too."""
        manager = super().proxy_manager_for(*args, **kwargs)
        # a SOCKS manager connects through pools of its own, which these would replace
        if not type(manager).__name__.startswith("SOCKS"):
            manager.pool_classes_by_scheme = _POOLS
        return manager
