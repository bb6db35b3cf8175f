"""Bound the connections of strangers: how many from an address, and how long without a request.

uvicorn keeps a silent connection for ever, and a process has about a thousand file descriptors.
Without these bounds one address could hold all of them, and nobody else could open the page.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from dashboard.gate.attempts import keys_of
from earful.loopback import is_loopback

# A browser opens six at a time; an office behind one address has many browsers.
MOST_PER_ADDRESS = 100
HEAD_WITHIN = 15.0  # seconds for the first request of a connection


class BoundedConnections(H11Protocol):
    """uvicorn's HTTP connection with the bounds; an open page's websocket leaves them."""

    # of all connections of this process: uvicorn makes an instance for each
    open_by_address: ClassVar[Counter[str]] = Counter()

    _address: str | None = None
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Count the connection; close one too many before a byte of it is read."""
        super().connection_made(transport)
        host = self.client[0] if self.client else None
        # a proxy on this machine brings everyone's connections
        if not is_loopback(host or ""):
            address = keys_of(host, None)[0].name
            if self.open_by_address[address] >= MOST_PER_ADDRESS:
                transport.abort()
                return
            self._address = address
            self.open_by_address[address] += 1
        self._deadline = self.loop.call_later(HEAD_WITHIN, self._end_silence)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._release()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Leave the bounds: the gate has its own rules for websockets."""
        self._release()
        super().handle_websocket_upgrade(event)

    def _end_silence(self) -> None:
        # once a request has come, uvicorn's own times for pauses hold
        if self.cycle is None:
            self.transport.abort()

    def _release(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        if self._address is not None:
            self.open_by_address[self._address] -= 1
            if not self.open_by_address[self._address]:
                del self.open_by_address[self._address]
            self._address = None
