"""A requests adapter whose answers end at a deadline, however slowly they drip.

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

_ENDS: ContextVar[float] = ContextVar("_ENDS")  # time.monotonic() at which the request is over


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Requests made inside, through a TimedAdapter, end ``seconds`` from now with a timeout."""
    token = _ENDS.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _ENDS.reset(token)


def seconds_left() -> float:
    """What is left of the deadline in force, in seconds; TimeoutError when nothing is."""
    left = _ENDS.get() - time.monotonic()
    if left <= 0:
        raise TimeoutError("the deadline for the whole request has passed")
    return left


class _TimedReads(io.RawIOBase):
    """The socket's raw stream; each read waits no longer than the deadline."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._patience = sock.gettimeout()
        self._raw: Any = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int | None:
        left = seconds_left()
        self._sock.settimeout(left if self._patience is None else min(left, self._patience))
        count: int | None = self._raw.readinto(buffer)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimedResponse(HTTPResponse):
    """http.client's response, reading headers and body under the deadline."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
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
        """As in requests, with connections that keep the deadline."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        """As in requests; behind an HTTP proxy the deadline holds too."""
        manager = super().proxy_manager_for(*args, **kwargs)
        if not type(manager).__name__.startswith("SOCKS"):
            manager.pool_classes_by_scheme = _POOLS
        return manager
